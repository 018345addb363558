"""ScienceQA's answers without pids: paired by row, or by the words of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalkit.answer_files.fields import as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.errors import UsageError
from evalkit.official.interface import Matched, References, matched_by
from evalkit.official.scienceqa_problems import LETTERS, question_and_choices, text_key
from evalkit.records import Sample

_AGREEMENT = 0.95
"""Share of the gold letters in lmms-eval's file that must be those of its rows."""

_ONLY_IMAGES = "The answers are to questions with an image alone; only these are asked."


def by_row(references: References, answers: AnswerFile) -> Matched:
    """Answers whose id is a row number of the dataset: all questions, or those with an image.

    lmms-eval's tasks scienceqa and scienceqa_img number their rows each for itself; the gold
    letters in its file tell which of the two it is.

    Raises:
        UsageError: The order of the questions is not known, or fits the gold letters in neither
            way.
    """
    samples = references.samples
    order = references.extra.get("order", tuple(sample.id for sample in samples))
    if not order:
        message = (
            f"{answers.path} names questions by row: put pid_splits.json beside the references, "
            "or give all questions of the test split."
        )
        raise UsageError(message)
    whole = len(order) == len(samples)
    images = tuple(sample.id for sample in samples if sample.images) if whole else ()
    if answers.format == "lmms-eval" and _is_of_images(order, images, references, answers):
        asked = tuple(sample for sample in samples if sample.images)
        found = matched_by(asked, answers, _rows(images))
        return replace(found, notes=(_ONLY_IMAGES,) if len(asked) < len(samples) else ())
    known = {sample.id for sample in samples}
    ids = {row: pid for row, pid in _rows(order).items() if pid in known}
    return matched_by(samples, answers, ids)


def _rows(order: Sequence[str]) -> dict[str, str]:
    return {str(row): sample_id for row, sample_id in enumerate(order)}


def _is_of_images(
    order: Sequence[str], images: Sequence[str], references: References, answers: AnswerFile
) -> bool:
    gold = {sample.id: sample.targets[0] for sample in references.samples}
    every, pictured = (_agreement(_rows(ids), gold, answers) for ids in (order, images))
    if max(every, pictured) < _AGREEMENT:
        message = (
            f"The gold letters in {answers.path} are not those of the references, row by row: they "
            "are of another split or revision."
        )
        raise UsageError(message)
    if every == pictured:
        return "scienceqa_img" in answers.path.name
    return pictured > every


def _agreement(rows: Mapping[str, str], gold: Mapping[str, str], answers: AnswerFile) -> float:
    """The share of the file's gold letters that are those of the rows; 1 where it has none."""
    pairs = [
        (as_text(answer.fields.get("target")), gold.get(rows.get(answer.id or "", "")))
        for answer in answers.answers
    ]
    said = [(theirs.strip(), ours) for theirs, ours in pairs if theirs is not None]
    return sum(theirs == ours for theirs, ours in said) / len(said) if said else 1.0


def by_words(samples: Sequence[Sample], answers: AnswerFile) -> Matched:
    """Answers by the words of question, context and choices.

    Questions that read the same (they differ in their image) are paired in order where the file
    answers all of them.

    Raises:
        UsageError: No question can be seen in the file, or some that read the same cannot be told
            apart.
    """
    held: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples:
        hint = sample.inputs.get("hint", "")
        key = text_key(sample.question, hint if isinstance(hint, str) else "", sample.choices)
        held.setdefault(key, []).append(sample)
    keys = [_key(answer) for answer in answers.answers]
    if not any(key in held for key in keys):
        message = (
            f"{answers.path} names questions by pid, and the dataset has none; nor are its prompts "
            "the questions of the dataset: give the official problems.json with --references."
        )
        raise UsageError(message)
    places: dict[tuple[str, ...], list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    ids: list[str | None] = [None] * len(keys)
    for key, found in places.items():
        for place, sample_id in zip(found, _told(held.get(key, []), found, answers), strict=True):
            ids[place] = sample_id
    return _asked(matched_by(samples, answers, {s.id: s.id for s in samples}, ids), answers)


def _told(alike: Sequence[Sample], found: Sequence[int], answers: AnswerFile) -> list[str | None]:
    """The sample of each of the answers to questions that read the same.

    Raises:
        UsageError: Fewer or more answers than questions, and their gold letters differ.
    """
    ids: list[str | None] = [sample.id for sample in alike]
    if len(ids) == len(found):
        return ids
    if len({sample.targets for sample in alike}) <= 1:
        last = ids[-1] if ids else None
        return [*ids[: len(found)], *[last] * (len(found) - len(ids))]
    message = (
        f"{len(alike)} questions read {alike[0].question[:80]!r}, and {answers.path} answers "
        f"{len(found)} of them without saying which: give the official problems.json with "
        "--references."
    )
    raise UsageError(message)


def _key(answer: Answer) -> tuple[str, ...]:
    """The words of the question, from a table's row or from the prompt."""
    fields = {name: as_text(value) or "" for name, value in answer.fields.items()}
    if answer.prompt is None and "question" in fields:
        choices = [fields[letter] for letter in LETTERS if fields.get(letter)]
        return text_key(fields["question"], fields.get("hint", ""), choices)
    stem, choices = question_and_choices(answer.prompt or "")
    return text_key(stem, "", choices)


def _asked(found: Matched, answers: AnswerFile) -> Matched:
    """VLMEvalKit's sets are the questions with an image: others were not asked."""
    images = {sample.id for sample in found.samples if sample.images}
    if answers.format != "vlmevalkit" or not found.answers.keys() <= images:
        return found
    asked = tuple(sample for sample in found.samples if sample.id in images)
    notes = (_ONLY_IMAGES,) if len(asked) < len(found.samples) else ()
    return replace(found, samples=asked, notes=(*found.notes, *notes))
