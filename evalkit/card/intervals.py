"""The intervals and n of the measured numbers of a card's table, as a table below it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from evalkit.card.cells import Cell, Grid, shown
from evalkit.card.titles import Titles
from evalkit.records import MetricValue
from evalkit.report.markdown import markdown_table, published
from evalkit.report.table import Table


def intervals(cells: Grid, labels: Mapping[str, str], titles: Titles) -> str:
    """What is known of the uncertainty of a table's measured numbers; empty where there are none.

    Args:
        cells: Its cells.
        labels: Names of runs by the record's digest.
        titles: What readers call the tasks, as far as it is known.
    """
    rows = tuple(dict.fromkeys(_rows(cells, labels, titles)))
    if not rows:
        return ""
    header = ("benchmark", "metric", "model", "95 % interval", "n")
    made = Table(header=header, rows=rows, notes=())
    return markdown_table(made, cell=published, right=[False, False, False, True, True])


def _rows(cells: Grid, labels: Mapping[str, str], titles: Titles) -> Iterator[tuple[str, ...]]:
    for row in cells.rows:
        for cell in row.cells:
            if cell.record is None or cell.result is None or cell.record.publication is not None:
                continue
            value, titled = cell.result.metrics[cell.metric], titles.get(cell.result.task)
            unit = "" if titled is None or value.n is None else titled.unit(cell.metric, value.n)
            yield (
                cell.result.task if titled is None else titled.title,
                cell.metric,
                labels[cell.record.digest],
                _ends(value, cell),
                "-" if value.n is None else f"{value.n:,} {unit}".strip(),
            )


def _ends(value: MetricValue, cell: Cell) -> str:
    """The interval, written as the number is."""
    if value.low is None or value.high is None:
        return "-"
    low, high = (shown(replace(value, value=end), cell.style) for end in (value.low, value.high))
    return f"{low} to {high}"
