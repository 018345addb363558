"""A task's split as samples: found, opened, joined, and made by the task's `to_sample`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.data import folder, hub
from evalkit.data.files import Found
from evalkit.data.subset import identify
from evalkit.data.tables import check_table, open_table, present
from evalkit.errors import DataError, EvalkitError
from evalkit.numbering import Numbering
from evalkit.records import Sample
from evalkit.run_record import WHOSE, DatasetIdentity
from evalkit.spool import Spool

if TYPE_CHECKING:
    from evalkit.foreign import Foreign
    from evalkit.task import DatasetRef, Join, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Where datasets are taken from.

    Attributes:
        folder: Holds one folder per task; None is the hub.
        offline: The hub is not asked: only its cache on this machine is.
        label: What is recorded as the repository of local data.
    """

    folder: Path | None = None
    offline: bool = False
    label: str = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDataset:
    """A split.

    Attributes:
        samples: One per row, in the dataset's order; on disk, and read where they are asked for.
        identity: What was loaded; its digest is over all samples, its `images` None.
        notes: Sentences that a reader of the numbers must see.
    """

    samples: Sequence[Sample]
    identity: DatasetIdentity
    notes: tuple[str, ...]


def load(task: Task, source: DataSource) -> LoadedDataset:
    """The samples of a task; pictures are not read yet.

    Raises:
        UsageError: The local folder or its files are not there.
        DataError: The dataset cannot be had, or is not what the task expects.
        MissingExtraError: The package `datasets` is needed and not installed: for the hub, and for
            large tables.
    """
    if task.foreign is not None:
        return _foreign(task, task.foreign, source)
    found = _find(task, source)
    made = (_sample(task, number, row) for number, row in enumerate(_rows(task, found)))
    samples = Spool(Sample, _checked(task, made))
    identity = DatasetIdentity(
        repository=found.repository,
        config=task.dataset.config,
        split=task.dataset.split,
        requested_revision=task.dataset.revision,
        revision=found.revision,
        rows=len(samples),
        expected_rows=task.dataset.rows,
        samples=len(samples),
        digest="",
        images=None,
    )
    notes = (*found.notes, *_row_notes(task, identity))
    return LoadedDataset(samples=samples, identity=identify(identity, samples), notes=notes)


def _foreign(task: Task, foreign: Foreign, source: DataSource) -> LoadedDataset:
    """The split as another harness's code reads it."""
    read = foreign.read(source.folder, offline=source.offline)
    samples = tuple(_checked(task, read.samples))
    identity = DatasetIdentity(
        repository=task.dataset.repositories[0] if source.folder is None else source.label,
        config=task.dataset.config,
        split=task.dataset.split,
        requested_revision=None,
        revision=read.revision,
        rows=len(samples),
        expected_rows=len(samples),
        samples=len(samples),
        digest="",
        images=None,
    )
    return LoadedDataset(samples=samples, identity=identify(identity, samples), notes=())


def preflight(task: Task, source: DataSource) -> None:
    """A cheap check that `load` will find what it needs; downloads a list of files at most.

    Raises:
        UsageError: The local folder or its files are not there.
        DataError: The dataset cannot be had, or lacks a column.
        MissingExtraError: The package `datasets` is needed and not installed: for the hub, and for
            large tables.
    """
    if task.foreign is not None:
        if source.folder is not None:
            folder.task_folder(task, source.folder)
        return
    if source.folder is None and not source.offline:
        hub.check(task)
        return
    found = _find(task, source)
    check_table(found.table, _own_columns(task.dataset, found))
    if task.dataset.join is not None and found.joined is not None:
        check_table(found.joined, _joined_columns(task.dataset.join))


def _find(task: Task, source: DataSource) -> Found:
    if source.folder is not None:
        return folder.find(task, source.folder, source.label)
    return hub.find(task, offline=source.offline)


def _own_columns(ref: DatasetRef, found: Found) -> list[str]:
    """What is read of the first table: all that does not come from the second, and is there."""
    optional = present(found.table, ref.optional_columns)
    if ref.join is None:
        return list(dict.fromkeys([*ref.columns, *optional]))
    if found.joined is None:
        return list(dict.fromkeys([*ref.columns, *ref.join.columns, *optional]))
    own = [name for name in ref.columns if name not in ref.join.columns]
    return list(dict.fromkeys([*own, ref.join.on, *optional]))


def _joined_columns(join: Join) -> list[str]:
    return list(dict.fromkeys([join.key, *join.columns]))


def _rows(task: Task, found: Found) -> Iterator[dict[str, Any]]:
    ref = task.dataset
    columns = _own_columns(ref, found)
    pictures = [name for name in columns if name in ref.image_columns]
    rows = open_table(found.table, columns).rows(columns, pictures)
    if ref.join is None or found.joined is None:
        return rows
    return _join(task.name, ref.join, rows, _second_table(task, ref.join, found))


def _second_table(task: Task, join: Join, found: Found) -> dict[Any, dict[str, Any]]:
    assert found.joined is not None  # noqa: S101  the caller's own test, for the type checker
    columns = _joined_columns(join)
    pictures = [name for name in join.columns if name in task.dataset.image_columns]
    second: dict[Any, dict[str, Any]] = {}
    for row in open_table(found.joined, columns).rows(columns, pictures):
        if row[join.key] in second:
            message = (
                f"{task.name}: the table {join.config!r} has {join.key} {row[join.key]!r} twice."
            )
            raise DataError(message)
        second[row[join.key]] = {name: row[name] for name in join.columns}
    return second


def _join(
    task: str, join: Join, rows: Iterator[dict[str, Any]], second: dict[Any, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        if row[join.on] not in second:
            message = (
                f"{task}: row {number} has {join.on} {row[join.on]!r}, which is no {join.key} of "
                f"the table {join.config!r}."
            )
            raise DataError(message)
        yield row | second[row[join.on]]


def _sample(task: Task, number: int, row: dict[str, Any]) -> Sample:
    try:
        return task.to_sample({**row, "__index__": number})
    except EvalkitError:
        raise
    except Exception as error:  # a task file is somebody else's code: here its errors end
        message = (
            f"{task.name}: row {number} cannot be made into a sample: "
            f"{type(error).__name__}: {error}."
        )
        raise DataError(message) from error


def _checked(task: Task, samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples, each when it has been found to be sound."""
    seen = Numbering()
    for number, sample in enumerate(samples):
        _check_texts(task, number, sample)
        if (first := seen.add(sample.id)) != number:
            message = (
                f"{task.name}: the sample id {sample.id!r} is that of row {first} and of "
                f"row {number}; ids must be unique."
            )
            raise DataError(message)
        yield sample
    if not len(seen):
        message = f"{task.name}: the split {task.dataset.split!r} has no rows."
        raise DataError(message)


def _check_texts(task: Task, number: int, sample: Sample) -> None:
    """Texts must be texts that a file can hold: an id of 7 would be written as a number."""
    named: list[tuple[str, Any]] = [("id", sample.id), ("question", sample.question)]
    named += [("cluster", sample.cluster)]
    named += [("group", sample.group)] if sample.group is not None else []
    named += [("target", text) for text in sample.targets]
    named += [("choice", text) for text in sample.choices]
    for kind, held in (("tag", sample.tags), ("input", sample.inputs)):
        for key, value in held.items():
            values = value if isinstance(value, tuple) else (value,)
            named += [(f"{kind} {key!r}", text) for text in (key, *values)]
    for name, text in named:
        if not isinstance(text, str):
            message = (
                f"{task.name}: row {number} has the {name} {text!r}, which is no text; write "
                "str(...) in to_sample."
            )
            raise DataError(message)
        if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
            message = (
                f"{task.name}: row {number} has the {name} {text!r}, which is no valid Unicode."
            )
            raise DataError(message)


def _row_notes(task: Task, data: DatasetIdentity) -> tuple[str, ...]:
    """What a reader must know of a split's rows: that they are others than the benchmark's."""
    rows, expected = data.rows or 0, task.dataset.rows
    if data.own == "demo":
        return (f"{task.name}: {rows} rows of {WHOSE['demo']}, not of the benchmark's.",)
    if data.own == "local" and rows < expected:
        return (f"{task.name}: {rows} rows of {WHOSE['local']}, whose split has {expected}.",)
    if rows == expected:
        return ()
    note = (
        f"{task.name}: the split {data.split!r} of {data.repository} has {rows} rows, but "
        f"the task expects {expected}: numbers may not be comparable with published ones."
    )
    return (note,)
