"""Which samples are evaluated, and what names them: a seeded subset, and a digest."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from evalkit.errors import UsageError
from evalkit.numbering import Numbering
from evalkit.records import Sample
from evalkit.run_record import DatasetIdentity
from evalkit.spool import Lazy

Unit = tuple[str, str]
"""What is taken whole or not at all: a sample, a group or a cluster, by its name."""


def select(
    samples: Sequence[Sample], limit: int | None, seed: int, *, by_cluster: bool = False
) -> Sequence[Sample]:
    """A seeded subset of whole groups, or clusters, in the dataset's order.

    They are ranked by a hash of the seed and their own name, and taken from the top until the next
    one would exceed the limit. So a subset depends neither on the order of the dataset nor on
    Python's hash seed, and the subset of a smaller limit lies within that of a larger one.

    Args:
        samples: All samples of a split.
        limit: At most so many samples; a first group that is larger is taken whole. None is all:
            `samples` itself.
        seed: Another seed is another subset.
        by_cluster: Take whole clusters, so that a picture is asked about in full or not at all.

    Raises:
        UsageError: The limit is below 1.
    """
    if limit is None:
        return samples
    if limit < 1:
        message = f"The limit must be at least 1, not {limit}."
        raise UsageError(message)
    named = _cluster if by_cluster else _group
    units, sizes, ranks = Numbering(), array("Q"), bytearray()
    unit_of = array("Q")
    for sample in samples:
        unit = named(sample)
        number = units.add(":".join(unit))
        if number == len(sizes):
            sizes.append(0)
            ranks += hashlib.sha256(_line([seed, *unit])).digest()
        sizes[number] += 1
        unit_of.append(number)
    chosen = _top(ranks, sizes, limit)
    places = array("Q", (place for place, number in enumerate(unit_of) if chosen[number]))
    return Lazy(places, samples.__getitem__)


def _group(sample: Sample) -> Unit:
    return ("sample", sample.id) if sample.group is None else ("group", sample.group)


def _cluster(sample: Sample) -> Unit:
    return ("cluster", sample.cluster)


def _top(ranks: bytearray, sizes: Sequence[int], limit: int) -> bytearray:
    """Of each unit whether it is taken: 1 or 0.

    Args:
        ranks: 32 bytes of each unit, whose order is that in which units are taken.
        sizes: Samples of each unit.
        limit: At most so many samples, except of the first unit.
    """
    import numpy as np

    words = np.frombuffer(ranks, dtype=">u8").reshape(-1, 4)
    taken, total = bytearray(len(sizes)), 0
    for number in np.lexsort(words.T[::-1]):  # the last key is the first that counts
        total += sizes[number]
        if total > limit and total > sizes[number]:
            break
        taken[number] = 1
    return taken


def ranked(units: Iterable[Unit], seed: int) -> list[Unit]:
    """The units in an order that their names and the seed alone decide."""
    return sorted(units, key=lambda unit: hashlib.sha256(_line([seed, *unit])).digest())


def in_random_order(strata: Mapping[str, str], seed: int) -> tuple[str, ...]:
    """Clusters in an order in which every beginning is a random sample of each stratum.

    Within a stratum they are ranked as `select` ranks them; strata are spread evenly over the
    order. It depends on names and the seed alone, so never on who answers faster.

    Args:
        strata: Cluster -> its stratum.
        seed: Another seed is another order.
    """
    sizes, seen = Counter(strata.values()), Counter[str]()
    places: list[tuple[float, int, str]] = []
    for rank, (_, cluster) in enumerate(ranked((("cluster", name) for name in strata), seed)):
        stratum = strata[cluster]
        places.append(((seen[stratum] + 0.5) / sizes[stratum], rank, cluster))
        seen[stratum] += 1
    return tuple(cluster for _, _, cluster in sorted(places))


def identify(identity: DatasetIdentity, samples: Sequence[Sample]) -> DatasetIdentity:
    """The identity of these samples: their number, and digests of ids and targets, and of the rest.

    Args:
        identity: That of the split which the samples are from.
        samples: Those that are evaluated.
    """
    digest, context = hashlib.sha256(), hashlib.sha256()
    for sample in samples:
        digest.update(_line([sample.id, *sample.targets]))
        tags, inputs = sorted(sample.tags.items()), sorted(sample.inputs.items())
        context.update(_line([sample.group, sample.cluster, tags, inputs]))
    return replace(
        identity, samples=len(samples), digest=digest.hexdigest(), context=context.hexdigest()
    )


def _line(values: Sequence[Any]) -> bytes:
    try:
        line = msgspec.json.encode(values)
    except UnicodeEncodeError:  # a lone surrogate
        line = b"\xff"
    if not line.isascii():  # the digests are those of Python's own writer, which escapes
        line = json.dumps(values, separators=(",", ":")).encode()
    return line + b"\n"
