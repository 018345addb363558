"""The only writer of whole files: atomic, so that a reader sees the old one or the new one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError, UnwritableError


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value, indented, atomically."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees either the old or the new one, whole."""
    with replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8", newline="\n")


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines, each with its newline, atomically and one at a time; gives their number."""
    number = 0
    with replacing(path) as temporary, Path(temporary).open("w", encoding="utf-8") as file:
        for number, line in enumerate(lines, start=1):  # noqa: B007 - the last one counts
            file.write(line)
    return number


class replacing:  # noqa: N801 - a context manager, read as a verb
    """Gives a temporary name beside `path`, and puts the file in its place when all went well."""

    def __init__(self, path: Path) -> None:
        """Nothing is made yet."""
        self.path = Path(os.path.realpath(path))  # a link stays, and what it names is written

    def __enter__(self) -> str:
        if self.path.exists() and not self.path.is_file():
            message = f"{self.path} is no file that can be replaced; give another name."
            raise StoreError(message)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, self.temporary = tempfile.mkstemp(
                dir=self.path.parent, prefix=f".{self.path.name}."
            )
        except OSError as error:
            raise UnwritableError(str(self.path), error) from error
        os.close(handle)
        return self.temporary

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        temporary = Path(self.temporary)
        try:
            if error is None:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(self.path)
        except OSError as late:
            error = late
        if error is not None:
            with suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError):
            raise UnwritableError(str(self.path), error) from error
