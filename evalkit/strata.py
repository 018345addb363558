"""The parts of a benchmark that clusters belong to, and that are drawn anew one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.records import Sample, SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def strata_of(
    scores: Sequence[SampleScore] | Sequence[Sample], parts: Mapping[str, Sequence[str]]
) -> dict[str, str] | None:
    """The stratum of each cluster: which parts of the benchmark its samples belong to.

    A benchmark with parts (MME's subtasks) fixes how many pictures each has, so they are drawn anew
    part by part. A picture that is asked about in several parts is of a stratum of its own kind.

    Args:
        scores: The samples.
        parts: `Task.parts`; empty where the benchmark has none.

    Returns:
        Cluster -> stratum; None where all clusters are of one.
    """
    if not parts:
        return None
    seen: dict[str, set[str]] = {}
    for score in scores:
        held = (score.tags.get(tag, ()) for tag in parts)
        names = {n for own in held for n in ((own,) if isinstance(own, str) else own)}
        seen.setdefault(score.cluster, set()).update(names)
    strata = {cluster: " + ".join(sorted(names)) for cluster, names in seen.items()}
    return strata if len(set(strata.values())) > 1 else None


def numbered(
    metric: Metric,
    scores: Sequence[SampleScore],
    strata: Mapping[str, str] | None,
    clusters: int,
) -> npt.NDArray[np.intp]:
    """Shape (G,): the strata of the clusters, which are numbered by first appearance.

    Args:
        metric: The metric; its `only` chooses the samples.
        scores: The samples.
        strata: Cluster -> the name of its stratum; None is one stratum.
        clusters: G.

    Raises:
        UsageError: A cluster has no stratum.
    """
    import numpy as np

    if strata is None:
        return np.zeros(clusters, dtype=np.intp)
    only = metric.only
    counted = (score for score in scores if only is None or only(score))
    names = list(dict.fromkeys(score.cluster for score in counted))
    lacking = [name for name in names if name not in strata]
    if lacking:
        message = f"{metric.name}: cluster {lacking[0]!r} has no stratum; give one to each."
        raise UsageError(message)
    numbers = {name: place for place, name in enumerate(sorted({strata[n] for n in names}))}
    return np.array([numbers[strata[name]] for name in names], dtype=np.intp)
