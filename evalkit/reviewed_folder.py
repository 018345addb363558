"""A file of published verdicts as a run folder: shown, compared and kept like any other run.

Nothing says how the model was asked, nor how the judge was: those parts of the fingerprint are
unknown, which is not equal to itself. The numbers are the official script's, failures and all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

from evalkit import provenance, registry
from evalkit.data import identify
from evalkit.errors import StoreError
from evalkit.judge.result import further
from evalkit.judge.review import Review
from evalkit.judge.review_numbers import scores_of
from evalkit.judge_report import JudgeReport
from evalkit.rubric import OFFICIAL
from evalkit.run_record import (
    SCHEMA,
    DatasetIdentity,
    Fingerprint,
    ModelIdentity,
    RunConfig,
    RunRecord,
    ScorerIdentity,
    TaskChoice,
    TaskResult,
)
from evalkit.score import summarise
from evalkit.store import RunFolder, load_run, verdict_lines
from evalkit.task import Task

HEALTHY = 0.01
"""The share of verdicts that may have failed."""


def write(review: Review, folder: Path, model: str | None = None) -> RunRecord:
    """Write a review as a run folder; what was written of the same file before is replaced.

    Args:
        review: The verdicts.
        folder: Where.
        model: The name of the model that was judged; None is the file's.

    Raises:
        StoreError: The folder holds another run.
    """
    place = RunFolder(folder)
    spec = f"file:{review.name}"
    if place.holds_a_run and (
        not place.record_path.exists() or load_run(folder).model.spec != spec
    ):
        message = f"{folder} holds another run; give --out another folder."
        raise StoreError(message)
    scores = scores_of(review)
    task = registry.load_task(review.task).judged(OFFICIAL)
    place.write_verdicts(task.file_stem, review.verdicts)
    digest = place.write_scores(task.file_stem, scores)
    result = summarise(task, scores, _fingerprint(task, review))
    result = replace(
        result,
        metrics={**result.metrics, **further(task, scores)},
        judge=_report(review),
        scores=digest,
    )
    return place.write_record(_record(folder, spec, model or Path(review.name).stem, result))


def _record(folder: Path, spec: str, model: str, result: TaskResult) -> RunRecord:
    now = provenance.now()
    return RunRecord(
        schema=SCHEMA,
        name=folder.resolve().name,
        created=now,
        finished=now,
        source="scored",
        model=ModelIdentity(spec=spec, backend="file", name=model),
        config=RunConfig(model=spec, tasks=(TaskChoice(name=result.task),)),
        versions=provenance.versions(),
        commit=provenance.commit(),
        hardware=None,
        seconds=0.0,
        results=(result,),
    )


def _fingerprint(task: Task, review: Review) -> Fingerprint:
    count = len(review.samples)
    unnamed = DatasetIdentity(
        repository="file",
        config=None,
        split=None,
        requested_revision=None,
        revision=None,
        rows=count,
        expected_rows=task.dataset.rows,
        samples=count,
        digest="",
    )
    return Fingerprint(
        dataset=identify(unnamed, review.samples),
        prompt=None,
        generation=None,
        preprocessing={},
        scorer=ScorerIdentity(task=task.name, version=task.version, protocol=task.protocol),
    )


def _report(review: Review) -> JudgeReport:
    """What a file of verdicts says of its judge, which is little."""
    failed = Counter(v.failure.kind for v in review.verdicts if v.failure)
    return JudgeReport(
        judge=f"file:{review.name}",
        rubric="",
        origin=OFFICIAL,
        votes=max((v.repetition for v in review.verdicts), default=1),
        swapped=False,
        verdicts=len(review.verdicts),
        failed=dict(failed.most_common()),
        cached=0,
        requests=0,
        prompt_tokens=0,
        output_tokens=0,
        cost_usd=None,
        prices=None,
        healthy=failed.total() <= HEALTHY * len(review.verdicts),
        consistency=None,
        spread=None,
        served={},
        digest=hashlib.sha256(verdict_lines(review.verdicts).encode()).hexdigest(),
        answers="",
    )
