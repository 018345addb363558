"""Records below a folder: what serves as one, what serves as its scores, and what is left out."""

import json
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
