"""ScienceQA's files: whose answer is whose, by pid, by row or by the words of the question.

Official files name a question by its pid, the dataset on the hub has none: there a row number is
the place of the pid in the test split of `pid_splits.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.errors import UsageError
from evalkit.official.interface import (
    Matched,
    OfficialFiles,
    References,
    matched_by,
    matched_by_id,
    names_samples,
    no_picture,
)
from evalkit.official.scienceqa_pairing import by_row, by_words
from evalkit.official.scienceqa_problems import (
    IMAGE,
    IMAGE_QUESTIONS,
    LETTERS,
    Problems,
    question_and_choices,
    read_problems,
)
from evalkit.records import Sample
from evalkit.task import Row, Task

_IMG_TASK = "scienceqa_img"  # lmms-eval's name for the image questions, in its files' names


class ScienceqaFiles(OfficialFiles):
    """`problems.json`, LLaVA's test file, and the answers that name their questions."""

    missing_note = (
        "LLaVA's eval_science_qa.py (c121f043) does so too, and leaves them out of IMG; "
        "evaluate_acc.py (2cbf831) refuses a file that is not whole."
    )

    def references(self, task: Task, path: Path) -> References | None:
        """The test split's questions in `problems.json` or in LLaVA's `llava_test_*.json`.

        Raises:
            UsageError: As `evalkit.official.scienceqa_problems.read_problems`.
        """
        found = read_problems(path)
        if found is None:
            return None
        samples = tuple(task.to_sample(row) for row in found.rows)
        if _is_image_task(task):
            samples = tuple(sample for sample in samples if sample.images)
        whole = len(found.order) == len(found.rows)
        order = tuple(sample.id for sample in samples) if whole else found.order
        return References(samples=samples, extra={"order": order}, notes=_notes(found, path))

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The questions in VLMEvalKit's tables and in lmms-eval's samples."""
        if answers.format == "vlmevalkit":
            rows, notes = _table_rows(answers)
        elif answers.format == "lmms-eval":
            rows, notes = _samples_rows(answers)
        else:
            return None
        if not rows:
            return None
        samples = tuple(task.to_sample(row) for row in rows)
        if any(row["shown"] is None for row in rows):
            samples = tuple(_without(sample, "context") for sample in samples)
        return References(samples=samples, label="predictions", notes=notes)

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """By pid; by row for lmms-eval's and evalkit's own files; else by the question's words.

        LLaVA counts as IMG what was asked with an image, so its files bring that slice along.

        Raises:
            UsageError: The file names pids and the references have none; or the questions cannot
                be told apart.
        """
        if names_samples(references, answers):
            return matched_by_id(references, answers)
        found = self._paired(references, answers)
        if answers.format == "llava" and task.protocol == "official":
            return _as_shown(found)
        return found

    def _paired(self, references: References, answers: AnswerFile) -> Matched:
        has_pids, form = "order" in references.extra, answers.format
        ids = {sample.id: sample.id for sample in references.samples}
        if references.label == "predictions":
            return matched_by(references.samples, answers, ids)
        if form == "lmms-eval" or (form == "evalkit" and has_pids):
            return by_row(references, answers)
        if form == "vlmevalkit" or (form == "llava" and not has_pids):
            return by_words(references.samples, answers)
        if has_pids or form == "evalkit":
            return matched_by(references.samples, answers, ids)
        message = (
            f"{answers.path} names questions by pid, and the dataset has none: give the official "
            "problems.json, or LLaVA's llava_test_CQM-A.json, with --references."
        )
        raise UsageError(message)

    def unanswered(self, sample: Sample) -> Sample | None:
        """The sample outside of IMG: LLaVA takes a missing answer for one without an image."""
        return _shown(sample, shown=False)


def _is_image_task(task: Task) -> bool:
    return task.dataset.config == "ScienceQA-IMG"


def _notes(found: Problems, path: Path) -> tuple[str, ...]:
    """Which file of a folder was used, and what it does not hold."""
    number, total = len(found.rows), len(found.order)
    known = sum(bool(row["subject"]) for row in found.rows)
    notes = []
    if path.is_dir():
        notes.append(f"Questions are from {found.path.name}, {number} of the test split.")
    if number < total:
        notes.append(f"{found.path.name} lacks {total - number} of the split's {total} questions.")
    if not known:
        notes.append(f"{found.path.name} knows no subject, grade and topic.")
    elif known < number:
        notes.append(
            f"Subject, grade and topic are known for {known} of {number} questions; these slices "
            "hold the known ones."
        )
    return tuple(notes)


# What answer files say of their questions


def _table_rows(answers: AnswerFile) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of VLMEvalKit's table, whose ScienceQA sets are the questions with an image."""
    shown = len(answers.answers) <= IMAGE_QUESTIONS or None
    rows = {}
    for answer in answers.answers:
        cells = {name: as_text(value) or "" for name, value in answer.fields.items()}
        choices = [cells.get(letter, "") for letter in LETTERS]
        while choices and not choices[-1]:
            choices.pop()
        if not choices or "answer" not in cells:
            return [], ()
        rows[answer.id] = _own_row(
            answers, answer, cells.get("question", ""), choices, cells["answer"]
        ) | {"hint": cells.get("hint", ""), **_seen(answer, shown=shown)}
    note = "Questions, choices and gold letters are those of VLMEvalKit's table"
    taken = ", all taken to have an image, as its ScienceQA sets." if shown else "."
    return list(rows.values()), (note + taken,)


def _samples_rows(answers: AnswerFile) -> tuple[list[Row], tuple[str, ...]]:
    """The questions in lmms-eval's samples, as far as their prompts show them."""
    marked = any(IMAGE in (answer.prompt or "") for answer in answers.answers)
    rows = {}
    for answer in answers.answers:
        target = as_text(answer.fields.get("target"))
        if target is None:
            return [], ()
        stem, choices = question_and_choices(answer.prompt or "")
        shown = IMAGE in (answer.prompt or "") if marked else None
        if _IMG_TASK in answers.path.name:
            shown = True
        hint = "<present>" if stem.startswith("Context: ") else ""
        row = _own_row(answers, answer, stem, choices, target)
        rows[answer.id] = row | {"hint": hint, **_seen(answer, shown=shown)}
    notes = ["Gold letters are those of lmms-eval's file; subject, grade and topic are unknown."]
    if any(row["shown"] is None for row in rows.values()):
        notes.append("It does not say which questions have an image; --references does.")
    return list(rows.values()), tuple(notes)


def _own_row(
    answers: AnswerFile, answer: Answer, question: str, choices: list[str], gold: str
) -> dict[str, Any]:
    """A row of the dataset.

    Raises:
        UsageError: The gold letter is none of the choices, where these are known.
    """
    letter = gold.strip().upper()
    index = LETTERS.find(letter) if len(letter) == 1 else -1
    if index < 0 or index >= (len(choices) or len(LETTERS)):
        message = (
            f"{answers.path}, number {answer.place}: the gold answer {gold!r} is no letter of the "
            f"question's {len(choices)} choices."
        )
        raise UsageError(message)
    return {
        "__index__": answer.id or str(answer.place),
        "question": question,
        "choices": choices,
        "answer": index,
    }


def _seen(answer: Answer, *, shown: bool | None) -> Mapping[str, Any]:
    """The columns about the image: shown, not shown, or unknown (None)."""
    return {"image": no_picture(f"{answer.id}") if shown else None, "shown": shown}


# The slice IMG


def _as_shown(found: Matched) -> Matched:
    """The samples with IMG by what each prompt shows, as LLaVA counts them."""
    prompts = {sample_id: answer.prompt or "" for sample_id, answer in found.answers.items()}
    shown = {sample_id: IMAGE in prompt for sample_id, prompt in prompts.items()}
    if not any(shown.values()):
        note = f"No prompt in the file holds {IMAGE}: IMG is the questions that have an image."
        return replace(found, notes=(*found.notes, note))
    samples = tuple(
        _shown(sample, shown=shown[sample.id]) if sample.id in shown else sample
        for sample in found.samples
    )
    others = sum(bool(s.images) != shown[s.id] for s in found.samples if s.id in shown)
    note = (
        f"IMG is by the prompts, as in LLaVA's script: {others} answers were asked otherwise than "
        "their questions have an image."
    )
    return replace(found, samples=samples, notes=(*found.notes, note) if others else found.notes)


def _shown(sample: Sample, *, shown: bool) -> Sample:
    """The sample inside or outside of IMG."""
    context = [name for name in sample.tags.get("context", ()) if name != "IMG"]
    if shown:
        context.append("IMG")
    other = _without(sample, "context")
    return replace(other, tags={**other.tags, "context": tuple(context)}) if context else other


def _without(sample: Sample, tag: str) -> Sample:
    return replace(sample, tags={name: v for name, v in sample.tags.items() if name != tag})
