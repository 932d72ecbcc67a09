"""schemathesis over the operator API: what its OpenAPI document says is what the server does."""

import re
import subprocess
import sys

import openai
import pytest
from bastion import Bastion

SEED = "1"
EXAMPLES = "40"
LEAST_CASES = 800
RUN_LIMIT_S = 600


def make_a_call(bastion):
    """Something to be found in the lists: a key, and a call of it."""
    with openai.OpenAI(base_url=bastion.base_url, api_key=bastion.make_key()["api_key"]) as client:
        client.models.list()


@pytest.fixture
def operated(tmp_path_factory):
    """A gateway of its own: what is tried on its keys ends some of them."""
    running = Bastion(tmp_path_factory.mktemp("operated"))
    yield running
    running.end()


def test_the_operator_api_is_what_its_document_says(operated, tmp_path):
    make_a_call(operated)
    done = subprocess.run(
        [
            f"{sys.prefix}/bin/schemathesis",
            *("--no-color", "run"),
            f"{operated.operators}/admin/v1/openapi.json",
            *("--header", f"Authorization: Bearer {operated.operator_token()}"),
            *("--seed", SEED, "--max-examples", EXAMPLES),
            *("--checks", "all", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tried = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tried and int(tried[2]) > LEAST_CASES, done.stdout
    operated.gateway.said(r"^ready ")
