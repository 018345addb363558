"""Values of a row as ids and texts, whatever type their writer gave them."""

from __future__ import annotations

from typing import Any

_DIGITS = 19


def as_id(value: Any) -> str | None:
    """An id as text: 7, 7.0 and "7" are the same question; None where there is none."""
    if type(value) is int:
        return str(value)
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return sound(str(value))


def as_number(text: str | None) -> int | None:
    """An id as a whole number, such as a row's; None where it is none, or too long to be one."""
    is_number = text is not None and text.isascii() and text.isdecimal() and len(text) < _DIGITS
    return int(text) if text is not None and is_number else None


def as_text(value: Any) -> str | None:
    """An answer as text; a number is its digits, and of a list the first entry counts.

    Returns:
        None where there is no answer: a missing value, an object, an empty list.
    """
    if isinstance(value, str):
        return sound(value)
    while isinstance(value, list):
        value = value[0] if value else None
    if value is None or isinstance(value, dict):
        return None
    return sound(value if isinstance(value, str) else str(value))


def sound(text: str) -> str:
    """The text with lone surrogates replaced: no file could hold them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
