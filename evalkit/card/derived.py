"""Layouts for records of which nobody has said how their tables look. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from evalkit.card.entries import Metrics, labels, shown_metrics
from evalkit.card.layout import Layout, Line, TableLayout
from evalkit.card.numbers import of_maximum
from evalkit.card.titles import Titles
from evalkit.run_record import RunRecord

Shape = Literal["grid", "ablation"]
"""Benchmarks by models, or models by factors and benchmarks."""

SHAPES: tuple[Shape, ...] = ("grid", "ablation")
"""What layouts there are; a template of the same name shows it."""


def derived_layout(
    records: Sequence[RunRecord],
    shape: Shape,
    metrics: Metrics = "headline",
    titles: Titles = MappingProxyType({}),
) -> Layout:
    """One table of all metrics, in the order of the records and of their results.

    Args:
        records: The runs.
        shape: "grid": a row a metric, a column a run; "ablation": a row a run, with a column for
            each factor by which publications tell their models apart, and one for each metric.
        metrics: Which metrics are shown.
        titles: What readers call the tasks, as far as it is known.
    """
    lines = tuple(_metrics(records, metrics, titles))
    table = _grid(records, lines) if shape == "grid" else _ablation(records, lines)
    named = dict.fromkeys(line.reference for line in lines if line.reference is not None)
    papers = {name: titles[name].paper or "" for name in named}
    return Layout(place=f"The layout {shape}", tables=(table,), references=papers)


def _grid(records: Sequence[RunRecord], lines: tuple[Line, ...]) -> TableLayout:
    columns = [
        Line(label=label, where={"record": record.digest}, align="right", foreign=True)
        for label, record in zip(labels(records), records, strict=True)
    ]
    return TableLayout(
        name="grid",
        kind="pivot",
        corner="Benchmark",
        columns=tuple(columns),
        rows=lines,
    )


def _ablation(records: Sequence[RunRecord], lines: tuple[Line, ...]) -> TableLayout:
    held = [r.publication.factors for r in records if r.publication is not None]
    factors = dict.fromkeys(("model", *(name for each in held for name in each)))
    named = [Line(label=name.replace("_", " "), factor=name, foreign=True) for name in factors]
    return TableLayout(
        name="ablation",
        kind="models",
        missing="",
        columns=(*named, *(replace(line, align="right") for line in lines)),
    )


def _metrics(records: Sequence[RunRecord], metrics: Metrics, titles: Titles) -> Iterator[Line]:
    """A line for each metric of each task that is shown; a task with one is its name alone."""
    held: dict[str, dict[str, None]] = {}
    most: dict[tuple[str, str], float | None] = {}
    for record in records:
        for result in record.results:
            names = shown_metrics(result, metrics)
            held.setdefault(result.task, {}).update(dict.fromkeys(names))
            for name in names:
                most.setdefault((result.task, name), result.metrics[name].maximum)
    for task, named in held.items():
        titled = titles.get(task)
        name = task if titled is None else titled.title
        for metric in named:
            yield Line(
                label=name if len(named) == 1 else f"{name} {metric}",
                reference=task if titled is not None and titled.paper else None,
                qualifier=of_maximum(most[task, metric]).strip() or None,
                task=task,
                metric=metric,
                foreign=True,
            )
