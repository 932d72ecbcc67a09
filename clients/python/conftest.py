"""Starts the real binary as a user would: the simulated upstream, the gateway, a key.

Nothing here knows how Bastion works inside: commands, ports and forms are those of its interface.
"""

import json
import os
import pathlib
import re
import subprocess
import threading

import pytest

BINARY = os.environ.get("BASTION_BINARY", "target/debug/bastion")
START_LIMIT_S = 30


class Process:
    """A child process whose stderr is read line by line, and that is ended by its own signal."""

    def __init__(self, *arguments, env=None, ready=r"^ready "):
        self.lines = []
        self._ready = threading.Event()
        self._pattern = re.compile(ready)
        self.child = subprocess.Popen(
            [BINARY, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(START_LIMIT_S):
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


CONFIG = """
[server]
listen = "127.0.0.1:0"
[operator]
listen = "127.0.0.1:0"

[upstreams.simulated]
base_url = "{upstream}"
api_key = "env:SIMULATED_KEY"
region = "CA"

[models."gpt-oss-20b"]
upstream = "simulated"
kind = "chat"
[models.small]
upstream = "simulated"
upstream_model = "Qwen3-32B"
kind = "chat"

[environments.dev]
[environments.prod]
regions = ["CA"]
"""


class Bastion:
    """A gateway in front of a simulated upstream, and its operator's commands."""

    def __init__(self, folder: pathlib.Path, script: str = ""):
        arguments = ["sim", "--port", "0", "--pace", "off", "--key", "qbt_sim_upstream_key"]
        if script:
            (folder / "script.toml").write_text(script)
            arguments += ["--script", str(folder / "script.toml")]
        self.upstream = Process(*arguments)
        upstream_url = self.upstream.said(r"(http://\S+/v1)").group(1)
        self.folder = folder
        (folder / "bastion.toml").write_text(CONFIG.format(upstream=upstream_url))
        self.gateway = Process(
            "serve",
            "--config",
            str(folder / "bastion.toml"),
            env={"SIMULATED_KEY": "qbt_sim_upstream_key", "BASTION_DATA_DIR": str(folder / "data")},
        )
        ready = self.gateway.said(r"^ready callers=(\S+) operators=(\S+)$")
        self.base_url = f"http://{ready.group(1)}/v1"
        self.operators = f"http://{ready.group(2)}"
        self.sim = upstream_url.removesuffix("/v1")

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

    def make_key(self, environment="dev", service="sdk"):
        """A new key, as `keys create --json` tells it."""
        told = self.command(
            "keys", "create", "--env", environment, "--service", service, "--json"
        )
        return json.loads(told)

    def end(self):
        """Ends both; the gateway must drain and end cleanly."""
        code = self.gateway.end()
        self.upstream.end()
        assert code == 0, "the gateway did not end cleanly:\n" + "\n".join(self.gateway.lines)


@pytest.fixture(scope="session")
def bastion(tmp_path_factory):
    running = Bastion(tmp_path_factory.mktemp("bastion"))
    yield running
    running.end()


@pytest.fixture(scope="session")
def key(bastion):
    return bastion.make_key()
