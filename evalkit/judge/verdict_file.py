"""A run's verdicts and answers, read again: they are those of the run's record, or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from evalkit.errors import StaleError, StoreError
from evalkit.judge.units import digest_of_units, units_of
from evalkit.judge_report import JudgeReport
from evalkit.records import Prediction, Sample, Verdict
from evalkit.store import RunFolder, load_run
from evalkit.task import file_stem


def recorded_verdicts(folder: RunFolder, stem: str) -> tuple[Verdict, ...]:
    """The verdicts that a run's record is about.

    Raises:
        StoreError: The record has none of the task.
        StaleError: The file holds others.
    """
    reports = {file_stem(result.task): result.judge for result in load_run(folder.path).results}
    if (report := reports.get(stem)) is None:
        message = (
            f"{folder.verdicts_path(stem)} holds verdicts that the run's record knows nothing of. "
            f"{_advice(folder)}"
        )
        raise StoreError(message)
    return read_verdicts(folder, stem, report)


def recorded_answers(folder: RunFolder, stem: str) -> tuple[Prediction, ...]:
    """The answers that a run's record was made of; empty where they are not kept.

    Raises:
        StoreError: The file is damaged.
        StaleError: It holds others.
    """
    told = {file_stem(result.task): result.predictions for result in load_run(folder.path).results}
    return folder.read_predictions(stem, told.get(stem))


def read_verdicts(folder: RunFolder, stem: str, report: JudgeReport) -> tuple[Verdict, ...]:
    """The verdicts that a report is about.

    Raises:
        StaleError: The file was removed, cut or exchanged.
    """
    path = folder.verdicts_path(stem)
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != report.digest:
        state = "is not the file of verdicts with which" if path.exists() else "is gone, with which"
        message = f"{path} {state} the run's record was made. {_advice(folder)}"
        raise StaleError(message)
    return folder.read_verdicts(stem)


def check_answers(
    folder: RunFolder,
    stem: str,
    report: JudgeReport,
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
) -> None:
    """Refuse verdicts on other answers, votes or orders than the run holds.

    Raises:
        StaleError: They are on others.
    """
    units = units_of(samples, predictions, report.votes, swap=report.swapped)
    if len(units) != report.verdicts or digest_of_units(units) != report.answers:
        message = (
            f"{folder.verdicts_path(stem)} holds verdicts on other answers than "
            f"{folder.predictions_path(stem)} does. {_advice(folder)}"
        )
        raise StaleError(message)


def _advice(folder: RunFolder) -> str:
    return (
        f"`evalkit judge {folder.path} --judge ...` judges it again; known replies are not asked."
    )
