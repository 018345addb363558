"""The door: what is written is read again, and nothing else is let in."""

import errno
import json
import os
import pickle
from dataclasses import replace

import pytest
from made_records import record, result, value

from evalkit.errors import ExitCode, StoreError, UnwritableError
from evalkit.records import (
    Coverage,
    Failure,
    Prediction,
    SampleScore,
    differences,
    plain,
)
from evalkit.run_record import (
    ModelIdentity,
    RunRecord,
)
from evalkit.store import RunFolder, load_run, parse
from evalkit.writing import write_json, write_lines, write_text

ACCURACY = value(0.5, low=0.25, high=0.75, method="Wilson", n=4, clusters=2)
RESULT = result(
    "toy",
    {"accuracy": ACCURACY},
    coverage=Coverage(asked=4, answered=3, failed=0, unparsed=1),
    breakdowns={"kind": {"low": {"accuracy": 0.5}}},
)
RECORD = record(
    "echo",
    RESULT,
    name="night",
    identity=ModelIdentity(spec="dummy:echo", backend="dummy", name="echo"),
)


def test_a_record_is_read_as_it_was_written(tmp_path):
    written = RunFolder(tmp_path).write_record(RECORD)
    assert replace(written, digest="") == RECORD
    assert load_run(tmp_path) == written
    assert load_run(tmp_path / "run.json") == written


def leaves(value, path=()):
    """The paths of all fields in a plain record."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*path, i))
    else:
        yield path


def changed(change):
    """Every copy of the record in which `change(parent, key)` was done at one place."""
    for path in leaves(plain(RECORD)):
        raw = json.loads(json.dumps(plain(RECORD)))
        parent = raw
        for key in path[:-1]:
            parent = parent[key]
        change(parent, path[-1])
        yield path, raw


def test_a_field_of_another_type_is_refused_everywhere():
    for path, raw in changed(lambda parent, key: parent.__setitem__(key, {"odd": [1]})):
        with pytest.raises(StoreError, match="not a valid RunRecord"):
            parse(RunRecord, raw, f"record changed at {path}")


def test_an_unknown_field_is_refused_everywhere():
    def add(parent, key):
        if isinstance(parent, dict):
            parent["surprise"] = 1

    for path, raw in changed(add):
        if set(path) & {"versions", "breakdowns"} or isinstance(path[-1], int):
            continue  # free keys, and places in a list
        with pytest.raises(StoreError, match="not a valid RunRecord"):
            parse(RunRecord, raw, f"record changed at {path}")


def test_a_record_from_before_a_field_there_was_is_read():
    raw = json.loads(json.dumps(plain(RECORD)))
    assert raw["results"][0].pop("peeks") is None
    assert raw["config"].pop("early_stop") is None
    assert parse(RunRecord, raw, "record") == RECORD


def test_a_number_written_as_text_is_refused():
    raw = plain(RECORD)
    raw["seconds"] = "1.5"
    with pytest.raises(StoreError, match="seconds"):
        parse(RunRecord, raw, "record")


def test_another_schema_is_refused(tmp_path):
    write_text(tmp_path / "run.json", json.dumps({**plain(RECORD), "schema": 99}))
    with pytest.raises(StoreError, match="schema 99"):
        load_run(tmp_path)


def test_an_unfinished_run_is_said_to_be_unfinished(tmp_path):
    (tmp_path / "started.json").write_text("{}")
    with pytest.raises(StoreError, match="not finished"):
        load_run(tmp_path)


def test_a_failed_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "page"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_counted_and_a_failure_among_them_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "file.txt"
    assert write_lines(path, (f"{i}\n" for i in range(3))) == 3
    with pytest.raises(ZeroDivisionError):
        write_lines(path, (f"{1 / i}\n" for i in (1, 0)))
    assert path.read_text() == "0\n1\n2\n"
    assert list(tmp_path.iterdir()) == [path]
    assert write_lines(path, ()) == 0
    assert path.read_text() == ""


def test_predictions_are_read_as_they_were_written(tmp_path):
    predictions = (
        Prediction(sample_id="a", text="line\nline\u2028 é", finish="stop", images=("f" * 64,)),
        Prediction(sample_id="b", failure=Failure(kind="backend", message="no")),
    )
    folder = RunFolder(tmp_path)
    folder.write_predictions("toy", predictions)
    assert folder.read_predictions("toy") == predictions
    assert folder.read_predictions("other") == ()


def test_scores_are_a_frame_with_values_and_tags(tmp_path):
    import pandas as pd

    score = SampleScore(
        sample_id="a",
        answer=None,
        targets=("yes",),
        values={"correct": 1.0},
        group=None,
        cluster="p",
        tags={"kind": "low"},
        failed=False,
    )
    RunFolder(tmp_path).write_scores("toy", [score, replace(score, sample_id="b", answer="no")])
    frame = pd.read_parquet(tmp_path / "scores" / "toy.parquet")
    assert list(frame["sample_id"]) == ["a", "b"]
    assert list(frame["value.correct"]) == [1.0, 1.0]
    assert list(frame["tag.kind"]) == ["low", "low"]


def test_setting_aside_finds_a_free_name(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert folder.set_aside() is None
    for number in (1, 2):
        folder.path.mkdir()
        assert folder.set_aside() == tmp_path / f"run.old-{number}"


def test_differences_are_named_by_their_path():
    other = replace(RECORD, seconds=2.0, model=replace(RECORD.model, dtype="float16"))
    assert differences(RECORD, other) == ("model.dtype", "seconds")
    assert differences(RECORD, RECORD) == ()


def test_a_frame_has_one_row_a_metric():
    frame = RECORD.to_frame()
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["model"], row["task"], row["value"], row["headline"]) == ("echo", "toy", 0.5, True)


def test_a_place_that_cannot_be_written_to_is_wrong_usage_by_its_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot be written") as told:
        write_json(tmp_path / "file" / "x.json", {})
    assert told.value.exit_code == ExitCode.USAGE
    full = UnwritableError("x", OSError(errno.ENOSPC, "No space left on device"))
    assert full.exit_code == ExitCode.INFRASTRUCTURE
    for error in (told.value, full):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (str(again), again.exit_code) == (str(error), error.exit_code)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_file_is_not_replaced_and_a_link_stays(tmp_path):
    (tmp_path / "taken.json").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("taken.json", "pipe"):
        with pytest.raises(StoreError, match="is no file that can be replaced"):
            write_json(tmp_path / name, {})
    (tmp_path / "link").symlink_to(tmp_path / "real.json")
    write_json(tmp_path / "link", {"a": 1})
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == {"a": 1}
