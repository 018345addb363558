"""The files of LLaVA's ScienceQA ensemble: two models' answers, a judge's replies, the questions.

LLaVA's answers and the judge's replies are JSON lines of question_id and text, GPT-4's answers the
`outputs` of a result file; each may be either, plain or gzip. Of several answers to one question
the last counts, as in the scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.answer_files import FORMATS, AnswerFile
from evalkit.answer_files.detect import detected
from evalkit.answer_files.source import content
from evalkit.errors import UsageError
from evalkit.judge.ensemble import Ensemble, missing_pids, require_all
from evalkit.official.scienceqa import ScienceqaFiles
from evalkit.official.scienceqa_problems import SPLITS
from evalkit.records import Sample
from evalkit.registry import load_task

_READERS = {
    "llava": "llava",
    "scienceqa": "scienceqa-outputs",
    "scienceqa-outputs": "scienceqa-outputs",
}
"""Detected format -> how it is read: texts, never the indices beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What `evalkit.judge.ensemble.combine` needs, read from files.

    Attributes:
        problems: The test split's questions, in its order.
        ours: Our texts by pid.
        gpt4: GPT-4's texts by pid.
        requery: The judge's replies by pid; None where no file was given.
        is_whole: Whether both models answered every question.
        notes: Sentences that a reader of the numbers must see.
    """

    problems: tuple[Sample, ...]
    ours: Mapping[str, str]
    gpt4: Mapping[str, str]
    requery: Mapping[str, str] | None
    is_whole: bool
    notes: tuple[str, ...]


def read_sources(
    *, ours: Path, gpt4: Path, references: Path, requery: Path | None = None
) -> Sources:
    """Both models' answers, the judge's replies and the questions.

    Args:
        ours: The answers that complement GPT-4's.
        gpt4: GPT-4's.
        references: ScienceQA's `problems.json`, or the folder in which it lies with
            `pid_splits.json`, by whose order guesses are drawn.
        requery: The judge's replies.

    Raises:
        UsageError: A file is damaged or of another kind; or there are a judge's replies, and a
            model did not answer every question.
    """
    problems, notes = _problems(references)
    models = [_read(path, problems) for path in (ours, gpt4)]
    replies = None if requery is None else _read_replies(requery, problems)
    if replies is not None:
        for model in models:
            require_all(problems, model.texts, str(model.path))
    for file in models if replies is None else [*models, replies]:
        notes += tuple(_remarks(file, problems))
    missing = {pid for model in models for pid in missing_pids(problems, model.texts)}
    if missing:
        note = (
            f"{len(missing)} of {len(problems)} questions have no answer in one of the files; they "
            "are left out, as by the complement's script. The judge's script takes whole files."
        )
        notes += (note,)
    return Sources(
        problems=problems,
        ours=models[0].texts,
        gpt4=models[1].texts,
        requery=None if replies is None else replies.texts,
        is_whole=not missing,
        notes=notes,
    )


def disagreement_requests(sources: Sources, ensemble: Ensemble) -> Iterator[dict[str, Any]]:
    """What a judge is to be asked: every question on which the two models differ.

    Returns:
        Objects with pid, question, choices, hint and both texts (ours, gpt4). The hint is empty
        where the question's text holds it already.
    """
    for pid in ensemble.disagreements:
        sample = ensemble.questions[pid].sample
        is_told = sample.question.startswith("Context: ")
        yield {
            "pid": pid,
            "question": sample.question,
            "choices": list(sample.choices),
            "hint": "" if is_told else sample.inputs.get("hint", ""),
            "ours": sources.ours[pid],
            "gpt4": sources.gpt4[pid],
        }


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """A file's texts by pid, and how many were replaced by a later one."""

    path: Path
    texts: Mapping[str, str]
    repeated: int = 0


def _problems(path: Path) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The questions and what is to be said of them."""
    if not path.exists():
        message = f"There are no references at {path}."
        raise UsageError(message)
    found = ScienceqaFiles().references(load_task("scienceqa"), path)
    if found is None:
        message = f"{path} is no ground truth of ScienceQA: give problems.json, or its folder."
        raise UsageError(message)
    pids = tuple(sample.id for sample in found.samples)
    folder = path if path.is_dir() else path.parent
    ordered = any((folder / name).is_file() for name in SPLITS)
    note = (
        f"There is no pid_splits.json in {folder}: guesses are drawn in the order of the "
        f"{len(pids)} questions there, and may not be the official ones."
    )
    return tuple(found.samples), found.notes if ordered else (*found.notes, note)


def _read(path: Path, problems: Sequence[Sample]) -> _Texts:
    """The texts of a file.

    Raises:
        UsageError: It is damaged or of another kind, has an answer without a pid, or answers none
            of the problems.
    """
    answers = _answers(path)
    texts: dict[str, str] = {}
    for answer in answers.answers:
        if answer.id is None:
            message = f"{path}, number {answer.place}, has no pid: each answer must name its own."
            raise UsageError(message)
        texts[answer.id] = answer.text or ""
    if not any(sample.id in texts for sample in problems):
        first = next(iter(texts), "")
        message = (
            f"{path} answers none of the {len(problems)} questions: its ids, such as {first!r}, "
            "must be ScienceQA's pids."
        )
        raise UsageError(message)
    return _Texts(path=path, texts=texts, repeated=len(answers.answers) - len(texts))


def _answers(path: Path) -> AnswerFile:
    if not path.exists():
        message = f"There is no file {path}."
        raise UsageError(message)
    name = detected(path)
    if name not in _READERS:
        message = (
            f"{path} is a file of the format {name!r}; wanted are JSON lines of question_id and "
            "text, or a JSON object whose 'outputs' are texts by pid."
        )
        raise UsageError(message)
    return FORMATS[_READERS[name]](path)


def _read_replies(path: Path, problems: Sequence[Sample]) -> _Texts:
    """A judge's replies; an empty file has none, as where nothing had to be asked."""
    if path.is_file() and not content(path).strip():
        return _Texts(path=path, texts={})
    return _read(path, problems)


def _remarks(file: _Texts, problems: Sequence[Sample]) -> Iterator[str]:
    """What a reader must know of a file: answers that count for nothing."""
    unknown = len(file.texts) - sum(sample.id in file.texts for sample in problems)
    if unknown:
        yield f"{file.path} answers {unknown} questions that the references do not have."
    if file.repeated:
        yield (
            f"{file.path} answers {file.repeated} questions again; the last answer to a question "
            "counts, as in the official scripts."
        )
