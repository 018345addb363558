"""Tables of a TOML file, read strictly: what is unknown or of a wrong type is one sentence."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from evalkit.errors import UsageError
from evalkit.small_files import read_small

Word = TypeVar("Word", bound=str)


class Table:
    """A table of a TOML file, whose keys are asked for one by one."""

    def __init__(self, raw: Mapping[str, Any], place: str, keys: Iterable[str]) -> None:
        """Take a table.

        Args:
            raw: The table.
            place: What it is and where, for errors: "The policy gate.toml", "... its rule 2".
            keys: Those that it may have.

        Raises:
            UsageError: It has another.
        """
        self.raw, self.place, known = raw, place, list(keys)
        if unknown := [key for key in raw if key not in known]:
            close = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.5)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            message = (
                f"{place} sets {unknown[0]!r}, which is not known; it may set "
                f"{', '.join(known)}.{guess}"
            )
            raise UsageError(message)

    def refuse(self, key: str, meant: str) -> NoReturn:
        """Say what a key must be.

        Raises:
            UsageError: Always.
        """
        says = f"sets {key} = {_shown(self.raw[key])}" if key in self.raw else f"has no {key!r}"
        message = f"{self.place} {says}; it must be {meant}."
        raise UsageError(message)

    def text(self, key: str, meant: str) -> str:
        """A text that must be there, and is not blank.

        Raises:
            UsageError: It is not.
        """
        found = self.raw.get(key)
        if not isinstance(found, str) or not found.strip():
            self.refuse(key, meant)
        return found

    def texts(self, key: str, meant: str) -> tuple[str, ...]:
        """A list of texts; empty where the key is not there.

        Raises:
            UsageError: It is no list, or holds something else.
        """
        found = self.raw.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            self.refuse(key, meant)
        return tuple(found)

    def word(self, key: str, default: Word, words: Iterable[Word]) -> Word:
        """One of a few words.

        Raises:
            UsageError: It is another.
        """
        known = tuple(words)
        found = next((word for word in known if word == self.raw.get(key, default)), None)
        if found is None:
            self.refuse(key, " or ".join(f'"{word}"' for word in known))
        return found

    def number(self, key: str, meant: str) -> float | None:
        """A finite number; None where the key is not there.

        Raises:
            UsageError: It is something else.
        """
        if key not in self.raw:
            return None
        found = self.raw[key]
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            self.refuse(key, meant)
        try:
            number = float(found)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.refuse(key, meant)
        return number

    def day(self, key: str) -> date:
        """A date that must be there.

        Raises:
            UsageError: It is something else.
        """
        found = self.raw.get(key)
        if not isinstance(found, date) or isinstance(found, datetime):
            self.refuse(key, "a date without quotes, such as 2026-12-31")
        return found

    def tables(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """The tables [[key]]; none where the key is not there.

        Raises:
            UsageError: The key is something else.
        """
        found = self.raw.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.refuse(key, f"tables, each below a line [[{key}]]")
        return tuple(found)

    def table(self, key: str) -> Mapping[str, Any]:
        """The table [key]; empty where the key is not there.

        Raises:
            UsageError: The key is something else.
        """
        found = self.raw.get(key, {})
        if not isinstance(found, dict):
            self.refuse(key, f"a table, below a line [{key}]")
        return found


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, (bool, float)) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits on a line


def read_toml(path: Path, what: str) -> tuple[dict[str, Any], bytes]:
    """A TOML file's table, and its bytes.

    Args:
        path: The file.
        what: What it is, for errors: "policy".

    Raises:
        UsageError: It cannot be read, is too large, or is no TOML.
    """
    content = read_small(path, what)
    try:
        return tomllib.loads(content.decode("utf-8")), content
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits
        message = f"The {what} {path} is not valid TOML: {error}."
        raise UsageError(message) from error
