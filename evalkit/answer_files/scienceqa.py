"""ScienceQA's result files: {"results": {pid: index}, "outputs": {pid: text}}.

`tools/evaluate_acc.py` (lupantech/ScienceQA, 2cbf831) reads the indices, which the script that
wrote the file took from the texts; where it found no letter it guessed, or wrote -1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_id, as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import content, json_value
from evalkit.errors import UsageError

_LETTERS = "ABCDEFGHIJ"
_DIGITS = 18


def read_results(path: Path) -> AnswerFile:
    """The answers as the indices that the official evaluator reads, written as letters."""
    held = _held(path, "results")
    outputs = held.get("outputs")
    texts: Mapping[str, Any] = outputs if isinstance(outputs, dict) else {}
    answers = tuple(
        Answer(
            place=place,
            id=as_id(pid),
            text=_letter(index),
            fields={"result": index, "output": texts.get(pid)},
        )
        for place, (pid, index) in enumerate(held["results"].items(), start=1)
    )
    notes: tuple[str, ...] = ()
    if texts:
        note = (
            "The file holds answers as indices and as texts; the indices are scored, as the "
            "official evaluate_acc.py does. --format scienceqa-outputs reads the texts."
        )
        notes = (note,)
    return AnswerFile(format="scienceqa", path=path, answers=answers, notes=notes)


def read_outputs(path: Path) -> AnswerFile:
    """The answers as the texts that the model wrote."""
    outputs = _held(path, "outputs")["outputs"]
    answers = tuple(
        Answer(place=place, id=as_id(pid), text=as_text(text))
        for place, (pid, text) in enumerate(outputs.items(), start=1)
    )
    return AnswerFile(format="scienceqa-outputs", path=path, answers=answers)


def _held(path: Path, name: str) -> Mapping[str, Any]:
    held = json_value(content(path), str(path))
    if isinstance(held, dict) and isinstance(held.get(name), dict):
        return held
    message = f"{path} has no object {name!r} of answers by question, as ScienceQA's result files."
    raise UsageError(message)


def _letter(index: Any) -> str | None:
    """The index as a letter; an index that is no choice stays a number, which no rule can read."""
    name = as_id(index)  # as int() in the official script: 1, 1.0 and "1" are one index
    if name is None or not name.strip().lstrip("-").isdecimal() or len(name) > _DIGITS:
        return as_text(index)
    index = int(name)
    return _LETTERS[index] if 0 <= index < len(_LETTERS) else str(index)
