"""evalkit's own pairwise question: only ratings that it asks for are read, so the bounds bound."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalkit.metrics import pair_outcome
from evalkit.pair_review import official_review, own_review
from evalkit.records import Failure, Verdict

RULES = '{"default": {"role": "Assistant", "prompt": "Rate both."}}'


@pytest.mark.parametrize(
    "reply", ["9999999 2", "-5 700", "0 0", "0.9 5", "5 10.1", "-1 -1", "1e300 3", "nan 2"]
)
def test_a_rating_outside_the_scale_cannot_be_read(reply):
    assert own_review().read(reply) is None


@pytest.mark.parametrize(
    ("reply", "pair"), [("1 10\nwhy", (1, 10)), ("7.5,8", (7.5, 8)), ("10 1.0", (10, 1))]
)
def test_ratings_on_the_scale_are_read(reply, pair):
    assert own_review().read(reply) == pair


def test_the_official_words_keep_the_official_parser():
    assert official_review(RULES, "file").read("9999999 2") == (9999999, 2)


RATING = st.one_of(st.integers(-20, 20), st.floats(-1e9, 1e9), st.integers(1, 10))


@given(st.lists(st.tuples(RATING, RATING), min_size=1, max_size=8))
def test_whatever_a_judge_replies_the_bounds_bound(pairs):
    rubric = own_review()
    verdicts = [_verdict(n, rubric.read(f"{a} {b}")) for n, (a, b) in enumerate(pairs, start=1)]
    values = pair_outcome("an answer", verdicts).values
    assume(values["judged"])
    low, judged, high = (
        values[f"{prefix}answer"] / values[f"{prefix}reference"]
        for prefix in ("low_", "judged_", "high_")
    )
    assert low <= judged * (1 + 1e-9)
    assert judged <= high * (1 + 1e-9)
    assert low >= 0.1 - 1e-9
    assert high <= 10 + 1e-9


def _verdict(number, ratings):
    failure = None if ratings else Failure(kind="unreadable", message="it cannot be read")
    return Verdict(sample_id="q", repetition=number, ratings=ratings, reply="said", failure=failure)
