"""A cluster of two Ray nodes on this machine: both work, and one may go in mid-run."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = pytest.mark.slow

RAY = Path(sys.executable).with_name("ray")
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}


def ray(*words, **environ):
    return subprocess.run(
        [RAY, *words], env={**os.environ, **QUIET, **environ},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def processes(*words):
    """Ids of processes whose command lines hold all the words."""
    table = subprocess.run(
        ["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 1) for line in table.stdout.splitlines()]
    return [int(pid) for pid, command in lines if all(word in command for word in words)]


def wait_for(what, seconds=60):
    """What is given once it is something."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture
def cluster(tmp_path):
    """The address of a head, its environment, and the raylet of a second node."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4)
    environ = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    common = ("--num-cpus=1", "--disable-usage-stats")
    before = set(processes("raylet/raylet "))
    head = ray("start", "--head", f"--port={port}", "--include-dashboard=false", *common, **environ)
    assert head.returncode == 0, head.stderr
    first = {wait_for(lambda: set(processes("raylet/raylet ")) - before).pop()}
    address = next(w for w in head.stdout.replace("'", " ").split() if w.endswith(f":{port}"))
    node = ray("start", f"--address={address}", *common, **environ)
    assert node.returncode == 0, node.stderr
    second = wait_for(lambda: set(processes("raylet/raylet ")) - before - first).pop()
    yield address, environ, second
    for pid in {*processes("/ray/", str(port)), *processes("raylet/raylet ")} - before:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def hosts_of(process, journal):
    """The raylets under which actors run, once some answers are on disk."""
    wait_for(
        lambda: process.poll() is not None or (journal.exists() and journal.stat().st_size > 999)
    )
    assert process.poll() is None, process.communicate()[1]
    return {
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        for pid in processes("ray::Actor")
    }


def test_two_nodes_answer_and_one_may_go(start, evalkit, toy, tmp_path, cluster):
    address, environ, second = cluster
    words = ("run", "toy", "--model", "dummy:hash,sleep=0.2", *toy.options, "--name", "night")
    assert evalkit(*words, "--out", tmp_path / "one").code == 0
    options = ("--workers", 2, "--batch-size", 2, "--ray-address", address)
    for out in ("two", "three", "four"):  # Ray spreads actors as well as it can, not always
        process = start(*words, "--out", tmp_path / out, *options, **QUIET, **environ)
        hosts = hosts_of(process, tmp_path / out / "hash" / "night" / "journal" / "toy.jsonl")
        if len(hosts) == 2:
            break
        process.communicate(timeout=120)
        shutil.rmtree(tmp_path / out)
    assert str(second) in hosts, "an actor on each node"
    os.kill(second, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    texts = [
        [(row["sample_id"], row["text"]) for row in map(json.loads, path.read_text().splitlines())]
        for path in sorted(tmp_path.glob("*/hash/night/predictions/toy.jsonl"))
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 40
