"""human.jsonl is read strictly: what is wrong is said with its line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.judge.labels import read_labels

GOOD = '{"sample_id": "a", "label": "yes"}'
RATED = '{"sample_id": "a", "rating": 1}'


@pytest.fixture
def human(tmp_path):
    path = tmp_path / "human.jsonl"

    def write(*lines, encoding="utf-8"):
        path.write_bytes("\n".join(lines).encode(encoding))
        return path

    return write


def test_labels_are_read_in_order(human):
    path = human('{"sample_id": "b", "label": "no"}', "", GOOD, "")
    assert list(read_labels(path).items()) == [("b", "no"), ("a", "yes")]


def test_ratings_are_numbers(human):
    path = human(RATED, '{"rating": 0.25, "sample_id": "b"}')
    assert read_labels(path) == {"a": 1.0, "b": 0.25}
    assert all(type(value) is float for value in read_labels(path).values())


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(human):
    assert read_labels(human(GOOD + "\r", encoding="utf-8-sig")) == {"a": "yes"}


entries = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.floats(-1e100, 1e100),
    min_size=1,
    max_size=5,
)


@given(entries)
def test_what_is_written_is_read(tmp_path_factory, ratings):
    path = tmp_path_factory.mktemp("labels") / "human.jsonl"
    lines = [json.dumps({"sample_id": name, "rating": value}) for name, value in ratings.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_labels(path) == ratings


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([GOOD, '{"sample_id": "b", "rating": 1}'], "Line 2 of {} has a rating, but line 1 a la"),
        ([RATED, '{"sample_id": "b", "label": "x"}'], "Line 2 of {} has a label, but line 1 a rat"),
        ([GOOD, "", GOOD], "Line 3 of {} names sample 'a' again, after line 1."),
        (['{"sample_id": "a", "label": "x", "why": 1}'], "Line 1 of {} has the unknown field"),
        (['{"sample_id": "a"}'], "Line 1 of {} must have either a label or a rating, not none."),
        (['{"sample_id": "a", "label": "x", "rating": 1}'], "not both."),
        (['{"label": "x"}'], "Line 1 of {} must have a sample_id"),
        (['{"sample_id": 7, "label": "x"}'], "Line 1 of {} must have a sample_id"),
        (['{"sample_id": "", "label": "x"}'], "Line 1 of {} must have a sample_id"),
        (['{"sample_id": "a", "label": ""}'], "Line 1 of {} has the label ''"),
        (['{"sample_id": "a", "label": 1}'], "Line 1 of {} has the label 1"),
        (['{"sample_id": "a", "label": null}'], "Line 1 of {} has the label None"),
        (['{"sample_id": "a", "rating": "1"}'], "Line 1 of {} has the rating '1', a text"),
        (['{"sample_id": "a", "rating": true}'], "Line 1 of {} has the rating True"),
        (['{"sample_id": "a", "rating": NaN}'], "Line 1 of {} holds NaN, which is no number"),
        (['{"sample_id": "a", "rating": -Infinity}'], "Line 1 of {} holds -Infinity"),
        (['{"sample_id": "a", "rating": 1e999}'], "Line 1 of {} has the rating inf"),
        ([f'{{"sample_id": "a", "rating": 1{"0" * 400}}}'], "Line 1 of {} has the rating 1000"),
        (['{"sample_id": "a", "rating": 1e308}'], "the rating 1e+308; it must be from -1e+150"),
        (['{"sample_id": "a", "label": "x", "label": "y"}'], "Line 1 of {} gives a field twice."),
        ([GOOD, '{"sample_id": "b", "lab'], "Line 2 of {} is not JSON: "),
        (["[" * 100_000], "Line 1 of {} is not JSON: "),
        (['["a", "yes"]'], "Line 1 of {} must be a JSON object, not a list."),
        ([], "{} holds no label"),
        (["", " "], "{} holds no label"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(human, lines, said):
    path = human(*lines)
    with pytest.raises(UsageError) as caught:
        read_labels(path)
    assert said.format(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(human, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(tmp_path / "nothing.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(human('{"sample_id": "é", "label": "x"}', encoding="latin-1"))
