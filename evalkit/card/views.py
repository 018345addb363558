"""What templates see of records: their public texts alone, and nothing that can be called.

What is not there no filter can bring back: paths, secrets, control and bidi characters are left out
here, before a template is given anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from markupsafe import Markup

from evalkit.card.invocation import HERE, public_config
from evalkit.card.made import Made
from evalkit.public import public, public_spec
from evalkit.report.table import printable
from evalkit.run_record import RunConfig

_SPECS = frozenset({"spec", "judge"})  # fields that hold a model's spec


class View:
    """A record as templates see it: its fields and properties, and no method."""

    __slots__ = ("_of",)

    def __init__(self, of: Any) -> None:
        """Show a record.

        Args:
            of: The record, a dataclass.
        """
        self._of = of

    def __getattr__(self, name: str) -> Any:
        """The public view of a field."""
        if name.startswith("_") or not _is_told(self._of, name):
            raise AttributeError(name)
        value = getattr(self._of, name)
        if name in _SPECS and isinstance(value, str):
            return _shown(public_spec(value, HERE))
        return view_of(value)

    def __eq__(self, other: object) -> bool:
        """Whether both show the same."""
        return isinstance(other, View) and bool(self._of == other._of)

    def __hash__(self) -> int:
        """Of what it is, not of what it holds, which may be a mapping."""
        return hash(type(self._of))

    def __repr__(self) -> str:
        """Its kind alone."""
        return type(self._of).__name__


def _is_told(of: Any, name: str) -> bool:
    named = any(field.name == name for field in fields(of))
    return named or isinstance(getattr(type(of), name, None), property)


def view_of(value: Any) -> Any:
    """The public view of a value: numbers, public texts, tuples, dicts, views, and Markdown.

    Args:
        value: What evalkit made; Markdown of it is marked as such (`markupsafe.Markup`).
    """
    if value is None or isinstance(value, (bool, int, float, Enum)):
        return value
    if isinstance(value, Markup):
        return Made(value)
    if isinstance(value, Mapping):
        return {view_of(key): view_of(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return tuple(map(view_of, value))
    if isinstance(value, RunConfig):
        return View(public_config(value))
    return View(value) if is_dataclass(value) else _shown(public(str(value)))


def _shown(text: str) -> str:
    """The text with no control characters but the ends of lines."""
    return "\n".join(map(printable, text.split("\n")))
