"""curl, as docs/compatibility.md prints it: the lines run in the order in which they stand there."""

import json
import os
import subprocess
import wave

from bastion import START_LIMIT_S
from curl_lines import LINES

CLIENT = "curl"


def looks_right(row, told, folder):
    """Is it the answer of that endpoint?"""
    if row.endswith("streamed"):
        end = "response.completed" if row.startswith("responses") else "data: [DONE]\n\n"
        return told.count("data: ") > 3 and end in told
    if row.startswith("speech"):
        with wave.open(str(folder / "said.wav")) as sound:
            return told == "" and sound.getnframes() > 0
    answer = json.loads(told)
    return {
        "models": lambda: any(one["id"] == "gpt-oss-20b" for one in answer["data"]),
        "chat completions, whole": lambda: answer["choices"][0]["message"]["content"],
        "completions, whole": lambda: answer["choices"][0]["text"],
        "responses, whole": lambda: answer["output"],
        "embeddings": lambda: [len(one["embedding"]) for one in answer["data"]] == [1024, 1024],
        "images": lambda: answer["data"][0]["b64_json"],
        "transcriptions": lambda: answer["text"],
    }[row]()


def test_the_curl_lines_of_the_page_work_when_pasted(bastion, key, tmp_path, shows):
    for row, line in LINES.items():
        done = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl --fail-with-body -sS ", 1)],
            env={**os.environ, "BASE": bastion.root_url, "KEY": key},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert looks_right(row, done.stdout, tmp_path), f"{line}\n{done.stdout}"
        shows("endpoints", row, CLIENT)
