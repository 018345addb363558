import pytest

from evalkit.metrics import exact_match
from evalkit.records import Reading, Sample

SAMPLE = Sample(id="1", question="Which?", targets=("B",), cluster="1")


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [(None, "b", 1.0), (None, "a", 0.0), ("A", "a", 1.0), ("A", "b", 0.0), (None, None, 0.0)],
)
def test_what_is_read_is_compared_with_the_gold_answer(gold, text, right):
    score = exact_match(lambda _, said: Reading(said.upper(), "upper", ambiguous=True), gold)
    found = score(SAMPLE, text)
    assert found.values == {"correct": right}
    assert (found.rule, found.ambiguous) == (("", False) if text is None else ("upper", True))


def test_what_cannot_be_read_is_wrong():
    found = exact_match(lambda _, __: Reading(None, "no letter"))(SAMPLE, "?")
    assert (found.answer, found.values) == (None, {"correct": 0.0})
