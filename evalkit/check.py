"""Whether a task file is sound: its form, and, given rows, its prompts, scorer and metrics."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from evalkit.data import DataSource, load, select
from evalkit.errors import EvalkitError
from evalkit.records import Prediction, Sample
from evalkit.score import score_predictions, total
from evalkit.task import Metric, Task

MAX_LINES = 120
"""Lines of a task file; longer ones hold what belongs in `evalkit.answers` or `evalkit.metrics`."""

TRIED = 200
"""Samples, in whole groups, on which prompts, scorer and metrics are tried."""


def faults(task: Task, path: Path, folder: Path | None = None) -> list[str]:
    """What is wrong with a task, one sentence each; empty when it is sound.

    Args:
        task: The task.
        path: Its file.
        folder: A data folder with rows of the task, as for `--data`; None checks the form alone.
    """
    found = [*_form(path), *_names(task), *_templates(task)]
    if folder is not None and not found:
        found.extend(_on_rows(task, DataSource(folder=folder)))
    return found


def _form(path: Path) -> Iterable[str]:
    source = path.read_text(encoding="utf-8")
    if not ast.get_docstring(ast.parse(source)):
        yield "The file has no docstring; say what the benchmark is and whose scorer it follows."
    if (lines := source.count("\n")) > MAX_LINES:
        yield f"The file has {lines} lines, more than {MAX_LINES}."


def _names(task: Task) -> Iterable[str]:
    metrics = [metric.name for metric in task.metrics]
    if len(set(metrics)) < len(metrics):
        yield f"Two metrics have the same name: {', '.join(metrics)}."
    for name in task.headline:
        if name not in metrics:
            yield f"The headline {name!r} is none of the metrics ({', '.join(metrics)})."
    if not task.prompts:
        yield "There is no prompt variant."
    if task.version < 1:
        yield f"The version must be at least 1, not {task.version}."
    if task.generation.max_new_tokens < 1:
        yield "max_new_tokens must be at least 1."
    if missing := set(task.dataset.image_columns) - {*task.dataset.columns, *_joined(task)}:
        yield f"The image column {min(missing)!r} is not among the dataset's columns."


def _joined(task: Task) -> Sequence[str]:
    return task.dataset.join.columns if task.dataset.join else ()


def _templates(task: Task) -> Iterable[str]:
    import jinja2

    for name, prompt in task.prompts.items():
        try:
            jinja2.Environment(autoescape=False).parse(prompt.template)  # noqa: S701 - only parsed
        except jinja2.TemplateSyntaxError as error:
            yield f"The prompt variant {name!r} is not a jinja2 template: {error}."


def _on_rows(task: Task, source: DataSource) -> Iterable[str]:
    try:
        samples = select(load(task, source).samples, TRIED, 0)
        for prompt in task.prompts.values():
            for sample in samples:
                prompt.render(sample)
        yield from _scores(task, samples)
    except EvalkitError as error:
        yield str(error)


def _scores(task: Task, samples: Sequence[Sample]) -> Iterable[str]:
    failed = score_predictions(task, samples, {})
    gold = score_predictions(
        task,
        samples,
        {s.id: Prediction(sample_id=s.id, text=s.targets[0]) for s in samples if s.targets},
    )
    for metric in task.metrics:
        low, high = total(task, metric, failed), total(task, metric, gold)
        if not _defined(low) and not _defined(high):
            yield f"The metric {metric.name!r} is undefined on {len(samples)} of its samples."
        elif _defined(low) and _defined(high) and _worse(metric, high, low):
            yield (
                f"The metric {metric.name!r} is {high:.4g} for gold answers and {low:.4g} when "
                "every sample fails; a failed sample must be wrong."
            )


def _defined(value: float) -> bool:
    return not math.isnan(value)


def _worse(metric: Metric, gold: float, failed: float) -> bool:
    if metric.higher_is_better is None:
        return False
    return gold < failed if metric.higher_is_better else gold > failed
