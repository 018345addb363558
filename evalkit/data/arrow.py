"""Tables of Parquet, of which rows are read without their pictures, and pictures by row.

Small files are read into memory. Larger ones are unpacked into a temporary file, and large tables
are converted once by the package `datasets`, into its own cache; of both, only the needed columns.
Either is mapped into memory: that takes disk, and memory for no pictures at all, however many there
are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from evalkit.data.files import TableFiles, require_columns, require_datasets
from evalkit.data.pictures import picture_file
from evalkit.errors import DataError
from evalkit.records import Image
from evalkit.spool import no_room, temporary_file

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH = 256
_SMALL = 1 << 20
"""Bytes of a Parquet file that is read into memory."""

_LARGE = 64 << 20
"""Bytes of a table of Parquet that is converted, and not unpacked in every run."""

_LOOKED_AT = 16 << 20
"""Bytes that are looked at before the pages that they lie in are let go."""

_AROUND = 1 << 16
"""Bytes that the system maps around one that is looked at."""


def check_parquet(files: TableFiles, columns: Sequence[str]) -> pa.Schema:
    """Check the end of every file, where Parquet keeps its schema and its number of rows.

    Returns:
        The schema that all files fit in: a column may be empty, and so untyped, in some.

    Raises:
        DataError: A file cannot be read or is not Parquet, a column is missing, or all are empty.
    """
    ends = [_end(path) for path in files.paths]
    schemas = [end.schema.to_arrow_schema() for end in ends]
    for path, schema in zip(files.paths, schemas, strict=True):
        require_columns(path, columns, schema.names)
    if not any(end.num_rows for end in ends):
        message = f"The table {files.paths[0]} has no rows."
        raise DataError(message)
    return _common(files, schemas)


def schemas_of(files: TableFiles) -> list[pa.Schema]:
    """Each file's schema.

    Raises:
        DataError: A file cannot be read or is not Parquet.
    """
    return [_end(path).schema.to_arrow_schema() for path in files.paths]


def _end(path: Path) -> pq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        message = f"The file {path} cannot be read as Parquet: {error}. Fetch it again."
        raise DataError(message) from error


def _common(files: TableFiles, schemas: Sequence[pa.Schema]) -> pa.Schema:
    import pyarrow as pa

    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        message = f"The shards of {files.paths[0]} do not fit together: {error}."
        raise DataError(message) from error


@dataclass(frozen=True, slots=True)
class _Store:
    """What a table is read from, in plain values: it names the table, also in another process."""

    paths: tuple[str, ...]
    columns: tuple[str, ...]
    stamps: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrowTable:
    """A table that is opened when rows or pictures are asked for."""

    files: TableFiles
    store: _Store

    @classmethod
    def open(cls, files: TableFiles, columns: Sequence[str]) -> ArrowTable:
        """Check the files, and convert them if they are large and it was not done before.

        Raises:
            DataError: A file cannot be read, or a column is missing.
            MissingExtraError: The files are large, and the package `datasets` is not installed.
        """
        schema = check_parquet(files, columns)
        paths = tuple(str(path.absolute()) for path in files.paths)
        if sum(path.stat().st_size for path in files.paths) > _LARGE:
            paths = _converted(files, columns, schema)
        stamps = tuple(_stamp(Path(path)) for path in paths)
        return cls(files=files, store=_Store(paths, tuple(columns), stamps))

    def rows(self, columns: Sequence[str], pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Every row in order: its `columns`, of which `pictures` are `Image` or None.

        Raises:
            DataError: A picture is not one, or its file is not there.
        """
        mapped = _opened(self.store)
        table = mapped.table
        plain = [name for name in columns if name not in pictures]
        shown = {name: self._pictures(table, name) for name in pictures}
        for batch in table.select(plain).to_batches(max_chunksize=_BATCH):
            for row in batch.to_pylist():
                yield row | {name: next(images) for name, images in shown.items()}
            mapped.let_go(batch.nbytes + _AROUND * len(plain))

    def _pictures(self, table: pa.Table, column: str) -> Iterator[Image | None]:
        """One a row; which rows have none is read off the validity bits, not the bytes."""
        import pyarrow as pa
        import pyarrow.compute as pc

        row, read = 0, _Column(self.store, column).read
        for chunk in table[column].chunks:
            encoded = chunk
            if pa.types.is_struct(chunk.type) and chunk.type.get_field_index("bytes") >= 0:
                encoded = pc.struct_field(chunk, "bytes")
            if not _holds_bytes(encoded.type):
                message = f"The column {column!r} of {self.files.paths[0]} holds no pictures."
                raise DataError(message)
            for place, embedded in enumerate(encoded.is_valid().to_pylist()):
                if embedded:
                    key = f"{self.files.name}/{column}/{row}"
                    yield Image(key=key, read=partial(read, row))
                else:  # only these cells are taken out of their chunk: that alone reads them
                    yield self._named(chunk[place], column, row)
                row += 1

    def _named(self, cell: pa.Scalar[Any], column: str, row: int) -> Image | None:
        value = cell.as_py()
        name = value.get("path") if isinstance(value, dict) else None
        where = f"Row {row}, column {column!r},"
        return picture_file(name, self.files.paths[0].parent, self.files.root, where)


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return kind in (pa.binary(), pa.large_binary(), pa.null())


@dataclass(frozen=True, slots=True)
class _Column:
    """Where pictures are."""

    store: _Store
    column: str

    def read(self, row: int) -> bytes:
        """The bytes of the picture in a row."""
        mapped = _opened(self.store)
        value = mapped.table[self.column][row].as_py()
        encoded: bytes = value["bytes"] if isinstance(value, dict) else value
        mapped.let_go(len(encoded) + _AROUND)
        return encoded


class _Mapped:
    """A table whose columns lie in files that are mapped into memory, and the maps."""

    def __init__(self, parts: Sequence[tuple[pa.Table, mmap | None]]) -> None:
        import pyarrow as pa

        tables = [table for table, _ in parts]
        self.table = pa.concat_tables(tables, promote_options="permissive")
        self._maps = [mapped for _, mapped in parts if mapped is not None]
        self._touched = 0

    def let_go(self, size: int) -> None:
        """Say that so many bytes were looked at: of the maps, little stays in memory.

        The pages are the system's to take back, but count as this process's memory until it does;
        they are still in its cache, and come back at once where they are looked at again.
        """
        self._touched += size
        if self._touched > _LOOKED_AT:
            self._touched = 0
            for mapped in self._maps:
                mapped.madvise(MADV_DONTNEED)


@lru_cache(maxsize=16)
def _opened(store: _Store) -> _Mapped:
    return _Mapped([_part(path, store.columns) for path in store.paths])


def _part(path: str, columns: Sequence[str]) -> tuple[pa.Table, mmap | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if not path.endswith(".parquet"):
            with Path(path).open("rb") as file:
                return _mapped(file)
        table = pq.ParquetFile(path)
        if Path(path).stat().st_size <= _SMALL:
            return table.read(columns=list(columns)), None
        return _unpacked(table.iter_batches(batch_size=_BATCH, columns=list(columns)))
    except (OSError, pa.ArrowException) as error:
        message = f"The file {path} cannot be read: {error}. Remove it, and fetch it again."
        raise DataError(message) from error


def _mapped(file: IO[bytes]) -> tuple[pa.Table, mmap]:
    """The Arrow stream in a file, and the map that it lies in."""
    import pyarrow as pa

    mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
    return pa.ipc.open_stream(pa.py_buffer(mapped)).read_all(), mapped


def _unpacked(batches: Iterator[pa.RecordBatch]) -> tuple[pa.Table, mmap]:
    """The batches, of which there is one at least, in a file without a name."""
    import pyarrow as pa

    first = next(batches)
    with temporary_file() as file:
        with pa.ipc.new_stream(file, first.schema) as writer:
            for batch in chain((first,), batches):
                try:
                    writer.write_batch(batch)
                except OSError as error:
                    raise no_room(error) from error
        file.flush()
        return _mapped(file)


def _converted(files: TableFiles, columns: Sequence[str], schema: pa.Schema) -> tuple[str, ...]:
    require_datasets()
    import datasets
    import pyarrow as pa
    from datasets.data_files import DataFilesDict, DataFilesList
    from datasets.exceptions import DatasetsError

    features = datasets.Features.from_arrow_schema(schema)
    paths = [str(path.absolute()) for path in files.paths]
    origins = [_stamp(path) for path in files.paths]
    try:
        dataset = datasets.Dataset.from_parquet(
            DataFilesDict({"rows": DataFilesList(paths, origins)}),
            split="rows",
            features=datasets.Features({name: features[name] for name in columns}),
            columns=list(columns),
            batch_size=_BATCH,
        )
    except (DatasetsError, pa.ArrowException, OSError, ValueError) as error:
        message = f"The file {paths[0]} (or a later shard) cannot be converted: {_root(error)}."
        raise DataError(message) from error
    return tuple(part["filename"] for part in dataset.cache_files)


def _stamp(path: Path) -> tuple[str, ...]:
    """What makes the cache notice another file of the same name."""
    status = path.stat()
    return (str(status.st_mtime_ns), str(status.st_size))


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
