"""The append-only journal: every prediction is on disk as soon as it is made.

One file a task, one line a prediction. A batch is appended with one write and synced. A process
that is killed leaves at most one torn last line, which is dropped when the journal is opened again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from evalkit.errors import EvalkitError, UnwritableError
from evalkit.prediction_files import Predictions
from evalkit.records import Prediction
from evalkit.store import parse_prediction, prediction_line


class Journal:
    """A task's predictions so far, on disk; each is read again where it is asked for."""

    def __init__(self, path: Path, known: Iterable[Prediction] | Predictions = ()) -> None:
        """Open a journal, dropping a torn last line.

        Args:
            path: The file; it is made where it does not exist.
            known: Predictions that were made before and stand elsewhere; the journal's own are
                added to them, and win.

        Raises:
            UnwritableError: The file cannot be written.
            StoreError: A line inside it is damaged.
        """
        self.path = path
        self.predictions = known if isinstance(known, Predictions) else Predictions(known)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+")
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._read()
        except OSError as error:
            self.close()
            raise self._unwritable(error) from error
        except EvalkitError:
            self.close()
            raise

    def _unwritable(self, error: OSError) -> UnwritableError:
        return UnwritableError(f"The journal {self.path}", error)

    def _read(self) -> None:
        self._end = self.predictions.add_file(self.path, torn=True, parse=self._parsed)
        if self._file.seek(0, os.SEEK_END) > self._end:
            self._file.truncate(self._end)

    def _parsed(self, line: bytes, path: Path, number: int) -> Prediction | None:
        """What a line says; None where it is not believed. The inverse of `_line`."""
        return parse_prediction(line, path, number)

    def _line(self, made: Prediction) -> bytes:
        """A prediction as a line."""
        return prediction_line(made).encode()

    def is_done(self, sample_id: str) -> bool:
        """Whether the sample has an answer. One that failed is asked again."""
        return self.predictions.is_answered(sample_id)

    def any_done(self) -> bool:
        """Whether any sample has an answer."""
        return self.predictions.any_answered()

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Put predictions on disk, and only then count them as made.

        Raises:
            UnwritableError: The disk is full, or the file cannot be written.
        """
        lines = [self._line(made) for made in predictions]
        try:
            self._file.write(b"".join(lines))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error
        for made, line in zip(predictions, lines, strict=True):
            self.predictions.add_line(made, self._end)
            self._end += len(line)

    def close(self) -> None:
        """Close the file; what could not be written was said by `append`."""
        with suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()
