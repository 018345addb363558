"""Layouts for records of which nobody has said how their tables look. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from evalkit.card.layout import Layout, Line, TableLayout
from evalkit.run_record import RunRecord

Shape = Literal["grid", "ablation"]
"""Benchmarks by models, or models by factors and benchmarks."""

_OWN = ("model", "run", "source")


def derived_layout(records: Sequence[RunRecord], shape: Shape) -> Layout:
    """One table of all headline metrics, in the order of the records and of their results.

    Args:
        records: The runs.
        shape: "grid": a row a metric, a column a run; "ablation": a row a run, with a column for
            each factor by which publications tell their models apart, and one for each metric.
    """
    table = _grid(records) if shape == "grid" else _ablation(records)
    return Layout(place=f"The layout {shape}", tables=(table,))


def _grid(records: Sequence[RunRecord]) -> TableLayout:
    columns = [
        Line(
            label=label,
            where=dict(zip(_OWN, (record.model.name, record.name, record.source), strict=True)),
            align="right",
            foreign=True,
        )
        for label, record in zip(_labels(records), records, strict=True)
    ]
    return TableLayout(
        name="grid",
        kind="pivot",
        corner="Benchmark",
        columns=tuple(columns),
        rows=tuple(_metrics(records)),
    )


def _ablation(records: Sequence[RunRecord]) -> TableLayout:
    held = [r.publication.factors for r in records if r.publication is not None]
    factors = dict.fromkeys(("model", *(name for each in held for name in each)))
    named = [Line(label=name.replace("_", " "), factor=name, foreign=True) for name in factors]
    return TableLayout(
        name="ablation",
        kind="models",
        missing="",
        columns=(*named, *_metrics(records, align="right")),
    )


def _labels(records: Sequence[RunRecord]) -> list[str]:
    """The models' names; where two records share one, with the runs' names."""
    names = [record.model.name for record in records]
    return [
        name if names.count(name) == 1 else f"{name} ({record.name})"
        for name, record in zip(names, records, strict=True)
    ]


def _metrics(
    records: Sequence[RunRecord], align: Literal["plain", "right"] = "plain"
) -> Iterator[Line]:
    """A line for each headline metric of each task; a task with one metric is its name alone."""
    held: dict[str, dict[str, None]] = {}
    for record in records:
        for result in record.results:
            known = [name for name in result.headline if name in result.metrics]
            held.setdefault(result.task, {}).update(dict.fromkeys(known))
    for task, metrics in held.items():
        for metric in metrics:
            label = task if len(metrics) == 1 else f"{task} {metric}"
            yield Line(label=label, task=task, metric=metric, align=align, foreign=True)
