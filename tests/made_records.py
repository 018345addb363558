"""Made-up records, for the tests to import: of whole, measured runs, but for what a test says."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.judge_report import JudgeReport
from evalkit.publication import PrintedCell, Publication
from evalkit.records import Coverage, Generation, MetricValue
from evalkit.run_record import (
    SCHEMA,
    DatasetIdentity,
    Fingerprint,
    ModelIdentity,
    PromptIdentity,
    RunConfig,
    RunRecord,
    ScorerIdentity,
    TaskChoice,
    TaskResult,
)


def dataset(samples: int | None = 10, **changes) -> DatasetIdentity:
    """All of a dataset of so many samples; with None one of which nothing is known."""
    known = samples is not None
    told = {
        "repository": "lab/data" if known else None,
        "config": None,
        "split": "test" if known else None,
        "requested_revision": None,
        "revision": "abc" if known else None,
        "rows": samples,
        "expected_rows": samples,
        "samples": samples,
        "digest": f"{samples:064x}" if known else None,
    }
    return DatasetIdentity(**{**told, **changes})


def fingerprint(task: str = "gqa", *, version: int = 1, **changes) -> Fingerprint:
    """All that moves a task's number."""
    prompt = PromptIdentity(
        variant="llava", template="{{ q }}", images_first=True, digest=f"{1:064x}"
    )
    told = {
        "dataset": dataset(),
        "prompt": prompt,
        "generation": Generation(max_new_tokens=16),
        "preprocessing": {"processor": "CLIP"},
        "scorer": ScorerIdentity(task=task, version=version, protocol="official"),
    }
    return Fingerprint(**{**told, **changes})


def unknown(task: str = "gqa", *, version: int = 1) -> Fingerprint:
    """What a publication says of how its number was made."""
    return Fingerprint(
        dataset=dataset(None, repository="lab/data"),
        prompt=None,
        generation=None,
        preprocessing={},
        scorer=ScorerIdentity(task=task, version=version, protocol="unknown"),
    )


def value(number: float, **changes) -> MetricValue:
    """A number of ten samples, without an interval."""
    told = {"low": None, "high": None, "method": "", "n": 10, "clusters": 10, "maximum": 1.0}
    return MetricValue(value=number, **{**told, **changes})


def result(task: str, metrics: Mapping[str, float], *, failed: int = 0, **changes) -> TaskResult:
    """A task's result; what its fingerprint says stands in it too.

    Args:
        task: The task.
        metrics: Its numbers, or their records, by name.
        failed: Samples that failed, of its ten.
        changes: Fields that are others.
    """
    known = changes.pop("fingerprint", None) or fingerprint(task)
    told = {
        "task": task,
        "version": known.scorer.version,
        "protocol": known.scorer.protocol,
        "headline": tuple(metrics),
        "metrics": {
            name: one if isinstance(one, MetricValue) else value(one)
            for name, one in metrics.items()
        },
        "coverage": Coverage(asked=10, answered=10 - failed, failed=failed, unparsed=0),
        "breakdowns": {},
        "fingerprint": known,
    }
    return TaskResult(**{**told, **changes})


def record(model: str, *results: TaskResult, **changes) -> RunRecord:
    """The record of a run, not yet sealed.

    Args:
        model: The model's name.
        results: Its results.
        changes: Fields that are others.
    """
    identity = changes.pop("identity", None) or ModelIdentity(
        spec=f"hf:{model}", backend="hf", name=model
    )
    told = {
        "schema": SCHEMA,
        "name": "run",
        "created": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T01:00:00Z",
        "source": "measured" if changes.get("publication") is None else "self-reported",
        "model": identity,
        "config": RunConfig(
            model=identity.spec, tasks=tuple(TaskChoice(name=r.task) for r in results)
        ),
        "versions": {"evalkit": "0.1.0"},
        "commit": None,
        "hardware": None,
        "seconds": 30.0,
        "results": results,
    }
    return RunRecord(**{**told, **changes})


def publication(*cells: PrintedCell, **changes) -> Publication:
    """A card in which numbers are printed."""
    told = {"card": "card.md", "digest": "d" * 64, "title": "A card", "url": None, "factors": {}}
    return Publication(**{**told, "cells": cells, **changes})


def printed(task: str, metric: str, text: str, unit: str = "percent") -> PrintedCell:
    """A number as a card prints it."""
    return PrintedCell(task=task, metric=metric, text=text, unit=unit, table="main")


def judge_report(
    verdicts: int = 10, failed: Mapping[str, int] | None = None, **changes
) -> JudgeReport:
    """How a task was judged; a judge of which a verdict is missing is unhealthy."""
    told = {
        "judge": "openai:j",
        "rubric": "f" * 64,
        "origin": "evalkit",
        "votes": 1,
        "swapped": False,
        "verdicts": verdicts,
        "failed": failed or {},
        "cached": 0,
        "requests": verdicts,
        "prompt_tokens": 1,
        "output_tokens": 1,
        "cost_usd": None,
        "prices": None,
        "healthy": not failed,
        "consistency": None,
        "spread": None,
        "served": {},
        "digest": "0" * 64,
        "answers": "0" * 64,
    }
    return JudgeReport(**{**told, **changes})
