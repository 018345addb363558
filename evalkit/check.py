"""Whether a task file is sound: its form, and, given rows, its prompts, scorers and metrics."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from evalkit import registry
from evalkit.audit import best_text
from evalkit.data import DataSource, load, select
from evalkit.errors import EvalkitError, UsageError
from evalkit.records import Prediction, Sample, SampleScore
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
    found = [*_form(path), *_names(task), *_rules(task), *_files(task), *_templates(task)]
    if folder is not None and not found:
        found.extend(_on_rows(task, DataSource(folder=folder)))
    return list(dict.fromkeys(found))


def _form(path: Path) -> Iterable[str]:
    source = path.read_text(encoding="utf-8")
    if not ast.get_docstring(ast.parse(source)):
        yield "The file has no docstring; say what the benchmark is and whose scorer it follows."
    if (lines := source.count("\n")) > MAX_LINES:
        yield f"The file has {lines} lines, more than {MAX_LINES}."


def _names(task: Task) -> Iterable[str]:
    if not task.prompts:
        yield "There is no prompt variant."
    if task.version < 1:
        yield f"The version must be at least 1, not {task.version}."
    if task.generation.max_new_tokens < 1:
        yield "max_new_tokens must be at least 1."
    ref = task.dataset
    if missing := set(ref.image_columns) - {*ref.columns, *ref.optional_columns, *_joined(task)}:
        yield f"The image column {min(missing)!r} is not among the dataset's columns."


def _joined(task: Task) -> Sequence[str]:
    return task.dataset.join.columns if task.dataset.join else ()


def _rules(task: Task) -> Iterable[str]:
    """The numbers, under the task's own rules and under everybody else's."""
    if task.protocol in task.protocols:
        yield f"The protocol {task.protocol!r} is the task's own, and one of `protocols`."
    for name, rules in task.protocols.items():
        if not rules.source.strip():
            yield f"The protocol {name!r} has no source; say whose rules these are, and where."
    for where, ruled in _rulings(task):
        yield from _metrics(ruled, where)


def _metrics(task: Task, where: str) -> Iterable[str]:
    metrics = [metric.name for metric in task.metrics]
    for names in (metrics, [metric.name for metric in task.slice_metrics or ()]):
        if len(set(names)) < len(names):
            yield f"Two metrics have the same name{where}: {', '.join(names)}."
    for name in task.headline:
        if name not in metrics:
            yield f"The headline {name!r} is none of the metrics{where} ({', '.join(metrics)})."


def _rulings(task: Task) -> Iterable[tuple[str, Task]]:
    """The task under each protocol, after words that say which; none for its own."""
    yield "", task
    for name in task.protocols:
        yield f" under the protocol {name!r}", task.under(name)


def _files(task: Task) -> Iterable[str]:
    try:
        registry.official_files(task)
    except UsageError as error:
        yield str(error)


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
        for where, ruled in _rulings(task):
            yield from _scores(ruled, samples, where)
    except EvalkitError as error:
        yield str(error)


def _scores(task: Task, samples: Sequence[Sample], where: str) -> Iterable[str]:
    known = [sample for sample in samples if sample.targets]
    failed = score_predictions(task, samples, {})
    best = _scored(task, known, [best_text(task, sample) or "" for sample in known])
    metrics = (*task.metrics, *(task.slice_metrics or ()))
    for metric in dict.fromkeys(metrics):
        low, high = total(task, metric, failed), total(task, metric, best)
        if not _defined(low) and not _defined(high):
            count = len(samples)
            yield f"The metric {metric.name!r} is undefined{where} on {count} of its samples."
        elif _worse(metric, high, low):
            yield (
                f"The metric {metric.name!r} is{where} {high:.4g} for gold answers and {low:.4g} "
                "when every sample fails; a failed sample must be wrong."
            )
    if known and metrics:
        yield from _best(task, known, best, where)


def _best(
    task: Task, samples: Sequence[Sample], best: Sequence[SampleScore], where: str
) -> Iterable[str]:
    """Whether the best texts are right, and no gold answers are better.

    What they reach may be less than 1: ten people who disagree leave no answer that is all right.
    """
    failed = score_predictions(task, samples, {})
    if all(a.values == b.values for a, b in zip(best, failed, strict=True)):
        yield f"The best texts score as failed predictions do{where}; is `best` right, or missing?"
        return
    for place in range(max(len(sample.targets) for sample in samples)):
        others = [sample.targets[place % len(sample.targets)] for sample in samples]
        scores = _scored(task, samples, others)
        for metric in task.metrics:
            ours, theirs = total(task, metric, best), total(task, metric, scores)
            if _worse(metric, ours, theirs):
                yield (
                    f"The metric {metric.name!r}{where} is {ours:.4g} for the best texts and "
                    f"{theirs:.4g} for gold answer {place + 1} of each sample; `best` must give a "
                    "text that scores as well as any."
                )
                return


def _scored(task: Task, samples: Sequence[Sample], texts: Sequence[str]) -> Sequence[SampleScore]:
    predictions = {
        sample.id: Prediction(sample_id=sample.id, text=text)
        for sample, text in zip(samples, texts, strict=True)
    }
    return score_predictions(task, samples, predictions)


def _defined(value: float) -> bool:
    return not math.isnan(value)


def _worse(metric: Metric, one: float, two: float) -> bool:
    """Whether the first value is the worse; not where a value, or what is better, is undefined."""
    if metric.higher_is_better is None or math.isclose(one, two, rel_tol=1e-9):
        return False
    return one < two if metric.higher_is_better else one > two
