"""What shall be settled: a difference of a size, with error rates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evalkit.designs import SUPPOSED
from evalkit.errors import UsageError
from evalkit.power import Sides
from evalkit.task import Metric

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(pt|%)?")
_HUNDRED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What shall be settled.

    Attributes:
        detect: The size of a difference: "1pt" is a hundredth of a metric's range, "2%" a share of
            its value, "20" in its own unit.
        alpha: Chance of a false alarm.
        power: Chance to find the difference.
        sides: In how many directions is looked; a gate looks in one.
        correlation: Of two runs, where only one is at hand.
        seed: Of resamples, where they are needed.
    """

    detect: str
    alpha: float = 0.05
    power: float = 0.8
    sides: Sides = 2
    correlation: float = SUPPOSED
    seed: int = 0


_NO_SIZE = (
    "The difference {!r} is no size above 0: give points of a metric's range (1pt), a share of its "
    "value (2%), or a number in its own unit (20)."
)


def effect_of(detect: str, metric: Metric, value: float, maximum: float) -> float:
    """The size of a question in a metric's unit.

    Args:
        detect: As `Question.detect`.
        metric: The metric.
        value: What it is now.
        maximum: What it could be.

    Raises:
        UsageError: It is no size, or the metric has no range to take points of.
    """
    found = _SIZE.fullmatch(detect.strip())
    size = float(found.group(1)) if found else 0.0
    if found is None or not size:
        raise UsageError(_NO_SIZE.format(detect))
    if found.group(2) == "%":
        return size / _HUNDRED * abs(value)
    if found.group(2) is None:
        return size
    if not metric.bounded:
        message = f"{metric.name} has no range to take points of; give a number in its own unit."
        raise UsageError(message)
    return size / _HUNDRED * (maximum - metric.low)
