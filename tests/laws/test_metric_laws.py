"""Laws that every metric of every task keeps.

The table is made of what `evalkit.tasks` holds, variants included, so a new task is under the laws
as soon as rows.json beside this file has some rows of it. Each law is a plain function that
asserts; the last tests break metrics on purpose and see the law complain.
"""

import json
import math
import pkgutil
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import tasks
from evalkit.audit import best_text
from evalkit.metrics import accuracy
from evalkit.metrics.judged import BEST, WORST
from evalkit.records import Image, Prediction, Sample, SampleScore, Verdict
from evalkit.score import score_predictions
from evalkit.stats import delta_interval, interval
from evalkit.sums import Statistics, statistics, total
from evalkit.task import Metric, Task

ROWS = json.loads(Path(__file__).with_name("rows.json").read_text(encoding="utf-8"))
NAMES = sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))
BASES = [import_module(f"evalkit.tasks.{name}").TASK for name in NAMES]


def judged(task):
    """A judged task under a judge that knows what is right; any other task as it is."""
    judging = task.judging
    if judging is None:
        return task
    best, worst = (BEST, WORST) if judging.own.pairwise else ((1.0,), (0.0,))

    def score(sample, text):
        if text is None:
            return judging.score(sample, None, ())
        right = text in ("yes", sample.targets[0])
        verdict = Verdict(sample_id=sample.id, ratings=best if right else worst)
        return judging.score(sample, text, (verdict,))

    return replace(
        task,
        protocol="judged",
        score=score,
        metrics=judging.metrics,
        headline=judging.headline["official"],
        breakdowns=judging.breakdowns,
    )


TASKS = [task for base in BASES for task in (base, *map(base.variant, base.variants))]
RULED = [judged(task.under(name)) for task in TASKS for name in (task.protocol, *task.protocols)]
TABLE = [(task, metric) for task in RULED for metric in task.metrics if task.folder in ROWS]
EVERY_METRIC = pytest.mark.parametrize(
    ("task", "metric"),
    TABLE,
    ids=[f"{task.name}-{task.protocol}-{metric.name}" for task, metric in TABLE],
)
WRONG = ("", "I cannot tell.", None)
FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


# Answers to draw from


@dataclass(frozen=True)
class Exam:
    """Some samples of a task, and a text for each; None is a failed prediction."""

    task: Task
    samples: tuple[Sample, ...]
    gold: tuple[str, ...]
    texts: tuple[str | None, ...]

    def scores(self, texts: Sequence[str | None] | None = None) -> tuple[SampleScore, ...]:
        given_texts = self.texts if texts is None else texts
        predictions = {
            sample.id: Prediction(sample_id=sample.id, text=text)
            for sample, text in zip(self.samples, given_texts, strict=True)
        }
        return score_predictions(self.task, self.samples, predictions)


def exam(task: Task, seed: int) -> Exam:
    """One to twelve copies of the task's rows, two copies to an image, answered at some skill."""
    dice = random.Random(seed)
    entries = [(n, entry) for n in range(dice.choice((1, 2, 5, 12))) for entry in ROWS[task.folder]]
    dice.shuffle(entries)
    samples = tuple(copied(task.to_sample(with_picture(entry["row"])), n) for n, entry in entries)
    gold = tuple(gold_text(entry, task.protocol) for _, entry in entries)
    skill, others = dice.choice((0.0, 0.3, 0.6, 0.9, 1.0)), (*WRONG, *sorted(set(gold)))
    texts = tuple(text if dice.random() < skill else dice.choice(others) for text in gold)
    return Exam(task, samples, gold, texts)


def gold_text(entry: dict, protocol: str) -> str:
    """A right answer under a protocol: one text for all, or an object of those that differ."""
    gold = entry["gold"]
    return gold if isinstance(gold, str) else gold.get(protocol, gold["official"])


def with_picture(row: dict) -> dict:
    picture = Image(key="picture", read=lambda: b"")
    return row | {"image": row["image"] and picture}


def copied(sample: Sample, n: int) -> Sample:
    return replace(
        sample,
        id=f"{n}/{sample.id}",
        group=None if sample.group is None else f"{n}/{sample.group}",
        cluster=f"{n // 2}/{sample.cluster}",
    )


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
        except AssertionError:
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
    def independent(metric, scores):
        rows = statistics(metric, scores).rows
        return Statistics(rows=rows, codes=np.arange(len(rows)), clusters=len(rows))

    monkeypatch.setattr("evalkit.stats.statistics", independent)
    assert complaint(LAWS["duplicates"], accuracy())
