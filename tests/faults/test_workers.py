"""Workers that die, in every way: nothing is lost, nothing is answered twice."""

import json
import os
import random
import signal
import subprocess
import sys
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


MOVED = '''
import os
import pathlib
import signal
import time

from evalkit.backends.dummy import DummyBackend
from evalkit.errors import BackendError

PLACE = pathlib.Path(os.environ["PLACE"])


class Moved(DummyBackend):
    """Once two have loaded, the first batch kills its worker; whoever loads then finds nothing."""

    @classmethod
    def load(cls, options):
        if (PLACE / "gone").exists():
            raise BackendError("The weights are not on this node.")
        (PLACE / f"loaded-{os.getpid()}").touch()
        return cls(options)

    def generate(self, requests):
        while len(list(PLACE.glob("loaded-*"))) < 2:
            time.sleep(0.01)
        try:
            (PLACE / "gone").touch(exist_ok=False)
        except FileExistsError:
            return super().generate(requests)
        os.kill(os.getpid(), signal.SIGKILL)
'''


def test_a_replacement_that_cannot_load_is_let_go(evalkit, whole, tmp_path):
    toy, expected, numbers = whole
    package = tmp_path / "elsewhere"
    package.mkdir()
    (package / "moved.py").write_text(MOVED)
    environ = {"PYTHONPATH": str(tmp_path), "PLACE": str(tmp_path)}
    done = evalkit(*words(toy, tmp_path / "out", "elsewhere.moved:Moved:hash"), **environ)
    assert done.code == 0, done.err
    assert (tmp_path / "gone").exists()
    assert texts(tmp_path / "out") == expected
    assert results(tmp_path / "out") == numbers


TWICE = """
import sys
import ray
import evalkit

for gpus in (64, 0):
    try:
        record = evalkit.evaluate(
            model="dummy:hash", tasks=["pope"], data="demo", limit=4, workers=2,
            gpus_per_worker=gpus, out=sys.argv[1],
        )
        print(record.results[0].coverage.asked >= 4, ray.is_initialized())
    except evalkit.EvalkitError as error:
        print(error, ray.is_initialized())
"""


def test_a_refused_run_leaves_no_ray_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", TWICE, tmp_path / "out"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    refused, made = done.stdout.splitlines()
    assert refused.startswith("A worker wants 64 accelerators"), done.stderr
    assert (refused.rpartition(" ")[2], made) == ("False", "True False")


NOWHERE = """
import sys
import ray
from evalkit.backends.dummy import DummyBackend
from evalkit.backends.interface import BackendOptions
from evalkit.errors import BackendError
from evalkit.run_record import RunConfig
from evalkit.runner import ray_workers

ray_workers.ROOM, ray_workers.PATROL = 2.0, 0.2
place = ray_workers.ray_cluster.join
ray_workers.Actor = ray.remote(resources={"a node that went": 1})(ray_workers.Actor)
remote = ray.remote
ray.remote = lambda **_: lambda made: made
workers = ray_workers.RayWorkers(
    DummyBackend,
    BackendOptions(spec="dummy:hash", name="hash"),
    RunConfig(model="dummy:hash", tasks=(), workers=2),
)
try:
    workers.crew()
except BackendError as error:
    print(error)
workers.close()
"""


def test_a_run_does_not_wait_for_ever_for_nodes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NOWHERE], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.startswith("No node of the Ray cluster has had a place for a worker"), (
        done.stderr
    )


def test_the_token_of_ray_is_nobody_else_s_to_read(evalkit, whole, tmp_path):
    toy, _, _ = whole
    done = evalkit(*words(toy, tmp_path / "out"), HOME=str(tmp_path))
    assert done.code == 0, done.err
    token = tmp_path / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o077 == 0


def test_a_token_that_is_not_there_is_one_sentence(evalkit, whole, tmp_path):
    toy, _, _ = whole
    named = str(tmp_path / "none")
    done = evalkit(*words(toy, tmp_path / "out"), RAY_AUTH_TOKEN_PATH=named)
    assert done.code == 20
    assert named in done.err
