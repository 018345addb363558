"""Verdicts that are compared with others on the same answers: what they are, and how they were had.

A judge has moved only where nothing else has: other answers, or another way of asking, give other
verdicts too, and are refused. Another judge is compared as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.errors import NotComparableError
from evalkit.judge.design import DESIGN, WHO, check_design, differences
from evalkit.judge.result import failures_of
from evalkit.judge.review import read_review
from evalkit.judge.values import Values, answer_texts, judged_stem, values, values_of_run
from evalkit.run_record import TaskResult
from evalkit.store import RunFolder, load_run
from evalkit.task import file_stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Verdicts on answers.

    Attributes:
        name: The run's folder, or the file.
        values: What they say.
        judge: Which judge was asked, and how: the parts of `evalkit.judge.design`. A file shows no
            more than votes and orders.
        answers: What was judged, by sample id; empty where a file does not tell.
        missing: How many verdicts are missing, and why, in words; empty where none is.
        healthy: Whether no larger share of them is missing than was allowed.
        unasked: Whether some are missing since the judge's budget was spent.
    """

    name: str
    values: Values
    judge: Mapping[str, str]
    answers: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    healthy: bool = True
    unasked: bool = False


def anchors_of(
    path: Path,
    task: str | None = None,
    references: Path | None = None,
    *,
    task_paths: Sequence[str] = (),
) -> Anchors:
    """The verdicts of a run's folder, or of a grade or review file.

    Args:
        path: The folder or file.
        task: The task, where the run has several.
        references: For MM-Vet's grade files.
        task_paths: Files or folders with further tasks, as for `evalkit.judge.values.values_of`.

    Raises:
        UsageError: There are no verdicts, or of several tasks.
        StoreError: A file of the run is damaged, or its verdicts are not those of its record.
    """
    if path.is_dir():
        return _of_run(path, task, task_paths)
    review = read_review(path, references)
    clusters = {sample.id: sample.cluster for sample in review.samples}
    swapped = any(verdict.swapped for verdict in review.verdicts)
    votes = max((verdict.repetition for verdict in review.verdicts), default=1)
    return Anchors(
        name=str(path),
        values=Values(by_sample=values(review.verdicts, {}, clusters)),
        judge={"votes": str(votes), "orders": "both" if swapped else "one"},
        missing=missing_in(failures_of(review.verdicts), len(review.verdicts)),
    )


def _of_run(path: Path, task: str | None, task_paths: Sequence[str]) -> Anchors:
    folder = RunFolder(path)
    stem = judged_stem(folder, task)
    answers = answer_texts(folder, stem)
    own = values_of_run(folder, stem, answers, task_paths=task_paths)
    report = _result_of(folder, stem).judge
    return Anchors(
        name=str(path),
        values=own,
        judge=judge_of(folder, stem),
        answers=answers,
        missing=missing_in(report.failed, report.verdicts) if report else "",
        healthy=report is None or report.healthy,
        unasked=report is not None and report.unasked > 0 and not report.fails,
    )


def missing_in(failed: Mapping[str, int], total: int) -> str:
    """How many of so many verdicts are missing, in words; empty where none is.

    Args:
        failed: Missing verdicts by kind.
        total: Verdicts that were wanted.
    """
    if not failed:
        return ""
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in failed.items())
    return f"{sum(failed.values()):,} of {total:,} verdicts are missing ({kinds})"


def _result_of(folder: RunFolder, stem: str) -> TaskResult:
    """A judged task's result in the record of its run."""
    results = {file_stem(result.task): result for result in load_run(folder.path).results}
    return results[stem]


def judge_of(folder: RunFolder, stem: str) -> dict[str, str]:
    """Which judge a run's task was judged by, and how, as its fingerprint says; none is empty."""
    return parts_of(_result_of(folder, stem).fingerprint.judge or {}, stem)


def parts_of(fingerprint: Mapping[str, str], stem: str) -> dict[str, str]:
    """A fingerprint's part on the judge with all its names, and the task's file stem."""
    names = (*WHO, *DESIGN, "served")
    return {**{name: fingerprint.get(name, "") for name in names}, "task": stem}


def compared(then: Anchors, now: Anchors) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What there is to say of two sets of verdicts before they are compared.

    Returns:
        What makes the second judge another one, and what a reader should know.

    Raises:
        NotComparableError: They were asked for in different ways, or are about different answers.
    """
    check_design(then.judge, now.judge, then.name)
    _check_answers(then, now)
    notes = differences(then.judge, now.judge, ("served",))
    notes += tuple(
        f"{one.name} does not say which judge gave its verdicts, in which words, or on which "
        "answers: whether those are the same is not known"
        for one in (then, now)
        if not one.judge.get("rubric")
    )
    notes += tuple(f"{one.name}: {one.missing}" for one in (then, now) if one.missing)
    return differences(then.judge, now.judge, WHO), notes


def _check_answers(then: Anchors, now: Anchors) -> None:
    """Refuse verdicts on other answers.

    Raises:
        NotComparableError: The text names the first sample.
    """
    shared = [key for key in then.answers if key in now.answers]
    if other := [key for key in shared if then.answers[key] != now.answers[key]]:
        message = (
            f"The verdicts in {then.name} and in {now.name} are about different answers: those to "
            f"{other[0]!r} differ, as {len(other)} of {len(shared)} do. Judge the same answers "
            "twice: give a run, and the judge with --judge."
        )
        raise NotComparableError(message)
