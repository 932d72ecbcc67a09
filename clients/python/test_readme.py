"""What the README and the demo print works when it is pasted."""

import json
import os
import pathlib
import re
import socket
import subprocess
import time

from bastion import BINARY, ROOT, START_LIMIT_S, UPSTREAM_KEY, Simulated


def demo(*arguments):
    return subprocess.Popen([BINARY, "demo", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)


def paste(line):
    done = subprocess.run(
        ["bash", "-c", line.replace("curl ", "curl -sS ", 1)],
        capture_output=True,
        text=True,
        timeout=START_LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demos_curl_lines_work_when_pasted():
    running = demo()
    try:
        lines = []
        for line in running.stdout:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        whole, streamed, calls, metrics = [line for line in lines if line.startswith("curl ")]
        answer = json.loads(paste(whole))
        assert "simulated" in answer["choices"][0]["message"]["content"]
        events = paste(streamed)
        assert events.count("data: ") > 5 and events.endswith("data: [DONE]\n\n")
        # Records are gathered for a moment before they are written.
        end = time.monotonic() + 5
        while len(re.findall(r'"endpoint":"chat_completions"', paste(calls))) < 2:
            assert time.monotonic() < end, paste(calls)
        assert "bastion_calls_total" in paste(metrics)
    finally:
        running.terminate()
        assert running.wait(START_LIMIT_S) == 0


def test_the_demo_tells_programs_one_line_of_json():
    running = demo("--json")
    try:
        told = json.loads(running.stdout.readline())
        assert sorted(told) == ["api_key", "base_url", "console_url", "operator_token"]
        assert told["console_url"] is None
        assert told["api_key"].startswith("bst_dev_")
    finally:
        running.terminate()
        assert running.wait(START_LIMIT_S) == 0


def own_gateway():
    """The README's block under 'Your own', without the line that builds."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"## Your own\n+```sh\n(.*?)```", text, re.S).group(1)
    build, *lines = block.splitlines()
    assert build.startswith("cargo build --release")
    return lines


def test_the_lines_for_a_gateway_of_your_own_work_when_pasted(tmp_path):
    simulated = Simulated()
    callers, operators = free_port(), free_port()
    script = []
    for line in own_gateway():
        script.append(line.replace(":8080", f":{callers}").replace(":8081", f":{operators}"))
        if line.startswith("bastion serve &"):
            script.append(
                f"server=$!; trap 'kill $server; wait $server' EXIT; curl -sS -o ready --retry 60"
                f" --retry-delay 1 --retry-connrefused http://127.0.0.1:{operators}/readyz"
            )
    try:
        done = subprocess.run(
            ["bash", "-euc", "\n".join(script).replace("=…", f"={UPSTREAM_KEY}")],
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{pathlib.Path(BINARY).parent}:{os.environ['PATH']}",
                "BASTION_SERVER": f"http://127.0.0.1:{operators}",
                "BASTION_SERVER__LISTEN": f"127.0.0.1:{callers}",
                "BASTION_OPERATOR__LISTEN": f"127.0.0.1:{operators}",
                "BASTION_UPSTREAMS__BASTION__BASE_URL": simulated.base_url,
            },
            capture_output=True,
            text=True,
            timeout=2 * START_LIMIT_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        listed = json.loads(done.stdout[done.stdout.index('{"object"') :])
        assert listed["data"], done.stdout
    finally:
        simulated.process.end()


def free_port():
    """One that nobody listens on; the README's are fixed, so it cannot be 0."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
