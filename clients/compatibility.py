#!/usr/bin/env python3
"""Writes docs/compatibility.md from what the tests of the real clients have shown.

    clients/compatibility.py           writes the page
    clients/compatibility.py --check   exit 1 when the page is not what this run would write

A cell says yes only where a test of this run passed: it must never be written by hand.
"""

import difflib
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))
from curl_lines import LINES  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "target/clients"
PAGE = ROOT / "docs/compatibility.md"

HEAD = """\
# Compatibility

Change the base URL and the key, and what worked goes on working. This page is written by
`clients/compatibility.py` from what the tests of the real clients have shown, against `bastion serve`
and the simulated upstream; `scripts/test` fails when it is not what its run would write. `yes`: a
test showed it. `-`: the client does not offer it, or no test shows it.
"""

TABLES = [
    ("endpoints", "Endpoints", "endpoint"),
    ("features", "Tools, structured answers, ends of streams, retries", "what"),
    ("errors", "Errors", "status and code"),
]

TEXTS = {
    "endpoints": """\
Speech stands at `/api/v1/tts/text_to_audio`, a path that no SDK of OpenAI's has: they reach it by
their raw `post`. Their own `audio.speech` is a path that is not served, and a 404.""",
    "features": """\
Requests at an upstream that always fails: every client with its own default of two retries, behind
ours. OpenAI's SDKs, and LangChain on top of one, read `x-should-retry: false`; the AI SDK does not and
multiplies, so set its `maxRetries: 0`: the gateway retries already.""",
    "errors": """\
The class that a caller catches. Every error has the request's id as the SDK tells it, and in its
text; `x-should-retry: false` stands on what the SDKs would send again in vain.""",
}

CURL = """\
`$BASE` is the gateway, such as `http://127.0.0.1:8080`; `$KEY` a caller's key. The last line sends
what the one before it has spoken.
"""

#: Columns, and where each client's pinned version stands.
CLIENTS = [
    ("OpenAI for Python", "openai", "python"),
    ("OpenAI for Python, async", "openai", "python"),
    ("LangChain", "langchain-openai", "python"),
    ("OpenAI for Node", "openai", "node"),
    ("OpenAI for Node, 6", "openai-6", "node"),
    ("AI SDK", "ai", "node"),
    ("curl", None, None),
]

ORDER = [
    "models",
    "chat completions",
    "completions",
    "responses",
    "embeddings",
    "images",
    "transcriptions",
    "speech",
]


def shown():
    """Everything that the tests of this run have shown."""
    files = sorted(RESULTS.glob("*.jsonl"))
    if not files:
        sys.exit(f"no results in {RESULTS}; run the tests of the clients first (scripts/test)")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def pinned():
    """The versions that the lock files name."""
    lines = (ROOT / "clients/python/requirements.txt").read_text().split()
    python = dict(line.split("==") for line in lines if "==" in line)
    node = json.loads((ROOT / "clients/node/package.json").read_text())["devDependencies"]
    return {"python": python, "node": node}


def version(of, name, kind):
    return re.sub(r"^npm:.*@", "", of[kind][name])


def rank(row):
    """Endpoints in the order of the contract; everything else by its text."""
    place = ORDER.index(name) if (name := re.split(r"[,(]", row)[0].strip()) in ORDER else len(ORDER)
    return (place, "streamed" in row, row)


def table(results, name, heading):
    cells = {}
    for one in results:
        if one["table"] == name:
            cells.setdefault(one["row"], {})[one["client"]] = one["value"]
    clients = [client for client, _, _ in CLIENTS if any(client in row for row in cells.values())]
    lines = [f"| {heading} | " + " | ".join(clients) + " |", "| --- " * (len(clients) + 1) + "|"]
    for row in sorted(cells, key=rank):
        lines.append(f"| {row} | " + " | ".join(cells[row].get(c, "-") for c in clients) + " |")
    return "\n".join(lines)


def page():
    results = shown()
    unknown = {one["client"] for one in results} - {client for client, _, _ in CLIENTS}
    if unknown - {"raw HTTP"}:
        sys.exit(f"clients that this page has no column for: {sorted(unknown)}")
    of = pinned()
    parts = [HEAD, "## Clients\n"]
    for client, package, kind in CLIENTS:
        if package:
            name = "openai" if package == "openai-6" else package
            parts.append(f"- {client}: `{name}` {version(of, package, kind)}")
    parts.append(f"- the AI SDK's provider: `@ai-sdk/openai` {version(of, '@ai-sdk/openai', 'node')}, "
                 f"`@ai-sdk/openai-compatible` {version(of, '@ai-sdk/openai-compatible', 'node')}\n")
    for name, title, heading in TABLES:
        parts += [f"## {title}\n", table(results, name, heading) + "\n", TEXTS[name] + "\n"]
    parts += ["## What is passed on untouched\n", "| what | how |", "| --- | --- |"]
    untouched = {one["row"]: one["value"] for one in results if one["table"] == "untouched"}
    parts += [f"| {row} | {value} |" for row, value in sorted(untouched.items())]
    parts += ["\n## With curl\n", CURL, "```sh"]
    parts += ["\n".join(LINES.values()), "```"]
    return "\n".join(parts) + "\n"


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    written = page()
    if not arguments:
        PAGE.write_text(written)
        return 0
    found = PAGE.read_text() if PAGE.exists() else ""
    if found == written:
        return 0
    sys.stderr.writelines(
        difflib.unified_diff(
            found.splitlines(True), written.splitlines(True), str(PAGE.name), "this run"
        )
    )
    sys.stderr.write("\ndocs/compatibility.md is not what this run shows; "
                     "run clients/compatibility.py and look at the difference\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
