"""Verdicts -> a judged task, what the judging was, and what it cost. Pure."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.judge.design import asked_of, who_of
from evalkit.judge.order import JudgeOrder, judging_of
from evalkit.judge.units import UNASKED, Unit, by_sample, digest_of_units
from evalkit.prices import Price
from evalkit.records import MetricValue, Outcome, Prediction, Sample, SampleScore, Verdict
from evalkit.rubric import Rubric
from evalkit.run_record import JudgeReport, ModelIdentity
from evalkit.store import verdict_lines
from evalkit.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A task's verdicts, what the record says of them, and the fingerprint's part on the judge."""

    verdicts: tuple[Verdict, ...]
    report: JudgeReport
    fingerprint: Mapping[str, str]


def judged_task(task: Task, judged: Judged) -> Task:
    """The task with its verdicts: again a task, scored and counted like any other.

    Raises:
        UsageError: The task needs no judge.
    """
    judging, verdicts = judging_of(task), by_sample(judged.verdicts)

    def score(sample: Sample, text: str | None) -> Outcome:
        return judging.score(sample, text, verdicts.get(sample.id, ()))

    return replace(task.judged(judged.report.origin), score=score)


def further(task: Task, scores: Sequence[SampleScore]) -> dict[str, MetricValue]:
    """Numbers of a judged task that are no sums over samples.

    Raises:
        UsageError: The task needs no judge.
    """
    judging = judging_of(task)
    found = judging.further(scores) if judging.further and scores else {}
    clusters = len({score.cluster for score in scores})
    return {
        name: MetricValue(
            value=value,
            low=None,
            high=None,
            method=f"none ({method})",
            n=len(scores),
            clusters=clusters,
            maximum=None,
        )
        for name, (value, method) in found.items()
    }


def fingerprint_of(
    order: JudgeOrder, identity: ModelIdentity, rubric: Rubric, verdicts: Iterable[Verdict]
) -> dict[str, str]:
    """All of a judge that can move a number: other judges' numbers are not comparable."""
    served = sorted({" ".join(v.served[:2]).strip() for v in verdicts if v.served})
    part = {
        **who_of(order, identity),
        "served": ", ".join(served),
        **asked_of(order, rubric),
    }
    return {name: value for name, value in part.items() if value}


def report_of(
    order: JudgeOrder,
    rubric: Rubric,
    units: Sequence[Unit],
    verdicts: Sequence[Verdict],
    *,
    paid: Sequence[Prediction],
    price: tuple[Price, str] | None,
) -> JudgeReport:
    """What the record says of the judging.

    Args:
        order: How it was ordered.
        rubric: What was asked.
        units: About what; each has a verdict.
        verdicts: What came of it.
        paid: Replies that were paid for, in all sessions.
        price: The judge's, and its day.
    """
    return JudgeReport(
        judge=order.model,
        rubric=rubric.digest,
        origin=rubric.origin,
        votes=order.votes,
        swapped=order.swap and rubric.pairwise,
        verdicts=len(verdicts),
        failed=dict(_failed(verdicts).most_common()),
        cached=sum(v.cached for v in verdicts),
        requests=len(paid),
        prompt_tokens=sum(made.prompt_tokens or 0 for made in paid),
        output_tokens=sum(made.output_tokens or 0 for made in paid),
        cost_usd=None if price is None else _cost(order, price[0], paid),
        prices=None if price is None else price[1],
        healthy=_is_healthy(_failed(verdicts), len(verdicts), order.max_failures),
        consistency=_consistency(verdicts),
        spread=_spread(verdicts),
        served=dict(Counter(" ".join(v.served) for v in verdicts if v.served)),
        digest=hashlib.sha256(verdict_lines(verdicts).encode()).hexdigest(),
        answers=digest_of_units(units),
    )


def _cost(order: JudgeOrder, price: Price, paid: Sequence[Prediction]) -> float:
    """In USD; a batch service is half the price."""
    prompt = sum(made.prompt_tokens or 0 for made in paid)
    output = sum(made.output_tokens or 0 for made in paid)
    return round((0.5 if order.batch else 1.0) * price.cost(prompt, output), 6)


def _failed(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Missing verdicts by kind."""
    return Counter(v.failure.kind for v in verdicts if v.failure)


def _is_healthy(failed: Mapping[str, int], total: int, allowed: float) -> bool:
    missing = sum(failed.values())
    return UNASKED not in failed and missing <= allowed * total


def _consistency(verdicts: Sequence[Verdict]) -> float | None:
    """Share of the answers shown in both orders that win, draw or lose in both alike."""
    signs: dict[tuple[str, int], dict[bool, int]] = {}
    for verdict in verdicts:
        if verdict.ratings and len(verdict.ratings) > 1:
            first, second = verdict.ratings[:2]
            place = signs.setdefault((verdict.sample_id, verdict.repetition), {})
            place[verdict.swapped] = (second > first) - (second < first)
    both = [place for place in signs.values() if len(place) == 2]  # noqa: PLR2004 - two orders
    return sum(place[False] == place[True] for place in both) / len(both) if both else None


def _spread(verdicts: Sequence[Verdict]) -> float | None:
    """Mean over answers of the standard deviation of the last rating over its verdicts."""
    ratings: dict[str, list[float]] = {}
    for verdict in verdicts:
        if verdict.ratings:
            ratings.setdefault(verdict.sample_id, []).append(verdict.ratings[-1])
    several = [own for own in ratings.values() if len(own) > 1]
    return statistics.fmean(map(statistics.pstdev, several)) if several else None
