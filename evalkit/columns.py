"""Scored samples as the columns of an Arrow table.

Arrow's own converter looks at every value, and imports pandas to do so where it is installed. Texts
are laid out here as Arrow keeps them, one after another with their ends, which takes a fraction of
the time for two million answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from evalkit.records import SampleScore

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

TOGETHER = 1 << 13
"""Rows that are laid out, and written, together."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that columns of values and of tags have, in order of first appearance."""

    values: tuple[str, ...]
    tags: tuple[str, ...]


def names_in(scores: Iterable[SampleScore]) -> Names:
    """The names of all values and tags of the scores."""
    values, tags = dict[str, None](), dict[str, None]()
    for score in scores:
        values.update(dict.fromkeys(score.values))
        tags.update(dict.fromkeys(score.tags))
    return Names(tuple(values), tuple(tags))


def pieces(scores: Iterable[SampleScore]) -> Iterator[list[SampleScore]]:
    """The scores in order, `TOGETHER` of them at once."""
    every = iter(scores)
    while some := list(islice(every, TOGETHER)):
        yield some


def score_table(scores: Sequence[SampleScore], names: Names | None = None) -> pa.Table:
    """One row a sample.

    Columns: sample_id, answer, targets (list), failed, group, cluster, rule, ambiguous, one
    `value.<name>` for each value and one `tag.<name>` (list) for each tag.

    Args:
        scores: The scores.
        names: What the last columns are called; None: after what the scores have.
    """
    import pyarrow as pa

    names = names or names_in(scores)
    columns: dict[str, pa.Array] = {
        "sample_id": _texts([s.sample_id for s in scores]),
        "answer": _texts([s.answer for s in scores]),
        "targets": _lists([s.targets for s in scores]),
        "failed": _flags([s.failed for s in scores]),
        "group": _texts([s.group for s in scores]),
        "cluster": _texts([s.cluster for s in scores]),
        "rule": _texts([s.rule for s in scores]),
        "ambiguous": _flags([s.ambiguous for s in scores]),
    }
    for name in names.values:
        columns[f"value.{name}"] = _numbers([s.values.get(name) for s in scores])
    for name in names.tags:
        held = [s.tags.get(name, ()) for s in scores]
        columns[f"tag.{name}"] = _lists([(t,) if type(t) is str else t for t in held])
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _texts(values: Sequence[str | None]) -> pa.Array:
    import pyarrow as pa

    given = ["" if value is None else value for value in values]
    joined = "".join(given)
    if joined.isascii():  # then a letter is a byte
        lengths = map(len, given)
    else:  # each distinct text is measured once
        sizes = {text: len(text.encode("utf-8", "replace")) for text in set(given)}
        lengths = map(sizes.__getitem__, given)
    # A lone surrogate, which no file can hold, becomes "?".
    encoded = pa.py_buffer(joined.encode("utf-8", "replace"))
    buffers = [_known(values), _ends(lengths), encoded]
    return pa.Array.from_buffers(pa.large_string(), len(values), buffers)


def _lists(values: Sequence[Sequence[str]]) -> pa.Array:
    import pyarrow as pa

    inner = _texts(list(chain.from_iterable(values)))
    buffers = [None, _ends(map(len, values))]
    kind = pa.large_list(pa.large_string())
    return pa.Array.from_buffers(kind, len(values), buffers, children=[inner])


def _numbers(values: Sequence[float | None]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    held = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
    return pa.Array.from_buffers(pa.float64(), len(values), [_known(values), pa.py_buffer(held)])


def _flags(values: Sequence[bool]) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def _known(values: Sequence[Any]) -> pa.Buffer | None:
    """Which values are there; None where all are."""
    if None not in values:
        return None
    return _bits([value is not None for value in values])


def _bits(values: Sequence[bool]) -> pa.Buffer:
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(np.packbits(np.array(values, dtype=np.bool_), bitorder="little"))


def _ends(lengths: Iterable[int]) -> pa.Buffer:
    """Where each value begins and the last one ends."""
    import numpy as np
    import pyarrow as pa

    ends: npt.NDArray[np.int64] = np.fromiter(chain((0,), lengths), dtype=np.int64).cumsum()
    return pa.py_buffer(ends)
