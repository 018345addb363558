"""MLflow: a run of the experiment, wherever MLFLOW_TRACKING_URI says; by default ./mlflow.db.

A run is found again by the tag `evalkit.key`. MLflow's file store, which newer versions open only
with MLFLOW_ALLOW_FILE_STORE=true, keeps a metric in a file of its name: so the ends of an interval
are `TASK/METRIC.low` and `.high` here. Parameters cannot be written over; tags say the same, and
are those of the last session.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from evalkit.public import without_secrets
from evalkit.trackers.entry import Entry
from evalkit.trackers.interface import PROJECT, require

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

KEY = "evalkit.key"
"""The tag by which a run is found again."""

_STRANGE = re.compile(r"[^/\w.\- :]|(?<=/)(?=/)")
_END = re.compile(r"/(low|high)$")
_NAME = 250  # characters of a name
_DIGEST = 12  # digits that tell names apart
_MANY = 100  # parameters, tags or metrics in a request


class MLflow:
    """Metrics, settings as parameters, settings and facts as tags, and the record as artifact."""

    def check(self) -> None:
        """See whether the package is installed."""
        require("mlflow")

    def log(self, entry: Entry) -> str:
        """Write the run; gives its id and where it is."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient()
        run = _run(client, entry)
        number, held = run.info.run_id, run.data
        told = {**entry.settings, **entry.facts}
        names = names_of({k: k for k in told})
        tags = {names[k]: v for k, v in told.items()}
        params = {names[k]: v for k, v in entry.settings.items() if names[k] not in held.params}
        ends = names_of({k: _END.sub(r".\1", k) for k in entry.numbers})
        metrics = {ends[k]: v for k, v in entry.numbers.items()}
        changed = {k: v for k, v in metrics.items() if held.metrics.get(k) != v}
        steps = {
            k: len(client.get_metric_history(number, k)) for k in changed.keys() & held.metrics
        }
        time = entry.finished
        _write(client, number, time, steps, metrics=changed, params=params, tags=tags)
        client.log_artifact(number, str(entry.record))
        client.set_terminated(number, "FINISHED", _milliseconds(entry.finished))
        return f"run {number} in {without_secrets(client.tracking_uri)}"


def _run(client: MlflowClient, entry: Entry) -> Run:
    """The run of this key, or a new one."""
    from mlflow.environment_variables import MLFLOW_EXPERIMENT_NAME

    project = MLFLOW_EXPERIMENT_NAME.get() or PROJECT
    known = client.get_experiment_by_name(project)
    experiment = known.experiment_id if known else client.create_experiment(project)
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{entry.key}'", max_results=1)
    return (
        found[0]
        if found
        else client.create_run(
            experiment, _milliseconds(entry.created), tags={KEY: entry.key}, run_name=entry.name
        )
    )


def _write(
    client: MlflowClient,
    number: str,
    time: datetime,
    steps: Mapping[str, int],
    *,
    metrics: Mapping[str, float],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    """Write all of it, in requests that every store takes.

    Of a metric's values the one of the last step counts, and the largest of one step.
    """
    from mlflow.entities import Metric, Param, RunTag

    when = _milliseconds(time)
    for some in _parts(metrics):
        points = [Metric(k, v, when, steps.get(k, 0)) for k, v in some]
        client.log_batch(number, metrics=points)
    for some in _parts(params):
        client.log_batch(number, params=[Param(k, v) for k, v in some])
    for some in _parts(tags):
        client.log_batch(number, tags=[RunTag(k, v) for k, v in some])


def _parts(held: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    rest = iter(held.items())
    while some := list(islice(rest, _MANY)):
        yield some


def names_of(wanted: Mapping[str, str]) -> dict[str, str]:
    """Names that MLflow takes, no two alike.

    Args:
        wanted: What each key is to be called. Of those that clean or cut to one name each has a
            digest of its key at its end.
    """
    made = {key: _name(text) for key, text in wanted.items()}
    times = Counter(made.values())
    return {
        key: name if times[name] == 1 else f"{name[: _NAME - _DIGEST - 1]}-{_digest(key)}"
        for key, name in made.items()
    }


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]


def _name(text: str) -> str:
    """The name in letters that MLflow takes, and no path out of its folder."""
    return re.sub(r"(^|/)(\.+)(?=/|$)", r"\1_", _STRANGE.sub("_", text)).strip("/")[:_NAME]


def _milliseconds(time: datetime) -> int:
    return round(1000 * time.timestamp())
