"""Sums over clusters that were drawn again, or whose two runs were exchanged at random.

Nothing here knows a metric: rows go in, one a cluster, and sums of rows come out, one a draw. The
rows are sorted first, so that what is drawn depends on the clusters and not on their order; equal
clusters are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENUMERABLE = 14
"""With so many clusters or fewer all exchanges are made: 16,384 at most."""

_MANY = 1_000
"""Of more different clusters the bootstrap's weights are tossed, a bit each, and not counted."""

_DIGITS = 11  # of a row, relative to the largest; what is beyond is rounding of its sums
_CELLS = 2_000_000  # entries of one chunk of weights: 16 MB
_DEARER = 5  # times: a binomial number beside a uniform one and its counting
_DEARER_THAN_BITS = 30  # times: a binomial number beside a coin


def settled(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The rows without the last digits, in which the order of additions shows.

    Args:
        rows: Shape (G, c).
    """
    import numpy as np

    largest = float(np.abs(rows).max(initial=0.0))
    if not largest:
        return rows
    decimals = _DIGITS - int(np.ceil(np.log10(largest)))
    rounded: npt.NDArray[np.float64] = np.round(rows, decimals) + 0.0  # no negative zeros
    return rounded


def collapse(
    rows: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """The different rows, sorted, and how often each is there.

    Args:
        rows: Shape (G, c).

    Returns:
        Shapes (R, c) and (R,).
    """
    import numpy as np

    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(fresh)
    return ordered[starts], np.diff(np.append(starts, len(rows)))


def precedes(rows: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> bool:
    """Whether the rows, sorted, come before the others: an order of two runs that no name tells.

    What is drawn in this order is mirrored when the runs are exchanged.

    Args:
        rows: Shape (G, c).
        others: The same shape.
    """
    import numpy as np

    one, two = (np.column_stack(collapse(each)) for each in (rows, others))
    if one.shape != two.shape:
        return len(one) < len(two)
    differs = np.flatnonzero(one != two)
    return not len(differs) or bool(one.flat[differs[0]] < two.flat[differs[0]])


# The bootstrap


def resampled(
    rows: npt.NDArray[np.float64], strata: npt.NDArray[np.intp], draws: int, seed: int
) -> npt.NDArray[np.float64]:
    """Sums of the rows of clusters that are drawn with replacement, within each stratum.

    Of n clusters of a stratum n - 1 are drawn, and each weighs n / (n - 1): so the variance of the
    sums is the unbiased one, however small the strata (Rao and Wu, JASA 83 (1988), 231-241, section
    2 with m = n - 1). Many different clusters get weights 1 ± √(n / (n - 1)), around the stratum's
    mean, by the toss of a coin: the same variance for a tenth of the time (weights that can be
    exchanged, as of Præstgaard and Wellner, Annals of Probability 21 (1993), 2053-2086; without the
    skewness, which is lost among thousands of clusters). A stratum of one cluster does not vary.

    Args:
        rows: Shape (G, c).
        strata: Shape (G,): the stratum of each.
        draws: Number of resamples.
        seed: Of the generator; the sums are a function of it.

    Returns:
        Shape (draws, c).
    """
    import numpy as np

    generator, sums = np.random.default_rng(seed), np.zeros((draws, rows.shape[1]))
    for stratum in np.unique(strata):
        held = rows[strata == stratum]
        varies = (held != held[0]).any(axis=0)
        sums[:, ~varies] += len(held) * held[0, ~varies]
        if varies.any():
            sums[:, varies] += _drawn(held[:, varies], draws, generator)
    return sums


def _drawn(
    rows: npt.NDArray[np.float64], draws: int, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Shape (draws, c): the resampled sums of one stratum, whose columns vary."""
    import numpy as np

    different, counts = collapse(rows)
    size, scale = len(rows) - 1, len(rows) / (len(rows) - 1)
    if len(different) > _MANY:
        total = rows.sum(axis=0)
        tossed = _tossed(different - total / len(rows), counts, draws, generator)
        moved: npt.NDArray[np.float64] = total + scale**0.5 * tossed
        return moved
    if len(different) * _DEARER < len(rows):
        return scale * _in_chunks(
            lambda some: generator.multinomial(size, counts / len(rows), size=some),
            different,
            draws,
        )
    each = np.repeat(different, counts, axis=0)
    return scale * _in_chunks(lambda some: _counted(generator, some, len(rows)), each, draws)


def _counted(generator: np.random.Generator, some: int, size: int) -> npt.NDArray[np.intp]:
    """Shape (some, size): how often each of `size` is drawn when `size` - 1 are."""
    import numpy as np

    drawn = generator.integers(size, size=(some, size - 1), dtype=np.int32)
    places = drawn + size * np.arange(some)[:, None]
    return np.bincount(places.ravel(), minlength=size * some).reshape(some, size)


# Exchanges


def exchanged(halves: npt.NDArray[np.float64], draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Sums of ± the rows, with random signs.

    Args:
        halves: Shape (m, k): half of what each discordant cluster differs by.
        draws: Number of exchanges.
        seed: Of the generator; the sums are a function of it.

    Returns:
        Shape (draws, k).
    """
    import numpy as np

    different, counts = collapse(halves)
    return _tossed(different, counts, draws, np.random.default_rng(seed))


def all_exchanges(halves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums of ± the rows, with all signs there are: shape (2 ** m, k); none is the first.

    Args:
        halves: Shape (m, k), m at most `ENUMERABLE`.
    """
    import numpy as np

    patterns = np.arange(2 ** len(halves))[:, None] >> np.arange(len(halves)) & 1
    return (1.0 - 2.0 * patterns) @ halves


def _tossed(
    rows: npt.NDArray[np.float64],
    counts: npt.NDArray[np.intp],
    draws: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Shape (draws, k): sums of ± each row as often as it is there, by the toss of coins.

    Coins of equal rows are tossed at once, as a binomial number of heads, where that is cheaper.
    """
    import numpy as np

    if len(rows) * _DEARER_THAN_BITS < counts.sum():
        heads = _in_chunks(
            lambda some: generator.binomial(counts, 0.5, size=(some, len(rows))), rows, draws
        )
    else:
        rows, counts = np.repeat(rows, counts, axis=0), np.ones(int(counts.sum()), dtype=np.intp)
        heads = _in_chunks(lambda some: _coins(generator, some, len(rows)), rows, draws)
    tosses: npt.NDArray[np.float64] = 2 * heads - counts @ rows
    return tosses


def _coins(generator: np.random.Generator, some: int, each: int) -> npt.NDArray[np.uint8]:
    """Shape (some, each): zeros and ones, from one random bit each."""
    import numpy as np

    width = -(-each // 8)
    drawn = np.frombuffer(generator.bytes(some * width), dtype=np.uint8).reshape(some, width)
    return np.unpackbits(drawn, axis=1, count=each)


def _in_chunks(
    weights: Callable[[int], npt.NDArray[np.integer]], rows: npt.NDArray[np.float64], draws: int
) -> npt.NDArray[np.float64]:
    """Weights of shape (draws, R), made in chunks that fit in memory, times rows of (R, c)."""
    import numpy as np

    size = max(1, min(draws, _CELLS // max(len(rows), 1)))
    chunks = [
        weights(min(size, draws - start)).astype(np.float64) @ rows
        for start in range(0, draws, size)
    ]
    return np.concatenate(chunks)
