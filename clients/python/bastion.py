"""The nouns of these tests: the real binary's processes, a gateway, its simulated upstream.

Nothing here knows how Bastion works inside: commands, ports and forms are those of its interface.
"""

import json
import os
import pathlib
import re
import subprocess
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BASTION_BINARY", str(ROOT / "target/debug/bastion"))
ANSWERS = ROOT / "clients/answers"
UPSTREAM_KEY = "qbt_sim_upstream_key"
START_LIMIT_S = 60
WAIT_LIMIT_S = 30


class Process:
    """A child process whose stderr is read line by line, and that is ended by its own signal."""

    def __init__(self, *arguments, env=None, ready=r"^ready "):
        self.lines = []
        self._ready = threading.Event()
        self._pattern = re.compile(ready)
        self.child = subprocess.Popen(
            [BINARY, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(START_LIMIT_S) or self.child.poll() is not None:
            self.child.kill()
            raise AssertionError(f"{arguments} was not ready:\n" + "\n".join(self.lines))

    def _read(self):
        for line in self.child.stderr:
            self.lines.append(line.rstrip("\n"))
            if self._pattern.search(line):
                self._ready.set()
        self._ready.set()

    def said(self, pattern):
        """The first match in what it has said, or a failure that shows everything it said."""
        for line in self.lines:
            match = re.search(pattern, line)
            if match:
                return match
        raise AssertionError(f"no {pattern!r} in:\n" + "\n".join(self.lines))

    def end(self):
        """Asks it to end and tells its exit code."""
        self.child.terminate()
        return self.child.wait(START_LIMIT_S)


class Simulated:
    """`bastion sim`: what it received, and what it is told to answer."""

    def __init__(self, *arguments):
        self.process = Process(
            "sim", "--port", "0", "--pace", "off", "--key", UPSTREAM_KEY, *arguments
        )
        self.base_url = self.process.said(r"(http://\S+/v1)").group(1)
        self._root = self.base_url.removesuffix("/v1")

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._root + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_LIMIT_S) as answer:
            return json.load(answer)

    def play(self, script):
        """From the next request on this script is played; None ends the play."""
        self._ask("POST", "/sim/control", {"script": script})

    def answer(self, name, path, more=""):
        """Plays one of `clients/answers` at a path, with `more` of a script's lines."""
        answer = json.loads((ANSWERS / f"{name}.json").read_text())
        self.play(scripted(answer, path) + more)

    def received(self):
        """The requests that it received since it was last forgotten."""
        return self._ask("GET", "/sim/log")["data"]

    def forget(self):
        """Empties its log and ends its play."""
        self.play(None)
        self._ask("DELETE", "/sim/log")

    def wait_for(self, told, what):
        """Asks its log until `told` finds something in it."""
        end = time.monotonic() + WAIT_LIMIT_S
        while True:
            log = self.received()
            found = told(log)
            if found:
                return found
            assert time.monotonic() < end, f"{what} did not come about: {log}"


def scripted(answer, path):
    """An answer of `clients/answers` as a script of the simulated upstream."""

    def event(one):
        if isinstance(one, dict) and "event" in one:
            data = toml(json.dumps(one["data"], ensure_ascii=False))
            return f"{{ event = {toml(one['event'])}, data = {data} }}"
        return toml(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False))

    lines = ["[[answer]]", f"match = {{ endpoint = {toml(path)} }}"]
    if "events" in answer:
        lines.append("events = [" + ",\n".join(event(one) for one in answer["events"]) + "]")
    else:
        lines.append("body = " + toml(json.dumps(answer["body"], ensure_ascii=False)))
    return "\n".join(lines) + "\n"


def toml(text):
    """A string as TOML writes it: JSON's escapes are TOML's too."""
    return json.dumps(text, ensure_ascii=False)


class Bastion:
    """A gateway in front of a simulated upstream, and its operator's commands."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.upstream = Simulated()
        config = (ROOT / "clients/bastion.toml").read_text()
        (folder / "bastion.toml").write_text(config)
        self.gateway = Process(
            "serve",
            "--config",
            str(folder / "bastion.toml"),
            env={
                "SIMULATED_KEY": UPSTREAM_KEY,
                "BASTION_DATA_DIR": str(folder / "data"),
                "BASTION_UPSTREAMS__SIMULATED__BASE_URL": self.upstream.base_url,
            },
        )
        ready = self.gateway.said(r"^ready callers=(\S+) operators=(\S+)$")
        self.root_url = f"http://{ready.group(1)}"
        self.base_url = f"{self.root_url}/v1"
        self.operators = f"http://{ready.group(2)}"

    def operator_token(self):
        return (self.folder / "data/operator.token").read_text().strip()

    def command(self, *arguments):
        """Runs a command against this gateway and gives its stdout."""
        done = subprocess.run(
            [BINARY, *arguments, "--server", self.operators],
            env={**os.environ, "BASTION_DATA_DIR": str(self.folder / "data")},
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def make_key(self, *limits, environment="dev", service="sdk"):
        """A new key, as `keys create --json` tells it."""
        told = self.command(
            "keys", "create", "--env", environment, "--service", service, "--json", *limits
        )
        return json.loads(told)

    def end(self):
        """Ends both; the gateway must drain and end cleanly."""
        code = self.gateway.end()
        self.upstream.process.end()
        assert code == 0, "the gateway did not end cleanly:\n" + "\n".join(self.gateway.lines)
