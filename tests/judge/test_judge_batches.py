"""Judges behind a batch service, through the command line: each question once, and none twice."""

import itertools
import json
import signal
import subprocess
from collections import Counter
from contextlib import suppress

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

ANSWERS = 6


@pytest.fixture
def folder(evalkit, tmp_path):
    """A run of MM-Vet's demo questions that waits for its judge."""
    done = evalkit(
        *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--limit", ANSWERS),
        *("--no-judge", "--out", tmp_path / "out", "--name", "r"),
    )
    assert done.code == 0, done.err
    return tmp_path / "out" / "echo" / "r"


@pytest.fixture
def words(folder):
    """The command: words(server, "--votes", 3)."""

    def made(server, *more, judge="openai:toy-model", batch=("--judge-batch",)):
        spec = f"{judge},base_url={server.url}"
        cache = () if "--judge-cache" in more else ("--judge-cache", "none")
        return ("judge", folder, "--judge", spec, *batch, *cache, "--json", *more)

    return made


def result(done):
    assert done.code == 0, done.err
    (task,) = done.record["results"]
    return task


def ratings_of(folder):
    rows = map(json.loads, (folder / "verdicts" / "mmvet.jsonl").read_text().splitlines())
    return {(row["sample_id"], row["repetition"]): row["ratings"][0] for row in rows}


def counting():
    """A judge whose every reply is another number."""
    numbers = itertools.count(1)
    return lambda asked: f"0.{next(numbers):02}"


def test_every_vote_is_a_line_of_its_own(batch_server, evalkit, folder, words):
    with batch_server(answer=counting(), steps=1) as server:
        report = result(evalkit(*words(server, "--votes", "3")))["judge"]
        (rows,) = server.uploaded
    assert len({row["custom_id"] for row in rows}) == len(rows) == 3 * ANSWERS
    assert set(Counter(json.dumps(row["body"]) for row in rows).values()) == {3}
    assert (report["requests"], report["prompt_tokens"]) == (3 * ANSWERS, 300 * ANSWERS)
    assert len(set(ratings_of(folder).values())) == 3 * ANSWERS, "no reply counts twice"
    assert report["spread"] > 0


def test_further_votes_are_further_lines(batch_server, evalkit, folder, words):
    """One vote first; the second command pays for the other two alone."""
    with batch_server(answer=counting(), steps=1) as server:
        result(evalkit(*words(server)))
        before = ratings_of(folder)
        report = result(evalkit(*words(server, "--votes", "3")))["judge"]
        first, second = server.uploaded
    ids = [{row["custom_id"] for row in rows} for rows in (first, second)]
    assert (len(first), len(second), ids[0] & ids[1]) == (ANSWERS, 2 * ANSWERS, set())
    assert before.items() <= ratings_of(folder).items()
    assert report["requests"] == 3 * ANSWERS


def test_votes_of_a_killed_judge_are_taken_up(batch_server, evalkit, start, folder, words):
    with batch_server(answer=counting(), steps=None) as server:
        process = start(*words(server, "--votes", "2"))
        while not server.count("poll"):
            assert process.poll() is None
        process.kill()
        process.communicate()
        server.steps = 1
        report = result(evalkit(*words(server, "--votes", "2")))["judge"]
        assert (server.count("upload"), len(server.batches)) == (1, 1)
    assert report["requests"] == 2 * ANSWERS
    assert len(set(ratings_of(folder).values())) == 2 * ANSWERS


def interrupted(process):
    """What a process says when it is interrupted.

    Python drops an interrupt that comes in the callback of a weak reference ("Exception ignored in
    WeakSet._remove: KeyboardInterrupt", seen in one of about 30 here); people press the keys again.
    """
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)[1]
    pytest.fail("it cannot be interrupted")


def test_a_drift_that_was_interrupted_twice_is_one_batch(
    batch_server, evalkit, start, folder, words
):
    cache = folder.parent / "cache"
    drift = (
        *("judge", "drift", "--anchors", folder, "--judge-batch", "--json"),
        *("--judge-cache", cache / "judge.sqlite", "--judge"),
    )
    with batch_server(answer=lambda asked: "0.4", steps=1) as server:
        result(evalkit(*words(server)))
        server.steps = None
        before, spec = server.count("upload"), f"openai:toy-model,base_url={server.url}"
        for _ in range(2):
            seen = server.count("poll")
            process = start(*drift, spec)
            while server.count("poll") == seen:
                assert process.poll() is None
            assert "the same command waits for it again" in " ".join(interrupted(process).split())
        server.steps = 1
        done = evalkit(*drift, spec)
        assert (done.code, server.count("upload") - before) == (0, 1), done.err
        assert "Going on where the same command ended too early" in done.err
        assert not (cache / "judge-drift").exists()
        assert evalkit(*drift, spec).code == 0
        assert server.count("upload") - before == 2, "asked anew, once it has ended"
