"""Whether verdicts are labels or ratings: never both, and never a number that is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from evalkit.errors import UsageError

Kind = Literal["labels", "ratings"]
"""Labels are words that are equal or not; ratings are numbers on a scale."""

ROUNDING = 1e-9
"""Two ratings that differ by the tolerance and this much more are within it: 0.4 - 0.3 > 0.1."""


LARGEST = 1e150
"""The largest rating that is counted with: squares of larger numbers overflow."""

_SHOWN = 40  # characters of a wrong value that an error shows


def kind_of(verdicts: Iterable[tuple[str, object]]) -> Kind:
    """The kind that all verdicts share; "labels" where there is none.

    Args:
        verdicts: What each is, for the error's text ("the verdict of sample 'a'"), and its value.

    Raises:
        UsageError: Labels and ratings are mixed, or a value is neither text nor a finite number.
    """
    first: tuple[str, Kind] | None = None
    for what, value in verdicts:
        kind = _kind(what, value)
        if first is None:
            first = what, kind
        elif first[1] != kind:
            message = (
                f"Labels (text) and ratings (numbers) are mixed: {first[0]} is one of the "
                f"{first[1]}, {what} one of the {kind}; give one kind alone."
            )
            raise UsageError(message)
    return "labels" if first is None else first[1]


def _kind(what: str, value: object) -> Kind:
    if isinstance(value, str):
        return "labels"
    if is_rating(value):
        return "ratings"
    asked = f"number up to {LARGEST:g}" if is_beyond(value) else "finite number"
    message = f"A verdict is a label (text) or a {asked}, but {what} is {str(value)[:_SHOWN]}."
    raise UsageError(message)


def is_rating(value: object) -> bool:
    """Whether a value is a number to count with: finite, and neither True nor False."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return abs(float(value)) <= LARGEST
    except OverflowError:  # a whole number of more than 308 digits
        return False


def is_beyond(value: object) -> bool:
    """Whether a value is a finite number that is too large to count with."""
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return finite and not is_rating(value) and not isinstance(value, bool)


def within(first: float, second: float, tolerance: float) -> bool:
    """Whether two ratings differ by the tolerance at most."""
    return abs(first - second) <= tolerance + ROUNDING


def require_tolerance(tolerance: float) -> None:
    """Say so where a tolerance is none.

    Raises:
        UsageError: It is negative, or not finite.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        message = f"The tolerance must be a finite number of at least 0, not {tolerance!r}."
        raise UsageError(message)


def require_scale(scale: tuple[float, float]) -> None:
    """Check the ends of a scale.

    Raises:
        UsageError: They are no two numbers, the smaller first.
    """
    low, high = scale
    if not (is_rating(low) and is_rating(high) and low < high):
        message = f"A scale has a smallest and a larger largest number, not {low!r} and {high!r}."
        raise UsageError(message)
