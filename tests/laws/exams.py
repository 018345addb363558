"""Exams: samples of every task, and answers to them of some skill, for laws over all metrics.

The table is made of what `evalkit.tasks` holds, variants included, so a new task is under the laws
as soon as rows.json beside this file has some rows of it.
"""

import json
import pkgutil
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from evalkit import tasks
from evalkit.metrics.judged import BEST, WORST
from evalkit.records import Image, Prediction, Sample, SampleScore, Verdict
from evalkit.score import score_predictions
from evalkit.task import Task

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
IDS = [f"{task.name}-{task.protocol}-{metric.name}" for task, metric in TABLE]
WRONG = ("", "I cannot tell.", None)


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


def exam(task: Task, seed: int, copies: Sequence[int] = (1, 2, 5, 12)) -> Exam:
    """Some copies of the task's rows, two copies to an image, answered at some skill."""
    dice = random.Random(seed)
    entries = [(n, entry) for n in range(dice.choice(copies)) for entry in ROWS[task.folder]]
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
