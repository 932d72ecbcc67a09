"""What the demo prints works when it is pasted."""

import json
import re
import subprocess
import time

from bastion import BINARY, START_LIMIT_S


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
