"""Scored samples beside a record must bear it out, on a card of one run and of many."""

import json
from dataclasses import replace

import pytest

from evalkit.compare import sides
from evalkit.integrity import sealed
from evalkit.store import RunFolder

WORDS = ("--allow-partial", "--no-front-matter")


@pytest.fixture
def kept(root):
    """The demo's committed run with its scored samples."""
    return sides.load(root / "results" / "baselines" / "demo.json")


@pytest.fixture
def beside(write, kept):
    """Writes a record with the demo's scored samples beside it, those of pope, and gives it."""

    def written(record, name="model", scores=None):
        (result,) = [one for one in record.results if one.task == "pope"]
        record = sealed(replace(record, results=(result,)))
        folder = write(record, name)
        RunFolder(folder).write_scores("pope", scores or kept.scores("pope"))
        return record

    return written


def better(record):
    """The record with another macro F1, sealed: what somebody wrote who can compute digests."""
    results = [
        replace(
            one,
            metrics={
                **one.metrics,
                "macro_f1": replace(one.metrics["macro_f1"], value=0.9911, high=1.0),
            },
        )
        if one.task == "pope"
        else one
        for one in record.results
    ]
    return sealed(replace(record, results=tuple(results)))


def refused(done, text):
    assert done.code == 15, done.out
    assert text in done.err
    assert "Traceback" not in done.err


def test_one_run_that_is_borne_out(evalkit, tmp_path, beside, demo):
    beside(demo)
    out = tmp_path / "card"
    assert evalkit("card", "model/run", *WORDS, "--out", out, cwd=tmp_path).code == 0
    assert evalkit("verify", out / "README.md").code == 0


def test_one_run_that_its_scores_contradict(evalkit, tmp_path, beside, demo):
    beside(better(demo))
    out = tmp_path / "card"
    done = evalkit("card", "model/run", *WORDS, "--out", out, cwd=tmp_path)
    refused(done, "the scores of pope give macro_f1 = ")
    assert not out.exists()
    told = ("--scores", "none", "--out", out)
    assert evalkit("card", "model/run", *WORDS, *told, cwd=tmp_path).code == 0
    assert "0.9911" in (out / "README.md").read_text()


def test_verify_looks_at_scores_that_came_later(evalkit, tmp_path, write, beside, demo):
    record = better(beside(demo))
    (tmp_path / "results" / "model" / "run" / "scores").rename(tmp_path / "scores")
    write(record)
    file = tmp_path / "card" / "README.md"
    done = evalkit("card", "model/run", *WORDS, "--out", file.parent, cwd=tmp_path)
    assert done.code == 0, done.err
    assert evalkit("verify", file).code == 0
    (tmp_path / "scores").rename(tmp_path / "results" / "model" / "run" / "scores")
    done = evalkit("verify", file)
    assert done.code == 15
    assert "the record says 0.9911" in done.out


def test_of_many_runs_each_is_looked_at(evalkit, tmp_path, beside, demo):
    beside(demo, "one")
    beside(better(demo), "two")
    refused(evalkit("card", "one/run", "two/run", *WORDS, cwd=tmp_path), "the record says 0.9911")


def test_where_one_has_no_scores_the_others_are_looked_at(evalkit, write, beside, demo, early):
    beside(better(demo), "two")
    where = write(early, "none").parents[2]
    done = evalkit("card", "none/run", "two/run", *WORDS, cwd=where)
    refused(done, "the record says 0.9911")


def test_a_reference_is_looked_at(evalkit, tmp_path, beside, demo):
    beside(demo, "one")
    beside(better(demo), "two")
    words = ("one/run", "--reference", "two/run", *WORDS)
    refused(evalkit("card", *words, cwd=tmp_path), "the record says 0.9911")


def test_scores_of_another_run(evalkit, tmp_path, beside, demo, kept):
    other = [replace(one, answer="yes") for one in kept.scores("pope")]
    beside(demo, scores=other)
    refused(evalkit("card", "model/run", *WORDS, cwd=tmp_path), "does not hold the scores")


def test_scores_of_a_task_of_another_version_must_still_be_the_records(
    evalkit, tmp_path, beside, demo, kept
):
    old = replace(
        demo, results=tuple(replace(one, version=0) for one in demo.results if one.task == "pope")
    )
    beside(old)
    assert evalkit("card", "model/run", *WORDS, cwd=tmp_path).code == 0
    beside(old, scores=[replace(one, answer="yes") for one in kept.scores("pope")])
    refused(evalkit("card", "model/run", *WORDS, cwd=tmp_path), "does not hold the scores")


def test_scores_that_are_cut_off(evalkit, tmp_path, beside, demo):
    beside(demo)
    file = tmp_path / "results" / "model" / "run" / "scores" / "pope.parquet"
    file.write_bytes(file.read_bytes()[:2000])
    done = evalkit("card", "model/run", *WORDS, cwd=tmp_path)
    assert done.code == 2
    assert "pope.parquet" in done.err


def test_a_block_from_before_says_nothing_of_scores(evalkit, tmp_path, beside, demo):
    beside(demo)
    file = tmp_path / "card" / "README.md"
    assert evalkit("card", "model/run", *WORDS, "--out", file.parent, cwd=tmp_path).code == 0
    text = file.read_text()
    (line,) = [line for line in text.splitlines() if "evalkit:begin" in line]
    told = json.loads(line[line.index("{") : line.rindex("}") + 1])
    del told["options"]["scores"]
    start, end = line.index("{"), line.rindex("}") + 1
    file.write_text(text.replace(line, line[:start] + json.dumps(told) + line[end:]))
    assert evalkit("verify", file).code == 0
