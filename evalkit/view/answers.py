"""What a model wrote, read line by line from where it stands: of a line only its place is held."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import StoreError
from evalkit.integrity import AnswerDigest
from evalkit.records import Prediction
from evalkit.store import parse_prediction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_AT_ONCE = 1 << 20
"""Bytes that are read together where all are read."""


@dataclass(frozen=True, slots=True)
class _Written:
    """Of a line what is searched."""

    sample_id: str
    text: str | None


class Answers:
    """The lines of a task's predictions, in the order of its scores; none where there is no file.

    Several threads may read.
    """

    def __init__(self, path: Path) -> None:
        """Find where lines begin.

        Raises:
            StoreError: The file cannot be read.
        """
        self._path = path
        self._places: dict[str, int] | None = None
        try:
            self._file = os.open(path, os.O_RDONLY) if path.exists() else None
            self._ends = _line_ends(path) if self._file is not None else None
        except OSError as error:
            message = f"{path} cannot be read: {error}."
            raise StoreError(message) from error
        if self._file is not None:
            weakref.finalize(self, os.close, self._file)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def __len__(self) -> int:
        """How many lines there are."""
        return 0 if self._ends is None else len(self._ends)

    def find(self, row: int, sample_id: str) -> Prediction | None:
        """The prediction of a sample; None where there is none.

        Args:
            row: Where it stands among the scores, and usually here.
            sample_id: Whose it is.

        Raises:
            StoreError: Its line is damaged.
        """
        if row < len(self):
            made = self._read(row)
            if made.sample_id == sample_id:
                return made
        if self._places is None:  # the order is another: found once for all
            self._places = {made.sample_id: place for place, made in enumerate(self)}
        place = self._places.get(sample_id)
        return None if place is None else self._read(place)

    def _read(self, row: int) -> Prediction:
        return parse_prediction(self._line(row), self._path, row + 1)

    def _line(self, row: int) -> bytes:
        assert self._ends is not None  # noqa: S101  there is a row only where there is a file
        assert self._file is not None  # noqa: S101
        start = 0 if row == 0 else int(self._ends[row - 1])
        return os.pread(self._file, int(self._ends[row]) - start, start)

    def _lines(self) -> Iterator[bytes]:
        """Every line in order without its end, at places of its own: others read meanwhile."""
        if self._file is None:
            return
        place, rest = 0, b""
        while block := os.pread(self._file, _AT_ONCE, place):
            place += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
        if rest:
            yield rest

    def __iter__(self) -> Iterator[Prediction]:
        """Every prediction in order, checked.

        Raises:
            StoreError: A line is damaged.
        """
        for number, line in enumerate(self._lines(), start=1):
            yield parse_prediction(line, self._path, number)

    def check(self, digest: str | None) -> None:
        """Check that these are the answers of a record; None checks that lines are sound.

        Raises:
            StaleError: They are others.
            StoreError: A line is damaged.
        """
        fed = AnswerDigest()
        for made in self:
            fed.add(made)
        if digest is not None and self._file is not None:
            fed.check(digest, str(self._path))

    def texts(self) -> Iterator[tuple[str, str]]:
        """Id and text of each prediction that has one, quickly: nothing else of a line is read."""
        import msgspec

        decode = msgspec.json.Decoder(_Written).decode
        for line in self._lines():
            try:
                made = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue  # the check says it
            if made.text is not None:
                yield made.sample_id, made.text


def _line_ends(path: Path) -> npt.NDArray[np.int64]:
    """Behind the newline of each line; of a last line without one, the end of the file."""
    import numpy as np

    found, place = [], 0
    with path.open("rb") as file:
        while block := file.read(_AT_ONCE):
            found.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + place + 1)
            place += len(block)
    ends = np.concatenate([*found, np.zeros(0, np.int64)]).astype(np.int64)
    return ends if not place or (len(ends) and ends[-1] == place) else np.append(ends, place)
