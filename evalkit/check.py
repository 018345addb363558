"""Whether a task file is sound: its form, and, given rows, its prompts, scorers and metrics."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit import registry
from evalkit.audit import best_text
from evalkit.data import DataSource, load, select
from evalkit.errors import EvalkitError, UsageError
from evalkit.records import Failure, Outcome, Prediction, Sample, SampleScore, Verdict
from evalkit.rubric import OWN, Judging, checked
from evalkit.score import fitting, score_predictions, total
from evalkit.task import Metric, Task

MAX_LINES = 120
"""Lines of a task file; longer ones hold what belongs in `evalkit.answers` or `evalkit.metrics`."""

TRIED = 200
"""Samples, in whole groups, on which prompts, scorer and metrics are tried."""

TRIED_REPLIES = (
    *("", " ", "0", "1", "0.5", "5", "7 8", "8, 7", "10", "100", "-1", "yes", "no", "Yes.", "No."),
    *("Grade: 0.7", "Rating: 7/10", "**8**", "[[8]]", '{"score": 8}', "nan", "inf", "1e999"),
    *("I cannot say.", "The answer is right.\n\n1.0", "0.4 or 0.7", "A", "B", "C"),
)
"""Replies of a judge on which the reading of a judged task is tried."""


def faults(task: Task, path: Path, folder: Path | None = None) -> list[str]:
    """What is wrong with a task, one sentence each; empty when it is sound.

    Args:
        task: The task.
        path: Its file.
        folder: A data folder with rows of the task, as for `--data`; None checks the form alone.
    """
    found = [*_form(path), *_names(task), *_rules(task), *_files(task), *_templates(task)]
    found.extend(_judging(task))
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
        yield from _judged(task, samples)
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


def _judging(task: Task) -> Iterable[str]:
    """A judged task's numbers that stand for it, and how it reads replies."""
    judging = task.judging
    if judging is None:
        return
    if OWN not in judging.headline:
        yield f"The headlines of its judging have none for evalkit's own words ({OWN!r})."
    metrics = [metric.name for metric in judging.metrics]
    if len(set(metrics)) < len(metrics):
        yield f"Two metrics of its judging have the same name: {', '.join(metrics)}."
    if judging.further is None:  # which may give others, as rows will show
        yield from _headlines(judging, ())
    yield from _readings(task.name, judging)


def _readings(name: str, judging: Judging) -> Iterable[str]:
    read = checked(judging.own, name, judging).read
    for reply in (*TRIED_REPLIES, *judging.labels, *map(str, judging.scale or ())):
        try:
            read(reply)
        except UsageError as error:
            yield str(error)
            return


def _headlines(judging: Judging, further: Iterable[str]) -> Iterable[str]:
    """Names of headlines that are no number of the judging, of which some are no metrics."""
    known = [*(metric.name for metric in judging.metrics), *further]
    for origin, names in judging.headline.items():
        for name in names:
            if name not in known:
                yield (
                    f"The headline {name!r} of its judging, in words of origin {origin!r}, is none "
                    f"of its metrics ({', '.join(known)})."
                )


def _judged(task: Task, samples: Sequence[Sample]) -> Iterable[str]:
    """Whether a judge can be asked about the samples, and its verdicts be counted.

    Verdicts are one that failed, the worst, and the best.

    Raises:
        EvalkitError: It cannot.
    """
    judging = task.judging
    if judging is None:
        return
    for sample in samples:
        for swapped in (False, True) if judging.own.pairwise else (False,):
            judging.own.ask(sample, best_text(task, sample) or "An answer.", swapped)
    given: Iterable[str] = ()
    for ratings in (None, *_ends(judging)):
        ruled = _with_verdicts(task, ratings)
        scores = score_predictions(ruled, samples, _answers(samples))
        for metric in judging.metrics:
            total(ruled, metric, scores)
        if judging.further is not None:
            given = fitting(task, "function further", judging.further, scores)
    yield from _headlines(judging, given)


def _ends(judging: Judging) -> Iterable[tuple[float, ...]]:
    """The ratings of the worst verdict, and of the best."""
    labelled = (0.0, float(len(judging.labels) - 1)) if judging.labels else None
    low, high = labelled or judging.scale or (0.0, 1.0)
    both = 2 if judging.own.pairwise else 1
    return (low,) * both, (high,) * both


def _with_verdicts(task: Task, ratings: tuple[float, ...] | None) -> Task:
    """The task as if its judge had given every answer these ratings; None where it failed."""
    judging = task.judging
    ruled = task.judged(OWN)
    failure = Failure(kind="unreadable", message="") if ratings is None else None

    def score(sample: Sample, text: str | None) -> Outcome:
        verdict = Verdict(sample_id=sample.id, ratings=ratings, reply="", failure=failure)
        return judging.score(sample, text, (verdict,)) if judging else ruled.score(sample, text)

    return replace(ruled, score=score)


def _answers(samples: Sequence[Sample]) -> dict[str, Prediction]:
    return {s.id: Prediction(sample_id=s.id, text="An answer.") for s in samples}


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
