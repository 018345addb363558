"""Marks of numbers that a reader must not take for plain ones, and the footnotes that explain them.

A mark is derived from a record and never typed, so a page cannot forget one, and
`evalkit verify` finds a footnote that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from evalkit.comparison import Mismatch
from evalkit.run_record import WHOSE, RunRecord, TaskResult


class Mark(Enum):
    """What may be the matter with a number; in the order in which marks stand."""

    PROMPT = "†"
    DECODING = "‖"
    RULES = "‡"
    DATA = "◊"
    PARTIAL = "§"
    SELF_REPORTED = "¶"
    TRAINED = "△"
    DEMO = "⁂"
    LOCAL = "※"
    UNHEALTHY = "⚠"

    @property
    def footnote(self) -> str:
        """The sentence that stands below a table with this mark in its columns."""
        return _FOOTNOTES[self].format(beside=COLUMN)


COLUMN = "the rest of its column"
"""What a number of a leaderboard stands beside."""

_FOOTNOTES = {
    Mark.PROMPT: "asked in other words than {beside}.",
    Mark.DECODING: "decoded with other settings than {beside}.",
    Mark.RULES: "scored by other rules than {beside}.",
    Mark.DATA: "of other data than {beside}: other samples, labels or pictures.",
    Mark.PARTIAL: "of a part of the data: a limit, failed samples, or an early stop.",
    Mark.SELF_REPORTED: "self-reported: copied from a publication, not measured here.",
    Mark.TRAINED: "said to be of a model that was trained on data of this benchmark.",
    Mark.DEMO: f"of {WHOSE['demo']}, not of the benchmark's.",
    Mark.LOCAL: f"of {WHOSE['local']}.",
    Mark.UNHEALTHY: "too many verdicts of its judge are missing.",
}
_DATA = {"dataset.samples", "dataset.digest", "dataset.images"}
_WORDS = {"prompt.variant", "prompt.template", "scorer.protocol"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Footnote:
    """A mark with its sentence."""

    mark: Mark
    text: str


def own_marks(record: RunRecord | None, result: TaskResult) -> tuple[Mark, ...]:
    """The marks that a result has by itself, whatever stands beside it.

    Args:
        record: The record that it stands in; None where it is not at hand.
        result: The result.
    """
    found = []
    if is_partial(result):
        found.append(Mark.PARTIAL)
    if record is not None and record.source == "self-reported":
        found.append(Mark.SELF_REPORTED)
    own = result.fingerprint.dataset.own
    found += [Mark.DEMO if own == "demo" else Mark.LOCAL] if own else []
    if result.judge is not None and not result.judge.healthy:
        found.append(Mark.UNHEALTHY)
    return tuple(found)


def beside_marks(found: Iterable[Mismatch], *, limited: bool) -> frozenset[Mark]:
    """The marks of a number that stands beside another: what differs, as far as both sides say it.

    Pictures that each model's own processor prepares are no matter of the number.

    Args:
        found: What differs (`evalkit.compare.comparable.mismatches`), whether allowed or not.
        limited: Whether the number is of a part of its data, which has a mark of its own.
    """
    parts = {m.part for m in found if m.known}
    if parts & _DATA:
        parts -= {"prompt.digest", "dataset.context"}  # they follow
    if parts & _WORDS:
        parts.discard("dataset.context")
    if limited and "dataset.samples" in parts:
        parts -= _DATA
    return frozenset(_OF_PART[top] for part in parts if (top := part.partition(".")[0]) in _OF_PART)


_OF_PART = {
    "prompt": Mark.PROMPT,
    "generation": Mark.DECODING,
    "scorer": Mark.RULES,
    "judge": Mark.RULES,
    "dataset": Mark.DATA,
}


def is_partial(result: TaskResult) -> bool:
    """Whether a number is of less than its data: limited, with failures, or stopped early."""
    stopped = result.peeks is not None and result.peeks.stopped
    return is_limited(result) or stopped or result.coverage.failed > 0


def is_limited(result: TaskResult) -> bool:
    """Whether fewer samples were asked than the data have, as far as it is known of either."""
    data = result.fingerprint.dataset
    return data.samples is not None and data.samples < data.size


def suffix(marks: Iterable[Mark]) -> str:
    """Marks as they stand behind a number, in their order, each once."""
    held = set(marks)
    return "".join(mark.value for mark in Mark if mark in held)


def footnotes(marks: Iterable[Mark], beside: str = COLUMN) -> tuple[Footnote, ...]:
    """The footnotes of all marks that were used, in the order of marks.

    Args:
        marks: The marks.
        beside: What the numbers stand beside, in words.
    """
    held = set(marks)
    return tuple(
        Footnote(mark=mark, text=_FOOTNOTES[mark].format(beside=beside))
        for mark in Mark
        if mark in held
    )
