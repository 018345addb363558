"""What a tracker is told of a run: numbers, settings and facts by name; a pure function of records.

A tracker may be a server that others read. What belongs to this machine alone stays here: folders
are named by their last part, addresses lose names, passwords and queries, and an option that could
be a secret is left out.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evalkit.public import is_secret_option, public, public_spec
from evalkit.records import plain
from evalkit.run_record import RunRecord

_LOCAL = frozenset(
    {"data", "task_paths", "ray_address"}
)  # settings that name this machine's places
_WORDED = frozenset({"template", "stop"})  # words of a task, which may look like paths
_SPECS = frozenset({"model", "spec", "judge", "asked"})  # of models, or their names


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run as trackers are told of it.

    Attributes:
        key: 32 hexadecimal digits that stay the same while a run is resumed, judged or read again,
            and differ for every run that was started anew.
        name: The model's short name and the run's.
        numbers: Finite numbers by name: `TASK/METRIC`, with `/low` and `/high` where there is an
            interval, and `TASK/coverage/asked`, `answered`, `failed` and `unparsed`. A task of
            which no verdict is there has no metrics.
        settings: What the run was told, by name.
        facts: What came of it: the model, versions, each task's fingerprint and judge.
        created: When the run started.
        finished: When its record was made.
        record: The record's file.
    """

    key: str
    name: str
    numbers: Mapping[str, float]
    settings: Mapping[str, str]
    facts: Mapping[str, str]
    created: datetime
    finished: datetime
    record: Path


def entry_of(record: RunRecord, folder: Path) -> Entry:
    """What trackers are told of a run.

    Args:
        record: The run.
        folder: Its folder, in which the record is `run.json`.
    """
    identity = json.dumps([record.model.name, record.name, record.created])
    return Entry(
        key=hashlib.sha256(identity.encode()).hexdigest()[:32],
        name=public(f"{record.model.name}/{record.name}"),
        numbers={name: value for name, value in _numbers(record) if math.isfinite(value)},
        settings=dict(_settings(record)),
        facts=dict(_facts(record)),
        created=datetime.fromisoformat(record.created),
        finished=datetime.fromisoformat(record.finished),
        record=folder / "run.json",
    )


def _numbers(record: RunRecord) -> Iterator[tuple[str, float]]:
    for result in record.results:
        is_void = result.judge is not None and result.judge.is_void
        for name, value in {} if is_void else result.metrics.items():
            yield f"{result.task}/{name}", value.value
            if value.low is not None and value.high is not None:
                yield f"{result.task}/{name}/low", value.low
                yield f"{result.task}/{name}/high", value.high
        for name, count in plain(result.coverage).items():
            yield f"{result.task}/coverage/{name}", count


def _settings(record: RunRecord) -> Iterator[tuple[str, str]]:
    config = plain(record.config)
    choices = config.pop("tasks")
    told = {name: value for name, value in config.items() if name not in _LOCAL}
    yield "config.tasks", ", ".join(choice["name"] for choice in choices)
    yield from _flat(told, "config")
    for choice in choices:
        yield from _flat({k: v for k, v in choice.items() if k != "name"}, choice["name"], "/")


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield from _flat(plain(record.model), "model")
    yield from _flat(record.versions, "versions")
    about = ("source", "created", "finished", "commit", "digest")
    yield from _flat({name: getattr(record, name) for name in about}, "record")
    for result in record.results:
        of_task = {"protocol": result.protocol, "version": result.version}
        fingerprint, judge = plain(result.fingerprint), result.judge
        yield from _flat({**of_task, "fingerprint": fingerprint}, result.task, "/")
        if result.peeks is not None and result.peeks.stopped:
            yield f"{result.task}/stopped early", "true"
        if judge is not None:
            missing = sum(judge.failed.values())
            words = {"asked": judge.judge, "rubric": judge.rubric, "origin": judge.origin}
            counts = {"verdicts": judge.verdicts, "missing": missing, "healthy": judge.healthy}
            yield from _flat({**words, **counts}, f"{result.task}/judge")


def _flat(held: Mapping[str, Any], before: str, joint: str = ".") -> Iterator[tuple[str, str]]:
    """Leaves of a plain record by dotted path; what is nothing or could be a secret is left out."""
    for name, value in held.items():
        path = f"{before}{joint}{name}"
        if value is None or value == [] or is_secret_option(name):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, path)
            continue
        texts = map(str, value if isinstance(value, list) else [value])
        text = str(value).lower() if isinstance(value, bool) else ", ".join(texts)
        yield path, text if name in _WORDED else (public_spec if name in _SPECS else public)(text)
