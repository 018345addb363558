"""A plan as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.designs import MetricPlan, Plan, Stage
from evalkit.report.table import Table, number

HEADER = (
    *("task", "metric", "now", "samples", "clusters", "of all"),
    *("detects", "power", "time", "settles it"),
)
"""Column names of `plan_table`."""

_MINUTE, _HOUR = 60, 3600


def plan_title(found: Plan) -> str:
    """What is planned, in one sentence."""
    sides = "in one direction" if found.sides == 1 else "in both directions"
    settling = len(found.limits)
    return (
        f"A difference of {found.detect} with {found.power:.0%} power at {found.alpha:g} {sides}: "
        f"{settling} of {len({one.task for one in found.metrics})} tasks settle it."
    )


def plan_table(found: Plan) -> Table:
    """Subsets of each task, the smallest first: what each detects, and what it takes."""
    return Table(
        header=HEADER,
        rows=tuple(row for one in found.metrics for row in _rows(one, found)),
        notes=(*_words(found), *found.notes, *_listed(found)),
    )


def _rows(one: MetricPlan, found: Plan) -> Iterator[tuple[str, ...]]:
    first = next((stage for stage in one.stages if stage.power >= found.power), None)
    for place, stage in enumerate(one.stages):
        lead = (one.task, one.metric, number(one.value, one.maximum)) if not place else ("",) * 3
        mark = "from here" if stage is first else "yes" if stage.power >= found.power else "no"
        yield (*lead, *_cells(stage, one), mark)


def _cells(stage: Stage, one: MetricPlan) -> tuple[str, ...]:
    return (
        f"{stage.samples:,}",
        f"{stage.clusters:,}",
        f"{stage.samples / one.samples:.0%}",
        _within(stage.detectable, one),
        f"{stage.power:.0%}",
        "-" if stage.seconds is None else duration(stage.seconds),
    )


def _within(difference: float, one: MetricPlan) -> str:
    """A difference, where the metric's range has room for it."""
    if one.width is not None and difference > one.width:
        return "more than its range"
    return number(difference, one.maximum)


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.1f} min"
    return f"{seconds / _HOUR:.1f} h"


def _listed(found: Plan) -> Iterator[str]:
    """How the list of tasks, and their limits, follow from the table."""
    for task in dict.fromkeys(one.task for one in found.metrics):
        own = [one for one in found.metrics if one.task == task]
        short = ", ".join(one.metric for one in own if not one.settles)
        held = ", ".join(one.metric for one in own if one.settles)
        if short and held:
            yield f"{task} is not in the list: {held} would settle it, but {short} does not."
    if any(limit is not None for limit in found.limits.values()):
        yield (
            'A limit in the list is of one cluster more than the row "from here" (of the metric '
            "that needs most): a limit counts samples and takes whole clusters, which differ in "
            "size."
        )


def _words(found: Plan) -> Iterator[str]:
    """Of each metric: what the question means in its unit, and what the figures rest on."""
    for one in found.metrics:
        parts = [f"{found.detect} is {_within(one.effect, one)}"]
        if not one.settles:
            parts.append(
                f"it takes about {one.needed:,} samples, of which there are {one.samples:,}"
            )
        if one.deviation is not None:
            parts.append(f"a unit's difference has a deviation of {one.deviation:.3g}")
        if one.correlation is not None:
            parts.append(f"the runs a correlation of {one.correlation:.2f}")
        if one.design is not None:
            parts.append(f"clusters a design effect of {one.design:.2f}")
        yield f"{one.task} {one.metric}: {', '.join(parts)} (from {' and '.join(one.runs)})."
