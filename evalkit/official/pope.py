"""POPE's files: ground truth by split, LLaVA's question file, and whose answer is whose.

Ground truth is JSON lines {question_id, image, text, label}, one file a split, as in `output/coco`
of RUCAIBox/POPE (3df3ba1). LLaVA's `llava_pope_test.jsonl` says which of its ids is in which split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.answer_files.fields import as_id, as_number
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import head, rows
from evalkit.errors import UsageError
from evalkit.official.interface import (
    Matched,
    OfficialFiles,
    References,
    Treatment,
    matched_by,
    names_samples,
    no_picture,
)
from evalkit.official.pope_gold import (
    categories,
    lmms_references,
    row_name,
    table_references,
    word,
)
from evalkit.official.pope_splits import (
    Asked,
    Pairs,
    Split,
    asked_question,
    image_stem,
    paired,
    sorted_out,
    splits_of,
)
from evalkit.records import MetricValue, Sample, SampleScore
from evalkit.task import Task

SPLITS = ("random", "popular", "adversarial")
"""How the absent objects are drawn, in the order in which LLaVA's paper lists them."""


_MOSTLY = 2 / 3


@dataclass(frozen=True, slots=True)
class Question:
    """A line of LLaVA's question file."""

    category: str
    image: str | None
    question: str | None


class PopeFiles(OfficialFiles):
    """POPE's split files, and LLaVA's question file beside or above them."""

    missing: Treatment = "exclude"
    missing_note = (
        "The official script pairs answers and labels by position and drops what is left over."
    )

    def references(self, task: Task, path: Path) -> References | None:
        """The questions of the split files; of one split, if `path` is its file."""
        files, asked = _found(path)
        if not files:
            return None
        samples = tuple(sample for file in files for sample in _samples(task, file))
        if not samples:
            message = f"{path} holds no question."
            raise UsageError(message)
        if len({sample.id for sample in samples}) < len(samples):
            message = f"{path} asks one question twice: a question_id occurs again in its split."
            raise UsageError(message)
        return References(
            samples=samples,
            extra={} if asked is None else {"questions": _questions(asked), "file": asked.name},
        )

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The gold answers in lmms-eval's sample files and in VLMEvalKit's tables."""
        if answers.format == "lmms-eval":
            return lmms_references(task, answers)
        return table_references(task, answers) if answers.format == "vlmevalkit" else None

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """By id where ids are the samples' own; else by split and position, or question.

        Raises:
            UsageError: The splits cannot be told apart, or the questions are others.
        """
        del task
        if not answers.answers:
            return Matched(answers={}, samples=references.samples)
        if "answers" in references.extra:
            return _own(references, answers)
        ids = {sample.id: sample.id for sample in references.samples}
        if answers.format == "evalkit" or names_samples(references, answers):
            return matched_by(references.samples, answers, ids)
        if answers.format == "lmms-eval" and references.label != "files":
            ids = {str(row): sample.id for row, sample in enumerate(references.samples)}
            return matched_by(references.samples, answers, ids)
        return _by_splits(references, answers)

    def further(
        self, references: References, answers: AnswerFile, scores: Sequence[SampleScore]
    ) -> tuple[Mapping[str, MetricValue], tuple[str, ...]]:
        """No numbers; a note for each split on which the official script divides by zero."""
        del references, answers
        hits: dict[str, float] = {}
        errors: dict[str, float] = {}
        for score in scores:
            name = str(score.tags.get("category", "")) or "the file"
            hits[name] = hits.get(name, 0.0) + score.values.get("tp", 0.0)
            wrong = score.values.get("fp", 0.0) + score.values.get("fn", 0.0)
            errors[name] = errors.get(name, 0.0) + wrong
        return {}, tuple(
            f"No object of {name} was found: F1 "
            f"{'counts as 0' if errors[name] else 'is undefined and left out'} (the official "
            "script divides by zero)."
            for name, found in hits.items()
            if not found
        )


# Ground truth


def _found(path: Path) -> tuple[list[Path], Path | None]:
    """The split files and LLaVA's question file that a path stands for."""
    if path.is_file():
        if _is_split(path):
            return [path], _question_file(path.parent)
        if not path.name.startswith("llava_pope_test"):
            return [], None
        files, _ = _found(path.parent)
        if not files:
            message = f"{path} has no gold answers, and no coco_pope_<split>.json is beside it."
            raise UsageError(message)
        return files, path
    folders = [path, *sorted(inner for inner in path.iterdir() if inner.is_dir())]
    held = {folder: _split_files(folder) for folder in folders}
    full = [folder for folder in folders if held[folder]]
    if not full:
        return [], None
    if full[0] != path and len(full) > 1:
        names = ", ".join(folder.name for folder in full)
        message = f"{path} holds several sets of POPE's split files ({names}): name one of them."
        raise UsageError(message)
    return held[full[0]], _question_file(full[0])


def _split_files(folder: Path) -> list[Path]:
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and "pope" in file.name]
    found: dict[str, Path] = {}
    for file in files:
        name = _split_name(file)
        if not name or not _is_split(file):
            continue
        if name in found:
            message = (
                f"{folder} holds two files of the split {name}, {found[name].name} and "
                f"{file.name}: name one, or remove the other."
            )
            raise UsageError(message)
        found[name] = file
    return [found[name] for name in SPLITS if name in found]


def _split_name(file: Path) -> str:
    return next((name for name in SPLITS if name in file.name), "")


def _is_split(file: Path) -> bool:
    """Whether the file starts as ground truth does."""
    if not any(ending in file.suffixes for ending in (".json", ".jsonl")):
        return False
    start = head(file, 4096).split(b"\n", 1)[0]
    return all(name in start for name in (b'"label"', b'"text"', b'"image"'))


def _question_file(folder: Path) -> Path | None:
    for place in (folder, folder.parent):
        files = sorted(place.glob("llava_pope_test*.jsonl*"))
        if files:
            return files[0]
    return None


def _samples(task: Task, file: Path) -> Iterable[Sample]:
    category = _split_name(file)
    for number, line in rows(file):
        question, image, label = line.get("text"), line.get("image"), line.get("label")
        told = all(isinstance(value, str) for value in (question, image, label))
        if not told or str(label).strip().lower() not in ("yes", "no"):
            message = (
                f"{file}, line {number}, is no line of POPE's ground truth: it needs the texts "
                "'image' and 'text', and the 'label' yes or no."
            )
            raise UsageError(message)
        name = as_id(line.get("question_id"))
        yield task.to_sample(
            {
                "question_id": number if name is None else name,
                "question": question,
                "answer": label,
                "image_source": image_stem(image) or "",
                "image": no_picture(str(image)),
                "category": category,
            }
        )


def _questions(file: Path) -> Mapping[str, Question]:
    found = {}
    for number, line in rows(file):
        name, category = as_id(line.get("question_id")), line.get("category")
        if name is None or not isinstance(category, str):
            message = f"{file}, line {number}, lacks 'question_id' or 'category'."
            raise UsageError(message)
        found[name] = Question(
            category, image_stem(word(line.get("image"))), asked_question(word(line.get("text")))
        )
    return found


# Matching


def _own(references: References, answers: AnswerFile) -> Matched:
    ids: Mapping[str, tuple[str, ...]] = references.extra["answers"]
    found: dict[str, Answer] = {}
    repeated = conflicting = 0
    for answer in answers.answers:
        held = ids.get(row_name(answer), ())
        repeated += any(sample_id in found for sample_id in held)
        conflicting += any(found.get(each, answer).text != answer.text for each in held)
        found |= dict.fromkeys(held, answer)
    return Matched(
        answers=found, samples=references.samples, repeated=repeated, conflicting=conflicting
    )


def _by_splits(references: References, answers: AnswerFile) -> Matched:
    ordered = list(answers.answers)
    if answers.format == "lmms-eval":
        ordered.sort(key=lambda answer: as_number(answer.id) or 0)
    splits = {split.name: split for split in splits_of(references.samples)}
    asked = [_asked(answer) for answer in ordered]
    questions, notes = _fitting_questions(references, asked)
    labelled = _labelled(asked, questions, splits)
    if labelled is None and len(splits) > 1:
        pairs = sorted_out(tuple(splits.values()), asked)
        if pairs is None:
            raise UsageError(_cannot_tell(answers))
    else:
        pairs = []
        for name, members in (labelled or {next(iter(splits)): asked}).items():
            held, note = _paired(splits.get(name), members, answers)
            pairs += held
            notes += (note,) if note else ()
    return _matched(references, pairs, notes)


def _paired(split: Split | None, asked: Sequence[Asked], answers: AnswerFile) -> tuple[Pairs, str]:
    if split is None:  # an answer to a split that the references do not have
        return [(one.answer, None) for one in asked], ""
    found = paired(split, asked)
    if found is None:
        pairs = zip(asked, split.places, strict=False)
        one = next((one for one, place in pairs if not one.fits(place)), asked[-1])
        message = (
            f"{answers.path}, line {one.answer.place}, asks {(one.question or '')[:80]!r}, which "
            f"is not what stands there in {split.name or 'the references'}; give answers with "
            "ids, or the references that were asked."
        )
        raise UsageError(message)
    return found


def _matched(references: References, pairs: Pairs, notes: tuple[str, ...]) -> Matched:
    found: dict[str, Answer] = {}
    repeated = conflicting = 0
    for answer, sample_id in pairs:
        if sample_id is not None:
            repeated += sample_id in found
            conflicting += found.get(sample_id, answer).text != answer.text
            found[sample_id] = answer
    answered = {s.tags.get("category") for s in references.samples if s.id in found}
    present = dict.fromkeys(s.tags.get("category") for s in references.samples)
    absent = [str(name) for name in present if name not in answered]
    if absent and answered:
        note = (
            f"No answer belongs to {' or '.join(absent)}, which is left aside: the numbers are "
            "those of the other splits."
        )
        notes += (note,)
    return Matched(
        answers=found,
        samples=tuple(s for s in references.samples if s.tags.get("category") in answered),
        is_whole=not absent,
        unknown=tuple(answer for answer, sample_id in pairs if sample_id is None),
        repeated=repeated,
        conflicting=conflicting,
        notes=notes,
    )


def _asked(answer: Answer) -> Asked:
    fields = answer.fields
    prompt = answer.prompt if answer.prompt is not None else word(fields.get("question"))
    image = word(fields.get("image")) or word(fields.get("image_path"))
    # A picture may also be written out in the field, in base64.
    short = image if image is not None and len(image) < 256 else None  # noqa: PLR2004
    return Asked(answer, asked_question(prompt), image_stem(short), as_number(answer.id))


def _fitting_questions(
    references: References, asked: list[Asked]
) -> tuple[Mapping[str, Question], tuple[str, ...]]:
    """LLaVA's questions, if they are what the answers answer; else nothing, and why."""
    known: Mapping[str, Question] = references.extra.get("questions", {})
    held = [
        (one, known[one.answer.id]) for one in asked if one.answer.id and one.answer.id in known
    ]
    if not known or not held:
        return {}, ()
    repeats = len({one.answer.id for one, _ in held}) < _MOSTLY * len(held)
    if repeats or any(not _agree(one, question) for one, question in held):
        note = (
            f"{references.extra['file']} has other questions, or fewer, under these ids: it was "
            "not used."
        )
        return {}, (note,)
    return known, ()


def _agree(one: Asked, question: Question) -> bool:
    return (one.question is None or question.question in (None, one.question)) and (
        one.image is None or question.image in (None, one.image)
    )


def _labelled(
    asked: Sequence[Asked], questions: Mapping[str, Question], splits: Mapping[str, Split]
) -> dict[str, list[Asked]] | None:
    """Answers by split, where the question file or their own fields say it."""
    found: dict[str, list[Asked]] = {}
    for one in asked:
        known = questions.get(one.answer.id or "")
        if known is not None:
            told = replace(
                one, question=known.question or one.question, image=known.image or one.image
            )
            found.setdefault(known.category, []).append(told)
            continue
        names = categories(one.answer)
        if not names and not questions:
            return None
        for name in names or ("",):
            found.setdefault(name, []).append(one)
    return found if any(name in splits for name in found) else None


def _cannot_tell(answers: AnswerFile) -> str:
    return (
        f"{answers.path} does not say which of its answers belong to which split of POPE, and its "
        "questions do not show it: put LLaVA's llava_pope_test.jsonl beside the split files, or "
        "name the file of one split as references."
    )
