"""Laws that every metric of every task keeps.

The table of metrics, and what is answered, stand in exams.py. Each law is a plain function that
asserts; the last tests break metrics on purpose and see the law complain.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from exams import IDS, NAMES, ROWS, TABLE, TASKS, WRONG, Exam, exam
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audit import best_text
from evalkit.errors import UsageError
from evalkit.metrics import accuracy
from evalkit.records import SampleScore
from evalkit.stats import delta_interval, interval
from evalkit.sums import Statistics, statistics, total
from evalkit.task import Metric

EVERY_METRIC = pytest.mark.parametrize(("task", "metric"), TABLE, ids=IDS)
FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


# The laws


def same(one: float, two: float, tolerance: float = 1e-12) -> bool:
    both_undefined = math.isnan(one) and math.isnan(two)
    return both_undefined or math.isclose(one, two, rel_tol=tolerance, abs_tol=tolerance)


def order_does_not_matter(metric: Metric, scores: Sequence[SampleScore], dice: random.Random):
    shuffled = dice.sample(scores, k=len(scores))
    assert same(total(metric, scores), total(metric, shuffled))


def shards_add_up(metric: Metric, scores: Sequence[SampleScore], dice: random.Random):
    """Units are dealt to three shards, some of them empty; a group stays together."""
    shard_of: dict[str, int] = {}
    shards: list[list[SampleScore]] = [[], [], []]
    for score in scores:
        place = shard_of.setdefault(score.group or score.sample_id, dice.randrange(3))
        shards[place].append(score)
    sums = sum(statistics(metric, shard).sums for shard in shards)
    assert same(float(metric.value(sums)), total(metric, scores))


def many_sums_are_valued_at_once(metric: Metric, scores: Sequence[SampleScore]):
    rows = statistics(metric, scores).rows
    together = metric.value(rows)
    assert together.shape == rows.shape[:1]
    assert all(
        same(float(metric.value(row)), float(n)) for row, n in zip(rows, together, strict=True)
    )


def value_is_in_range(metric: Metric, scores: Sequence[SampleScore]):
    value = total(metric, scores)
    assert math.isnan(value) or metric.low <= value <= metric.high


def gold_is_best(metric: Metric, scores: Sequence[SampleScore]):
    value = total(metric, scores)
    assert math.isnan(value) or value == (metric.high if metric.higher_is_better else metric.low)


def an_error_never_helps(
    metric: Metric, right: Sequence[SampleScore], wrong: Sequence[SampleScore]
):
    """The same scores, but for one right answer that is something else in the second."""
    before, after = total(metric, right), total(metric, wrong)
    gain = after - before if metric.higher_is_better else before - after
    assert math.isnan(gain) or gain <= 1e-12


def one_changed(
    drawn: Exam, dice: random.Random, others: Sequence[str | None]
) -> tuple[Sequence[SampleScore], Sequence[SampleScore]]:
    """Scores with one answer right, and with one of the others in its place."""
    place = dice.randrange(len(drawn.texts))
    right, wrong = list(drawn.texts), list(drawn.texts)
    right[place], wrong[place] = drawn.gold[place], dice.choice(others)
    return drawn.scores(right), drawn.scores(wrong)


def interval_holds_the_value(metric: Metric, scores: Sequence[SampleScore]):
    found = interval(metric, scores)
    if found is None:
        assert math.isnan(total(metric, scores))
    elif found.low is not None:
        assert metric.low <= found.low <= found.value <= found.high <= metric.high


def duplicates_tell_nothing_new(metric: Metric, scores: Sequence[SampleScore]):
    """Each unit asked twice about the same image: the same number, no surer than before."""
    twice = [*scores, *map(asked_again, scores)]
    assert same(total(metric, scores), total(metric, twice))
    before, after = (delta_interval(metric, statistics(metric, s)) for s in (scores, twice))
    assert (before is None) == (after is None)
    assert before is None or after == pytest.approx(before, rel=1e-6, abs=1e-9)

    apart = [replace(s, cluster=unit_of(metric, s)) for s in scores]
    known = interval(metric, apart)
    again = interval(metric, [*apart, *map(asked_again, apart)])
    assert known is None or (known.low is None) == (again.low is None)
    if known is not None and known.low is not None:
        assert again.high - again.low >= (known.high - known.low) * (1 - 1e-9)


def asked_again(score: SampleScore) -> SampleScore:
    group = None if score.group is None else f"{score.group}, again"
    return replace(score, sample_id=f"{score.sample_id}, again", group=group)


def unit_of(metric: Metric, score: SampleScore) -> str:
    return (score.group if metric.unit == "group" else None) or score.sample_id


# Every metric keeps them


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_rows(name):
    assert ROWS.get(name), f"tests/laws/rows.json has no rows of {name!r}: add three or four."


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_order_does_not_matter(task, metric, seed):
    order_does_not_matter(metric, exam(task, seed).scores(), random.Random(seed))


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_shards_add_up(task, metric, seed):
    shards_add_up(metric, exam(task, seed).scores(), random.Random(seed))


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_many_sums_are_valued_at_once(task, metric, seed):
    many_sums_are_valued_at_once(metric, exam(task, seed).scores())


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_value_is_in_range(task, metric, seed):
    value_is_in_range(metric, exam(task, seed).scores())


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_gold_answers_are_best(task, metric, seed):
    if metric.higher_is_better is None:
        return
    drawn = exam(task, seed)
    scores = drawn.scores(drawn.gold)
    gold_is_best(metric, scores)
    if metric.name in task.headline:
        assert not math.isnan(total(metric, scores))


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_the_best_text_is_best(task, metric, seed):
    if metric.higher_is_better is None:
        return
    drawn = exam(task, seed)
    gold_is_best(metric, drawn.scores([best_text(task, sample) for sample in drawn.samples]))


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_a_failure_never_helps(task, metric, seed):
    if metric.higher_is_better is None:
        return
    dice = random.Random(seed)
    an_error_never_helps(metric, *one_changed(exam(task, seed), dice, [None]))


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_a_wrong_text_never_helps(task, metric, seed):
    """Another's gold answer, nothing, or a sentence without an answer in place of a right answer.

    It holds for every metric of every protocol, lmms-eval's POPE included: that leaves an unread
    text out of precision and recall, but a right answer that is left out helps neither.
    """
    if metric.higher_is_better is None:
        return
    dice, drawn = random.Random(seed), exam(task, seed)
    texts = [text for text in (*drawn.gold, *WRONG) if text is not None]
    an_error_never_helps(metric, *one_changed(drawn, dice, texts))


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_intervals_hold_the_value(task, metric, seed):
    interval_holds_the_value(metric, exam(task, seed).scores())


@EVERY_METRIC
@FEW
@given(seed=SEEDS)
def test_duplicates_tell_nothing_new(task, metric, seed):
    duplicates_tell_nothing_new(metric, exam(task, seed).scores())


# A law that cannot fail is no law


def complaint(law, metric: Metric) -> bool:
    """Whether the law fails for the metric in some of thirty exams."""
    gqa = next(task for task in TASKS if task.name == "gqa")
    for seed in range(30):
        drawn = exam(gqa, seed)
        try:
            law(metric, drawn, random.Random(seed))
        except (AssertionError, UsageError):
            return True
    return False


LAWS = {
    "order": lambda metric, drawn, dice: order_does_not_matter(metric, drawn.scores(), dice),
    "shards": lambda metric, drawn, dice: shards_add_up(metric, drawn.scores(), dice),
    "many": lambda metric, drawn, _: many_sums_are_valued_at_once(metric, drawn.scores()),
    "range": lambda metric, drawn, _: value_is_in_range(metric, drawn.scores()),
    "gold": lambda metric, drawn, _: gold_is_best(metric, drawn.scores(drawn.gold)),
    "failure": lambda metric, drawn, dice: an_error_never_helps(
        metric, *one_changed(drawn, dice, [None])
    ),
    "wrong text": lambda metric, drawn, dice: an_error_never_helps(
        metric, *one_changed(drawn, dice, drawn.gold)
    ),
    "interval": lambda metric, drawn, _: interval_holds_the_value(metric, drawn.scores()),
    "duplicates": lambda metric, drawn, _: duplicates_tell_nothing_new(metric, drawn.scores()),
}


def broken(law: str) -> Metric:
    """An accuracy that breaks the law."""
    right, seen = accuracy(), count()

    def earlier_weigh_more(unit):
        return unit[0].values["correct"] / (1 + next(seen)), 1.0

    def an_error_counts(unit):
        return float(not unit[0].failed and not unit[0].values["correct"]), 1.0

    return {
        "order": replace(right, row=earlier_weigh_more),
        "shards": replace(right, row=earlier_weigh_more),
        "many": replace(right, value=lambda sums: right.value(sums.reshape(-1, 2)[0])),
        "range": replace(right, value=lambda sums: 100 * right.value(sums)),
        "gold": replace(right, value=lambda sums: 1 - right.value(sums)),
        "failure": replace(right, row=lambda unit: (float(unit[0].failed), 1.0)),
        "wrong text": replace(right, row=an_error_counts),
        "interval": replace(right, high=0.5),
        "duplicates": replace(right, value=lambda sums: sums[..., 0] / (1 + sums[..., 1])),
    }[law]


@pytest.mark.parametrize("law", LAWS)
def test_the_law_sees_a_broken_metric(law):
    assert complaint(LAWS[law], broken(law))
    assert not complaint(LAWS[law], accuracy())


def test_the_law_of_duplicates_sees_questions_counted_as_independent(monkeypatch):
    def independent(metric, scores, strata):
        rows = statistics(metric, scores).rows
        return Statistics(rows=rows, codes=np.arange(len(rows)), clusters=len(rows))

    monkeypatch.setattr("evalkit.stats.statistics", independent)
    assert complaint(LAWS["duplicates"], accuracy())
