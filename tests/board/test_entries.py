"""Records below a folder: what serves as one, what serves as its scores, and what is left out."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.board.entries import load, named, read
from evalkit.board.making import make
from evalkit.errors import StaleError, StoreError

from .conftest import answered, record, result, written

ROOT = Path(__file__).parents[2]


def test_a_run_with_its_scores(model, results):
    model("a")
    (entry,) = read(results).entries
    assert (entry.path, entry.scores) == ("results/a/run/run.json", "results/a/run")
    assert read(results, scores="none").entries[0].scored is None
    assert read(results, scores="baselines").entries[0].scored is None


def test_a_baseline_serves_as_the_scores_of_its_run(baseline, results):
    path = baseline("a", 0.7, 1)
    scores = answered(0.7, 1)
    written(results / "a" / "run", record("a", result(scores)))
    (entry,) = read(results, scores="baselines").entries
    assert (entry.path, entry.scores) == ("results/a/run/run.json", path.as_posix())


def test_a_baseline_alone_is_a_record(baseline, results):
    path = baseline("a")
    (entry,) = read(results).entries
    assert entry.path == entry.scores == path.as_posix()


def test_a_copy_is_one_record(model, results):
    shutil.copytree(model("a"), results / "zcopy")
    assert [entry.path for entry in read(results).entries] == ["results/a/run/run.json"]


def test_damaged_records_are_left_out_with_the_reason(model, results):
    model("good")
    edited = model("edited") / "run.json"
    raw = json.loads(edited.read_text())
    raw["seconds"] = 1.5
    edited.write_text(json.dumps(raw))
    (model("torn") / "run.json").write_text('{"schema": 5, ')
    (model("later") / "run.json").write_text('{"schema": 99}')
    (results / "baselines").mkdir()
    (results / "baselines" / "x.json").write_text("[]")
    found = read(results)
    assert [entry.record.model.name for entry in found.entries] == ["good"]
    why = {one.path.split("/")[1]: one.why for one in found.left_out}
    assert why.keys() == {"edited", "torn", "later", "baselines"}
    assert "is not what was written" in why["edited"]
    assert "cannot be read as JSON" in why["torn"]
    assert "has schema 99" in why["later"]


def test_scores_of_another_run_leave_the_result_out(model, results):
    one, two = model("a", 0.7, 1), model("b", 0.7, 2)
    shutil.copy(one / "scores" / "gqa.parquet", two / "scores" / "gqa.parquet")
    made = make(read(results).entries)
    assert [one.path for one in made.left_out] == ["results/b/run/run.json"]
    assert made.left_out[0].why.startswith("gqa: ")
    assert [one.contender for one in made.columns[0].groups[0].standings] == ["a"]


def test_what_lies_inside_a_run_or_is_hidden_is_no_record(model, results):
    folder = model("a")
    shutil.copytree(folder, folder / "inside")
    shutil.copytree(folder, results / ".cache" / "x")
    assert len(read(results).entries) == 1
    assert read(results).left_out == ()


@pytest.fixture
def deep(results):
    """A folder whose path is longer than the system takes, so that nobody can list it."""
    home, name = Path.cwd(), "x" * 250
    os.chdir(results)
    for _ in range(20):
        Path(name).mkdir()
        os.chdir(name)
    os.chdir(home)


@pytest.mark.usefixtures("deep")
def test_a_folder_that_cannot_be_read_is_named(model, results):
    model("a")
    (one,) = read(results).left_out
    assert one.path.startswith("results/xxx")
    assert one.why == "cannot be read: File name too long."
    assert [entry.record.model.name for entry in read(results).entries] == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(model, results):
    model("a")
    closed = (model("b"), results / "c" / "scores")
    closed[1].mkdir(parents=True)
    for folder in closed:
        folder.chmod(0)
    try:
        told = {one.path: one.why for one in read(results).left_out}
    finally:
        for folder in closed:
            folder.chmod(0o700)
    assert told == dict.fromkeys(map(Path.as_posix, closed), "cannot be read: Permission denied.")


def test_a_run_that_was_not_finished_is_named(model, results):
    model("a")
    for name, file in (("b", "started.json"), ("c", "journal/gqa.jsonl")):
        path = results / name / "run" / file
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    found = read(results)
    assert [one.path for one in found.left_out] == ["results/b/run", "results/c/run"]
    assert {one.why.partition(":")[0] for one in found.left_out} == {"has no run.json"}
    assert len(found.entries) == 1


def test_a_link_that_leads_out_is_named_and_one_inside_is_a_copy(model, results, tmp_path):
    model("a")
    (results / "latest").symlink_to((results / "a").resolve())
    shutil.copytree(results / "a", tmp_path / "elsewhere")
    (results / "other").symlink_to(tmp_path / "elsewhere")
    found = read(results)
    assert [entry.path for entry in found.entries] == ["results/a/run/run.json"]
    (one,) = found.left_out
    assert (one.path, one.why.partition(";")[0]) == (
        "results/other",
        "is a link to a folder elsewhere",
    )


def test_a_folder_of_a_records_name_is_no_record(model, results):
    model("a")
    (results / "b" / "run.json").mkdir(parents=True)
    (one,) = read(results).left_out
    assert one.path == "results/b/run.json"


def test_what_no_judge_has_read_is_named(model, results):
    model("a")
    model("b", task="mmvet")
    made = make(read(results).entries)
    (one,) = made.left_out
    assert one.path == "results/b/run/run.json"
    assert one.why.startswith("mmvet: no number stands for it")


def test_no_folder(results):
    with pytest.raises(StoreError, match="There is no folder results/none"):
        read(results / "none")


def test_a_page_finds_its_records_again_or_says_why_not(model, results):
    folder = model("a")
    entries = read(results).entries
    told = [named(entry) for entry in entries]
    assert load(told) == entries
    with pytest.raises(StaleError, match="not the record that the page was made of"):
        load([replace(told[0], digest="0" * 64)])
    (folder / "run.json").unlink()
    with pytest.raises(StoreError, match="There is no run record"):
        load(told)


def test_published_numbers_are_entries_without_samples():
    found = read(ROOT / "results" / "published", root=ROOT)
    assert found.left_out == ()
    assert {entry.record.source for entry in found.entries} == {"self-reported"}
    assert not any(entry.scored for entry in found.entries)
