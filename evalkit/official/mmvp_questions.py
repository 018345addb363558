"""MMVP's questions: the official `Questions.csv`, or what answer files say of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_number, as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import text
from evalkit.errors import UsageError
from evalkit.official.interface import no_picture
from evalkit.task import Row

_COLUMNS = ("Index", "Question", "Options", "Correct Answer")
_INLINE = re.compile(r"(.*?)\s*(\(a\) .*? \(b\) [^\n]*)", re.DOTALL)
_LINES = re.compile(r"(.*?)\n *A\. ([^\n]*)\n *B\. ([^\n]*)", re.DOTALL)
_GOLD = {"mmvp": "answer", "llava": "answer", "lmms-eval": "target", "vlmevalkit": "answer"}


def read_questions(path: Path) -> tuple[Row, ...] | None:
    """The rows of `Questions.csv`, or of the one in a folder.

    Returns:
        None where there is no such table.

    Raises:
        UsageError: The file cannot be read.
        UsageError: A column is missing, or a row cannot be scored.
    """
    if path.is_dir():
        names = {file.name.lower(): file for file in sorted(path.iterdir())}
        found = names.get("questions.csv") or names.get("questions.csv.gz")
        return read_questions(found) if found else None
    if ".csv" not in path.suffixes:
        return None
    reader = csv.DictReader(io.StringIO(text(path), newline=""))
    try:
        rows, header = list(reader), reader.fieldnames or ()
    except csv.Error as error:
        message = f"{path}, line {reader.line_num}, cannot be read as a table: {error}."
        raise UsageError(message) from error
    lacking = [name for name in _COLUMNS if name not in header]
    if "Question" not in header and "Options" not in header:
        return None
    if lacking:
        message = f"{path} lacks the column {lacking[0]!r} of MMVP's Questions.csv."
        raise UsageError(message)
    return _checked(rows, path)


def _checked(rows: Sequence[Mapping[str, Any]], path: Path) -> tuple[Row, ...]:
    """The rows with their pictures' names.

    Raises:
        UsageError: An Index is no number or stands twice, or an answer is neither (a) nor (b).
    """
    found: dict[str, Row] = {}
    for number, row in enumerate(rows, start=1):
        index = as_number((row["Index"] or "").strip())
        if index is None or str(index) in found:
            given = str(row["Index"])[:40]
            message = f"{path}, row {number}: the Index {given!r} is no number, or stands twice."
            raise UsageError(message)
        if _letter(row["Correct Answer"]) is None or None in (row["Question"], row["Options"]):
            message = (
                f"{path}, row {number}: the Correct Answer {row['Correct Answer']!r} is neither "
                "(a) nor (b), or a cell is missing."
            )
            raise UsageError(message)
        name = str(index)
        found[name] = {**row, "Index": index, "image": no_picture(f"{name}.jpg")}
    if not found:
        message = f"{path} has no questions."
        raise UsageError(message)
    return tuple(found.values())


def own_rows(answers: AnswerFile, numbers: Sequence[int]) -> tuple[Row, ...] | None:
    """The questions that the answers carry along.

    Args:
        answers: The prediction file.
        numbers: The Index of each answer.

    Returns:
        None where the file has no gold answers.

    Raises:
        UsageError: Some answers have none that is (a) or (b).
    """
    field = _GOLD.get(answers.format, "")
    letters = [_letter(answer.fields.get(field)) for answer in answers.answers]
    if not any(letters):
        return None
    rows: dict[int, Row] = {}
    for number, letter, answer in zip(numbers, letters, answers.answers, strict=True):
        if letter is None:
            message = (
                f"{answers.path}, number {answer.place}: the gold answer "
                f"{answer.fields.get(field)!r} is neither (a) nor (b)."
            )
            raise UsageError(message)
        question, options = asked(answer)
        rows[number] = {
            "Index": number,
            "Question": question,
            "Options": options,
            "Correct Answer": f"({letter})",
            "Category": as_text(answer.fields.get("category")),
            "image": no_picture(f"{number}.jpg"),
        }
    return tuple(rows[number] for number in sorted(rows))


def asked(answer: Answer) -> tuple[str, str]:
    """The question of an answer and its options as "(a) ... (b) ...", as far as they are there."""
    fields = {name: as_text(answer.fields.get(name)) or "" for name in ("question", "A", "B")}
    if fields["question"] and fields["A"]:
        return fields["question"].strip(), f"(a) {fields['A']} (b) {fields['B']}"
    prompt = (answer.prompt or fields["question"]).replace("<image>", "").strip()
    if inline := _INLINE.match(prompt):
        return inline[1].strip(), inline[2].strip()
    if lines := _LINES.match(prompt):
        return lines[1].strip(), f"(a) {lines[2].strip()} (b) {lines[3].strip()}"
    return prompt, ""


def _letter(value: Any) -> str | None:
    letter = value.strip("() .\n").lower() if isinstance(value, str) else ""
    return letter if letter in ("a", "b") else None
