"""The journal: on disk when made, torn last lines dropped, damaged ones refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import ExitCode, StoreError, UnwritableError
from evalkit.records import Failure, Prediction
from evalkit.runner.journal import Journal

texts = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=50)
@given(st.lists(st.tuples(texts, texts), max_size=20))
def test_what_was_appended_is_read_again(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("journal") / "task.jsonl"
    predictions = [Prediction(sample_id=name, text=text, finish="stop") for name, text in pairs]
    with Journal(path) as journal:
        for prediction in predictions:
            journal.append([prediction])
    with Journal(path) as journal:
        assert journal.predictions == {p.sample_id: p for p in predictions}


def test_a_torn_last_line_is_dropped_wherever_it_was_torn(tmp_path):
    path = tmp_path / "task.jsonl"
    with Journal(path) as journal:
        journal.append(
            [Prediction(sample_id="one", text="yes"), Prediction(sample_id="two", text="né")]
        )
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for cut in range(first, len(content)):
        path.write_bytes(content[:cut])
        with Journal(path) as journal:
            assert list(journal.predictions) == ["one"]
            journal.append([Prediction(sample_id="three", text="no")])
        with Journal(path) as journal:
            assert list(journal.predictions) == ["one", "three"]


def test_a_damaged_line_inside_is_named(tmp_path):
    path = tmp_path / "task.jsonl"
    with Journal(path) as journal:
        journal.append([Prediction(sample_id=str(i), text="yes") for i in range(3)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{broken\n" + lines[2])
    with pytest.raises(StoreError, match="line 2") as told:
        Journal(path)
    assert told.value.exit_code == ExitCode.USAGE


def test_failures_are_kept_but_not_done(tmp_path):
    failed = Prediction(sample_id="one", failure=Failure(kind="backend", message="no"))
    with Journal(tmp_path / "task.jsonl") as journal:
        journal.append([failed])
        assert not journal.is_done("one")
        journal.append([Prediction(sample_id="one", text="yes")])
        assert journal.is_done("one")


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot be written") as told:
        Journal(tmp_path / "file" / "task.jsonl")
    assert told.value.exit_code == ExitCode.USAGE, "the name is wrong, not the machine"
