"""What every test is given: a running gateway, keys, the SDKs, and where it says what it has shown."""

import json

import pytest
from bastion import ROOT, Bastion
from sdk import Async, Sync

RESULTS = ROOT / "target/clients"


@pytest.fixture(scope="session")
def bastion(tmp_path_factory):
    running = Bastion(tmp_path_factory.mktemp("bastion"))
    yield running
    running.end()


@pytest.fixture(scope="session")
def key(bastion):
    return bastion.make_key()["api_key"]


@pytest.fixture
def upstream(bastion):
    """The simulated upstream, its log empty and nothing scripted, before and after."""
    bastion.upstream.forget()
    yield bastion.upstream
    bastion.upstream.forget()


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def form(request):
    """One form of OpenAI's SDK after the other."""
    return request.param


@pytest.fixture
def sdk(form, bastion, key):
    """OpenAI's SDK as anybody would set it up: base_url and api_key, nothing else."""
    made = form(base_url=bastion.base_url, api_key=key)
    yield made
    made.close()


@pytest.fixture
def shows(request):
    """`shows(table, row, client, value)`: what this test has shown, once it has passed."""
    request.node.shown = []

    def say(table, row, client, value="yes"):
        request.node.shown.append({"table": table, "row": row, "client": client, "value": value})

    return say


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed:
        RESULTS.mkdir(parents=True, exist_ok=True)
        with (RESULTS / "python.jsonl").open("a") as results:
            for shown in getattr(item, "shown", []):
                results.write(json.dumps(shown) + "\n")
    return report


def pytest_sessionstart(session):
    (RESULTS / "python.jsonl").unlink(missing_ok=True)
