"""The only reader and writer of run folders: atomic, and checked at the door.

A run folder holds

    run.json                  the run record: small, meant to be committed
    predictions/<task>.jsonl  one prediction a line, in dataset order
    verdicts/<task>.jsonl     one verdict of a judge a line, for judged tasks
    judge/<task>-<...>.jsonl  the replies that were paid for, by judge and rubric
    scores/<task>.parquet     one scored sample a row
    submissions/<file>        for splits whose answers a server keeps
    started.json, journal/    of an unfinished run only

Whatever is read is checked against the records of `evalkit.records`: a file that says less, more or
something else is refused with the place that is wrong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.columns import names_in, pieces, score_table
from evalkit.errors import StaleError, StoreError, UnwritableError
from evalkit.integrity import (
    AnswerDigest,
    ScoreDigest,
    TwiceError,
    check_record,
    check_schema,
    check_scores,
    check_sound,
    checking_answers,
    once,
    sealed,
)
from evalkit.records import Prediction, SampleScore, Verdict, differences, plain
from evalkit.run_record import SCHEMA, RunRecord
from evalkit.score_rows import read_clusters, read_scores
from evalkit.small_files import check_regular
from evalkit.writing import replacing, write_json, write_lines, write_text

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places in a run's folder, and the ways to read and write them."""

    path: Path

    @property
    def record_path(self) -> Path:
        """Where the run record stands once the run is finished."""
        return self.path / "run.json"

    @property
    def started_path(self) -> Path:
        """Where an unfinished run keeps what it is about."""
        return self.path / "started.json"

    @property
    def lock_path(self) -> Path:
        """The file that a running process keeps locked."""
        return self.path / "run.lock"

    @property
    def holds_a_run(self) -> bool:
        """Whether a run was started or finished here, or left answers."""
        named = self.record_path.exists() or self.started_path.exists()
        return named or self.holds_answers

    @property
    def holds_answers(self) -> bool:
        """Whether there are predictions, of a finished or of an unfinished run."""
        return any(
            any((self.path / folder).glob("*.jsonl")) for folder in ("predictions", "journal")
        )

    def journal_path(self, stem: str) -> Path:
        """Where a task's predictions are appended while the run goes on."""
        return self.path / "journal" / f"{stem}.jsonl"

    def predictions_path(self, stem: str) -> Path:
        """Where a task's predictions stand, in dataset order, once it is finished."""
        return self.path / "predictions" / f"{stem}.jsonl"

    def verdicts_path(self, stem: str) -> Path:
        """Where a judged task's verdicts stand."""
        return self.path / "verdicts" / f"{stem}.jsonl"

    def scores_path(self, stem: str) -> Path:
        """Where a task's scored samples stand."""
        return self.path / "scores" / f"{stem}.parquet"

    def write_record(self, record: RunRecord) -> RunRecord:
        """Seal the run record and write it, atomically; gives it as it was written."""
        record = sealed(record)
        write_json(self.record_path, plain(record))
        return record

    def write_predictions(self, stem: str, predictions: Iterable[Prediction]) -> str:
        """Write a task's predictions, atomically, in the given order; gives their digest."""
        digest = AnswerDigest()

        def line(made: Prediction) -> str:
            digest.add(made)
            return prediction_line(made)

        write_lines(self.predictions_path(stem), map(line, predictions))
        return digest.value

    def read_predictions(self, stem: str, digest: str | None = None) -> tuple[Prediction, ...]:
        """A finished task's predictions; empty where there are none.

        Args:
            stem: The task's name as a file name.
            digest: What the record says of them; None checks nothing.

        Raises:
            StoreError: A line is damaged.
            StaleError: They are not those of the record.
        """
        path = self.predictions_path(stem)
        if not path.exists():
            return ()
        lines = path.read_bytes().splitlines(keepends=True)
        found = tuple(parse_prediction(line, path, i) for i, line in enumerate(lines, start=1))
        with checking_answers(digest, str(path)) as feed:
            for made in found:
                feed(made)
        return found

    def read_clusters(self, stem: str) -> dict[str, str]:
        """The clusters of a task's scored samples by sample id; empty where there are no scores.

        Raises:
            StoreError: The file is damaged.
        """
        path = self.scores_path(stem)
        return read_clusters(path) if path.exists() else {}

    def read_scores(self, stem: str, digest: str | None = None) -> tuple[SampleScore, ...]:
        """A task's scored samples, in order.

        Args:
            stem: The task's name as a file name.
            digest: What the record says of them; None checks nothing.

        Raises:
            StoreError: There are none, or the file is damaged.
            StaleError: They are not those of the record.
        """
        path = self.scores_path(stem)
        scores = read_scores(path)
        if digest is not None:
            check_scores(scores, digest, str(path))
        return scores

    def write_verdicts(self, stem: str, verdicts: Iterable[Verdict]) -> None:
        """Write a task's verdicts, atomically, in the given order."""
        write_text(self.verdicts_path(stem), verdict_lines(verdicts))

    def read_verdicts(self, stem: str) -> tuple[Verdict, ...]:
        """A judged task's verdicts; empty where there are none.

        Raises:
            StoreError: A line is damaged.
        """
        path = self.verdicts_path(stem)
        if not path.exists():
            return ()
        lines = path.read_bytes().splitlines(keepends=True)
        return tuple(parse_line(Verdict, line, path, i) for i, line in enumerate(lines, start=1))

    def write_scores(self, stem: str, scores: Sequence[SampleScore]) -> str:
        """Write a task's scored samples as Parquet, atomically; gives their digest.

        Columns: sample_id, answer, targets (list), failed, group, cluster, rule, ambiguous, one
        `value.<name>` for each value and one `tag.<name>` (list) for each tag.
        """
        import pyarrow.parquet as pq

        names, digest = names_in(scores), ScoreDigest()
        with (
            replacing(self.scores_path(stem)) as temporary,
            pq.ParquetWriter(temporary, score_table((), names).schema, compression="zstd") as file,
        ):
            for some in pieces(scores):
                file.write_table(score_table(some, names))
                digest.add(some)
        return digest.value

    def forget_journal(self) -> None:
        """Remove what only an unfinished run needs.

        Raises:
            UnwritableError: It cannot be removed.
        """
        try:
            for path in (self.path / "journal").glob("*.jsonl"):
                path.unlink()
            self.started_path.unlink(missing_ok=True)
        except OSError as error:
            what = f"The run folder {self.path}"
            raise UnwritableError(what, error) from error
        with suppress(OSError):
            (self.path / "journal").rmdir()

    def set_aside(self) -> Path | None:
        """Rename the folder to the first free `<name>.old-<number>`; None where there is none.

        Raises:
            UnwritableError: It cannot be renamed.
        """
        if not self.path.exists():
            return None
        number = 1
        while (target := self.path.with_name(f"{self.path.name}.old-{number}")).exists():
            number += 1
        try:
            self.path.rename(target)
        except OSError as error:
            what = f"The run folder {self.path}"
            raise UnwritableError(what, error) from error
        return target


def load_run(path: str | Path) -> RunRecord:
    """The record of a finished run, from its folder or its `run.json`.

    Raises:
        StoreError: There is none, or it is damaged or of another schema.
        StaleError: It is not what was written.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "run.json"
    if not file.exists():
        hint = " It was not finished." if file.with_name("started.json").exists() else ""
        message = f"There is no run record at {file}.{hint}"
        raise StoreError(message)
    return parse_record(read_json(file), str(file))


def parse_record(raw: Any, place: str) -> RunRecord:
    """A plain value as a run record; arguments as `parse`, errors as `load_run`."""
    check_schema(raw, SCHEMA, place)
    record = parse(RunRecord, raw, place)
    check_record(raw, place)
    check_sound(record, place)
    return record


def read_json(path: Path) -> Any:
    """The JSON value in a file.

    Raises:
        StoreError: The file cannot be read, is none, or is not JSON.
        StaleError: An object has a field twice, which nothing here writes: of the two a reader sees
            one, and its digest may be that of the other.
    """
    check_regular(path)
    try:
        return json.loads(
            path.read_text(encoding="utf-8"),
            parse_constant=_finite,
            parse_float=_finite,
            object_pairs_hook=once,
        )
    except TwiceError as error:
        message = f"{path} is not what was written: {error}."
        raise StaleError(message) from error
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path} cannot be read as JSON: {error}."
        raise StoreError(message) from error


def _finite(text: str) -> float:
    """A number as JSON may hold it.

    Raises:
        ValueError: It is NaN, or infinite.
    """
    value = float(text)
    if not math.isfinite(value):
        message = f"{text} is no number"
        raise ValueError(message)
    return value


def parse(kind: type[Record], raw: Any, place: str) -> Record:
    """A plain value as a record.

    Args:
        kind: The record's class.
        raw: What `evalkit.records.plain` made of such a record.
        place: Where it was read, for the error's text.

    Raises:
        StoreError: A field is missing, unknown or of another type.
    """
    from pydantic import ValidationError

    try:
        adapter: TypeAdapter[Record] = _adapter(kind)  # type: ignore[arg-type]
        record = adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        message = f"{place} is not a valid {kind.__name__}: {where}: {first['msg']}."
        raise StoreError(message) from error
    if odd := differences(_told(plain(record)), _told(raw)):
        message = (
            f"{place} is not a valid {kind.__name__}: {odd[0]} is unknown or has a wrong type."
        )
        raise StoreError(message)
    return record


def _told(value: Any) -> Any:
    """The value without what is None: an earlier record lacks the fields that came later."""
    if isinstance(value, dict):
        return {key: _told(held) for key, held in value.items() if held is not None}
    return [_told(held) for held in value] if isinstance(value, list) else value


@lru_cache(maxsize=8)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def prediction_lines(predictions: Iterable[Prediction]) -> str:
    """Predictions as lines of JSON."""
    import msgspec

    return msgspec.json.Encoder().encode_lines(predictions).decode()


def verdict_lines(verdicts: Iterable[Verdict]) -> str:
    """Verdicts as lines of JSON."""
    import msgspec

    return msgspec.json.Encoder().encode_lines(verdicts).decode()


def prediction_line(prediction: Prediction) -> str:
    """A prediction as one line of JSON."""
    import msgspec

    return msgspec.json.encode(prediction).decode() + "\n"


def parse_prediction(line: bytes, path: Path, number: int) -> Prediction:
    """One line of JSON as a prediction.

    A line as `prediction_line` writes it is taken at once; any other is checked field by field.

    Raises:
        StoreError: The line is damaged; the text names file and line.
    """
    return parse_line(Prediction, line, path, number)


def parse_line(kind: type[Record], line: bytes, path: Path, number: int) -> Record:
    """One line of JSON as a record, as `parse_prediction`.

    Raises:
        StoreError: The line is damaged; the text names file and line.
    """
    import msgspec

    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        made = msgspec.json.decode(line, type=kind)
        if msgspec.json.encode(made) == line.rstrip(b"\n"):
            return made
    try:
        raw = json.loads(line, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        message = f"{path}, line {number}, is not JSON: {error}."
        raise StoreError(message) from error
    made = parse(kind, raw, f"{path}, line {number},")
    try:
        msgspec.json.encode(made)
    except UnicodeEncodeError as error:
        message = f"{path}, line {number}, holds no valid Unicode: {error}."
        raise StoreError(message) from error
    return made
