"""Records on disk, each read again where it is asked for; and sequences that are made on demand.

What grows with the number of samples is not held in memory: samples, requests and scores are
written to a temporary file as they are made; what stays is where each of them ends, eight bytes.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import IO, Any, Generic, TypeVar, overload

from evalkit.errors import UnwritableError

Record = TypeVar("Record")
Given = TypeVar("Given")
Made = TypeVar("Made")

_IN_MEMORY = 1 << 18
"""Bytes that wait in memory to be written; what is smaller never reaches the disk."""

_AT_ONCE = 256
"""Records that are read together where all are read in order."""

_FEW = 1 << 22
"""Bytes up to which records are held once they were read in order: metrics read scores, and a judge
samples, a dozen times, and what is bounded costs no more memory for more samples."""

_NOTHING = b"\xc0"
"""What msgpack writes for None: here, for a record that is held."""


class Lazy(Sequence[Made], Generic[Given, Made]):
    """A sequence whose items are made of another's, each where it is asked for, and not kept."""

    __slots__ = ("_given", "_make")

    def __init__(self, given: Sequence[Given], make: Callable[[Given], Made]) -> None:
        """Make nothing yet.

        Args:
            given: What items are made of, such as their places in a `Spool`.
            make: Makes an item; equal arguments must give equal items.
        """
        self._given = given
        self._make = make

    def __len__(self) -> int:
        """How many there are."""
        return len(self._given)

    @overload
    def __getitem__(self, place: int) -> Made: ...
    @overload
    def __getitem__(self, place: slice) -> Lazy[Given, Made]: ...
    def __getitem__(self, place: int | slice) -> Made | Lazy[Given, Made]:
        """The item at a place; of a slice again such a sequence."""
        if isinstance(place, slice):
            return Lazy(self._given[place], self._make)
        return self._make(self._given[place])

    def __iter__(self) -> Iterator[Made]:
        """Every item in order."""
        return map(self._make, self._given)


class Spool(Sequence[Record]):
    """Records of one kind, in the order in which they came, on disk.

    What is read is equal to what was written, but another object; `_FEW` says when it is held. A
    function inside a record (an `Image` has one) is written as a number where it is a
    `functools.partial` over texts and whole numbers: the function under it is held once, however
    many records share it. Any other function is held itself. The file has no name, is in the
    system's folder for temporary files (TMPDIR), and goes when the sequence goes, or the process.
    When all is written several threads may read. The few records that cannot be written, as no file
    could hold a text of theirs, are held.
    """

    def __init__(self, kind: type[Record], records: Iterable[Record] = ()) -> None:
        """Write the records.

        Args:
            kind: Their class: a dataclass of texts, numbers, tuples, mappings and functions.
            records: The first of them.

        Raises:
            UnwritableError: The disk is full.
        """
        from msgspec import msgpack

        functions = _Functions()
        self._encode = msgpack.Encoder(enc_hook=functions.written).encode
        read: Any = kind | None
        self._one = msgpack.Decoder(read, dec_hook=functions.read)
        self._several = msgpack.Decoder(list[read], dec_hook=functions.read)
        self._held: dict[int, Record] = {}
        self._few: list[Record] | None = None
        self._ends = array("Q", (0,))
        self._waiting = bytearray()
        self._file: int | None = None
        for record in records:
            self.append(record)

    def append(self, record: Record) -> None:
        """Write one more.

        Raises:
            UnwritableError: The disk is full.
        """
        try:
            written = self._encode(record)
        except (UnicodeEncodeError, OverflowError):  # a lone surrogate; a number of many digits
            self._held[len(self)] = record
            written = _NOTHING
        self._few = None
        self._waiting += written
        self._ends.append(self._ends[-1] + len(written))
        if len(self._waiting) > _IN_MEMORY:
            self._flush()

    def _flush(self) -> None:
        try:
            if self._file is None:
                with temporary_file() as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
            with memoryview(self._waiting) as left:
                done = 0
                while done < len(left):
                    done += os.write(self._file, left[done:])
        except OSError as error:
            raise no_room(error) from error
        self._waiting = bytearray()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Lazy[int, Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Lazy[int, Record]:
        """The record at a place, read; of a slice a sequence that reads when it is asked."""
        if isinstance(place, slice):
            return Lazy(range(*place.indices(len(self))), self.__getitem__)
        number = range(len(self))[place]
        record = self._one.decode(self._read(number, number + 1))
        return self._held[number] if record is None else record

    def __iter__(self) -> Iterator[Record]:
        """Every record in order: few are read once and held, many some at a time."""
        few = self._few
        if few is None:
            if self._ends[-1] > _FEW:
                return self._read_all()
            few = self._few = list(self._read_all())
        return iter(few)

    def _read_all(self) -> Iterator[Record]:
        for start in range(0, len(self), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(self))
            head = b"\xdd" + (stop - start).to_bytes(4, "big")  # an array of so many, in msgpack
            records = self._several.decode(head + self._read(start, stop))
            if not self._held:
                yield from records
                continue
            for place, record in enumerate(records, start):
                yield self._held[place] if record is None else record

    def _read(self, start: int, stop: int) -> bytes:
        """What was written for the records from `start` to before `stop`."""
        begin, end = self._ends[start], self._ends[stop]
        waiting = self._waiting
        written = self._ends[-1] - len(waiting)
        if begin >= written:
            return bytes(waiting[begin - written : end - written])
        assert self._file is not None  # noqa: S101  something was written
        stored = os.pread(self._file, min(end, written) - begin, begin)
        return stored + waiting[: max(end - written, 0)]


def temporary_file() -> IO[bytes]:
    """A file without a name, which goes when it is closed, or the process ends."""
    try:
        return tempfile.TemporaryFile(prefix="evalkit-")
    except OSError as error:
        raise no_room(error) from error


def no_room(error: OSError) -> UnwritableError:
    """What is said when a temporary file cannot be written."""
    what = f"A temporary file in {tempfile.gettempdir()} (TMPDIR names another folder)"
    return UnwritableError(what, error)


class _Functions:
    """Functions that are held, and what is written in their place; and other kinds of values."""

    def __init__(self) -> None:
        self._held: list[Callable[..., Any]] = []
        self._numbers: dict[Callable[..., Any], int] = {}

    def written(self, value: Any) -> Any:
        """What is written for a value that msgspec knows not how to write."""
        if isinstance(value, str):  # of a subclass
            return str.__str__(value)
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, partial) and not value.keywords and _are_plain(value.args):
            return [self._number(value.func), *value.args]
        if callable(value):
            return [self._number(value)]
        message = f"a {type(value).__name__} cannot be written"
        raise TypeError(message)

    def _number(self, function: Callable[..., Any]) -> int:
        try:
            number = self._numbers.setdefault(function, len(self._held))
        except TypeError:  # it cannot be a key
            number = len(self._held)
        if number == len(self._held):
            self._held.append(function)
        return number

    def read(self, kind: Any, value: Any) -> Any:
        """The function that `written` wrote."""
        del kind
        number, *given = value
        return partial(self._held[number], *given) if given else self._held[number]


def _are_plain(values: tuple[Any, ...]) -> bool:
    return bool(values) and all(type(value) in (str, int) for value in values)
