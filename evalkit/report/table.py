"""A run record as rows of text; pure, and the one place that rounds.

Fractions are shown with four decimals and sums (MME's 0-2000) with two; rounding is half to even on
the binary value, as Python's `format` does it. Records keep full precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalkit.records import MetricValue
from evalkit.run_record import RunRecord, TaskResult

HEADER = ("task", "metric", "value", "95 % interval", "of", "n", "clusters", "failed", "unparsed")
"""Column names of `rows`."""

NUMERIC = frozenset({"value", "95 % interval", "of", "n", "clusters", "failed", "unparsed"})
"""Columns that are set to the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as text: a header, rows of as many cells, and sentences to stand below it."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def run_table(record: RunRecord, *, every_metric: bool = False) -> Table:
    """The numbers of a run, one row a metric, a task's name in its first row only.

    Args:
        record: The run.
        every_metric: All metrics; else each task's headline.
    """
    rows = [row for result in record.results for row in _rows(result, every_metric=every_metric)]
    return Table(header=HEADER, rows=tuple(rows), notes=tuple(_notes(record)))


def _rows(result: TaskResult, *, every_metric: bool) -> Iterable[tuple[str, ...]]:
    chosen = [
        (name, value)
        for name, value in result.metrics.items()
        if every_metric or name in result.headline
    ]
    coverage = (str(result.coverage.failed), str(result.coverage.unparsed))
    if not chosen:
        blank = ("-",) * (len(HEADER) - 4)
        yield (result.task, "(no number)", *blank, *coverage)
    for i, (name, value) in enumerate(chosen):
        first = i == 0
        yield (
            result.task if first else "",
            name,
            *_cells(value),
            *(coverage if first else ("", "")),
        )


def _cells(value: MetricValue) -> Sequence[str]:
    return (
        number(value.value, value.maximum),
        interval(value),
        f"{value.maximum:g}",
        str(value.n),
        str(value.clusters),
    )


def interval(value: MetricValue) -> str:
    """The interval as "low to high", or a dash where there is none."""
    if value.low is None or value.high is None:
        return "-"
    return f"{number(value.low, value.maximum)} to {number(value.high, value.maximum)}"


def number(value: float, maximum: float) -> str:
    """A number in the decimals of its scale: four up to 1, two above."""
    return f"{value:.4f}" if maximum <= 1 else f"{value:.2f}"


def _notes(record: RunRecord) -> Iterable[str]:
    for result in record.results:
        yield from result.notes
        coverage = result.coverage
        if coverage.failed:
            yield (
                f"{result.task}: {coverage.failed} of {coverage.asked} samples failed; they count "
                "as wrong. The same command asks them again."
            )
