"""The only writer of whole files: atomic, so that a reader sees the old one or the new one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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


def write_together(texts: Iterable[tuple[Path, str]]) -> None:
    """Write text files, all or none: each is whole beside its place before the first takes it.

    Where one cannot take its place, those before it have what stood there again.

    Raises:
        StoreError: A place is no file's.
        UnwritableError: A file cannot be written.
    """
    with ExitStack() as temporaries, ExitStack() as undo:
        staged = [(path, temporaries.enter_context(_beside(path, text))) for path, text in texts]
        for path, stage in staged:
            try:
                held = stage.path.read_bytes() if stage.path.exists() else None
                stage.take()
            except OSError as error:
                raise UnwritableError(str(path), error) from error
            undo.callback(_put_back, stage.path, held)
        undo.pop_all()


@contextmanager
def _beside(path: Path, text: str) -> Iterator[replacing]:
    """A text, written beside its place; it does not stay there."""
    stage = replacing(path)
    temporary = Path(stage.__enter__())
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        yield stage
    except OSError as error:
        raise UnwritableError(str(path), error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _put_back(path: Path, held: bytes | None) -> None:
    """What stood at a place, or nothing."""
    with suppress(OSError):
        if held is None:
            path.unlink()
        else:
            path.write_bytes(held)


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
                self.take()
        except OSError as late:
            error = late
        if error is not None:
            with suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError):
            raise UnwritableError(str(self.path), error) from error

    def take(self) -> None:
        """Put the file in its place; errors are the system's."""
        temporary = Path(self.temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(self.path)
