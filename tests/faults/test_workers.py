"""Workers that die, in every way: nothing is lost, nothing is answered twice."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra ray is not installed")


def words(toy, out, model="dummy:hash", workers=2, batch=3):
    return (
        "run", "toy", "--model", model, *toy.options, "--out", out, "--name", "night",
        "--workers", workers, "--batch-size", batch,
    )  # fmt: skip


def predictions(out):
    (path,) = out.glob("*/night/predictions/toy.jsonl")
    made = [json.loads(line) for line in path.read_text().splitlines()]
    ids = [one["sample_id"] for one in made]
    assert ids == sorted(set(ids))
    return {one["sample_id"]: one for one in made}


def texts(out):
    return {key: one["text"] for key, one in predictions(out).items()}


def results(out):
    (path,) = out.glob("*/night/run.json")
    found = json.loads(path.read_text())["results"]
    return [(one["metrics"], one["coverage"]) for one in found]


def journaled(out):
    """Ids of whole lines in the journal."""
    lines = [
        line
        for path in out.glob("*/night/journal/toy.jsonl")
        for line in path.read_text().splitlines(keepends=True)
    ]
    return [json.loads(line)["sample_id"] for line in lines if line.endswith("\n")]


def descendants(pid):
    """Processes below one, by their command lines."""
    table = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    below, found = {str(pid)}, {}
    for _ in range(8):
        for child, parent, *command in rows:
            if parent in below:
                below.add(child)
                found[int(child)] = " ".join(command)
    return found


def actors(pid):
    return [child for child, command in descendants(pid).items() if "ray::Actor" in command]


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(evalkit, toy_of, tmp_path_factory):
    """The toy task, answered by one process without trouble."""
    folder = tmp_path_factory.mktemp("whole")
    toy = toy_of(folder / "toy")
    assert evalkit(*words(toy, folder / "out", workers=1)).code == 0
    return toy, texts(folder / "out"), results(folder / "out")


def test_a_sample_that_kills_its_worker_costs_itself_alone(evalkit, whole, tmp_path):
    toy, expected, _ = whole
    done = evalkit(*words(toy, tmp_path, "dummy:hash,die=q005"))
    assert done.code == 12
    made = predictions(tmp_path)
    failed = {key: one["failure"]["kind"] for key, one in made.items() if one["failure"]}
    assert failed == {"q005": "worker_died"}
    assert all(made[key]["text"] == text for key, text in expected.items() if key != "q005")


def test_workers_that_die_again_and_again_lose_nothing(evalkit, whole, tmp_path):
    toy, expected, numbers = whole
    done = evalkit(*words(toy, tmp_path, "dummy:hash,die-every=4", batch=4))
    assert done.code == 0
    assert texts(tmp_path) == expected
    assert results(tmp_path) == numbers


def test_all_workers_killed_at_once_lose_nothing(start, whole, tmp_path):
    toy, expected, _ = whole
    process = start(*words(toy, tmp_path, "dummy:hash,sleep=0.1"))
    wait_for(lambda: len(journaled(tmp_path)) > 4)
    killed = actors(process.pid)
    assert len(killed) == 2, descendants(process.pid)
    for one in killed:
        os.kill(one, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert texts(tmp_path) == expected


@pytest.mark.slow
def test_kills_of_the_driver_change_nothing_and_leave_no_worker(evalkit, start, whole, tmp_path):
    toy, expected, numbers = whole
    moments = random.Random(8)
    for round_ in range(10):
        before = journaled(tmp_path)
        if len(before) > 30:
            break
        process = start(*words(toy, tmp_path, "dummy:hash,sleep=0.15", workers=2 + round_ % 2))
        wait_for(lambda before=before: len(journaled(tmp_path)) > len(before))
        time.sleep(moments.uniform(0, 0.3))
        # Ray's two agents look for their parent for a minute or so; they answer nobody.
        left = [pid for pid, what in descendants(process.pid).items() if "Agent" not in what]
        process.kill()
        process.communicate()
        wait_for(lambda left=left: not any(Path(f"/proc/{pid}").exists() for pid in left))
        assert set(before) <= set(journaled(tmp_path))
        assert len(journaled(tmp_path)) == len(set(journaled(tmp_path)))
    done = evalkit(*words(toy, tmp_path, "dummy:hash,sleep=0.15", workers=1))
    assert done.code == 0
    assert texts(tmp_path) == expected
    assert results(tmp_path) == numbers


def test_a_model_that_cannot_be_loaded_is_one_sentence(evalkit, whole, tmp_path):
    toy, _, _ = whole
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llava"}')
    (folder / "model.safetensors").write_text("nothing")
    done = evalkit(*words(toy, tmp_path / "out", f"hf:{folder}"))
    assert done.code == 20
    assert "cannot be loaded" in done.err


def test_more_accelerators_than_there_are_is_one_sentence(evalkit, whole, tmp_path):
    toy, _, _ = whole
    done = evalkit(*words(toy, tmp_path), "--gpus-per-worker", 64)
    assert done.code == 20
    assert "wants 64 accelerators" in done.err


def test_a_cluster_that_is_not_there_is_one_sentence(evalkit, whole, tmp_path):
    toy, _, _ = whole
    done = evalkit(*words(toy, tmp_path), "--ray-address", "127.0.0.1:1")
    assert done.code == 20
    assert "cannot be joined" in done.err
