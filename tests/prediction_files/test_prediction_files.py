"""Predictions in files: a mapping like any other, of which only ids are held."""

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import StoreError
from evalkit.prediction_files import FEW, Predictions, stored_predictions
from evalkit.records import Failure, Prediction
from evalkit.store import prediction_line

texts = st.text(st.characters(codec="utf-8"), max_size=60)
failures = st.builds(Failure, kind=st.just("backend"), message=texts)
predictions = st.lists(
    st.builds(Prediction, sample_id=st.sampled_from("abcdefgh"), text=texts)
    | st.builds(Prediction, sample_id=st.sampled_from("abcdefgh"), failure=failures),
    max_size=20,
)


def written(path, made) -> None:
    path.write_text("".join(map(prediction_line, made)), encoding="utf-8")


@given(predictions, predictions, predictions)
def test_later_predictions_win_wherever_they_stand(tmp_path_factory, known, journal, loose):
    folder = tmp_path_factory.mktemp("files")
    written(folder / "known", known)
    written(folder / "journal", journal)
    found = Predictions.stored(folder / "known")
    found.add_file(folder / "journal")
    for made in loose:
        found[made.sample_id] = made
    expected = {made.sample_id: made for made in (*known, *journal, *loose)}
    assert dict(found) == expected
    assert list(found) == list(expected), "in the order in which the ids came"
    assert [*found.values()] == [*expected.values()]
    for sample_id in "abcdefgh":
        made = expected.get(sample_id)
        assert found.is_answered(sample_id) is (made is not None and made.failure is None)
    assert found.any_answered() is any(made.failure is None for made in expected.values())
    for sample_id in expected:
        found.pop(sample_id)
        assert sample_id not in found
        assert not found.is_answered(sample_id)
    assert not found


def test_a_file_that_is_removed_or_replaced_is_still_read(tmp_path):
    path = tmp_path / "toy.jsonl"
    written(path, [Prediction(sample_id="one", text="yes")])
    found = Predictions.stored(path)
    (tmp_path / "other").write_text("{}\n")
    (tmp_path / "other").replace(path)
    assert found["one"].text == "yes"
    path.unlink()
    assert found["one"].text == "yes"


def test_long_lines_and_a_last_one_without_an_end(tmp_path):
    path = tmp_path / "toy.jsonl"
    made = [Prediction(sample_id=f"s{size}", text="x" * size) for size in (0, 900, 1024, 99_999)]
    written(path, made)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert list(Predictions.stored(path).values()) == made


def test_lines_that_others_wrote_are_read_and_damaged_ones_named(tmp_path):
    path = tmp_path / "toy.jsonl"
    written(path, [Prediction(sample_id="one", text="yes"), Prediction(sample_id="two", text="no")])
    path.write_text(path.read_text().replace('":', '": '))
    assert [made.text for made in Predictions.stored(path).values()] == ["yes", "no"]
    path.write_text(path.read_text().replace('"no"', "7"))
    with pytest.raises(StoreError, match="line 2"):
        Predictions.stored(path)


def test_no_file_is_no_prediction(tmp_path):
    assert len(Predictions.stored(tmp_path / "none")) == 0


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        Predictions.stored(tmp_path)


def test_texts_are_not_held(tmp_path):
    path = tmp_path / "toy.jsonl"
    written(path, [Prediction(sample_id=f"{i:06}", text="x" * 1000) for i in range(5000)])
    Predictions.stored(path)  # imports, once
    gc.collect()
    tracemalloc.start()
    try:
        found = Predictions.stored(path)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 5000
    assert held / 5000 < 60


@given(predictions)
def test_few_are_held_and_equal_those_that_are_read_again(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("files") / "few"
    written(path, made)
    held, stored = stored_predictions(path), Predictions.stored(path)
    assert type(held) is dict
    assert [*held.items()] == [*stored.items()]


def test_many_are_read_where_they_are_asked_for(tmp_path):
    path = tmp_path / "many"
    made = [Prediction(sample_id=str(i), text="x" * 10_000) for i in range(FEW // 10_000 + 1)]
    written(path, made)
    found = stored_predictions(path)
    assert isinstance(found, Predictions)
    assert [*found.values()] == made
    assert not stored_predictions(tmp_path / "none")


def test_a_damaged_line_among_few_is_named(tmp_path):
    (tmp_path / "few").write_text('{"sample_id": "a"\n')
    with pytest.raises(StoreError, match="few, line 1, is not JSON"):
        stored_predictions(tmp_path / "few")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder cannot be read"):
        stored_predictions(tmp_path / "folder")
