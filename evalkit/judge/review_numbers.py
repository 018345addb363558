"""The numbers of published verdicts, both ways, by the code that scores a judged run.

The official numbers follow the official scripts, failures and all; beside them stands evalkit's own
reading, in which a failed verdict is left out, and bounds the number by its worst and its best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit import registry
from evalkit.judge.order import judging_of
from evalkit.judge.result import further
from evalkit.judge.review import Review
from evalkit.judge.units import by_sample
from evalkit.metrics import official_relative
from evalkit.records import MetricValue, SampleScore, Verdict
from evalkit.stats import interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a review comes to.

    Attributes:
        metrics: The task's metrics over all samples, and what it computes besides.
        slices: {tag: {slice: {metric: value}}} of the official and of evalkit's own number.
        official: LLaVA's printed figures by category and for "all": relative score, and ten times
            both means; empty for grades.
        totals: The sums of both answers' points over all rows; None for grades.
        verdicts: How many there are.
        missing: How many of them failed.
        failed: Ids of samples with a failed verdict.
        doubtful: Ids of samples with a stored rating that is not what the reply reads as, or not
            from 0 to 10; they count.
        notes: What a reader must know of what the file is about.
    """

    metrics: Mapping[str, MetricValue]
    slices: Mapping[str, Mapping[str, Mapping[str, float]]]
    official: Mapping[str, tuple[float, float, float]]
    totals: tuple[float, float] | None
    verdicts: int
    missing: int
    failed: tuple[str, ...]
    doubtful: tuple[str, ...]
    notes: tuple[str, ...] = ()


def numbers_of(review: Review) -> Numbers:
    """The review's numbers, by the code that scores a judged run."""
    task, scores = registry.load_task(review.task), scores_of(review)
    metrics = {
        m.name: v for m in judging_of(task).metrics if (v := interval(m, scores)) is not None
    }
    failed = [verdict.sample_id for verdict in review.verdicts if verdict.failure]
    paired = review.task != "mmvet"
    return Numbers(
        metrics=metrics | further(task, scores),
        slices=_slices(review, scores),
        official=_official(scores) if paired else {},
        totals=_totals(scores) if paired else None,
        verdicts=len(review.verdicts),
        missing=len(failed),
        failed=tuple(dict.fromkeys(failed)),
        doubtful=tuple(dict.fromkeys((*review.differing, *review.outside))),
        notes=review.notes,
    )


def scores_of(review: Review) -> tuple[SampleScore, ...]:
    """The samples of a review, scored by its verdicts, in its order."""
    return tuple(_score(review, by_sample(review.verdicts)))


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
