"""`transformers serve` and the backend hf give the same answers: the same model, asked two ways."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from evalkit.demo import model_path

pytestmark = pytest.mark.slow

NEEDED = ("openai", "transformers", "torch", "PIL", "fastapi", "uvicorn")
TASKS = ("pope", "gqa", "textvqa")
START = "from transformers.cli.transformers import main; main()"
PATIENCE = 90


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a `transformers serve` with the embedded model, on the CPU and offline."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        pytest.skip(f"transformers serve cannot start: {', '.join(missing)} not installed")
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", str(model_path()), "--device", "cpu", "--dtype", "float32"]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *words, *where],
            stdout=log,
            stderr=log,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")},
        )
    try:
        if not is_up(f"http://127.0.0.1:{port}/health", process):
            pytest.skip(f"transformers serve did not start: {(folder / 'log').read_text()[-500:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def is_up(url, process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - 127.0.0.1
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def answers(evalkit, folder, model):
    """All predictions of a run by task and sample, less their times."""
    done = evalkit(
        *("run", *TASKS, "--model", model, "--data", "demo", "--limit", "40"),
        *("--out", folder, "--name", "r"),
    )
    assert done.code == 0, done.err
    rows = [
        json.loads(line)
        for path in sorted(folder.rglob("predictions/*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_transformers_serve_gives_the_answers_of_hf(evalkit, served, tmp_path):
    own = answers(evalkit, tmp_path / "hf", "demo")
    theirs = answers(evalkit, tmp_path / "serve", f"openai:{model_path()},base_url={served}")
    assert len(own) == 40 * len(TASKS)
    assert theirs == own


def test_a_model_that_is_not_served_is_one_sentence(evalkit, served, tmp_path):
    model = f"openai:nobody/nothing,base_url={served}"
    done = evalkit("run", "pope", "--model", model, "--data", "demo", "--out", tmp_path / "out")
    assert done.code == 20
    assert "does not have the model 'nobody/nothing'" in done.err
