"""MME's files: tables of questions, or of answers that carry their questions.

The official script (`calculation.py` in MME's `eval_tool.zip`, branch Evaluation, dd29509) reads a
folder with one file a subtask: tab-separated image, question, gold answer and response, two lines
an image. Without the last column these are the references; the benchmark as it is published
(`MME_Benchmark_release_version`) has a folder a subtask, and a text file an image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_id
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.mme_folder import SUBTASKS
from evalkit.answer_files.source import text
from evalkit.errors import UsageError
from evalkit.official.interface import (
    Matched,
    OfficialFiles,
    References,
    Treatment,
    matched_by,
    matched_by_id,
    names_samples,
    no_picture,
)
from evalkit.records import MetricValue, Sample, SampleScore
from evalkit.task import Task

Key = tuple[str, str, str]
"""Subtask, the picture's name without folders and ending, question without instructions."""

_PAIR = 2
_COLUMNS = 3
_INSTRUCTIONS = (
    "Answer the question using a single word or phrase.",
    "Please answer yes or no.",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One question with its gold answer, and where it stands."""

    place: str
    subtask: str
    image: str
    question: str
    gold: str


class MmeFiles(OfficialFiles):
    """MME's folders of questions and of answers."""

    missing: Treatment = "exclude"
    missing_note = "The official script divides by the lines that are there."

    def references(self, task: Task, path: Path) -> References | None:
        """The questions in a folder's files, or in the file of one subtask."""
        files = _tables(path)
        lines = [line for file in files for line in _table_lines(file)]
        lines += [line for folder in _folders(path) for line in _folder_lines(folder)]
        if not lines:
            return None
        present = {line.subtask for line in lines}
        absent = [name for name in SUBTASKS if name not in present]
        notes = (f"The references lack: {', '.join(absent)}.",) if absent else ()
        lines.sort(key=lambda line: line.subtask)
        samples, odd = _samples(task, list({_line_key(line): line for line in lines}.values()))
        return References(samples=samples, notes=(*notes, *odd))

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The gold answers in an official folder, lmms-eval's samples or VLMEvalKit's table."""
        lines = [_own_line(answers, answer) for answer in answers.answers]
        told = [line for line in lines if line is not None]
        if not told or len(told) < len(lines):
            return None
        if answers.format != "mme":
            samples, notes = _samples(task, list({_line_key(li): li for li in told}.values()))
            return References(samples=samples, label="predictions", notes=notes)
        # Each line has its question and its answer: all count, as in the official script.
        told.sort(key=lambda line: line.subtask)
        samples, notes = _samples(task, told)
        places = {line.place: s.id for line, s in zip(told, samples, strict=True)}
        extra = {"places": places}
        return References(samples=samples, label="predictions", notes=notes, extra=extra)

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """By subtask, image and question; by id where ids are the samples' own."""
        del task
        samples = references.samples
        if answers.format == "evalkit" or names_samples(references, answers):
            return matched_by_id(references, answers)
        if "places" in references.extra:
            own = (_own_line(answers, answer) for answer in answers.answers)
            places = [line and line.place for line in own]
            return matched_by(samples, answers, references.extra["places"], places)
        keys = [_key(answer) for answer in answers.answers]
        if answers.format == "lmms-eval" and None in keys and references.label != "files":
            rows = {str(row): sample.id for row, sample in enumerate(samples)}
            return matched_by(samples, answers, rows)
        ids = {_sample_key(sample): sample.id for sample in samples}
        found = matched_by(samples, answers, ids, _known(keys, samples, ids))
        return replace(found, notes=(*found.notes, *_half_answered(samples, found.answers)))

    def further(
        self, references: References, answers: AnswerFile, scores: Sequence[SampleScore]
    ) -> tuple[Mapping[str, MetricValue], tuple[str, ...]]:
        """No numbers; a note for each subtask on which the official script stops."""
        del references, answers
        read: dict[str, bool] = {}
        for score in scores:
            name = str(score.tags.get("subtask"))
            read[name] = read.get(name, False) or score.answer is not None
        return {}, tuple(
            f"No answer in {name} is a yes or a no: it adds 0 (the official script, which also "
            "computes precision, stops there)."
            for name, is_read in read.items()
            if not is_read
        )


# Questions in files


def _tables(path: Path) -> list[Path]:
    """The files of subtasks that a path stands for."""
    if path.is_file():
        return [path] if _subtask(path) in SUBTASKS else []
    names = (path / f"{name}{ending}" for name in SUBTASKS for ending in (".txt", ".txt.gz"))
    return [file for file in names if file.is_file()]


def _subtask(file: Path) -> str:
    return file.name.partition(".")[0]


def _table_lines(file: Path) -> Iterator[Line]:
    for number, line in enumerate(text(file).split("\n"), start=1):
        if not line.strip():
            continue
        columns = line.removesuffix("\r").split("\t")
        if len(columns) < _COLUMNS:
            message = (
                f"{file}, line {number}, has {len(columns)} of the three columns image, question "
                "and gold answer."
            )
            raise UsageError(message)
        yield _checked(Line(f"{file}, line {number},", _subtask(file), *columns[:_COLUMNS]))


def _folders(path: Path) -> list[Path]:
    """The subtasks' folders in the benchmark as it is published."""
    if not path.is_dir():
        return []
    inner = (path / name / "questions_answers_YN" for name in SUBTASKS)
    folders = [deep if deep.is_dir() else deep.parent for deep in inner]
    return [folder for folder in folders if folder.is_dir()]


def _folder_lines(folder: Path) -> Iterator[Line]:
    subtask = folder.name if folder.name in SUBTASKS else folder.parent.name
    for file in sorted(folder.glob("*.txt")):
        for number, line in enumerate(text(file).split("\n"), start=1):
            question, tab, gold = line.strip().partition("\t")
            if not question:
                continue
            if not tab:
                message = f"{file}, line {number}, lacks the gold answer after a tab."
                raise UsageError(message)
            place = f"{file}, line {number},"
            yield _checked(Line(place, subtask, file.name, question, gold))


def _checked(line: Line) -> Line:
    if line.gold.strip().lower() not in ("yes", "no"):
        message = f"{line.place} has the gold answer {line.gold[:40]!r}; MME's are Yes and No."
        raise UsageError(message)
    return line


# Questions in prediction files


def _own_line(answers: AnswerFile, answer: Answer) -> Line | None:
    """The question of an answer with its gold answer, where the file has both."""
    fields, key = answer.fields, _named(answer)
    if key is None:
        return None
    told = {"lmms-eval": "target", "vlmevalkit": "answer", "mme": "gold"}.get(answers.format)
    gold = fields.get(told) if told else None
    if not isinstance(gold, str):
        return None
    place = f"{answers.path}, {key[0]}, line {answer.place},"
    return _checked(Line(place, key[0], key[1], key[2], gold))


def _named(answer: Answer) -> tuple[str, str, str] | None:
    """Subtask, image and question as the file writes them; None where it does not say."""
    fields = answer.fields
    prompt = answer.prompt if answer.prompt is not None else fields.get("question")
    if not isinstance(prompt, str):
        return None
    if {"subtask", "image"} <= fields.keys():
        return str(fields["subtask"]), str(fields["image"]), prompt
    metric = next((v for v in fields.values() if isinstance(v, dict) and "question_id" in v), None)
    if metric is not None:
        return _split_id(as_id(metric["question_id"]), metric.get("category"), prompt)
    name = fields.get("image_path") if "prediction" in fields else answer.id
    return _split_id(as_id(name), fields.get("category"), prompt)


def _split_id(name: str | None, category: Any, prompt: str) -> tuple[str, str, str] | None:
    """An id such as "landmark/images/01ab.jpg" as subtask and image; its first part may be left."""
    first, _, rest = (name or "").partition("/")
    subtask = category if isinstance(category, str) and category else first
    image = rest if first == subtask else name
    return (subtask, image, prompt) if subtask and image else None


# Samples


def _samples(task: Task, lines: Sequence[Line]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The samples, two to a group, and what is odd about them.

    The official script takes two lines at a time for an image. So does this, image by image; an
    image with four lines is two groups. Callers take files of a folder by name: their subtasks have
    no other order, and sums differ in their last bits by it.
    """
    counts: Counter[str] = Counter()
    found: dict[str, Sample] = {}
    for number, line in enumerate(lines):
        image = f"{line.subtask}/{line.image}"
        sample = task.to_sample(
            {
                "question_id": image,
                "image": no_picture(image),
                "question": line.question,
                "answer": line.gold.strip(),
                "category": line.subtask,
                "__index__": number,
            }
        )
        pair = counts[image] // _PAIR
        counts[image] += 1
        name = sample.id if sample.id not in found else f"{sample.id}#{counts[image]}"
        group = sample.group if not pair else f"{sample.group}#{pair + 1}"
        found[name] = replace(sample, id=name, group=group)
    return tuple(found.values()), _oddities(lines, counts)


def _oddities(lines: Sequence[Line], counts: Counter[str]) -> tuple[str, ...]:
    single = [image for image, count in counts.items() if count % _PAIR]
    if single:
        note = (
            f"{len(single)} images have one question without the other (the first is {single[0]}): "
            "it counts alone; the official script takes two lines for an image."
        )
        return (note,)
    for first, second in zip(lines[::_PAIR], lines[1::_PAIR], strict=True):
        if (first.subtask, first.image) != (second.subtask, second.image):
            note = (
                f"The two lines of an image are not always neighbours ({second.place} is the first "
                "that is not): lines were paired by image, by the official script two by two."
            )
            return (note,)
    return ()


# Matching


def _stem(image: str) -> str:
    """The name up to its first full stop, as LLaVA's converter cuts it."""
    return image.rsplit("/", 1)[-1].partition(".")[0]


def _bare(question: str) -> str:
    """The question without its instructions: LLaVA has its own, and some follow two spaces."""
    for instruction in _INSTRUCTIONS:
        question = question.replace(instruction, "")
    return question.strip()


def _line_key(line: Line) -> Key:
    return line.subtask, _stem(line.image), _bare(line.question)


def _key(answer: Answer) -> Key | None:
    named = _named(answer)
    return None if named is None else (named[0], _stem(named[1]), _bare(named[2]))


def _sample_key(sample: Sample) -> Key:
    return str(sample.tags["subtask"]), _stem(sample.cluster), _bare(sample.question)


def _known(
    keys: Iterable[Key | None], samples: Iterable[Sample], ids: Mapping[Key, str]
) -> Iterator[Key | None]:
    """Each key, or that of the one question of its image that its prompt contains."""
    of_image: dict[tuple[str, str], list[str]] = {}
    for subtask, stem, question in map(_sample_key, samples):
        of_image.setdefault((subtask, stem), []).append(question)
    for key in keys:
        if key is None or key in ids:
            yield key
            continue
        held = [q for q in of_image.get(key[:2], ()) if q and q in key[2]]
        yield (*key[:2], held[0]) if len(held) == 1 else key


def _half_answered(samples: Sequence[Sample], answers: Mapping[str, Answer]) -> tuple[str, ...]:
    asked, answered = Counter(s.group for s in samples), Counter[str | None]()
    answered.update(sample.group for sample in samples if sample.id in answers)
    half = [group for group, count in answered.items() if count < asked[group]]
    if not half:
        return ()
    note = (
        f"{len(half)} images have an answer to one of their two questions (the first is "
        f"{half[0]}); the official script takes two lines for an image."
    )
    return (note,)
