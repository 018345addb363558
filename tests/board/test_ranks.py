"""Rank ranges: by brute force, by simulation of known truth, and whom they cannot tell apart."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.board.counting import Counted
from evalkit.board.pairwise import adjusted_p
from evalkit.board.ranks import Rival, ranges, ranked, stretched, undistinguished
from evalkit.compare.sides import load
from evalkit.metrics import accuracy, precision_recall_f1
from evalkit.records import MetricValue
from evalkit.registry import load_task

from .conftest import answered, published, record, result, written


def number(value, half=None, clusters=100):
    low, high = (None, None) if half is None else (value - half, value + half)
    return MetricValue(
        value=value, low=low, high=high, method="", n=clusters, clusters=clusters, maximum=1.0
    )


def counted(right, metric=None):
    """One cluster a question; `right` is 0 or 1 for each."""
    right = np.asarray(right, dtype=float)
    rows = np.column_stack([right, np.ones(len(right))])
    return Counted(
        metric=metric or accuracy(),
        samples="same",
        sums=rows.sum(axis=0),
        by_cluster=rows,
        scale=rows.sum(axis=0),
        strata=np.zeros(len(right), dtype=np.intp),
        leverages=np.full(len(right), 1 / len(right)),
    )


def rival(right):
    return Rival(value=number(float(np.mean(right))), counted=counted(right))


# Ranges from claims


@given(st.integers(1, 5), st.randoms())
def test_ranges_hold_every_order_that_the_claims_leave(count, source):
    order = list(range(count))
    source.shuffle(order)
    better = np.zeros((count, count), dtype=bool)
    for a, b in itertools.combinations(order, 2):
        better[a, b] = source.random() < 0.5
    left = [
        found
        for found in itertools.permutations(range(count))
        if all(
            found.index(a) < found.index(b)
            for a, b in itertools.permutations(range(count), 2)
            if better[a, b]
        )
    ]
    for one, (best, worst) in enumerate(ranges(better)):
        places = [found.index(one) + 1 for found in left]
        assert best <= min(places)
        assert max(places) <= worst


def test_without_a_claim_every_rank_is_open():
    assert ranges(np.zeros((3, 3), dtype=bool)) == ((1, 3), (1, 3), (1, 3))


# Paired comparisons


def test_models_that_answer_alike_cannot_be_told_apart():
    right = [i % 3 > 0 for i in range(300)]
    ranking = ranked([rival(right), rival(right), rival([0] * 300)])
    assert ranking.ranges == ((1, 2), (1, 2), (3, 3))
    assert ranking.by == ("scores",) * 3


def test_two_models_are_told_apart_as_mcnemar_tells():
    base = [1] * 60 + [0] * 60
    for lost in range(30):
        other = [0] * lost + [1] * (60 - lost) + [0] * 60
        p = adjusted_p([counted(base), counted(other)])[0, 1]
        exact = min(1.0, 2 * 0.5**lost)  # all discordant pairs go one way
        assert (p <= 0.05) <= (exact <= 0.05), lost
        if lost >= 10:
            assert p <= 0.05, lost


def test_a_comparison_of_many_asks_for_more():
    generator = random.Random(3)
    base = [generator.random() < 0.7 for _ in range(400)]
    worse = [right and generator.random() > 0.1 for right in base]
    worse = [right or generator.random() < 0.12 for right in worse]
    alone = adjusted_p([counted(base), counted(worse)])[0, 1]
    crowd = [counted([generator.random() < 0.7 for _ in range(400)]) for _ in range(20)]
    among = adjusted_p([counted(base), counted(worse), *crowd])[0, 1]
    assert alone < among


def test_the_order_of_models_does_not_matter():
    generator = random.Random(1)
    members = [counted([generator.random() < 0.6 for _ in range(200)]) for _ in range(5)]
    p = adjusted_p(members)
    turned = adjusted_p(members[::-1])
    assert np.array_equal(p, turned[::-1, ::-1])
    assert np.array_equal(p, p.T)
    assert np.array_equal(np.diag(p), np.ones(5))


@pytest.mark.parametrize("clusters", [40, 200])
def test_equal_models_are_rarely_told_apart(clusters):
    """Of all pairs of six equal models together, in about 5 % of simulations or fewer."""
    generator = np.random.default_rng(clusters)
    wrong = 0
    for _ in range(200):
        hard = generator.normal(0, 0.15, clusters)
        shares = np.clip(0.6 + hard, 0, 1)
        members = [counted(generator.random(clusters) < shares) for _ in range(6)]
        p = adjusted_p(members, draws=2000)
        wrong += bool((p <= 0.05).any())
    assert wrong <= 18  # binomial(200, 0.05) is above it once in 200


def test_ranges_hold_the_true_ranks_and_say_something():
    truth = [0.8, 0.7, 0.7, 0.5, 0.4]
    places = [(1, 1), (2, 3), (2, 3), (4, 4), (5, 5)]
    generator = np.random.default_rng(5)
    held = widths = 0
    for _ in range(60):
        hard = generator.normal(0, 0.1, 400)
        right = [generator.random(400) < np.clip(share + hard, 0, 1) for share in truth]
        found = ranked([rival(one) for one in right]).ranges
        pairs = zip(found, places, strict=True)
        held += all(low <= first and last <= high for (low, high), (first, last) in pairs)
        widths += sum(high - low for low, high in found)
    assert held >= 54
    assert widths / 60 <= 5


def flat(right, value):
    """A rival whose score goes by thirds, so that no cluster moves it."""
    thirds = replace(accuracy(), value=lambda sums: np.floor(3 * sums[..., 0] / sums[..., 1]) / 3)
    return Rival(value=value, counted=counted(right, thirds))


def test_what_has_no_slope_is_ranked_by_intervals():
    good, bad = ([i < share for i in range(300)] for share in (250, 20))
    far = [flat(good, number(2 / 3, 0.1)), flat(bad, number(0.0, 0.1))]
    assert ranked(far).ranges == ((1, 1), (2, 2))
    assert ranked(far).by == ("intervals",) * 2
    near = [flat(good, number(2 / 3, 0.4)), flat(bad, number(0.0, 0.4))]
    assert ranked(near).ranges == ((1, 2), (1, 2))
    unknown = [flat(good, number(2 / 3)), flat(bad, number(0.0))]
    assert ranked(unknown).ranges == ((1, 2), (1, 2))


def test_the_error_is_shared_only_with_what_can_be_told_apart():
    base = [1] * 200
    lost = [0] * 6 + [1] * 194  # 2 of 64 exchanges: sure at 5 %, and not at half of it
    pair = [replace(rival(one), value=number(float(np.mean(one)), 0.1)) for one in (base, lost)]
    assert ranked(pair).ranges == ((1, 1), (2, 2))
    bare = Rival(value=number(0.5), counted=None)
    assert ranked([*pair, bare]).better[0, 1]
    spanned = Rival(value=number(0.5, 0.1), counted=None)
    assert not ranked([*pair, spanned]).better[0, 1]


def test_scores_say_no_less_than_intervals_of_few_clusters():
    good, bad = [1] * 9, [0] * 8 + [1]
    held = [replace(rival(one), value=number(float(np.mean(one)), 0.2, 9)) for one in (good, bad)]
    assert ranked(held).ranges == ((1, 1), (2, 2))
    assert ranked([replace(one, counted=None) for one in held]).ranges == ((1, 1), (2, 2))


def test_f1_is_compared_too():
    (f1,) = (m for m in precision_recall_f1() if m.name == "f1")
    good, bad = (
        Counted(
            metric=f1,
            samples="same",
            sums=rows.sum(axis=0),
            by_cluster=rows,
            scale=rows.sum(axis=0),
            strata=np.zeros(200, dtype=np.intp),
            leverages=np.full(200, 1 / 200),
        )
        for rows in (_f1_rows(f1, 0.9), _f1_rows(f1, 0.55))
    )
    assert adjusted_p([good, bad])[0, 1] < 0.01


def _f1_rows(metric, share):
    scores = answered(share, 1, clusters=200, task="pope")
    rows = np.array([metric.row([score]) for score in scores], dtype=float)
    return rows.reshape(200, 3, -1).sum(axis=1)


# Intervals alone


def test_intervals_that_do_not_touch_tell_apart():
    rivals = [Rival(value=number(v, 0.02), counted=None) for v in (0.9, 0.7, 0.71)]
    ranking = ranked(rivals)
    assert ranking.ranges == ((1, 1), (2, 3), (2, 3))
    assert ranking.by == ("intervals",) * 3


def test_intervals_are_stretched_to_hold_together():
    low, high = stretched(number(0.5, 0.1, clusters=30), 0.99)
    assert low < 0.4
    assert high > 0.6
    assert stretched(number(0.5), 0.95) == (float("-inf"), float("inf"))
    two = [Rival(value=number(v, 0.0499), counted=None) for v in (0.5, 0.6)]
    assert ranked(two).ranges == ((1, 2), (1, 2))  # 95 % intervals that just do not touch


def test_less_may_be_better():
    rivals = [Rival(value=number(v, 0.02), counted=None) for v in (0.9, 0.7)]
    assert ranked(rivals, higher=False).ranges == ((2, 2), (1, 1))


def test_scores_and_intervals_stand_in_one_ranking():
    generator = random.Random(2)
    right = [rival([generator.random() < share for _ in range(400)]) for share in (0.9, 0.6)]
    right = [replace(one, value=number(one.value.value, 0.05)) for one in right]
    alone = Rival(value=number(0.3, 0.05), counted=None)
    ranking = ranked([*right, alone])
    assert ranking.ranges == ((1, 1), (2, 2), (3, 3))
    assert ranking.by == ("both", "both", "intervals")


# Whom nobody tells from the best


def test_undistinguished_from_records_alone():
    shares = {"good": 0.8, "near": 0.78, "bad": 0.4}
    held = [(record(n, result(answered(s, 1))), s) for n, s in shares.items()]
    given_ = [(made, made.results[0], None) for made, _ in held]
    assert undistinguished(given_, "accuracy") == {0, 1}
    assert undistinguished(given_[::-1], "accuracy") == {1, 2}
    assert undistinguished(given_, "no such metric") == frozenset()
    assert undistinguished([], "accuracy") == frozenset()


def test_undistinguished_by_scores_where_intervals_touch(results):
    good = answered(0.6, 1)
    right = [i for i, score in enumerate(good) if score.values["correct"]]
    bad = list(good)
    for i in right[::9]:  # 1 of 9 answers lost, and none won
        bad[i] = replace(bad[i], values={"correct": 0.0})
    sides = {}
    for name, scores in (("good", good), ("bad", bad)):
        written(results / name, record(name, result(scores)), {"gqa": scores})
        sides[name] = load(results / name)
    held = [(one.record, one.result("gqa"), one) for one in sides.values()]
    assert undistinguished(held, "accuracy") == {0}
    assert undistinguished([(r, t, None) for r, t, _ in held], "accuracy") == {0, 1}


def test_of_published_numbers_the_best_alone_and_its_equals():
    made = [published(name, value) for name, value in (("a", 0.7), ("b", 0.7), ("c", 0.699))]
    assert undistinguished([(m, m.results[0], None) for m in made], "accuracy") == {0, 1}


def test_what_may_not_stand_beside_the_best_is_not_with_it():
    made = [result(answered(share, 1)) for share in (0.8, 0.79)]
    other = replace(made[1].fingerprint, prompt=replace(made[1].fingerprint.prompt, variant="qwen"))
    made[1] = replace(made[1], fingerprint=other)
    records = [record(name, one) for name, one in zip("ab", made, strict=True)]
    found = undistinguished([(r, r.results[0], None) for r in records], "accuracy")
    assert len(found) == 1


def test_an_equal_number_of_other_data_is_not_with_the_best():
    scores = answered(0.8, 1)
    made = result(scores)
    other = replace(made.fingerprint, dataset=replace(made.fingerprint.dataset, digest="0" * 64))
    records = [record("a", made), record("b", replace(made, fingerprint=other)), record("c", made)]
    held = [(r, r.results[0], None) for r in records]
    assert undistinguished(held, "accuracy") == {0, 2}
    assert undistinguished(held[1:], "accuracy") == {0}
    top = made.metrics["accuracy"].value
    told = [
        (r, r.results[0], None) for r in (published("p", top), published("q", top, card="q.md"))
    ]
    assert undistinguished([*told, *held], "accuracy") == {2, 4}


def test_equal_numbers_of_two_publications_are_not_compared():
    made = [published(name, 0.7) for name in "abc"]
    told = replace(made[2].publication, digest="e" * 64)
    made[2] = replace(made[2], publication=told)
    assert undistinguished([(m, m.results[0], None) for m in made], "accuracy") == {0, 1}


def test_a_task_says_what_is_better():
    assert all(m.higher_is_better is not False for m in load_task("gqa").metrics)
