"""Layouts for records of which nobody has said how their tables look. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from evalkit.card.entries import Metrics, labels, shown_metrics
from evalkit.card.layout import Layout, Line, TableLayout
from evalkit.run_record import RunRecord

Shape = Literal["grid", "ablation"]
"""Benchmarks by models, or models by factors and benchmarks."""

SHAPES: tuple[Shape, ...] = ("grid", "ablation")
"""What layouts there are; a template of the same name shows it."""


def derived_layout(
    records: Sequence[RunRecord], shape: Shape, metrics: Metrics = "headline"
) -> Layout:
    """One table of all metrics, in the order of the records and of their results.

    Args:
        records: The runs.
        shape: "grid": a row a metric, a column a run; "ablation": a row a run, with a column for
            each factor by which publications tell their models apart, and one for each metric.
        metrics: Which metrics are shown.
    """
    table = _grid(records, metrics) if shape == "grid" else _ablation(records, metrics)
    return Layout(place=f"The layout {shape}", tables=(table,))


def _grid(records: Sequence[RunRecord], metrics: Metrics) -> TableLayout:
    columns = [
        Line(label=label, where={"record": record.digest}, align="right", foreign=True)
        for label, record in zip(labels(records), records, strict=True)
    ]
    return TableLayout(
        name="grid",
        kind="pivot",
        corner="Benchmark",
        columns=tuple(columns),
        rows=tuple(_metrics(records, metrics)),
    )


def _ablation(records: Sequence[RunRecord], metrics: Metrics) -> TableLayout:
    held = [r.publication.factors for r in records if r.publication is not None]
    factors = dict.fromkeys(("model", *(name for each in held for name in each)))
    named = [Line(label=name.replace("_", " "), factor=name, foreign=True) for name in factors]
    return TableLayout(
        name="ablation",
        kind="models",
        missing="",
        columns=(*named, *_metrics(records, metrics, align="right")),
    )


def _metrics(
    records: Sequence[RunRecord], metrics: Metrics, align: Literal["plain", "right"] = "plain"
) -> Iterator[Line]:
    """A line for each metric of each task that is shown; a task with one is its name alone."""
    held: dict[str, dict[str, None]] = {}
    for record in records:
        for result in record.results:
            names = shown_metrics(result, metrics)
            held.setdefault(result.task, {}).update(dict.fromkeys(names))
    for task, named in held.items():
        for metric in named:
            label = task if len(named) == 1 else f"{task} {metric}"
            yield Line(label=label, task=task, metric=metric, align=align, foreign=True)
