"""ScienceQA's ground truth: `problems.json` with its splits, or LLaVA's rendering of the test set.

Three shapes are read: {pid: {question, choices, answer, hint, image, ...}} (lupantech/ScienceQA,
2cbf831); extracts of it that hold context and question as one text, `question_and_context`, with a
hint that says only whether there is one; and [{id, image, conversations}] (LLaVA's
`llava_test_*.json`), with the choices in the prompt and the gold letter in the answer. Of a
folder's files the one with the most test questions is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_id
from evalkit.answer_files.source import content, json_value
from evalkit.answers.letter import scienceqa_letter
from evalkit.errors import UsageError
from evalkit.official.interface import no_picture
from evalkit.task import Row

TEST_QUESTIONS = 4_241
"""The test split's questions, all of which the official evaluator wants answered."""

IMAGE_QUESTIONS = 2_017
"""Those of them that have an image."""

LETTERS = "ABCDEFGHIJ"
"""The letters of choices; the test split has five choices at most."""

IMAGE = "<image>"
"""Where LLaVA's prompts show the image."""

SPLITS = ("pid_splits.json", "pid_splits.json.gz")
"""Names of the file that says which pids are in which split, in order."""

_NOT_TEST = re.compile(r"(?:^|[_.-])(?:train|val|mini)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """What one file holds of the test split.

    Attributes:
        path: The file.
        rows: Its test questions as rows of the dataset; "__index__" is the pid.
        order: All pids of the test split in the dataset's order, where that is known; else empty.
    """

    path: Path
    rows: tuple[Row, ...]
    order: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """What is better of two files: more questions, then more of them with a subject."""
        return len(self.rows), sum(bool(row["subject"]) for row in self.rows)


def read_problems(path: Path) -> Problems | None:
    """The questions of a file, or of the file in a folder that has the most.

    Returns:
        None where nothing there has one of the three shapes.

    Raises:
        UsageError: A file cannot be read.
        UsageError: It has no question of the test split, or a question that cannot be scored.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.name.endswith((".json", ".json.gz")))
        return _best(p for p in files if p.name not in SPLITS and not _NOT_TEST.search(p.name))
    if path.name in SPLITS:
        message = f"{path} holds splits alone; give the problems.json that lies beside it."
        raise UsageError(message)
    return _read(path)


def _best(files: Iterable[Path]) -> Problems | None:
    found, errors = [], []
    for path in files:
        try:
            found.append(_read(path))
        except UsageError as error:
            errors.append(error)
    held = [problems for problems in found if problems is not None]
    if not held and errors:
        raise errors[0]
    return max(held, key=lambda problems: problems.rank, default=None)


def _read(path: Path) -> Problems | None:
    raw = content(path)
    if raw.lstrip()[:1] not in (b"{", b"["):
        return None
    value = json_value(raw, str(path))
    entries = _entries(value, path)
    if entries is None:
        return None
    test = _test_pids(path.parent)
    kept = {
        pid: entry
        for pid, entry in entries.items()
        if (pid in test if test else entry.get("split", "test") == "test")
    }
    if not kept:
        message = f"{path} has no question of ScienceQA's test split; give problems.json."
        raise UsageError(message)
    order = tuple(test) or (tuple(kept) if len(kept) == TEST_QUESTIONS else ())
    pids = [pid for pid in order if pid in kept] or list(kept)
    return Problems(path=path, rows=tuple(_row(pid, kept[pid], path) for pid in pids), order=order)


def _test_pids(folder: Path) -> dict[str, None]:
    """The test split's pids in order; empty where no file says."""
    for name in SPLITS:
        if (folder / name).is_file():
            value = json_value(content(folder / name), str(folder / name))
            pids = value.get("test") if isinstance(value, dict) else None
            return {str(pid): None for pid in pids} if isinstance(pids, list) else {}
    return {}


def _entries(value: Any, path: Path) -> dict[str, Mapping[str, Any]] | None:
    """The entries by pid; None where the value has none of the shapes."""
    if isinstance(value, dict):
        first = next(iter(value.values()), None)
        if not isinstance(first, dict) or not {"choices", "answer"} <= first.keys():
            return None
        named = [(pid, entry) for pid, entry in value.items() if isinstance(entry, dict)]
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        if "conversations" not in value[0]:
            return None
        ids = ((as_id(entry.get("id")), entry) for entry in value if isinstance(entry, dict))
        named = [(pid, _conversation(pid, entry, path)) for pid, entry in ids if pid]
    else:
        return None
    if len(dict(named)) != len(value):
        message = f"{path} has entries without a pid, or without fields, or two with one pid."
        raise UsageError(message)
    return dict(named)


# LLaVA's conversations


def _conversation(pid: str, entry: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """LLaVA's entry in the shape of a problem; without an answer where it cannot be read."""
    turns = entry["conversations"] if isinstance(entry.get("conversations"), list) else []
    said = [turn["value"] for turn in turns[:2] if isinstance(turn, dict) and "value" in turn]
    if len(said) != 2 or not _are_texts(said):  # noqa: PLR2004 - question and answer
        message = f"{path}, id {pid!r}, has no conversation of a question and an answer."
        raise UsageError(message)
    stem, choices = question_and_choices(said[0])
    letter = scienceqa_letter(said[1].strip()).answer
    return {
        "question": stem,
        "hint": "<present>" if stem.startswith("Context: ") else "",
        "choices": choices,
        "answer": None if letter is None else LETTERS.find(letter),
        "image": entry.get("image"),
    }


def question_and_choices(prompt: str) -> tuple[str, list[str]]:
    """The question and the choices of a prompt with lines "A. ...", "B. ..." at its end.

    A choice goes on over the lines that follow it; a last line that asks for an answer is no part
    of the last choice.

    Returns:
        The text before the choices without the image's mark, and the choices; none where no line
        begins with "A. ".
    """
    lines = prompt.replace(IMAGE, "").strip().split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("A. ")]
    if not starts:
        return "\n".join(lines), []
    choices: list[str] = []
    for line in lines[starts[-1] :]:
        if line.startswith(f"{LETTERS[len(choices) : len(choices) + 1]}. "):
            choices.append(line[3:])
        elif line.startswith("Answer"):
            break
        else:
            choices[-1] += f"\n{line}"
    return "\n".join(lines[: starts[-1]]), choices


# Rows


def _row(pid: str, entry: Mapping[str, Any], path: Path) -> Row:
    """The entry as a row of the dataset.

    Raises:
        UsageError: It has no question, choices or answer that can be scored.
    """
    question = entry.get("question", entry.get("question_and_context"))
    choices, answer, grade = entry.get("choices"), entry.get("answer"), entry.get("grade")
    if not isinstance(question, str) or choices is None or not _are_texts(choices):
        message = f"{path}, pid {pid!r}, has no question, or no choices that are texts."
        raise UsageError(message)
    if type(answer) is not int or not 0 <= answer < min(len(choices), len(LETTERS)):
        message = f"{path}, pid {pid!r}, has no answer among its {len(choices)} choices."
        raise UsageError(message)
    image = entry.get("image")
    return {
        "__index__": pid,
        "image": no_picture(str(image)) if image else None,
        "question": question,
        "choices": choices,
        "answer": answer,
        "hint": _text(entry, "hint"),
        "grade": grade if re.fullmatch(r"grade\d+", str(grade)) else "",
        "subject": _text(entry, "subject"),
        "topic": _text(entry, "topic"),
    }


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, str) for x in value)


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def full_text(question: str, hint: str) -> str:
    """The question with its context, as LLaVA's prompts have it; the context may be in it."""
    if not hint or question.startswith("Context: "):
        return question
    return f"Context: {hint}\n{question}"


def text_key(question: str, hint: str, choices: Sequence[str]) -> tuple[str, ...]:
    """What tells a question from others where ids do not: its words, white space apart."""
    return tuple(_plain([full_text(question, hint), *choices]))


def _plain(texts: Iterable[str]) -> Iterator[str]:
    return (" ".join(text.split()) for text in texts)
