"""What a judge is asked, one question a unit, and what its replies come to. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.records import (
    UNASKED,
    Failure,
    Generation,
    Message,
    Prediction,
    Request,
    Sample,
    Verdict,
)
from evalkit.rubric import Rubric

UNREADABLE = "unreadable"
"""The failure of a verdict whose last reply cannot be read by the rubric."""

CUT = "cut"
"""The failure of a verdict whose last reply was ended by its length where its rating stands."""

EMPTY = "empty"
"""The failure of a reply without a text, which is a reply that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One verdict that is wanted.

    Attributes:
        sample: Whose answer is judged.
        answer: The answer.
        repetition: The how manyth time, from 1.
        swapped: Whether the answers of a pairwise rubric are shown in the other order.
    """

    sample: Sample
    answer: str
    repetition: int = 1
    swapped: bool = False

    def name(self, attempt: int) -> str:
        """The name of one attempt, unique within a task: "v1_0#1.0", "v1_0#1s.0" if swapped."""
        return f"{self.sample.id}#{self.repetition}{'s' if self.swapped else ''}.{attempt}"


def units_of(
    samples: Iterable[Sample], predictions: Mapping[str, Prediction], votes: int, *, swap: bool
) -> list[Unit]:
    """A unit for each answer, vote and order; none for answers that failed.

    Args:
        samples: What was asked of the model.
        predictions: Its answers by sample id.
        votes: How often each question is put to the judge.
        swap: Whether each is put in both orders.
    """
    answered = [
        (sample, made.text)
        for sample in samples
        if (made := predictions.get(sample.id)) is not None and made.text is not None
    ]
    return [
        Unit(sample=sample, answer=text, repetition=repetition, swapped=swapped)
        for repetition in range(1, votes + 1)
        for swapped in ((False, True) if swap else (False,))
        for sample, text in answered
    ]


def digest_of_units(units: Iterable[Unit]) -> str:
    """SHA-256 over sample, vote, order and answer of each unit, in order."""
    total = hashlib.sha256()
    for unit in units:
        told = [unit.sample.id, unit.repetition, unit.swapped, unit.answer]
        total.update((json.dumps(told) + "\n").encode())
    return total.hexdigest()


def digest_of_answer(answer: str) -> str:
    """The first 16 digits of an answer's SHA-256, which bind a verdict to it."""
    return hashlib.sha256(answer.encode(errors="replace")).hexdigest()[:16]


def request_of(task: str, rubric: Rubric, unit: Unit, attempt: int) -> Request:
    """The question of one attempt.

    Raises:
        ValueError: The rubric cannot ask about the sample.
    """
    how = rubric.attempts[attempt]
    messages = rubric.ask(unit.sample, unit.answer, unit.swapped)
    if how.suffix:
        last = messages[-1]
        messages = (
            *messages[:-1],
            replace(last, content=(*last.content[:-1], _text(last) + how.suffix)),
        )
    return Request(
        task=task,
        sample_id=unit.name(attempt),
        messages=messages,
        generation=Generation(max_new_tokens=rubric.max_tokens, temperature=how.temperature),
        verbatim=True,
        copy=f"{unit.repetition}.{attempt}" if (unit.repetition, attempt) != (1, 0) else "",
    )


def _text(message: Message) -> str:
    return str(message.content[-1])


def step(rubric: Rubric, unit: Unit, replies: Mapping[str, Prediction]) -> int | Verdict:
    """What is next: the attempt to ask, or the verdict.

    Args:
        rubric: How replies are read.
        unit: The verdict that is wanted.
        replies: All replies so far, by the names of attempts.
    """
    for attempt, how in enumerate(rubric.attempts):
        reply = replies.get(unit.name(attempt))
        if reply is None:
            return attempt
        if reply.failure is not None and reply.failure.kind != EMPTY:
            return _verdict(unit, reply, attempt, failure=reply.failure)
        ratings = rubric.ratings(reply.text or "", swapped=unit.swapped) if how.read else None
        if ratings is not None and not rubric.is_cut(reply.text or "", reply.finish):
            return _verdict(unit, reply, attempt, ratings=ratings)
    last = len(rubric.attempts) - 1
    return _verdict(unit, reply, last, failure=_unread(rubric, reply))


def _unread(rubric: Rubric, reply: Prediction | None) -> Failure:
    """Why the last reply is no verdict."""
    text = (reply.text or "") if reply else ""
    shown = repr(" ".join(text.split())[:80])
    if reply is not None and rubric.is_cut(text, reply.finish):
        return Failure(kind=CUT, message=f"the judge's reply was cut where its rating is: {shown}")
    return Failure(kind=UNREADABLE, message=f"the judge's reply cannot be read: {shown}")


def _verdict(
    unit: Unit,
    reply: Prediction | None,
    attempt: int,
    *,
    ratings: tuple[float, ...] | None = None,
    failure: Failure | None = None,
) -> Verdict:
    return Verdict(
        sample_id=unit.sample.id,
        repetition=unit.repetition,
        swapped=unit.swapped,
        ratings=ratings,
        reply=reply.text if reply else None,
        failure=failure,
        requests=attempt + 1,
        served=(reply.served or ()) if reply else (),
        about=digest_of_answer(unit.answer),
    )


def unasked(unit: Unit) -> Verdict:
    """The verdict of a unit that the judge was not asked about."""
    failure = Failure(kind=UNASKED, message="the judge was not asked")
    return replace(_verdict(unit, None, 0, failure=failure), requests=0)


def by_sample(verdicts: Sequence[Verdict]) -> dict[str, tuple[Verdict, ...]]:
    """Verdicts by sample id, in order."""
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.sample_id, []).append(verdict)
    return {sample_id: tuple(own) for sample_id, own in found.items()}
