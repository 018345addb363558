"""Whether a demand can fail, and can hold: a margin that reaches the bottom passes everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.gate.policy import Bound, Kind
from evalkit.run_record import TaskResult
from evalkit.task import Metric, Task

if TYPE_CHECKING:
    from evalkit.gate.demands import Demand
    from evalkit.records import MetricValue

_POINTS = 100.0  # of a metric's range


def check_some_decide(found: Iterable[Demand]) -> None:
    """Refuse demands of which none can fail the gate, after specific rules overrode others.

    A waiver is no such matter: it is a fact of some days, and told by the gate's verdict.

    Raises:
        UsageError: All of them are advisory.
    """
    if all(demand.tier == "advisory" for demand in found):
        message = (
            "The policy decides nothing of these runs: its most specific rules make every demand "
            "advisory. Make one of them critical or supporting."
        )
        raise UsageError(message)


def check_limits(task: str, metric: Metric, kind: Kind, bound: Bound) -> None:
    """Refuse a margin as wide as a metric's range, and a floor that all or nothing reaches.

    Args:
        task: Whose metric it is, for the error.
        metric: The metric, with its range as far as it is known.
        kind: What is demanded.
        bound: How much.

    Raises:
        UsageError: No value of the metric could break the demand, or none could keep it.
    """
    if kind == "max_drop":
        check_margin(task, metric, bound, metric.high)
    elif kind in ("min", "max"):
        _check_lone(task, metric, kind, bound.size)


def check_margin(task: str, metric: Metric, bound: Bound, high: float) -> None:
    """Refuse damage that is allowed and as large as the range.

    Args:
        task: Whose metric it is, for the error.
        metric: The metric.
        bound: Damage that is allowed.
        high: What the metric can reach on the samples that are asked.

    Raises:
        UsageError: No candidate could do so much damage.
    """
    width = high - metric.low
    most = _POINTS if bound.points else width
    if (bound.points or metric.bounded) and bound.size >= most:
        unit = "pt" if bound.points else ""
        message = (
            f"The policy allows {metric.name} of {task} a max_drop of {bound.size:.10g}{unit}, but "
            f"its range is {most:.10g}{unit} wide, so the rule could never fail; allow less."
        )
        raise UsageError(message)


def room(metric: Metric, value: float, high: float | None = None) -> float | None:
    """How much worse than a value a metric can be; None where there is no end.

    Args:
        metric: The metric, of which more or less is better.
        value: The baseline's.
        high: What the metric can reach on the samples that are asked; None is its own.
    """
    if metric.higher_is_better:
        return value - metric.low
    return (metric.high if high is None else high) - value if metric.bounded else None


def check_room(
    found: Iterable[Demand], tasks: Mapping[str, Task], results: Mapping[str, TaskResult]
) -> None:
    """Refuse margins that reach from the baseline's value to the worst one: all would pass.

    A baseline that has the worst value itself is no such matter: no margin would do.

    Args:
        found: The demands.
        tasks: Their tasks.
        results: The baseline's, by task.

    Raises:
        UsageError: A rule that decides lets a candidate pass that has nothing right.
    """
    for demand in found:
        told = results[demand.task].metrics.get(demand.metric) if demand.task in results else None
        if told is None or demand.is_alone or not demand.decides:
            continue
        metric = next(m for m in tasks[demand.task].metrics if m.name == demand.metric)
        left, margin = room(metric, told.value, told.maximum), _margin(demand, metric, told)
        if left is not None and 0 < left <= margin:
            worst = told.value - left if metric.higher_is_better else told.value + left
            message = (
                f"The policy allows {metric.name} of {demand.task} damage of {margin:.10g}, but "
                f"the baseline has {told.value:.6g}, and the worst value is {worst:.6g}: the rule "
                "could never fail; allow less."
            )
            raise UsageError(message)


def _margin(demand: Demand, metric: Metric, told: MetricValue) -> float:
    """The damage that a demand allows beside what the baseline's record says."""
    size = demand.bound.size
    if demand.kind == "max_drop_relative":
        return size * told.value
    high = metric.high if told.maximum is None else told.maximum
    return size / _POINTS * (high - metric.low) if demand.bound.points else size


def _check_lone(task: str, metric: Metric, kind: Kind, size: float) -> None:
    """Refuse a floor at the lowest value or above the highest, and a ceiling turned round."""
    low, high = metric.low, metric.high
    idle = size <= low if kind == "min" else metric.bounded and size >= high
    hopeless = metric.bounded and size > high if kind == "min" else size < low
    if idle or hopeless:
        span = f"{low:.10g} to {high:.10g}" if metric.bounded else f"{low:.10g} upwards"
        message = (
            f"The policy demands a {kind} of {size:.10g} of {metric.name} of {task}, whose values "
            f"are {span}: the rule could never {'fail' if idle else 'hold'}."
        )
        raise UsageError(message)
