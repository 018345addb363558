"""Markdown that evalkit made, in which every text of a record is escaped already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from markupsafe import Markup

from evalkit.report.markdown import published


class Made(Markup):
    """Markdown of evalkit or of a template's own words; what is joined to it is escaped.

    Other markup, such as filters of templates make of any text, is text here: it is escaped, too.
    """

    __slots__ = ()

    @classmethod
    def escape(cls, s: Any, /) -> Self:
        """Any text as Markdown that can only be its public part; what was made here stays."""
        return s if isinstance(s, cls) else cls(published(str(s)))


def joined(parts: Iterable[Any], between: Any = "") -> str:
    """Parts in a row: a text, or Markdown where one of them is."""
    held = [part if isinstance(part, Made) else str(part) for part in parts]
    if any(isinstance(part, Made) for part in (*held, between)):
        return Made.escape(between).join(map(Made.escape, held))
    return str(between).join(held)
