"""Published verdicts: MM-Vet's grade files and LLaVA's review files -> their numbers, both ways.

The official numbers follow the official scripts, failures and all; beside them stands evalkit's own
reading, in which a failed verdict is left out, and bounds the number by its worst and its best.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit import registry
from evalkit.answers.judge_reply import first_line_pair, leading_grade
from evalkit.errors import UsageError
from evalkit.judge.order import judging_of
from evalkit.judge.units import UNREADABLE, by_sample
from evalkit.metrics import official_relative
from evalkit.records import Failure, MetricValue, Sample, SampleScore, Verdict
from evalkit.stats import interval
from evalkit.task import Task

FAILED_PAIR = (-1.0, -1.0)
"""What LLaVA's script stores for a review that it cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A file of verdicts.

    Attributes:
        name: The file's.
        task: The name of the task whose numbers they make.
        samples: What was judged, with the slices that the file or the references give.
        verdicts: In the file's order; of MM-Vet's, one for each run.
        differing: Sample ids whose stored rating is not what the reply reads as.
    """

    name: str
    task: str
    samples: tuple[Sample, ...]
    verdicts: tuple[Verdict, ...]
    differing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a review comes to.

    Attributes:
        metrics: The task's metrics over all samples, and what it computes besides.
        slices: {tag: {slice: {metric: value}}} of the official and of evalkit's own number.
        official: LLaVA's printed figures by category and for "all": relative score, and ten times
            both means; empty for grades.
        totals: The sums of both answers' points over all rows; None for grades.
        failed: Ids of samples with a failed verdict.
    """

    metrics: Mapping[str, MetricValue]
    slices: Mapping[str, Mapping[str, Mapping[str, float]]]
    official: Mapping[str, tuple[float, float, float]]
    totals: tuple[float, float] | None
    failed: tuple[str, ...]


def read_review(path: Path, references: Path | None = None) -> Review:
    """A file of published verdicts.

    Args:
        path: A grade file of MM-Vet (one JSON object), or a review file of LLaVA (JSON lines).
        references: MM-Vet's `mm-vet.json`, which has the capabilities.

    Raises:
        UsageError: A file cannot be read, or is of no known form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"The review file {path} cannot be read: {error}."
        raise UsageError(message) from error
    try:
        grades = _one_object(text)
        if grades is not None:
            return _grades(path, grades, references)
        return _reviews(path, [json.loads(line) for line in text.splitlines() if line.strip()])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = (
            f"{path} is neither a grade file of MM-Vet nor a review file of LLaVA: "
            f"{type(error).__name__}: {error}."
        )
        raise UsageError(message) from error


def _one_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is; None where it is lines of them."""
    try:
        raw = json.loads(text)
    except ValueError:
        return None
    return raw if isinstance(raw, dict) and "question_id" not in raw else None


def _grades(path: Path, raw: Mapping[str, Any], references: Path | None) -> Review:
    """MM-Vet's {id: {model, content, score}}, of which `score` counts."""
    task = registry.load_task("mmvet")
    samples = tuple(_samples(task, raw, references))
    verdicts, differing = [], []
    for sample in samples:
        own = raw[sample.id]
        for run, (reply, score) in enumerate(
            zip(own["content"], own["score"], strict=True), start=1
        ):
            read = leading_grade(reply or "")
            failed = read is None
            if (read or (0.0,))[0] != float(score):
                differing.append(sample.id)
                failed = False
            verdicts.append(_verdict(sample.id, run, reply, None if failed else (float(score),)))
    return Review(
        name=path.name,
        task="mmvet",
        samples=samples,
        verdicts=tuple(verdicts),
        differing=tuple(dict.fromkeys(differing)),
    )


def _samples(task: Task, raw: Mapping[str, Any], references: Path | None) -> Iterator[Sample]:
    """The questions that were graded, in the references' order."""
    if references is None:
        message = "Grades say nothing of capabilities: give MM-Vet's mm-vet.json with --references."
        raise UsageError(message)
    try:
        known = json.loads(references.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"The references {references} cannot be read: {error}."
        raise UsageError(message) from error
    if unknown := sorted(set(raw) - set(known)):
        message = f"The references {references} have no question {unknown[0]!r}."
        raise UsageError(message)
    for sample_id, own in known.items():
        if sample_id in raw:
            row = {"question_id": sample_id, "image": None, **own}
            yield task.to_sample({**row, "capability": ",".join(own["capability"])})


def _reviews(path: Path, rows: Sequence[Mapping[str, Any]]) -> Review:
    """LLaVA's lines: `tuple` counts, or `score` where there is no category and no `tuple`."""
    samples, verdicts, differing = [], [], []
    for number, row in enumerate(rows, start=1):
        category = str(row.get("category", "")).removeprefix("llava_bench_")
        stored = tuple(map(float, row["tuple"] if "tuple" in row else row["score"]))
        reply = row["content"] if "content" in row else row["text"]
        sample_id = f"{row['question_id']}" if _is_first(row, rows, number) else f"line-{number}"
        samples.append(
            Sample(
                id=sample_id,
                question="",
                cluster=str(row["question_id"]),
                tags={"category": category} if category else {},
            )
        )
        if (first_line_pair(reply) or FAILED_PAIR) != stored:
            differing.append(sample_id)
        pair = None if stored == FAILED_PAIR else (stored[0], stored[1])
        verdicts.append(_verdict(sample_id, 1, reply, pair))
    return Review(
        name=path.name,
        task="llava_bench_wild",
        samples=tuple(samples),
        verdicts=tuple(verdicts),
        differing=tuple(differing),
    )


def _is_first(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], number: int) -> bool:
    return all(other["question_id"] != row["question_id"] for other in rows[: number - 1])


def _verdict(
    sample_id: str, run: int, reply: str | None, ratings: tuple[float, ...] | None
) -> Verdict:
    shown = " ".join((reply or "").split())[:80]
    failure = Failure(kind=UNREADABLE, message=f"the judge's reply cannot be read: {shown!r}")
    return Verdict(
        sample_id=sample_id,
        repetition=run,
        ratings=ratings,
        reply=reply,
        failure=failure if ratings is None else None,
    )


def numbers_of(review: Review) -> Numbers:
    """The review's numbers, by the code that scores a judged run."""
    judging = judging_of(registry.load_task(review.task))
    held = by_sample(review.verdicts)
    scores = tuple(_score(review, held))
    metrics = {m.name: v for m in judging.metrics if (v := interval(m, scores)) is not None}
    further = judging.further(scores) if judging.further else {}
    for name, (value, how) in further.items():
        metrics[name] = MetricValue(
            value=value,
            low=None,
            high=None,
            method=f"none ({how})",
            n=len(scores),
            clusters=len({score.cluster for score in scores}),
            maximum=None,
        )
    failed = tuple(dict.fromkeys(v.sample_id for v in review.verdicts if v.failure))
    paired = review.task != "mmvet"
    return Numbers(
        metrics=metrics,
        slices=_slices(review, scores),
        official=_official(scores) if paired else {},
        totals=_totals(scores) if paired else None,
        failed=failed,
    )


def _score(review: Review, held: Mapping[str, Sequence[Verdict]]) -> Iterator[SampleScore]:
    task = registry.load_task(review.task)
    judging = judging_of(task)
    for sample in review.samples:
        outcome = judging.score(sample, "", held[sample.id])
        yield SampleScore(
            sample_id=sample.id,
            answer=outcome.answer,
            targets=sample.targets,
            values=outcome.values,
            group=None,
            cluster=sample.cluster,
            tags=sample.tags,
            failed=False,
            rule=outcome.rule,
        )


def _members(scores: Sequence[SampleScore], tag: str) -> dict[str, list[SampleScore]]:
    found: dict[str, list[SampleScore]] = {}
    for score in scores:
        told = score.tags.get(tag, ())
        for name in (told,) if isinstance(told, str) else told:
            found.setdefault(name, []).append(score)
    return dict(sorted(found.items()))


def _slices(
    review: Review, scores: Sequence[SampleScore]
) -> dict[str, dict[str, dict[str, float]]]:
    judging = judging_of(registry.load_task(review.task))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for tag in judging.breakdowns:
        for name, own in _members(scores, tag).items():
            values = {m.name: v for m in judging.metrics[:2] if (v := interval(m, own))}
            found.setdefault(tag, {})[name] = {key: value.value for key, value in values.items()}
    return found


def _totals(scores: Sequence[SampleScore]) -> tuple[float, float]:
    first, second = (sum(s.values[name] for s in scores) for name in ("reference", "answer"))
    return first, second


def _official(scores: Sequence[SampleScore]) -> dict[str, tuple[float, float, float]]:
    whole = {"all": official_relative(scores)}
    parts = _members(scores, "category")
    return whole | {name: official_relative(own) for name, own in parts.items()}
