"""schemathesis over the operator API: what its OpenAPI document says is what the server does."""

import subprocess
import sys

SEED = "1"
EXAMPLES = "20"
RUN_LIMIT_S = 600


def test_the_operator_api_is_what_its_document_says(bastion, tmp_path):
    bastion.make_key()
    done = subprocess.run(
        [
            f"{sys.prefix}/bin/schemathesis",
            *("--no-color", "run"),
            f"{bastion.operators}/admin/v1/openapi.json",
            *("--header", f"Authorization: Bearer {bastion.operator_token()}"),
            *("--seed", SEED, "--max-examples", EXAMPLES),
            *("--checks", "all", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout, done.stdout
    bastion.gateway.said(r"^ready ")
