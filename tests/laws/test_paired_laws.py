"""Laws of a paired difference, over every metric of every task.

Two runs answer the same exam; what is said of their difference may not depend on which of them is
called first, on the order of the samples, or on how the exchanges of the two were made.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from exams import IDS, TABLE, WRONG, exam
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from evalkit import resampling
from evalkit.errors import UsageError
from evalkit.paired import Estimate, Paired, estimate, pair
from evalkit.records import SampleScore
from evalkit.sampling import Draws
from evalkit.sums import total
from evalkit.task import Metric

EVERY_METRIC = pytest.mark.parametrize(("task", "metric"), TABLE, ids=IDS)
FEW = settings(max_examples=8, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
DRAWS = 300

Scores = Sequence[SampleScore]


def two_runs(task, seed) -> tuple[Scores, Scores]:
    """An exam, and the same with some answers changed."""
    drawn, dice = exam(task, seed, copies=(1, 5, 30)), random.Random(seed)
    others, share = (*WRONG, *sorted(set(drawn.gold))), dice.choice((0.1, 0.5))
    texts = [dice.choice(others) if dice.random() < share else text for text in drawn.texts]
    return drawn.scores(), drawn.scores(texts)


def compared(metric: Metric, first: Scores, second: Scores) -> Estimate | None:
    """The estimate, or None where a metric counts what only one of the runs has."""
    return estimate(metric, pair(metric, first, second), draws=DRAWS)


def close(one: float | None, two: float | None) -> bool:
    return one is two or (one is not None and one == pytest.approx(two, rel=1e-7, abs=1e-9))


def closely(metric: Metric, one: Sequence[float] | None, two: Sequence[float] | None) -> bool:
    if one is None or two is None:
        return one is two
    return one == pytest.approx(two, rel=1e-6, abs=1e-8 * (metric.high - metric.low))


# The laws


def values_are_the_metrics(metric: Metric, first: Scores, second: Scores):
    found = compared(metric, first, second)
    one, two = total(metric, first), total(metric, second)
    if found is None:
        assert math.isnan(one) or math.isnan(two)
    else:
        assert (found.first, found.second, found.difference) == (one, two, two - one)


def swapping_mirrors(metric: Metric, first: Scores, second: Scores):
    one, two = compared(metric, first, second), compared(metric, second, first)
    assert (one is None) == (two is None)
    if one is None:
        return
    assert two.difference == -one.difference
    assert (two.p, two.p_method, two.method) == (one.p, one.p_method, one.method)
    assert (two.won, two.lost, two.tied) == (one.lost, one.won, one.tied)
    assert (two.discordant, two.clusters, two.n) == (one.discordant, one.clusters, one.n)
    assert close(two.correlation, one.correlation)
    if not alike(pair(metric, first, second)):
        there, back = one.interval(), two.interval()
        assert closely(metric, there, None if back is None else (-back[1], -back[0]))
        assert closely(metric, *([found.error or 0.0] for found in (one, two)))


def alike(both: Paired) -> bool:
    """Whether exchanging the runs gives the same clusters, so that nothing tells them apart."""
    first, second = (run.cluster_sums for run in both.runs)
    rows, mirrored = (
        np.unique(np.round(np.hstack(pair), 9), axis=0, return_counts=True)
        for pair in ((first, second), (second, first))
    )
    return all(np.array_equal(a, b) for a, b in zip(rows, mirrored, strict=True))


def equal_runs_do_not_differ(metric: Metric, first: Scores, second: Scores):
    found = compared(metric, first, first)
    if found is None:
        return
    assert (found.difference, found.p, found.discordant) == (0.0, 1.0, 0)
    assert not found.won
    assert not found.lost
    if found.clusters > 1:
        low, high = found.interval()
        assert low == -high < 0 < high


def order_does_not_matter(metric: Metric, first: Scores, second: Scores):
    places = random.Random(1).sample(range(len(first)), k=len(first))
    found = compared(metric, first, second)
    again = compared(metric, [first[i] for i in places], [second[i] for i in places])
    assert (found is None) == (again is None)
    if found is None:
        return
    assert close(found.difference, again.difference)
    assert closely(metric, found.interval(), again.interval())
    assert (found.p, found.won, found.lost) == (again.p, again.won, again.lost)


def are_few_beyond(sampling: Draws, outside: float) -> bool:
    """Whether an end of the interval is a percentile beyond which there are less than ten draws."""
    share = norm.cdf(t.ppf(outside, sampling.df))
    return bool(share * len(sampling.values) < 10)


def tails_are_those_of_the_interval(metric: Metric, first: Scores, second: Scores):
    found = compared(metric, first, second)
    if found is None or found.sampling is None:
        return
    step, beside = 3 / DRAWS, 1e-7 * (metric.high - metric.low)  # percentiles lie between draws
    below, above = found.sampling.tail_below, found.sampling.tail_above
    for level in (0.5, 0.9):
        (low, high), outside = found.sampling.interval(level), (1 - level) / 2
        assert low <= high
        assert below(high + beside) - step <= outside
        assert above(low - beside) - step <= outside
        if isinstance(found.sampling, Draws) and are_few_beyond(found.sampling, outside):
            continue  # the interval is at least as wide as t's
        assert outside <= below(high - beside) + step
        assert outside <= above(low + beside) + step
    width = 3 * (metric.high - metric.low)
    assert 0 <= found.sampling.tail_below(width) < 0.5 < found.sampling.tail_above(width) <= 1


def random_exchanges_approach_all(metric: Metric, first: Scores, second: Scores):
    both = pair(metric, first, second)
    every, draws = estimate(metric, both, draws=DRAWS), 4000
    if every is None or not every.p_method.startswith("all"):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "ENUMERABLE", 0)
        drawn = estimate(metric, both, draws=draws)
    assert drawn.p_method.startswith("4,000 random exchanges")
    assert drawn.p == pytest.approx(every.p, abs=5 * (0.25 / draws) ** 0.5)


def doubled_clusters_tell_nothing_new(metric: Metric, first: Scores, second: Scores):
    """Each unit asked twice about the same image: the same difference, no surer than before."""
    found, again = (compared(metric, *each) for each in ((first, second), twice(first, second)))
    assert (found is None) == (again is None)
    if found is None:
        return
    assert close(found.difference, again.difference)
    assert (found.discordant, found.p) == (again.discordant, again.p)
    if metric.bounded:
        assert closely(metric, found.interval(), again.interval())


def twice(*runs: Scores) -> list[Scores]:
    def asked_again(score):
        group = None if score.group is None else f"{score.group}, again"
        return replace(score, sample_id=f"{score.sample_id}, again", group=group)

    return [[*scores, *map(asked_again, scores)] for scores in runs]


LAWS = (
    values_are_the_metrics,
    swapping_mirrors,
    equal_runs_do_not_differ,
    order_does_not_matter,
    tails_are_those_of_the_interval,
    random_exchanges_approach_all,
    doubled_clusters_tell_nothing_new,
)
EVERY_LAW = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)


@EVERY_LAW
@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_the_law_is_kept(task, metric, law, seed):
    first, second = two_runs(task, seed)
    if metric.only is not None and [*map(metric.only, first)] != [*map(metric.only, second)]:
        return
    law(metric, first, second)


# A law that cannot fail is no law


def complaint(law) -> bool:
    """Whether the law fails for some metric in some of twenty exams."""
    for (task, metric), seed in ((row, seed) for row in TABLE[::9] for seed in range(20)):
        first, second = two_runs(task, seed)
        try:
            law(metric, first, second)
        except AssertionError:
            return True
        except UsageError:
            continue
    return False


def unsorted(rows):
    return rows, np.ones(len(rows), dtype=np.intp)


BROKEN = {
    swapping_mirrors: ("evalkit.resampling.precedes", lambda rows, others: True),
    order_does_not_matter: ("evalkit.resampling.collapse", unsorted),
    random_exchanges_approach_all: (
        "evalkit.resampling.exchanged",
        lambda halves, draws, seed: halves.sum(axis=0) * np.linspace(-1, 1, draws)[:, None],
    ),
}


@pytest.mark.parametrize("law", BROKEN, ids=lambda law: law.__name__)
def test_the_law_sees_what_is_broken(law, monkeypatch):
    assert not complaint(law)
    monkeypatch.setattr(*BROKEN[law])
    assert complaint(law)
