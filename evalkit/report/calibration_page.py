"""A calibration as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.designs import Calibration, MarginRates, MetricCalibration
from evalkit.report.table import Table, number

HEADER = (
    *("task", "metric", "now", "margin", "which"),
    *("passes if equal", "regression if equal", "regression if twice as bad"),
)
"""Column names of `calibration_table`."""


def calibration_title(found: Calibration) -> str:
    """What was simulated, in one sentence."""
    return (
        f"What margins do, by {found.repetitions:,} simulated pairs of equally good runs; "
        f"suggested: equal runs pass with {found.power:.0%} power."
    )


def calibration_table(found: Calibration) -> Table:
    """Some margins of each metric, the smallest first, with what the gate does by each."""
    return Table(
        header=HEADER,
        rows=tuple(row for one in found.metrics for row in _rows(one)),
        notes=(*_words(found), *found.notes),
    )


def _rows(one: MetricCalibration) -> Iterator[tuple[str, ...]]:
    for place, rates in enumerate(one.margins):
        lead = (one.task, one.metric, number(one.value, one.maximum)) if not place else ("",) * 3
        yield (
            *lead,
            number(rates.margin, one.maximum),
            _which(rates, one),
            f"{rates.power:.1%}",
            f"{rates.false_alarm:.1%}",
            f"{rates.found:.1%}",
        )


def _which(rates: MarginRates, one: MetricCalibration) -> str:
    names = ["policy"] if rates.chosen else []
    names += ["suggested"] if rates.margin == one.suggested else []
    return ", ".join(names)


def _words(found: Calibration) -> Iterator[str]:
    """Of each metric: both errors at the margin itself, and how the figures were made."""
    for one in found.metrics:
        yield (
            f"{one.task} {one.metric}: of candidates that are worse by just the margin "
            f"{one.passed_worse:.1%} pass and {one.failed_good:.1%} are called regressions "
            f"(promised: {one.alpha:.1%} at most); {one.method}, {one.clusters:,} clusters, "
            f"{one.discordant:.0f} of them discordant (from {' and '.join(one.runs)})."
        )
