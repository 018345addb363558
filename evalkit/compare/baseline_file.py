"""The baseline file: a run's record to be read by people, and its scored samples, compressed.

One JSON object, meant to be committed and reviewed:

    format   "evalkit baseline"
    schema   1
    record   the run's record, whole, with its digest
    scores   by task: the number of samples, the length of the text, and the text: columns as JSON,
             compressed (bzip2) and written in base 85

Scored samples are kept without targets. Nothing but the record and the scores enters, so the same
run gives the same bytes: bzip2 has one library, which hardly moves, where zlib has several, whose
bytes differ. The record's digests cover all of it.
"""

from __future__ import annotations

import base64
import bz2
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError
from evalkit.integrity import check_schema, check_scores
from evalkit.records import SampleScore, plain
from evalkit.run_record import RunRecord, TaskResult
from evalkit.store import parse, parse_record, read_json
from evalkit.writing import write_json

FORMAT = "evalkit baseline"
"""What the file says it is."""

SCHEMA = 1
"""Version of the file's layout."""

MOST = 1 << 28
"""Bytes that a text may have, at most: 256 MiB, some million samples."""


_EACH = 1 << 16
"""Bytes that a sample may take on average, beside `_BESIDE`: 64 KiB, some pages of an answer."""

_BESIDE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A task's scored samples as they stand in the file."""

    samples: int
    bytes: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A baseline file, read; scored samples are unpacked when they are asked for.

    Attributes:
        path: The file.
        record: The run's record.
        blocks: The scored samples by task.
    """

    path: Path
    record: RunRecord
    blocks: Mapping[str, Block]

    def scores(self, result: TaskResult) -> tuple[SampleScore, ...]:
        """The scored samples of a result, without targets.

        Raises:
            StoreError: They are not there, or damaged.
            StaleError: They are not those of the record.
        """
        place = f"{self.path}, scores of {result.task},"
        if result.task not in self.blocks:
            message = f"{place} are missing."
            raise StoreError(message)
        block, asked = self.blocks[result.task], result.coverage.asked
        if not 0 <= block.samples <= asked:
            message = (
                f"{place} are damaged: they are {block.samples:,}, of {asked:,} that were asked."
            )
            raise StoreError(message)
        scores = unpacked(block, place)
        check_scores(scores, result.scores or "", place)
        return scores

    def texts(self, result: TaskResult) -> Mapping[str, str]:  # noqa: ARG002 - as a folder is asked
        """Nothing: a baseline keeps no predictions."""
        return {}

    def images(self, result: TaskResult) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Nothing: the digests of pictures are in predictions."""
        return {}


def write(
    path: Path,
    record: RunRecord,
    scores: Mapping[str, Sequence[SampleScore]],
    *,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Write a baseline file, atomically.

    Args:
        path: The file.
        record: The run's record, sealed.
        scores: The scored samples by task, as the record's digests say.
        told: The record as its own file says it (`told_record`): one of an earlier evalkit lacks
            fields that came later, and its digest is over those that it has.
    """
    blocks = {task: plain(packed(own)) for task, own in scores.items()}
    raw = {"format": FORMAT, "schema": SCHEMA, "record": told or plain(record), "scores": blocks}
    write_json(path, raw)


def told_record(place: Path) -> Mapping[str, Any]:
    """A record as its file says it, field by field.

    Args:
        place: A run's folder, its run.json, or a baseline file, that was read before.
    """
    raw: Mapping[str, Any] = read_json(place / "run.json" if place.is_dir() else place)
    held: Mapping[str, Any] = raw["record"] if raw.get("format") == FORMAT else raw
    return held


def read(path: Path) -> Baseline:
    """A baseline file, with the digest of its record checked.

    Raises:
        StoreError: It is none, or damaged, or of another schema.
        StaleError: Its record is not what was written.
    """
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        message = f"{path} is neither a run's folder, nor its run.json, nor a baseline file."
        raise StoreError(message)
    check_schema(raw, SCHEMA, str(path))
    if odd := raw.keys() ^ {"format", "schema", "record", "scores"}:
        message = f"{path} is no valid baseline file: {min(odd)} is unknown, or missing."
        raise StoreError(message)
    if not isinstance(raw["scores"], dict):
        message = f"{path} is no valid baseline file: its scores are no mapping by task."
        raise StoreError(message)
    record = parse_record(raw["record"], f"{path}, record,")
    blocks = {
        task: parse(Block, block, f"{path}, scores of {task},")
        for task, block in raw["scores"].items()
    }
    if odd := blocks.keys() ^ {result.task for result in record.results}:
        message = f"{path} is no valid baseline file: {min(odd)} has no result, or no scores."
        raise StoreError(message)
    return Baseline(path=path, record=record, blocks=blocks)


def is_baseline(path: Path) -> bool:
    """Whether a file says that it is a baseline file; it may still be damaged."""
    try:
        raw = read_json(path)
    except StoreError:
        return False
    return isinstance(raw, dict) and raw.get("format") == FORMAT


def packed(scores: Sequence[SampleScore]) -> Block:
    """Scored samples as a block: one list for each column, values and tags by name.

    Raises:
        StoreError: They take more than a block may.
    """
    import msgspec

    columns = {
        "sample_id": [s.sample_id for s in scores],
        "answer": [s.answer for s in scores],
        "group": [s.group for s in scores],
        "cluster": [s.cluster for s in scores],
        "rule": [s.rule for s in scores],
        "failed": [s.failed for s in scores],
        "ambiguous": [s.ambiguous for s in scores],
        "values": _by_name([s.values for s in scores]),
        "tags": _by_name([s.tags for s in scores]),
    }
    text = msgspec.json.encode(columns)
    if len(text) > _most(len(scores)):
        message = (
            f"{len(scores):,} scored samples take {len(text):,} bytes, more than a baseline may "
            "hold of them: their answers, values or tags are too long."
        )
        raise StoreError(message)
    written = base64.b85encode(bz2.compress(text)).decode()
    return Block(samples=len(scores), bytes=len(text), text=written)


def _by_name(mappings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for mapping in mappings for name in mapping})
    return {name: [mapping.get(name) for mapping in mappings] for name in names}


def unpacked(block: Block, place: str) -> tuple[SampleScore, ...]:
    """The scored samples of a block, without targets.

    Args:
        block: As `packed` makes it.
        place: Where it was read, for the error's text.

    Raises:
        StoreError: It is damaged, too long, or says something else than its length.
    """
    import msgspec

    try:
        columns = msgspec.json.decode(_text(block), type=_columns())
    except (ValueError, EOFError, OSError) as error:
        message = f"{place} are damaged: {error}."
        raise StoreError(message) from error
    held = [getattr(columns, name) for name in columns.__struct_fields__[:-2]]
    held += [*columns.values.values(), *columns.tags.values()]
    if any(len(column) != block.samples for column in held):
        message = f"{place} are damaged: a column has not {block.samples} entries."
        raise StoreError(message)
    if len(set(columns.sample_id)) < block.samples:
        message = f"{place} are damaged: a sample is there twice."
        raise StoreError(message)
    return tuple(_scores(columns))


def _most(samples: int) -> int:
    """Bytes that the text of so many samples may have."""
    return min(MOST, samples * _EACH + _BESIDE)


def _text(block: Block) -> bytes:
    """The text, of the length that was told and not a byte more.

    Raises:
        ValueError: It has another length, or is no such text.
    """
    if not 0 < block.bytes <= _most(block.samples):
        message = f"a text of {block.bytes} bytes on {block.samples} samples is none of evalkit's"
        raise ValueError(message)
    unpacker = bz2.BZ2Decompressor()
    text = unpacker.decompress(base64.b85decode(block.text), max_length=block.bytes + 1)
    if len(text) != block.bytes or not unpacker.eof or unpacker.unused_data:
        message = f"the text has not {block.bytes} bytes"
        raise ValueError(message)
    return text


def _columns() -> Any:
    """The type of a block's columns, checked by msgspec."""
    import msgspec

    return msgspec.defstruct(
        "Columns",
        [
            ("sample_id", list[str]),
            ("answer", list[str | None]),
            ("group", list[str | None]),
            ("cluster", list[str]),
            ("rule", list[str]),
            ("failed", list[bool]),
            ("ambiguous", list[bool]),
            ("values", dict[str, list[float | None]]),
            ("tags", dict[str, list[str | tuple[str, ...] | None]]),
        ],
        forbid_unknown_fields=True,
    )


def _scores(columns: Any) -> Iterator[SampleScore]:
    rows = zip(
        columns.sample_id,
        columns.answer,
        columns.group,
        columns.cluster,
        columns.rule,
        columns.failed,
        columns.ambiguous,
        _by_row(columns.values, len(columns.sample_id)),
        _by_row(columns.tags, len(columns.sample_id)),
        strict=True,
    )
    for sample_id, answer, group, cluster, rule, failed, ambiguous, values, tags in rows:
        yield SampleScore(
            sample_id=sample_id,
            answer=answer,
            targets=(),
            values=values,
            group=group,
            cluster=cluster,
            tags=tags,
            failed=failed,
            rule=rule,
            ambiguous=ambiguous,
        )


def _by_row(columns: Mapping[str, Sequence[Any]], rows: int) -> list[dict[str, Any]]:
    return [
        {name: column[i] for name, column in columns.items() if column[i] is not None}
        for i in range(rows)
    ]
