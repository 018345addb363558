"""Whether a demand can fail, and can hold: a margin as wide as the range passes everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.gate.policy import Bound, Kind
from evalkit.task import Metric

if TYPE_CHECKING:
    from evalkit.gate.demands import Demand

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
