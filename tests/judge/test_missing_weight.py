"""Missing verdicts carry no weight: `judged` is as if the others had been all, interval and all."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.judge.order import judging_of
from evalkit.paired import estimate, pair
from evalkit.records import Failure, Sample, SampleScore, Verdict
from evalkit.registry import load_task
from evalkit.stats import interval, wilson

Z = 1.959963984540054
LOST = Failure(kind="unreadable", message="?")
READ = {"mmvet": (0.5,), "llava_bench_wild": (8.0, 6.0), "mmvp:judged": (1.0,)}


def metric_of(name):
    return next(m for m in judging_of(load_task(name)).metrics if m.name == "judged")


def scores_of(name, ratings, size=1):
    """Scores of samples whose verdicts have ratings, or failed (None); groups of a size."""
    judging = judging_of(load_task(name))
    for place, rating in enumerate(ratings):
        verdict = Verdict(
            sample_id=f"{place}", ratings=rating, reply="", failure=None if rating else LOST
        )
        group = f"{place // size}"
        sample = Sample(id=f"{place}", question="?", cluster=group, group=group)
        told = judging.score(sample, "an answer", (verdict,))
        yield SampleScore(
            sample_id=sample.id,
            answer=told.answer,
            targets=(),
            values=told.values,
            group=group,
            cluster=group,
            tags={},
            failed=False,
        )


@pytest.mark.parametrize("name", ["mmvet", "llava_bench_wild"])
@given(marks=st.lists(st.none() | st.integers(1, 10), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_judged_is_as_if_the_judged_had_been_all(name, marks):
    rating = {"mmvet": lambda m: (m / 10,), "llava_bench_wild": lambda m: (8.0, float(m))}[name]
    ratings = [None if mark is None else rating(mark) for mark in marks]
    every = list(scores_of(name, ratings))
    there = [score for score in every if score.values["judged"]]
    metric = metric_of(name)
    assert interval(metric, every) == interval(metric, there)
    others = list(reversed(there))
    lost = iter(others)
    again = [next(lost) if score.values["judged"] else score for score in every]
    names = [(score.sample_id, score.cluster) for score in every]
    again = [rename(score, *told) for score, told in zip(again, names, strict=True)]
    left = [score for score in again if score.values["judged"]]
    assert estimate(metric, pair(metric, every, again), draws=50) == (
        estimate(metric, pair(metric, there, left), draws=50)
    )


def rename(score, sample_id, cluster):
    return replace(score, sample_id=sample_id, cluster=cluster, group=cluster)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("there", [1, 8])
def test_where_nothing_varies_the_trials_are_those_that_were_judged(name, there):
    size = 2 if name == "mmvp:judged" else 1
    ratings = [READ[name]] * there * size + [None] * (24 - there) * size
    metric = metric_of(name)
    found = interval(metric, list(scores_of(name, ratings, size)))
    share = found.value / metric.high
    low, high = wilson(share, there, Z)
    assert (found.n, found.clusters) == (there, there)
    if there > 1:
        assert found.low == pytest.approx(low * metric.high)
        assert found.high == pytest.approx(min(high, 1.0) * metric.high)


def test_strata_stay_with_their_clusters():
    metric = metric_of("mmvet")
    ratings = [None, (0.5,), (0.2,), None, (0.9,)]
    every = list(scores_of("mmvet", ratings))
    strata = dict(zip("01234", "abcab", strict=True))
    found = pair(metric, every, every, strata=strata)
    assert found.strata.tolist() == [1, 2, 1]
    assert found.codes.tolist() == [0, 1, 2]
