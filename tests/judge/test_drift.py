"""Drift: the tests by hand, the three verdicts, and what is refused."""

import json
import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.judge.drift import MOVED, SAME, UNHEALTHY, UNKNOWN, Flip, drift
from evalkit.records import plain


def labelled(**counts):
    """Anchors by what they were and are: labelled(yn=3) has three that went from y to n."""
    named = [(f"{pair}{i}", *pair) for pair, n in counts.items() for i in range(n)]
    return {name: b for name, b, _ in named}, {name: n for name, _, n in named}


def rated(moves, start=5.0):
    return {str(i): start for i in range(len(moves))}, {
        str(i): start + move for i, move in enumerate(moves)
    }


def exact_mcnemar(one, two):
    n = one + two
    tail = sum(math.comb(n, k) for k in range(min(one, two) + 1)) / 2**n
    return min(1.0, 2 * tail)


@given(*[st.integers(0, 12)] * 4)
@settings(max_examples=50, deadline=None)
def test_mcnemar_is_the_binomial_on_what_changed(yy, nn, yn, ny):
    found = drift(*labelled(yy=yy, nn=nn, yn=yn, ny=ny))
    assert (found.n, found.unchanged, len(found.flips)) == (yy + nn + yn + ny, yy + nn, yn + ny)
    if found.n:
        assert found.direction.p == pytest.approx(exact_mcnemar(yn, ny))
        assert found.direction.smallest_p == pytest.approx(min(1.0, 2 / 2**found.n))


@pytest.mark.parametrize(
    ("n", "flips", "verdict"),
    [
        (6, 2, UNKNOWN),  # a third, which ten percent may be, and seven tenths
        (10, 3, UNKNOWN),
        (20, 4, UNKNOWN),
        (30, 6, UNKNOWN),
        (100, 12, SAME),  # at most 19 %
        (20, 2, SAME),  # as many as may
        (6, 0, SAME),
        (100, 20, MOVED),
    ],
)
def test_more_flips_than_may_call_a_judge_the_same_only_where_they_are_not_many(n, flips, verdict):
    sides = labelled(yn=flips // 2, ny=flips - flips // 2, yy=n - flips)
    found = drift(*sides)
    assert found.verdict == verdict
    assert f"{flips} of {n} anchors flipped (at most" in found.sentence
    tail = sum(
        math.comb(n, k) * found.flips_at_most**k * (1 - found.flips_at_most) ** (n - k)
        for k in range(flips + 1)
    )
    assert tail == pytest.approx(0.05), "so few flips or fewer are as rare as that"


def test_flips_and_missing_anchors_are_named():
    before = {"b": "yes", "a": "no", "c": "no", "old": "yes"}
    now = {"new": "no", "a": "yes", "b": "yes", "c": "no"}
    found = drift(before, now)
    assert found.flips == (Flip(sample_id="a", before="no", now="yes"),)
    assert (found.missing_before, found.missing_now) == (("new",), ("old",))
    assert (found.n, found.unchanged, found.flip_share) == (3, 2, 1 / 3)
    assert (found.direction.label, found.direction.gained, found.direction.lost) == ("yes", 1, 0)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"yy": 50, "nn": 50}, SAME),
        ({"yy": 50, "nn": 48, "yn": 1, "ny": 1}, SAME),
        ({"yy": 50, "nn": 44, "yn": 6}, MOVED),  # to one side: p = 0.031
        ({"yy": 50, "nn": 45, "yn": 5}, SAME),  # p = 0.0625
        ({"yy": 25, "nn": 25, "yn": 25, "ny": 25}, MOVED),  # to neither side, but half of all
        ({"yy": 3, "nn": 2}, UNKNOWN),
        ({"yy": 3, "nn": 3}, SAME),  # six to one side would have had p = 0.031
        ({"yn": 5}, MOVED),  # p = 0.0625 for the side, but every anchor flipped
        ({}, UNKNOWN),
    ],
)
def test_the_verdict_on_labels(counts, verdict):
    found = drift(*labelled(**counts))
    assert found.verdict == verdict
    assert found.sentence.startswith(f"{verdict}: ")
    assert found.sentence.endswith(".")


def test_missing_verdicts_call_no_judge_the_same_and_hide_no_move():
    same, moved = labelled(yy=50, nn=50), labelled(yy=50, nn=30, ny=20)
    for sides in (same, labelled(yy=3)):
        found = drift(*sides, unhealthy="9 of 109 verdicts are missing (timeout 9)")
        assert found.verdict == UNHEALTHY
        assert found.sentence.startswith(f"{UNHEALTHY}: 9 of 109 verdicts are missing (timeout 9)")
    assert drift(*moved, unhealthy="9 of 109 are missing").verdict == MOVED


@pytest.mark.parametrize(
    ("counts", "late", "early"),
    [
        ({"yy": 50, "nn": 44, "yn": 6}, MOVED, UNHEALTHY),  # p = 0.031
        ({"yy": 50, "nn": 40, "yn": 11}, MOVED, MOVED),  # p = 0.00098
        ({"yy": 2, "yn": 2}, UNKNOWN, UNHEALTHY),  # p = 0.052 for two flips of four
        ({"yn": 4}, MOVED, MOVED),  # p = 0.0001 for four of four
        ({"yy": 50, "nn": 50}, SAME, UNHEALTHY),
    ],
)
def test_before_all_is_asked_only_what_is_beyond_doubt_is_a_move(counts, late, early):
    sides = labelled(**counts)
    assert drift(*sides).verdict == late
    found = drift(*sides, unhealthy="9 of 109 verdicts are missing (unasked 9)", early=True)
    assert (found.verdict, found.alpha) == (early, 0.001)
    assert ("at alpha = 0.001" in found.sentence) == (early == MOVED)


def test_half_of_all_verdicts_may_flip_if_that_is_allowed():
    before, now = labelled(yy=25, nn=25, yn=25, ny=25)
    assert drift(before, now, allowed=0.5).verdict == SAME
    assert drift(before, now, allowed=0.0).flip_p == 0.0
    unchanged = drift(before, before, allowed=0.0)
    assert (unchanged.flip_p, unchanged.verdict) == (1.0, SAME)


def test_of_three_labels_each_is_tested_against_the_others():
    found = drift(*labelled(aa=30, bb=30, cc=30, ab=4, cb=5, ac=1))
    assert (found.direction.label, found.direction.gained, found.direction.lost) == ("b", 9, 0)
    assert found.direction.p == pytest.approx(3 * exact_mcnemar(9, 0))
    assert "each of 3 labels" in found.direction.test
    assert found.verdict == MOVED


@pytest.mark.parametrize(
    ("moves", "verdict"),
    [
        ([0.0] * 30, SAME),
        ([1.0] * 6 + [0.0] * 94, MOVED),
        ([1.0] * 3 + [-1.0] * 3 + [0.0] * 94, SAME),
        ([1.0, -1.0] * 20, MOVED),  # to neither side, but all of them
        ([0.0] * 5, UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_the_verdict_on_ratings(moves, verdict):
    assert drift(*rated(moves)).verdict == verdict


def signed_rank_p(moves):
    """Wilcoxon's p over all assignments of signs, with mean ranks for ties."""
    sizes = sorted(abs(move) for move in moves)
    rank = {size: sizes.index(size) + (sizes.count(size) + 1) / 2 for size in sizes}
    ranks = [rank[abs(move)] for move in moves]
    statistic = sum(r for r, move in zip(ranks, moves, strict=True) if move > 0)
    centre = sum(ranks) / 2
    sums = [
        sum(r for r, up in zip(ranks, signs, strict=True) if up)
        for signs in product((0, 1), repeat=len(moves))
    ]
    apart = abs(statistic - centre) - 1e-9
    return sum(abs(one - centre) >= apart for one in sums) / len(sums)


@pytest.mark.parametrize(
    "moves", [[1, 2, 3, 4, 5, -6, 7, 8], [1, 1, 1, 2, -1, 3, 3], [0.1, 0.2, -0.3, 0.4, 0.5, 0.6]]
)
def test_wilcoxon_is_exact_for_few_ratings(moves):
    found = drift(*rated([*moves, 0.0, 0.0]))
    assert found.direction.p == pytest.approx(signed_rank_p(moves))


@given(*[st.integers(0, 20)] * 3)
@settings(max_examples=50, deadline=None)
def test_yes_and_no_as_numbers_have_the_p_value_of_labels(same, up, down):
    as_labels = drift(*labelled(nn=same, ny=up, yn=down))
    as_ratings = drift(
        *(
            {key: float(value == "y") for key, value in side.items()}
            for side in labelled(nn=same, ny=up, yn=down)
        )
    )
    assert as_ratings.direction.p == pytest.approx(as_labels.direction.p)
    assert as_ratings.verdict == as_labels.verdict


def test_eleven_against_three_of_two_hundred_are_no_move():
    """The normal approximation, which is no exact test of moves of one size, has p = 0.033."""
    found = drift(*rated([1.0] * 11 + [-1.0] * 3 + [0.0] * 186))
    assert found.direction.p == pytest.approx(exact_mcnemar(11, 3))
    assert found.verdict == SAME


def test_wilcoxon_is_that_of_scipy_where_no_two_moves_are_of_one_size():
    from scipy.stats import wilcoxon

    moves = [(-1) ** (i % 3 == 0) * (1 + i / 7) for i in range(40)]
    exact = float(wilcoxon(moves, method="exact").pvalue)
    assert drift(*rated(moves)).direction.p == pytest.approx(exact)
    many = [(-1) ** (i % 3 == 0) * (1 + i / 7) for i in range(600)]
    assert 0 < drift(*rated(many)).direction.p < 1e-6


def test_tenths_that_are_equal_have_one_rank():
    before, moves = [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, -1, 1, 2, -1, 1, 2]
    now = [rating + move for rating, move in zip(before, moves, strict=True)]
    whole = drift(
        dict(zip("abcdefgh", before, strict=True)), dict(zip("abcdefgh", now, strict=True))
    )
    tenths = drift(
        {name: rating / 10 for name, rating in zip("abcdefgh", before, strict=True)},
        {name: rating / 10 for name, rating in zip("abcdefgh", now, strict=True)},
    )
    assert whole.direction.p == tenths.direction.p == pytest.approx(signed_rank_p(moves))


def test_the_mean_shift_has_a_paired_t_interval():
    found = drift(*rated([0.5, 1.0, 0.0, -0.5, 1.5])).shift
    assert found.mean == 0.5
    reach = 2.7764451 * math.sqrt(2.5 / 4 / 5)  # t on 4 degrees, sum of squares 2.5
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach))


@pytest.mark.parametrize(
    ("moves", "mean", "reason"),
    [([1.0], 1.0, "no spread"), ([0.5] * 8, 0.5, "moved alike"), ([0.0] * 8, 0.0, "moved alike")],
)
def test_a_shift_without_spread_has_no_interval(moves, mean, reason):
    shift = drift(*rated(moves)).shift
    assert (shift.mean, shift.low, shift.high) == (mean, None, None)
    assert reason in shift.reason


def test_ratings_within_the_tolerance_are_unchanged():
    found = drift({"a": 0.3, "b": 0.3, "c": 1}, {"a": 0.4, "b": 0.45, "c": 1}, tolerance=0.1)
    assert [flip.sample_id for flip in found.flips] == ["b"]
    assert found.unchanged == 2


verdicts = st.one_of(
    st.tuples(*[st.dictionaries(st.sampled_from("abcdefgh"), kind, max_size=8)] * 2)
    for kind in (st.sampled_from("xyz"), st.floats(-100, 100), st.integers(0, 3))
)


@given(verdicts)
@settings(deadline=None)
def test_there_and_back_is_the_same_drift_turned_round(given):
    before, now = given
    there, back = drift(before, now), drift(now, before)
    assert there.verdict == back.verdict
    assert there.direction.p == pytest.approx(back.direction.p)
    assert there.missing_now == back.missing_before
    assert [(f.now, f.before) for f in there.flips] == [(f.before, f.now) for f in back.flips]
    json.dumps(plain(there), allow_nan=False)


@pytest.mark.parametrize(
    ("before", "now", "options", "said"),
    [
        ({"a": "yes"}, {"a": 1.0}, {}, "mixed: the earlier verdict on 'a' is one of the labels"),
        ({"a": float("nan")}, {"a": 1.0}, {}, "the earlier verdict on 'a' is nan"),
        ({"a": 1.0}, {"a": None}, {}, "the present verdict on 'a' is None"),
        ({"a": 1.0}, {"a": 1.0}, {"tolerance": -0.1}, "tolerance must be"),
        ({"a": 1.0}, {"a": 1.0}, {"allowed": 1.0}, "not at 1.0"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(before, now, options, said):
    with pytest.raises(UsageError) as caught:
        drift(before, now, **options)
    assert said in str(caught.value)
