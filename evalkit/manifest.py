"""What a run is about, and whether two sessions are about the same: the door of every resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import NotComparableError, StoreError, UsageError
from evalkit.records import Prediction, Sample, differences, plain
from evalkit.run_record import (
    Fingerprint,
    ModelIdentity,
    RunConfig,
    RunRecord,
    TaskResult,
)
from evalkit.store import RunFolder, load_run
from evalkit.task import file_stem

_ANSWERING = ("batch_size", "device", "workers", "gpus_per_worker", "ray_address", "prefix_sharing")
_MACHINE = (*_ANSWERING, "data", "offline", "task_paths")
"""Settings that may change between two sessions; what they lead to is in the fingerprint."""

_LATER = ("limit_by", "early_stop")
"""Settings that count only where they are set, so that runs keep the names they had before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a run is about: settings, model, versions, and the fingerprint of each task.

    The fingerprints' image digests are left out: they are known only when the pictures were read.
    """

    settings: Mapping[str, Any]
    model: ModelIdentity
    fingerprints: Mapping[str, Fingerprint]
    versions: Mapping[str, str]
    created: str = ""


def settings(config: RunConfig) -> dict[str, Any]:
    """The settings that name a run: the configuration less what belongs to the machine."""
    told = {name: value for name, value in plain(config).items() if name not in _MACHINE}
    return {name: value for name, value in told.items() if name not in _LATER or value is not None}


def answered_otherwise(before: RunConfig, now: RunConfig) -> str:
    """Which settings of the machine an earlier session had otherwise, in words; empty for none."""
    named = [name for name in _ANSWERING if getattr(before, name) != getattr(now, name)]
    return ", ".join(f"{name.replace('_', ' ')} {_worded(getattr(before, name))}" for name in named)


def _worded(value: object) -> object:
    return "auto" if value is None else value


def default_name(config: RunConfig) -> str:
    """The run's name where none is given: its tasks and a digest of its settings."""
    text = json.dumps(settings(config), sort_keys=True)
    tasks = [file_stem(choice.name) for choice in config.tasks]
    stem = "-".join(tasks) if len(tasks) <= 3 else f"{len(tasks)}-tasks"  # noqa: PLR2004
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def manifest_of(record: RunRecord) -> Manifest:
    """The manifest of a finished run."""
    return Manifest(
        settings=settings(record.config),
        model=record.model,
        fingerprints={r.task: _without_images(planned(r)) for r in record.results},
        versions=record.versions,
        created=record.created,
    )


def planned(result: TaskResult) -> Fingerprint:
    """The fingerprint of all that was to be asked, whether the task was stopped early or not."""
    peeks = result.peeks
    return peeks.planned if peeks is not None and peeks.stopped else result.fingerprint


def refuse_stopped(record: RunRecord, folder: str) -> None:
    """Refuse a task that a gate ended early where all of its answers are needed.

    Args:
        record: The run.
        folder: The task's, which its variants share.

    Raises:
        UsageError: The task was stopped early.
    """
    own = [result for result in record.results if result.task.partition(":")[0] == folder]
    if any(result.peeks is not None and result.peeks.stopped for result in own):
        message = (
            f"The run {record.name} was stopped early on {folder}, so its answers are to a part of "
            "the questions; take a run that was made without --sequential."
        )
        raise UsageError(message)


def run_around(predictions: Path) -> RunRecord | None:
    """The run that was measured in whose folder a file of predictions lies; None where none is.

    Raises:
        StaleError: Its record is not what was written, or was made of other answers: nobody says
            who gave these, and how they were asked.
        StoreError: A line of the answers is damaged.
    """
    path = predictions.resolve()
    if path.parent.name != "predictions":
        return None
    try:
        run = load_run(path.parent.parent)
    except StoreError:
        return None
    digests = {file_stem(result.task): result.predictions for result in run.results}
    RunFolder(path.parent.parent).read_predictions(path.stem, digests.get(path.stem))
    return run if run.source == "measured" else None


def _without_images(fingerprint: Fingerprint) -> Fingerprint:
    return replace(fingerprint, dataset=replace(fingerprint.dataset, images=None))


def before_judging(before: Manifest, now: Manifest) -> Manifest:
    """An earlier manifest without what scoring anew changes: judges, their protocols, task files.

    Args:
        before: The earlier one.
        now: That of this session, by whose tasks it is told what they are called without a judge.
    """
    fingerprints = dict(before.fingerprints)
    for task, known in before.fingerprints.items():
        if task in now.fingerprints:
            scorer = replace(known.scorer, source=now.fingerprints[task].scorer.source)
            if known.judge is not None:
                scorer = replace(scorer, protocol=now.fingerprints[task].scorer.protocol)
            fingerprints[task] = replace(known, scorer=scorer, judge=None)
    return replace(before, fingerprints=fingerprints)


def with_weights(model: ModelIdentity, weights: str | None) -> ModelIdentity:
    """The recorded model with the weights that its spec stands for now; None: nobody can say."""
    if weights is None:
        return model
    if model.digest is not None:
        return replace(model, digest=weights)
    return replace(model, revision=weights)


class ShownPictures:
    """The digests of all pictures that were shown, in order."""

    def __init__(self) -> None:
        """Of no prediction yet."""
        self._total = hashlib.sha256()
        self._between = b""
        self._failed = False

    def add(self, made: Prediction) -> None:
        """Take in what a prediction is about."""
        self._failed |= made.failure is not None
        for digest in made.images:
            self._total.update(self._between + digest.encode())
            self._between = b"\n"

    def digest(self) -> str | None:
        """SHA-256 over the digests, in hexadecimal.

        None where no picture was shown, and where a sample failed: its pictures are not known.
        """
        return self._total.hexdigest() if self._between and not self._failed else None


def check_same(before: Manifest, now: Manifest, folder: Path) -> None:
    """Refuse to go on with a run that was about something else.

    Raises:
        NotComparableError: The text names the first parts that differ, with both values.
    """
    found = differences(replace(before, created=""), replace(now, created=""))
    if not found:
        return
    one, two = plain(before), plain(now)
    shown = "; ".join(f"{path} was {_at(one, path)!r}, is {_at(two, path)!r}" for path in found[:3])
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""  # noqa: PLR2004
    message = (
        f"The run in {folder} was started with other settings: {shown}{more}. "
        "Give --fresh to start anew (the old run is kept aside), or --name for a run of its own."
    )
    raise NotComparableError(message)


def check_pictures(
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
    fingerprint: Fingerprint,
    folder: Path,
) -> None:
    """Refuse to mix answers to pictures that have changed since.

    A hub dataset's commit stands for its pictures; local ones are read and compared.

    Raises:
        NotComparableError: The text names the first sample whose pictures differ.
    """
    if fingerprint.dataset.revision is not None or not predictions:
        return
    for sample in samples:
        made = predictions.get(sample.id)
        if made is None or not made.images:
            continue
        now = tuple(hashlib.sha256(image.read()).hexdigest() for image in sample.images)
        if now != made.images:
            message = (
                f"The run in {folder} answered the sample {sample.id!r} of "
                f"{fingerprint.scorer.task!r} on another picture than the data hold now. Give "
                "--fresh to start anew (the old run is kept aside), or --name for a run of its own."
            )
            raise NotComparableError(message)


def _at(value: Any, path: str) -> Any:
    """The value at a dotted path; keys may themselves hold dots, so the longest match is tried."""
    if not path:
        return value
    if not isinstance(value, dict):
        return None
    for key in sorted(value, key=len, reverse=True):
        if path == key or path.startswith(f"{key}."):
            return _at(value[key], path[len(key) + 1 :])
    return None
