"""Predictions -> sample scores -> a task's result.

The task's scorer judges each text, its metrics add up the scores, and `evalkit.stats` says how sure
the numbers are. A prediction that failed or is missing is scored as wrong and counted as failed.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from evalkit import stats, sums
from evalkit.errors import BackendError, DataError, UsageError
from evalkit.foreign import Numbers
from evalkit.records import Coverage, MetricValue, Outcome, Prediction, Sample, SampleScore
from evalkit.run_record import Audit, Fingerprint, TaskResult
from evalkit.spool import Spool
from evalkit.strata import strata_of
from evalkit.task import Metric, Task

Found = TypeVar("Found")


def score_predictions(
    task: Task, samples: Sequence[Sample], predictions: Mapping[str, Prediction]
) -> Sequence[SampleScore]:
    """Score every sample, in order; the scores are on disk, and read where they are asked for.

    Args:
        task: Whose rules apply.
        samples: What was asked.
        predictions: By sample id. A sample that is not among them has failed; predictions of other
            samples are not looked at.

    Raises:
        UsageError: The task's scorer breaks on a sample, or gives it a value that is no finite
            number.
    """
    given = (predictions.get(sample.id) for sample in samples)
    pairs = zip(samples, given, strict=True)
    return Spool(SampleScore, (scored(task, s, None if p is None else p.text) for s, p in pairs))


def scored(task: Task, sample: Sample, text: str | None) -> SampleScore:
    """One sample and one text, scored; None is a failed prediction.

    Raises:
        UsageError: As `score_predictions`.
    """
    outcome = _outcome(task, sample, text)
    return SampleScore(
        sample_id=sample.id,
        answer=None if text is None or outcome.answer is None else _writable(outcome.answer),
        targets=sample.targets,
        values={name: float(value) for name, value in outcome.values.items()},
        group=sample.group,
        cluster=sample.cluster,
        tags=sample.tags,
        failed=text is None,
        rule="" if text is None else outcome.rule,
        ambiguous=text is not None and bool(outcome.ambiguous),
    )


def _writable(answer: str) -> str:
    """The answer with lone surrogates replaced: no file could hold them."""
    return answer if answer.isascii() else answer.encode("utf-8", "replace").decode()


def _outcome(task: Task, sample: Sample, text: str | None) -> Outcome:
    try:
        outcome = task.score(sample, text)
        if all(map(math.isfinite, outcome.values.values())):
            return outcome
        broken = {name: v for name, v in outcome.values.items() if not math.isfinite(v)}
    except (BackendError, DataError):  # another harness is gone: no scorer is to blame
        raise
    except Exception as error:
        message = (
            f"The scorer of the task {task.name!r} broke on the sample {sample.id!r}: "
            f"{type(error).__name__}: {error}."
        )
        raise UsageError(message) from error
    name, value = next(iter(broken.items()))
    message = (
        f"The scorer of the task {task.name!r} gave the sample {sample.id!r} the value "
        f"{name!r} = {value}; values must be finite."
    )
    raise UsageError(message)


def summarise(
    task: Task,
    scores: Sequence[SampleScore],
    fingerprint: Fingerprint,
    notes: tuple[str, ...] = (),
    audit: Audit | None = None,
    *,
    predictions: Mapping[str, Prediction] | None = None,
) -> TaskResult:
    """The task's numbers over the scores. A metric that is undefined on them is absent, not zero.

    Args:
        task: Whose rules apply.
        scores: The scored samples.
        fingerprint: What the numbers are about.
        notes: What a reader must know of the data.
        audit: How the answers were read.
        predictions: What was scored; needed where another harness's code adds up numbers.

    Raises:
        UsageError: A metric needs what the scorer does not give, or a group lies in two clusters.
        DataError: The other harness's code fails.
    """
    further = Numbers(values={})
    if (foreign := task.foreign) is not None:
        task = replace(task, metrics=foreign.metrics(scores))
        further = foreign.numbers(scores, predictions or {})
    return TaskResult(
        task=task.name,
        version=task.version,
        protocol=task.protocol,
        headline=task.headline,
        metrics=_metrics(task, scores) | dict(further.values),
        coverage=coverage(scores),
        breakdowns=_breakdowns(task, scores),
        fingerprint=fingerprint,
        notes=(*notes, *(f"{task.name}: {n}" for n in absent_parts(task, scores)), *further.notes),
        audit=audit,
    )


def absent_parts(task: Task, scores: Sequence[SampleScore]) -> Iterator[str]:
    """Sentences on parts of the benchmark without a sample: a sum over parts misleads then."""
    for tag, names in task.parts.items():
        seen = {score.tags.get(tag) for score in scores}
        absent = [name for name in names if name not in seen]
        if absent and seen & set(names):
            yield (
                f"no sample of {', '.join(absent)}; {' and '.join(task.headline)} "
                f"{'is' if len(task.headline) == 1 else 'are'} of the others alone."
            )


def coverage(scores: Sequence[SampleScore]) -> Coverage:
    """How many samples were asked: each was answered, has failed, or could not be parsed."""
    failed = answered = 0
    for score in scores:
        failed += score.failed
        answered += score.answer is not None
    return Coverage(
        asked=len(scores),
        answered=answered,
        failed=failed,
        unparsed=len(scores) - failed - answered,
    )


def _metrics(task: Task, scores: Sequence[SampleScore]) -> dict[str, MetricValue]:
    found = ((metric.name, _interval(task, metric, scores)) for metric in task.metrics)
    return {name: value for name, value in found if value is not None}


def total(task: Task, metric: Metric, scores: Sequence[SampleScore]) -> float:
    """One of the task's metrics over the scores; NaN where it is undefined.

    Raises:
        UsageError: The metric needs what the scorer does not give.
    """
    return _fitting(task, metric, sums.total, scores)


def totals_if(
    task: Task,
    metric: Metric,
    scores: Sequence[SampleScore],
    places: Sequence[int],
    cases: Sequence[Sequence[SampleScore]],
) -> list[float]:
    """One of the task's metrics if some of the scores were others, as `evalkit.sums.totals_if`.

    Raises:
        UsageError: The metric needs what the scorer does not give.
    """
    return _fitting(task, metric, sums.totals_if, scores, places, cases)


def _interval(task: Task, metric: Metric, scores: Sequence[SampleScore]) -> MetricValue | None:
    return _fitting(task, metric, stats.interval, scores, strata_of(scores, task.parts))


def _fitting(task: Task, metric: Metric, count: Callable[..., Found], *given: Any) -> Found:
    return fitting(task, f"metric {metric.name!r}", count, metric, *given)


def fitting(task: Task, what: str, count: Callable[..., Found], *given: Any) -> Found:
    """What a task's code makes of its scores.

    Args:
        task: The task, for the error's text.
        what: What is counted, for the error's text.
        count: The code.
        given: What it is called with.

    Raises:
        UsageError: It does not fit the scores, which is the task's fault.
    """
    try:
        return count(*given)
    except (LookupError, TypeError, ValueError) as error:
        message = (
            f"The {what} of the task {task.name!r} does not fit the task's scores: "
            f"{type(error).__name__}: {error}."
        )
        raise UsageError(message) from error


def _breakdowns(
    task: Task, scores: Sequence[SampleScore]
) -> dict[str, dict[str, dict[str, float]]]:
    """{tag: {slice: {metric: value}}}. Samples without a tag are in no slice of it."""
    members: dict[tuple[str, str], array[int]] = {}
    for place, score in enumerate(scores) if task.breakdowns else ():
        for tag in task.breakdowns:
            held = score.tags.get(tag, ())
            for name in (held,) if isinstance(held, str) else held:
                members.setdefault((tag, name), array("Q")).append(place)
    found: dict[str, dict[str, dict[str, float]]] = {tag: {} for tag in task.breakdowns}
    for tag, name in sorted(members, key=lambda member: _natural(member[1])):
        found[tag][name] = {}
    for metric in task.metrics if task.slice_metrics is None else task.slice_metrics:
        for (tag, name), value in _fitting(task, metric, sums.totals, scores, members).items():
            if not math.isnan(value):
                found[tag][name][metric.name] = value
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts "grade 9" before "grade 10"."""
    parts = re.split(r"(\d+)", name)
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]
