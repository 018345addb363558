"""Verdicts -> a judged task, what the judging was, and what it cost. Pure."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.judge.design import asked_of, who_of
from evalkit.judge.order import JudgeOrder, judging_of
from evalkit.judge.receipts import billed, cost_of
from evalkit.judge.units import CUT, UNREADABLE, Unit, by_sample, digest_of_units
from evalkit.judge_report import JudgeReport
from evalkit.prices import Price
from evalkit.records import UNASKED, MetricValue, Outcome, Prediction, Sample, SampleScore, Verdict
from evalkit.rubric import Rubric
from evalkit.run_record import ModelIdentity
from evalkit.score import fitting
from evalkit.store import verdict_lines
from evalkit.task import Task

EXAMPLE = 200
"""Characters of a reply that could not be read, which a record holds as an example."""


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
    """Numbers of a judged task that are no sums over samples; none that is undefined on them.

    Raises:
        UsageError: The task needs no judge, or its code does not fit the scores.
    """
    count, clusters = judging_of(task).further, len({score.cluster for score in scores})
    found = fitting(task, "function further", count, scores) if count and scores else {}
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
        if not math.isnan(value)
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
    notes: Sequence[str] = (),
) -> JudgeReport:
    """What the record says of the judging.

    Args:
        order: How it was ordered.
        rubric: What was asked.
        units: About what.
        verdicts: What came of each.
        paid: Replies that were paid for, in all sessions, also those that failed.
        price: The judge's, and its day.
        notes: What else a reader must know, as parts of a sentence.
    """
    return JudgeReport(
        judge=order.model,
        rubric=rubric.digest,
        origin=rubric.origin,
        votes=order.votes,
        swapped=order.swap and rubric.pairwise,
        verdicts=len(verdicts),
        cached=sum(v.cached for v in verdicts),
        **_bill(paid, price),
        **_health(verdicts, order.max_failures),
        consistency=_consistency(verdicts),
        spread=_spread(verdicts),
        served=dict(Counter(" ".join(v.served) for v in verdicts if v.served)),
        digest=hashlib.sha256(verdict_lines(verdicts).encode()).hexdigest(),
        answers=digest_of_units(units),
        notes=tuple(notes) or None,
        example=_example(verdicts),
    )


def _bill(paid: Sequence[Prediction], price: tuple[Price, str] | None) -> dict[str, Any]:
    """What was paid for, and what it cost: fields of the report."""
    return {
        "requests": len(paid),
        "prompt_tokens": sum(billed(made).prompt_tokens for made in paid),
        "output_tokens": sum(billed(made).output_tokens for made in paid),
        "cost_usd": None if price is None else round(sum(cost_of(p, price[0]) for p in paid), 6),
        "prices": None if price is None else price[1],
        "untold": sum(billed(made).bound for made in paid),
    }


def failures_of(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Missing verdicts by kind, the most frequent first."""
    return dict(Counter(v.failure.kind for v in verdicts if v.failure).most_common())


def _example(verdicts: Iterable[Verdict]) -> str | None:
    """How the first reply that could not be read begins."""
    unread = (v.reply for v in verdicts if v.failure and v.failure.kind in (UNREADABLE, CUT))
    reply = next((reply for reply in unread if reply), None)
    return None if reply is None else reply[:EXAMPLE]


def _health(verdicts: Sequence[Verdict], allowed: float) -> dict[str, Any]:
    """What is missing, and whether it is too much: fields of the report."""
    failed = failures_of(verdicts)
    few = sum(failed.values()) <= allowed * len(verdicts)
    return {
        "failed": failed,
        "max_failures": allowed,
        "healthy": UNASKED not in failed and few,
    }


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
    """Mean over answers, in each order, of the standard deviation of the last rating over votes.

    What differs between the orders is no spread of votes; `_consistency` tells it.
    """
    ratings: dict[tuple[str, bool], list[float]] = {}
    for verdict in verdicts:
        if verdict.ratings:
            place = ratings.setdefault((verdict.sample_id, verdict.swapped), [])
            place.append(verdict.ratings[-1])
    several = [own for own in ratings.values() if len(own) > 1]
    return statistics.fmean(map(statistics.pstdev, several)) if several else None
