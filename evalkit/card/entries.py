"""The runs of a card, and which of their numbers may stand there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.board.ranks import Better
from evalkit.compare.sides import Scored
from evalkit.errors import IncompleteError, UnhealthyJudgeError
from evalkit.report.marks import Mark, own_marks
from evalkit.run_record import WHOSE, RunRecord, TaskResult

Metrics = Literal["headline", "all"]
"""Which metrics a card shows: those that stand for a task, or all that it has."""

Rated = tuple[RunRecord, TaskResult, Scored | None]
"""A result, with its record and, where they are used, its scored samples."""

Best = Callable[[Sequence[Rated], str, Better | None], frozenset[int]]
"""(results, metric, what is better where no task says it) -> which of them may be the best.

`evalkit.board.ranks.undistinguished` is one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run of a card.

    Attributes:
        record: Its record.
        label: What it is called beside the others.
        scored: Its scored samples, where the best are told apart by them; None: by intervals.
    """

    record: RunRecord
    label: str
    scored: Scored | None = None

    def result(self, task: str) -> TaskResult | None:
        """Its result of a task; None where it has none."""
        return next((one for one in self.record.results if one.task == task), None)


def labels(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Names of runs that tell them apart: the model's, and where two share it the run's too."""
    models = [record.model.name for record in records]
    both = [f"{record.model.name} ({record.name})" for record in records]
    named = [two if models.count(one) > 1 else one for one, two in zip(models, both, strict=True)]
    return tuple(
        f"{name} #{named[:place].count(name) + 1}" if named.count(name) > 1 else name
        for place, name in enumerate(named)
    )


def shown_metrics(result: TaskResult, metrics: Metrics) -> tuple[str, ...]:
    """The metrics of a result that a card shows: none where a judge gave not one verdict."""
    if result.judge is not None and result.judge.is_void:
        return ()
    names = result.headline if metrics == "headline" else tuple(result.metrics)
    return tuple(name for name in names if name in result.metrics)


def tasks_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The tasks of all runs, in the order of their first appearance."""
    return tuple(dict.fromkeys(one.task for e in entries for one in e.record.results))


def check_whole(records: Sequence[RunRecord]) -> None:
    """Check that all numbers are of all of a benchmark's data, and all judges healthy.

    Raises:
        IncompleteError: A number is of a part of its data, or of other data than the benchmark's,
            or there is none; the text names each.
        UnhealthyJudgeError: All are whole, but too many verdicts of a judge are missing.
    """
    lacking = [pair for record in records for pair in _lacking(record)]
    if not lacking:
        return
    kind = IncompleteError if any(mark != Mark.UNHEALTHY for mark, _ in lacking) else None
    told = "; ".join(why for _, why in lacking)
    message = (
        f"Not all of the numbers are whole: {told}. With --allow-partial they stand on the card, "
        "each with its mark."
    )
    raise (kind or UnhealthyJudgeError)(message)


def _lacking(record: RunRecord) -> Iterator[tuple[Mark, str]]:
    for result in record.results:
        marks = own_marks(record, result)
        if Mark.PARTIAL in marks or result.fingerprint.dataset.own:
            yield Mark.PARTIAL, f"{record.model.name}: {result.task} is {part(result)}"
        elif not result.metrics:
            yield Mark.PARTIAL, f"{record.model.name}: {result.task} has no number"
        if Mark.UNHEALTHY in marks:
            why = f"{record.model.name}: too many verdicts on {result.task} are missing"
            yield Mark.UNHEALTHY, why


def part(result: TaskResult) -> str:
    """Of which part of its data a number is, in words."""
    data, failed = result.fingerprint.dataset, result.coverage.failed
    words = []
    if data.own:
        asked = data.samples or 0
        count = f"{asked:,}" if asked >= data.size else f"{asked:,} of {data.size:,}"
        words.append(f"of {count} rows of {WHOSE[data.own]}")
    elif data.samples is not None and data.samples < data.size:
        words.append(f"of {data.samples:,} of {data.expected_rows or data.size:,} samples")
    words += ["stopped early"] * bool(result.peeks is not None and result.peeks.stopped)
    words += [f"with {failed:,} failed"] * bool(failed)
    return ", ".join(words)
