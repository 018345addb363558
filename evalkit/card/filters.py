"""jinja2's filters and tests as templates of cards have them: few, counted, and never unescaped.

Left out are those that make HTML or trust a text (`safe`, `urlize`, `xmlattr`, `tojson`), and those
that are another each time (`random`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from jinja2 import filters, pass_environment, tests
from markupsafe import Markup

from evalkit.card.made import Made, joined
from evalkit.report.table import number

FILTERS = (
    *("abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort"),
    *("first", "float", "format", "groupby", "indent", "int", "items", "last", "length", "list"),
    *("lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round"),
    *("select", "selectattr", "slice", "sort", "string", "sum", "title", "trim", "truncate"),
    *("unique", "upper", "wordcount"),
)
"""Filters of jinja2 that templates have; evalkit's own are `number`, `join` and `escape`."""

_GROWING = frozenset({"batch", "center", "indent", "replace", "slice", "truncate"})


class Counting(Protocol):
    """What counts the work of a template."""

    def spend(self, amount: int) -> None:
        """Count some work."""

    def weigh(self, value: Any, times: int = 1) -> None:
        """Count what it takes to write a value, so many times."""

    def weigh_format(self, text: str, sign: str, told: Sequence[Any]) -> None:
        """Count what a text becomes in which values are set."""


def filters_of(counting: Counting) -> dict[str, Any]:
    """The filters of a template, by name.

    Args:
        counting: What counts the work that they do.
    """
    known: Mapping[str, Any] = filters.FILTERS
    own: Mapping[str, Any] = {
        "join": _join,
        "number": number,
        **dict.fromkeys(_ESCAPES, Made.escape),
    }
    held = {**{name: known[name] for name in FILTERS}, **own}
    return {name: _counted(name, function, counting) for name, function in held.items()}


_ESCAPES = ("e", "escape", "forceescape")


def tests_of(counting: Counting) -> dict[str, Any]:
    """The tests of a template ("is defined"), by name; arguments as for `filters_of`."""
    known: Mapping[str, Any] = tests.TESTS
    return {name: _counted(name, function, counting) for name, function in known.items()}


def _counted(name: str, function: Callable[..., Any], counting: Counting) -> Callable[..., Any]:
    """The filter or test, which counts what it reads and makes; its markup is text."""
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        value, *args = given[skipped:]
        told = (*args, *named.values())
        _count(name, value, told, counting)
        if name == "indent" and isinstance(value, Made):  # jinja2's own would escape its newlines
            width = [Made.escape(arg) if isinstance(arg, str) else arg for arg in args]
            return Made(function(str(value), *map(_bare, width), **named))
        made = _bare(function(*given[:skipped], value, *args, **named))
        if not isinstance(made, Iterator):
            counting.spend(_size(made))
        return made

    return called


def _bare(made: Any) -> Any:
    """What a filter gave; markup that is not evalkit's is a text."""
    return str(made) if isinstance(made, Markup) and not isinstance(made, Made) else made


def _count(name: str, value: Any, told: Sequence[Any], counting: Counting) -> None:
    """Count what a filter is about to read and to make."""
    counting.spend(1 + _size(value))
    if name == "string":
        counting.weigh(value)
    elif name == "format":
        counting.weigh_format(str(value), "%", told)
    elif name == "sum":
        _check_numbers(told)
    elif name in _GROWING:
        counting.spend(cost(value, told))
    else:
        for each in told:
            counting.weigh(each)


def _check_numbers(told: Sequence[Any]) -> None:
    if any(isinstance(each, (list, tuple)) for each in told):
        message = "the filter sum adds numbers alone"
        raise TypeError(message)


def cost(value: Any, told: Sequence[Any]) -> int:
    """How many characters or items may be made of a value by what is told of it, at most.

    Args:
        value: The value.
        told: Widths, which count for each line, and texts, which may stand at each character.
    """
    lines = 1 + value.count("\n") if isinstance(value, str) else 1
    widths = sum(abs(each) for each in told if isinstance(each, int)) * lines
    texts = [each for each in told if isinstance(each, str)]
    if isinstance(value, str) and texts[1:]:  # the first is replaced by the second
        return widths + (value.count(texts[0]) + 1) * (len(texts[1]) + 1)
    return widths + sum(map(len, texts)) * lines


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, dict, range)) else 1


@pass_environment
def _join(environment: Any, value: Any, d: Any = "", attribute: str | None = None) -> str:
    """The values in a row, with a text between them; the arguments are named as jinja2 has them."""
    if attribute is not None:
        value = map(filters.make_attrgetter(environment, attribute), value)
    held = list(value)
    environment.weigh((*held, *[d] * len(held)))
    return joined(held, d)
