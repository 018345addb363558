"""Sealed records of made-up models on real tasks, with scored samples or without, in a folder."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import made_records
import pytest

from evalkit.compare import baseline_file
from evalkit.integrity import digest_of_scores, sealed
from evalkit.records import Coverage, SampleScore
from evalkit.registry import load_task
from evalkit.run_record import Fingerprint, ModelIdentity, RunRecord, TaskResult
from evalkit.score import summarise
from evalkit.store import RunFolder
from evalkit.task import file_stem

CLUSTERS, EACH = 100, 3


def answered(share: float, seed: int = 0, *, clusters: int = CLUSTERS, task: str = "gqa"):
    """Scored samples of a model that is right on a share of them; some questions are hard for all.

    Equal seeds give models that miss the same questions.
    """
    hard, own = random.Random("questions"), random.Random(seed)
    scores = []
    for cluster in range(clusters):
        picture = hard.gauss(0, 0.08)
        for question in range(EACH):
            right = own.random() < min(max(share + picture, 0), 1)
            scores.append(_score(task, cluster, question, right=right))
    return scores


def _score(task: str, cluster: int, question: int, *, right: bool) -> SampleScore:
    tags: dict[str, str] = {}
    values = {"correct": float(right)}
    if task == "pope":
        there = question % 2 == 0
        yes = there == right
        tags = {"category": ("random", "popular", "adversarial")[question % 3]}
        values |= {
            "tp": float(there and yes),
            "fp": float(not there and yes),
            "tn": float(not there and not yes),
            "fn": float(there and not yes),
            "yes": float(yes),
            "gold_yes": float(there),
        }
    return SampleScore(
        sample_id=f"{cluster}-{question}",
        answer="yes",
        targets=("yes",),
        values=values,
        group=None,
        cluster=str(cluster),
        tags=tags,
        failed=False,
    )


def _failed(score: SampleScore) -> SampleScore:
    """The sample as it is scored where the model gave no text."""
    return replace(score, answer=None, values=dict.fromkeys(score.values, 0.0), failed=True)


def fingerprint(task: str = "gqa", samples: int = CLUSTERS * EACH) -> Fingerprint:
    """All that moves a task's number, of the made-up data."""
    digest = f"{samples:064x}"
    data = made_records.dataset(samples, images=digest, context=digest)
    return made_records.fingerprint(task, version=load_task(task).version, dataset=data)


def result(scores: Sequence[SampleScore], task: str = "gqa", **changes) -> TaskResult:
    """A task's result over scored samples."""
    made = summarise(load_task(task), scores, fingerprint(task, len(scores)))
    return replace(made, scores=digest_of_scores(scores), **changes)


def limited(made: TaskResult, rows: int = 600) -> TaskResult:
    """The result as that of a limit: its data have more rows than were asked."""
    data = replace(made.fingerprint.dataset, rows=rows, expected_rows=rows)
    return replace(made, fingerprint=replace(made.fingerprint, dataset=data))


def record(model_name: str, *results: TaskResult, **changes) -> RunRecord:
    """The sealed record of a run of a made-up model."""
    model = ModelIdentity(
        spec=f"hf:{model_name}",
        backend="hf",
        name=model_name,
        revision=f"{model_name}-weights",
        dtype="float32",
        parameters=changes.pop("parameters", 1_000_000),
    )
    return sealed(
        made_records.record(model_name, *results, identity=model, **{"commit": "c" * 40, **changes})
    )


def published(name: str, value: float, task: str = "gqa", metric: str = "accuracy", card="card.md"):
    """The record of a number that a card prints."""
    number = made_records.value(value, method="published", n=None, clusters=None, maximum=None)
    made = made_records.result(
        task,
        {metric: number},
        fingerprint=made_records.unknown(task, version=load_task(task).version),
        coverage=Coverage(asked=0, answered=0, failed=0, unparsed=0),
    )
    cell = made_records.printed(task, metric, f"{value:.3f}", "fraction")
    publication = made_records.publication(cell, card=card)
    return record(name, made, publication=publication, seconds=0.0, commit=None)


def written(folder: Path, made: RunRecord, scores: dict[str, Sequence[SampleScore]] | None = None):
    """The record in a run folder, with scored samples where they are given."""
    run = RunFolder(folder)
    for task, own in (scores or {}).items():
        run.write_scores(file_stem(task), own)
    run.write_record(made)
    return run


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty folder `results` in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    return Path("results")


@pytest.fixture
def model(results):
    """Writes a run of a made-up model: (name, share right, seed, ...) -> its folder."""

    def run(
        name, share=0.7, seed=0, *, task="gqa", change=None, keep=True, run="run", lost=0, **told
    ):
        whole = answered(share, seed, task=task)
        scores = [*map(_failed, whole[:lost]), *whole[lost:]]
        made = result(scores, task)
        made = made if change is None else change(made)
        folder = results / name.replace("/", "_") / run
        written(folder, record(name, made, name=run, **told), {task: scores} if keep else None)
        return folder

    return run


@pytest.fixture
def baseline(results):
    """Writes a baseline file: (name, share right, seed) -> its path."""

    def write(name, share=0.7, seed=0):
        scores = answered(share, seed)
        path = results / "baselines" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        baseline_file.write(path, record(name, result(scores)), {"gqa": scores})
        return path

    return write
