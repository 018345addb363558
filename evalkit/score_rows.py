"""The columns of an Arrow table as scored samples: `evalkit.columns`, the other way round."""

from __future__ import annotations

import gc
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import StoreError
from evalkit.records import SampleScore

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_TEXTS = ("sample_id", "answer", "group", "cluster", "rule")
_FLAGS = ("failed", "ambiguous")
_LEFT_OUT = frozenset({"targets", "cluster"})
_AT_ONCE = 8192  # rows
_MAY_BE_ABSENT = frozenset({"answer", "group"})


def read_clusters(path: Path) -> dict[str, str]:
    """The cluster of each scored sample in a Parquet file by its id.

    Raises:
        StoreError: It is not there, or damaged.
    """
    import pyarrow as pa

    with _opened(path) as file:
        try:
            table = file.read(columns=["sample_id", "cluster"])
            pairs = [table[name].to_pylist() for name in ("sample_id", "cluster")]
        except (OSError, LookupError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
    return dict(zip(*pairs, strict=True))


def score_columns(path: Path, coded: Collection[str] = ()) -> pa.Table:
    """The columns of a Parquet file of scored samples, but for targets and clusters.

    Args:
        path: The file.
        coded: Columns of texts in which few differ: each is held once, and a number for each row.

    Raises:
        StoreError: There is none, or it is damaged, or holds something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(path) as file:
        try:
            _check_columns(file.schema_arrow, str(path))
            names = [name for name in file.schema_arrow.names if name not in _LEFT_OUT]
            return pq.read_table(path, columns=names, read_dictionary=[*coded], partitioning=None)
        except (OSError, LookupError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error


def scores_at(path: Path, rows: Sequence[int]) -> dict[int, SampleScore]:
    """The scored samples in some rows of a Parquet file, by row; errors as `read_scores`.

    Their tags are tuples: whether a sample elsewhere has several is not looked up.

    Args:
        path: The file.
        rows: Places of the rows, from 0.
    """
    import pyarrow as pa

    found: dict[int, SampleScore] = {}
    with _opened(path) as file:
        try:
            _check_columns(file.schema_arrow, str(path))
            for first, group in _groups_of(file, rows):
                own = [row for row in rows if first <= row < first + group.num_rows]
                some = group.take([row - first for row in own]).combine_chunks().to_batches()
                made = (s for batch in some for s in _scores(batch, (), {}, str(path)))
                found.update(zip(own, made, strict=True))
        except (OSError, LookupError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
    return found


def _groups_of(file: pq.ParquetFile, rows: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
    """The groups in which rows stand, each with the place of its first row."""
    first = 0
    for number in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(number).num_rows
        if any(first <= row < first + size for row in rows):
            yield first, file.read_row_group(number)
        first += size


def score_pieces(path: Path) -> Iterator[list[SampleScore]]:
    """The scored samples in a Parquet file in order, some thousand at once.

    Errors are those of `read_scores`, but that a sample is there twice is not seen.
    """
    import pyarrow as pa

    with _opened(path) as file:
        try:
            _check_columns(file.schema_arrow, str(path))
            single = _single_tags(file)
            for batch in file.iter_batches(_AT_ONCE):
                yield list(_scores(batch, single, {}, str(path)))
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        message = f"There are no scored samples at {path}: give a run's folder, whole."
        raise StoreError(message)
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    with file:
        yield file


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path} cannot be read as Parquet: {error}.")


def read_scores(path: Path) -> tuple[SampleScore, ...]:
    """One scored sample a row of a Parquet file, as `evalkit.columns.score_table` lays it out.

    Texts, mappings and tuples that are equal are one object, so that 200,000 samples of ten targets
    take some 100 MB. A tag of which no sample has several is a text, else a tuple.

    Raises:
        StoreError: There is none, or it is damaged: a column is missing, unknown or of another
            type, a sample is there twice, or a value is no finite number.
    """
    import pyarrow as pa

    with _opened(path) as file, _collecting_later():
        try:
            _check_columns(file.schema_arrow, str(path))
            single = _single_tags(file)
            known: dict[Any, Any] = {}
            found: list[SampleScore] = []
            for batch in file.iter_batches(_AT_ONCE):
                found += _scores(batch, single, known, str(path))
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
    if len({score.sample_id for score in found}) < len(found):
        _refuse(str(path), "a sample is there twice")
    return tuple(found)


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Millions of objects of which none is garbage: looking at them takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _scores(
    batch: pa.RecordBatch, single: Collection[str], known: dict[Any, Any], place: str
) -> Iterator[SampleScore]:
    columns = {name: _texts(batch[name], known) for name in _TEXTS}
    flags = {name: batch[name].to_pylist() for name in _FLAGS}
    for name, held in (columns | flags).items():
        if name not in _MAY_BE_ABSENT and None in held:
            _refuse(place, f"the column {name} has gaps")
    rows = zip(
        columns["sample_id"],
        columns["answer"],
        _lists(batch["targets"], known, place),
        _mappings(_numbers(batch, place), known, len(batch)),
        columns["group"],
        columns["cluster"],
        _mappings(_tags(batch, single, known, place), known, len(batch)),
        flags["failed"],
        columns["rule"],
        flags["ambiguous"],
        strict=True,
    )
    for sample_id, answer, targets, values, group, cluster, tags, failed, rule, ambiguous in rows:
        yield SampleScore(
            sample_id=sample_id,
            answer=answer,
            targets=targets,
            values=values,
            group=group,
            cluster=cluster,
            tags=tags,
            failed=failed,
            rule=rule,
            ambiguous=ambiguous,
        )


def _check_columns(schema: pa.Schema, place: str) -> None:
    import pyarrow.types as kinds

    def is_text(kind: pa.DataType) -> bool:
        return bool(kinds.is_string(kind) or kinds.is_large_string(kind))

    def is_list(kind: pa.DataType) -> bool:
        return bool(kinds.is_list(kind) or kinds.is_large_list(kind)) and is_text(kind.value_type)

    wanted = dict.fromkeys(_TEXTS, is_text) | dict.fromkeys(_FLAGS, kinds.is_boolean)
    wanted["targets"] = is_list
    names = schema.names
    if len(set(names)) < len(names):
        _refuse(place, "a column is there twice")
    for name, kind in zip(names, schema.types, strict=True):
        prefix = name.partition(".")[0]
        fits = {"value": kinds.is_float64, "tag": is_list}.get(prefix, wanted.get(name))
        if fits is None or not fits(kind):
            _refuse(place, f"the column {name} is unknown, or of the type {kind}")
    if absent := wanted.keys() - set(names):
        _refuse(place, f"the column {min(absent)} is missing")


def _refuse(place: str, what: str) -> None:
    message = f"{place} holds no scored samples: {what}."
    raise StoreError(message)


def _single_tags(file: pq.ParquetFile) -> frozenset[str]:
    """The columns of tags of which no sample has several."""
    import pyarrow.compute as pc

    names = [name for name in file.schema_arrow.names if name.startswith("tag.")]
    several = {
        name
        for batch in file.iter_batches(_AT_ONCE, columns=names)
        for name in names
        if (pc.max(pc.list_value_length(batch[name])).as_py() or 0) > 1
    }
    return frozenset(names) - several


def _texts(column: pa.Array, known: dict[Any, Any]) -> list[Any]:
    """A column's texts; equal ones are one object."""
    coded = column.dictionary_encode()
    words = [known.setdefault(word, word) for word in coded.dictionary.to_pylist()]
    if coded.null_count:
        return [None if i is None else words[i] for i in coded.indices.to_pylist()]
    return list(map(words.__getitem__, coded.indices.to_numpy().tolist()))


def _lists(column: pa.Array, known: dict[Any, Any], place: str) -> list[tuple[str, ...]]:
    """A column's lists as tuples; equal ones are one object."""
    import pyarrow.compute as pc

    flat = column.flatten()
    if flat.null_count:
        _refuse(place, "a list of texts has gaps")
    words = iter(_texts(flat, known))
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().tolist()
    tuples = [tuple(islice(words, length)) for length in lengths]
    return [known.setdefault(held, held) for held in tuples]


def _numbers(table: pa.RecordBatch, place: str) -> dict[str, list[float | None]]:
    """The values by name; None where a sample has none."""
    found = {}
    for name in table.schema.names:
        if name.startswith("value."):
            held = table[name].to_pylist()
            if not all(value is None or math.isfinite(value) for value in set(held)):
                _refuse(place, f"the column {name} holds what is no finite number")
            found[name.removeprefix("value.")] = held
    return found


def _tags(
    table: pa.RecordBatch, single: Collection[str], known: dict[Any, Any], place: str
) -> dict[str, list[str | tuple[str, ...] | None]]:
    """The tags by name; None where a sample has none."""
    found: dict[str, list[str | tuple[str, ...] | None]] = {}
    for name in table.schema.names:
        if name.startswith("tag."):
            held = _lists(table[name], known, place)
            found[name.removeprefix("tag.")] = [
                (tags[0] if name in single else tags) if tags else None for tags in held
            ]
    return found


def _mappings(
    columns: Mapping[str, Sequence[Any]], known: dict[Any, Any], rows: int
) -> Iterator[Mapping[str, Any]]:
    """A mapping for each row, of what is there; equal ones are one object."""
    names = tuple(columns)
    for row in zip(*columns.values(), strict=True) if names else repeat((), rows):
        key = (names, row)  # no tuple of texts is like it
        made = known.get(key)
        if made is None:
            pairs = zip(names, row, strict=True)
            made = known[key] = {name: value for name, value in pairs if value is not None}
        yield made
