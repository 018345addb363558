"""MMVP's files: `Questions.csv`, answers that carry their questions, and a judge's replies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.answer_files.fields import as_number
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.errors import UsageError
from evalkit.official.interface import Matched, OfficialFiles, References, matched_by
from evalkit.official.mmvp_questions import asked, own_rows, read_questions
from evalkit.records import Sample
from evalkit.task import Task

REPLY_FIELDS = ("judge_reply", "gpt_grade", "gpt_answer", "judge", "grade")
"""Where a line may hold the judge's reply to it; the first of them that holds verdicts counts."""

_NO_JUDGE = (
    "MMVP's official script asks a judge (gpt-4-0314) whether an answer is right; {}, so letters "
    "are read by a rule (protocol letter), and the number is not of the published kind."
)
_HARNESSES = ("lmms-eval", "vlmevalkit")
_ROWS = 300


class MmvpFiles(OfficialFiles):
    """`Questions.csv`, and the answers that name a question by its Index or by their order."""

    missing = "exclude"
    missing_note = (
        "gpt_grader.py (7635005) reads the answer file alone; a pair of which one answer is "
        "missing does not count either."
    )

    def references(self, task: Task, path: Path) -> References | None:
        """The rows of `Questions.csv`.

        Raises:
            UsageError: As `evalkit.official.mmvp_questions.read_questions`.
        """
        rows = read_questions(path)
        if rows is None:
            return None
        return References(samples=tuple(task.to_sample(row) for row in rows))

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The questions that official answer files and the harnesses' files carry along."""
        rows = own_rows(answers, _numbers(answers) or _places(answers))
        if rows is None:
            return None
        note = "Questions and gold answers are those of the answer file"
        about = ", with the labels that were asked for on the four disputed ones."
        samples = tuple(task.to_sample(row) for row in rows)
        return References(samples=samples, label="predictions", notes=(note + about,))

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """By Index, or by order where the file's ids are no Index.

        Under `official` the judge's replies stand in for the answers. Under `lmms-eval` the gold
        answers are those of the corrected key, which its dataset has.

        Raises:
            UsageError: The ids are no Index, and there are more or fewer answers than questions; or
                the answers are to other questions.
        """
        samples = references.samples
        own = references.label == "predictions"
        numbers = _numbers(answers) or _places(answers)
        keys = list(map(str, numbers)) if own else _sample_ids(samples, answers)
        found = matched_by(samples, answers, {s.id: s.id for s in samples}, keys)
        _check_questions(found, answers)
        notes = tuple(_notes(found, keys))
        if task.protocol == "official":
            field = _reply_field(answers)
            replies = {key: _reply(answer, field) for key, answer in found.answers.items()}
            found = replace(found, answers=replies)
        if task.protocol == "lmms-eval":
            found, note = _corrected(found)
            notes += note
        return replace(found, notes=(*found.notes, *notes))

    def protocol(self, task: Task, asked: str | None, answers: AnswerFile) -> tuple[str, str]:
        """The protocol: `official` where every answer has a judge's reply, else `letter`."""
        if asked not in (None, "official"):
            return asked or task.protocol, ""
        field = _reply_field(answers)
        replies = sum(isinstance(a.fields.get(field), str) for a in answers.answers)
        total = len(answers.answers)
        if total and replies == total:
            return "official", f"The judge's replies are the field {field!r} of the answer file."
        held = f"only {replies} of {total} answers have its reply" if replies else "here is none"
        return task.protocol, _NO_JUDGE.format(held)


# Judge replies


def _reply_field(answers: AnswerFile) -> str:
    """The first field that holds verdicts: "judge" may also name a model; empty for none."""
    for name in REPLY_FIELDS:
        values = (answer.fields.get(name) for answer in answers.answers)
        words = {value.strip(" .\n").lower() for value in values if isinstance(value, str)}
        if words & {"yes", "no"}:
            return name
    return ""


def _reply(answer: Answer, field: str) -> Answer:
    reply = answer.fields.get(field)
    return replace(answer, text=reply if isinstance(reply, str) else None)


# Whose answer


def _places(answers: AnswerFile) -> list[int]:
    return list(range(1, len(answers.answers) + 1))


def _numbers(answers: AnswerFile) -> list[int] | None:
    """The Index of each answer, from 1, by its id; None where the ids are no Index."""
    ids = [as_number(answer.id) for answer in answers.answers]
    numbers = [number for number in ids if number is not None]
    if len(numbers) < len(ids) or 2 * len(set(numbers)) <= len(ids):
        return None
    if max(numbers) > _ROWS and answers.format == "vlmevalkit":  # pairs in the order of its index
        order = {number: place for place, number in enumerate(sorted(set(numbers)), start=1)}
        # With a row missing, no order says which: all later ones would be taken for another.
        return [order[number] for number in numbers] if len(order) == _ROWS else None
    shift = 1 if answers.format == "lmms-eval" or min(numbers) == 0 else 0
    return [number + shift for number in numbers]


def _sample_ids(samples: Sequence[Sample], answers: AnswerFile) -> list[str | None]:
    """The sample of each answer; None where it is unknown.

    Raises:
        UsageError: The ids are no Index, and order cannot stand in for them.
    """
    numbers = _numbers(answers)
    if numbers and answers.format in _HARNESSES:  # rows of a dataset in the order of the questions
        ids = {place: sample.id for place, sample in enumerate(samples, start=1)}
        return [ids.get(number) for number in numbers]
    known = {sample.id for sample in samples}
    named = [str(number) for number in numbers or ()]
    if 2 * len(known.intersection(named)) > len(named):
        return list(named)
    total = len(answers.answers)
    if total == len(samples):
        return [sample.id for sample in samples]
    message = (
        f"The ids in {answers.path} are no Index of MMVP's questions, and {total} answers "
        f"cannot be given to {len(samples)} questions by their order: put the Index, from 1, in "
        "each line's question_id."
    )
    raise UsageError(message)


def _check_questions(found: Matched, answers: AnswerFile) -> None:
    """See that prompts ask what the samples ask.

    Raises:
        UsageError: More than half of them do not.
    """
    questions = {sample.id: _words(sample.question) for sample in found.samples}
    said = {key: _words(asked(answer)[0]) for key, answer in found.answers.items()}
    other = [key for key, words in said.items() if words and questions[key] not in words]
    if 2 * len(other) > len([words for words in said.values() if words]):
        message = (
            f"{answers.path} asks other questions than the references: its answer to question "
            f"{other[0]!r} was asked {said[other[0]][:80]!r}. Is it sorted, and whole?"
        )
        raise UsageError(message)


def _words(text: str) -> str:
    return " ".join(text.split())


def _notes(found: Matched, keys: Sequence[str | None]) -> Iterator[str]:
    """What pairs by Index and the official pairs by position do not have in common."""
    order = [int(key) for key in keys if key is not None and key in found.answers]
    if order != sorted(order):
        yield (
            "The answers are not in the order of Index: here pairs are by Index, the official "
            "script pairs neighbouring lines."
        )
    pairs: dict[str | None, list[Sample]] = defaultdict(list)
    for sample in found.samples:
        pairs[sample.group].append(sample)
    answered = Counter(s.group for s in found.samples if s.id in found.answers)
    if alone := sum(len(pair) == 1 for pair in pairs.values()):
        yield f"{alone} pairs have one question alone and are not in pair_accuracy."
    if torn := sum(answered[g] == 1 < len(pair) for g, pair in pairs.items()):
        yield (
            f"{torn} pairs have one answer alone; the official script would pair the lines that "
            "follow wrongly."
        )
    if odd := sum(len({_words(s.question) for s in pair}) > 1 for pair in pairs.values()):
        yield f"The two questions of {odd} pairs differ, which MMVP's never do: is the file sorted?"


def _corrected(found: Matched) -> tuple[Matched, tuple[str, ...]]:
    """The samples with the corrected key, and what is to be said of it."""
    samples = tuple(
        replace(sample, targets=(str(sample.inputs["corrected"]),)) for sample in found.samples
    )
    changed = [s.id for s, old in zip(samples, found.samples, strict=True) if s != old]
    if not changed:
        return found, ()
    note = f"lmms-eval's dataset has the corrected key: it is used for {', '.join(changed)}."
    return replace(found, samples=samples), (note,)
