"""A result's scored samples -> the sums that comparing it needs, cluster by cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.compare.sides import Scored, counted_task
from evalkit.errors import EvalkitError, StaleError, StoreError, UsageError
from evalkit.leverage import leverages
from evalkit.recorded_tasks import RecordedTasks
from evalkit.records import SampleScore
from evalkit.run_record import RunRecord, TaskResult
from evalkit.strata import strata_of
from evalkit.sums import Statistics, statistics
from evalkit.task import Metric, Task, file_stem

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One metric of one result, cluster by cluster.

    Attributes:
        metric: The metric.
        samples: SHA-256 over ids, clusters and groups of the samples, in order: results that have
            it in common are paired.
        sums: Shape (k,): the rows, added.
        by_cluster: Shape (G, k): the same by cluster.
        scale: Shape (k,): what each column could have summed to.
        strata: Shape (G,): the clusters' strata.
        leverages: Shape (G,): their shares of the units.
    """

    metric: Metric
    samples: str
    sums: npt.NDArray[np.float64]
    by_cluster: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    strata: npt.NDArray[np.intp]
    leverages: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is known of a result beyond its record.

    Attributes:
        counted: By headline metric; empty where there are no scored samples.
        better: By headline metric, whether more is better; None, or absent, where nobody says.
        describing: Metrics beside the headlines that are neither good nor bad, in the task's order.
        damaged: Why the result cannot be relied on; empty where it can.
        note: Why its scored samples are not used; empty where they are, or there are none.
    """

    counted: Mapping[str, Counted]
    better: Mapping[str, bool | None]
    describing: tuple[str, ...] = ()
    damaged: str = ""
    note: str = ""


def tally(
    record: RunRecord,
    result: TaskResult,
    scored: Scored | None,
    place: Path | None = None,
) -> Tally:
    """The sums behind a result's headline metrics, as far as its scored samples are at hand.

    Scored samples that are damaged, or not the record's, make the result unfit. Where the task has
    another version here, or cannot be had, the recorded intervals still hold.

    Args:
        record: The record.
        result: One of its results.
        scored: Its scored samples; None where there are none.
        place: Where the record is; None is not known, and no task file of its own is run.
    """
    own = RecordedTasks(paths=())
    if scored is not None:
        own = scored.tasks
    elif place is not None:
        own = RecordedTasks.of(record, places=(place,))
    try:
        task = counted_task(result, own.paths)
    except EvalkitError as error:
        return Tally(counted={}, better={}, note="" if scored is None else str(error))
    known = _known(task, result)
    if scored is None or result.scores is None:
        return known
    try:
        scores, task = scored.scores(result.task), scored.task(result.task)
    except (StoreError, StaleError) as error:
        return replace(known, damaged=str(error))
    known = _known(task, result)
    metrics = [m for m in task.metrics if m.name in result.headline]
    try:
        counted = {m.name: _counted(task, m, scores) for m in metrics if scores}
    except (UsageError, LookupError, TypeError, ValueError) as error:
        return replace(known, note=f"The metrics of {result.task} do not fit its scores: {error}.")
    return replace(known, counted=counted)


def _known(task: Task, result: TaskResult) -> Tally:
    """What the task says of a result's metrics."""
    better = {m.name: m.higher_is_better for m in task.metrics if m.name in result.headline}
    further = [m for m in task.metrics if m.name not in better and m.name in result.metrics]
    describing = tuple(m.name for m in further if m.higher_is_better is None)
    return Tally(counted={}, better=better, describing=describing)


def _counted(task: Task, metric: Metric, scores: Sequence[SampleScore]) -> Counted:
    import numpy as np

    found: Statistics = statistics(metric, scores, strata_of(scores, task.parts))
    strata = np.zeros(found.clusters, dtype=np.intp) if found.strata is None else found.strata
    return Counted(
        metric=metric,
        samples=_digest(scores),
        sums=found.sums,
        by_cluster=found.cluster_sums,
        scale=np.abs(found.rows).sum(axis=0),
        strata=strata,
        leverages=leverages(found.codes, found.clusters),
    )


def _digest(scores: Sequence[SampleScore]) -> str:
    total = hashlib.sha256()
    for score in scores:
        line = "\0".join((score.sample_id, score.cluster, score.group or ""))
        total.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return total.hexdigest()


def has_scores(scored: Scored | None, result: TaskResult) -> bool:
    """Whether a result has scored samples: the record says so, and the file is there."""
    if scored is None or result.scores is None:
        return False
    folder = getattr(scored.source, "folder", None)
    try:
        return folder is None or folder.scores_path(file_stem(result.task)).exists()
    except OSError:  # whoever reads it says why it cannot be read
        return True
