"""Predictions by sample id that stand in files, and are read again where they are asked for."""

from __future__ import annotations

import os
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, ValuesView
from contextlib import contextmanager
from pathlib import Path

from evalkit.errors import StoreError
from evalkit.integrity import checking_answers
from evalkit.numbering import Numbering
from evalkit.records import Prediction
from evalkit.store import parse_prediction

_MOST = 2
"""Files that one mapping reads from, at most: what was finished before, and a journal."""

_LOOSE = -1
"""Where a prediction is that stands in no file."""

_GONE = -2
"""Where one is that was forgotten."""

FEW = 1 << 22
"""Bytes of a file up to which its predictions are held: a judge looks at each four times."""

_LINE = 1024
"""Bytes that are read at first: most lines are shorter."""


Parse = Callable[[bytes, Path, int], Prediction | None]
"""What a line says, by the line, its file and its number; None where it is left out."""


class Predictions(MutableMapping[str, Prediction]):
    """Predictions by sample id, in the order in which the ids first came.

    What stands in a file is not held: where its line begins is, and of its id a number. The files
    are kept open, so that they may be replaced or removed meanwhile.
    """

    __slots__ = ("_count", "_failed", "_files", "_ids", "_loose", "_where")

    def __init__(self, predictions: Iterable[Prediction] = ()) -> None:
        """Hold those that stand in no file."""
        self._files: list[_Lines] = []
        self._ids = Numbering()
        self._where = array("q")  # by the id's number
        self._count = 0
        self._failed: set[str] = set()
        self._loose: dict[int, Prediction] = {}  # by the id's number
        for made in predictions:
            self[made.sample_id] = made

    @classmethod
    def stored(cls, path: Path, digest: str | None = None) -> Predictions:
        """Those in a file; none where it does not exist.

        Args:
            path: The file.
            digest: What a record says of its answers; None checks nothing.

        Raises:
            StoreError: The file cannot be read, or a line is damaged.
            StaleError: The answers are not those of the record.
        """
        found = cls()
        if path.exists():
            with _readable(path), checking_answers(digest, str(path)) as feed:
                found.add_file(path, feed=feed)
        return found

    def add_file(
        self,
        path: Path,
        *,
        torn: bool = False,
        feed: Callable[[Prediction], None] | None = None,
        parse: Parse = parse_prediction,
    ) -> int:
        """Take in a file's lines; later ones win.

        Args:
            path: The file. Lines may be added to it, and are then said by `add_line`.
            torn: Whether the last line may lack its end; it is then left out.
            feed: Takes every line's answer; None where nobody asks.
            parse: Reads a line, which may have further fields.

        Returns:
            The length of what was taken in, in bytes.

        Raises:
            OSError: The file cannot be read.
            StoreError: A line is damaged.
        """
        assert len(self._files) < _MOST  # noqa: S101  the callers' design
        self._files.append(_Lines(path))
        place = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if torn and not line.endswith(b"\n"):
                    break
                made = parse(line, path, number)
                if made is not None:
                    self.add_line(made, place)
                    if feed is not None:
                        feed(made)
                place += len(line)
        return place

    def add_line(self, made: Prediction, place: int) -> None:
        """Take in a line of the file that was added last.

        Args:
            made: What it says.
            place: Where it begins, in bytes.
        """
        number = self._note(made, place * _MOST + len(self._files) - 1)
        self._loose.pop(number, None)

    def _note(self, made: Prediction, where: int) -> int:
        number = self._ids.add(made.sample_id)
        if number == len(self._where):
            self._where.append(_GONE)
        self._count += self._where[number] == _GONE
        self._where[number] = where
        if made.failure is None:
            self._failed.discard(made.sample_id)
        else:
            self._failed.add(made.sample_id)
        return number

    def is_answered(self, sample_id: str) -> bool:
        """Whether there is a prediction of the sample, and none that failed."""
        return sample_id not in self._failed and sample_id in self

    def any_answered(self) -> bool:
        """Whether there is any that did not fail."""
        return self._count > len(self._failed)

    def failed(self) -> frozenset[str]:
        """The ids of those that failed."""
        return frozenset(self._failed)

    def __getitem__(self, sample_id: str) -> Prediction:
        """The prediction of a sample, read."""
        number = self._number(sample_id)
        if number is None:
            raise KeyError(sample_id)
        return self._read(number)

    def _read(self, number: int) -> Prediction:
        where = self._where[number]
        if where == _LOOSE:
            return self._loose[number]
        place, file = divmod(where, _MOST)
        return self._files[file].prediction(place)

    def __setitem__(self, sample_id: str, made: Prediction) -> None:
        """Hold a prediction that stands in no file."""
        self._loose[self._note(made, _LOOSE)] = made

    def __delitem__(self, sample_id: str) -> None:
        """Forget a prediction; its file keeps it."""
        number = self._number(sample_id)
        if number is None:
            raise KeyError(sample_id)
        self._where[number] = _GONE
        self._count -= 1
        self._loose.pop(number, None)
        self._failed.discard(sample_id)

    def __contains__(self, sample_id: object) -> bool:
        """Whether there is a prediction of the sample; nothing is read."""
        return isinstance(sample_id, str) and self._number(sample_id) is not None

    def _number(self, sample_id: str) -> int | None:
        """The number of an id of which there is a prediction."""
        number = self._ids.get(sample_id)
        return None if number is None or self._where[number] == _GONE else number

    def __iter__(self) -> Iterator[str]:
        """The ids; the predictions are read, for they are not held."""
        return (made.sample_id for made in self.values())

    def values(self) -> ValuesView[Prediction]:
        """The predictions, each read once."""
        return _Values(self)

    def every(self) -> Iterator[Prediction]:
        """The predictions in order, each read when it is its turn."""
        for number, where in enumerate(self._where):
            if where != _GONE:
                yield self._read(number)

    def __len__(self) -> int:
        """How many there are."""
        return self._count


def stored_predictions(path: Path, digest: str | None = None) -> Mapping[str, Prediction]:
    """Those in a file by sample id; none where it does not exist. Few of them are held.

    Args:
        path: The file.
        digest: What a record says of its answers; None checks nothing.

    Raises:
        StoreError: The file cannot be read, or a line is damaged.
        StaleError: The answers are not those of the record.
    """
    if not path.exists() or path.stat().st_size > FEW:
        return Predictions.stored(path, digest)
    found = {}
    with _readable(path), path.open("rb") as file, checking_answers(digest, str(path)) as feed:
        for number, line in enumerate(file, start=1):
            made = parse_prediction(line, path, number)
            found[made.sample_id] = made
            feed(made)
    return found


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read which one it is.

    Raises:
        StoreError: It cannot.
    """
    try:
        yield
    except OSError as error:
        message = f"{path} cannot be read: {error}."
        raise StoreError(message) from error


class _Values(ValuesView[Prediction]):
    """Predictions; ids are read with them, so that none is looked up."""

    _mapping: Predictions

    def __iter__(self) -> Iterator[Prediction]:
        return self._mapping.every()


class _Lines:
    """A file that is read line by line, at given places; it may grow meanwhile."""

    def __init__(self, path: Path) -> None:
        import msgspec

        self._path = path
        self._file = os.open(path, os.O_RDONLY)
        self._decode = msgspec.json.Decoder(Prediction).decode
        self._errors = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
        weakref.finalize(self, os.close, self._file)

    def prediction(self, place: int) -> Prediction:
        line = self._line(place)
        try:
            return self._decode(line)
        except self._errors:  # a line that is written otherwise, and was checked field by field
            number = os.pread(self._file, place, 0).count(b"\n") + 1
            return parse_prediction(line, self._path, number)

    def _line(self, place: int) -> bytes:
        size = _LINE
        while True:
            read = os.pread(self._file, size, place)
            if (end := read.find(b"\n")) >= 0:
                return read[: end + 1]
            if len(read) < size:
                return read
            size *= 8
