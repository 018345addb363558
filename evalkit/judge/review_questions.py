"""LLaVA-Bench's published questions: what reviews are about, and which of them share a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.answer_files import source
from evalkit.errors import UsageError
from evalkit.integrity import once


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that was reviewed: its words, the name of its picture, and any category."""

    text: str
    image: str
    category: str = ""


def read_questions(path: Path) -> Mapping[str, Question] | None:
    """The questions of LLaVA-Bench's questions.jsonl, by id.

    Returns:
        None where the file is MM-Vet's references: one command may read files of both kinds.

    Raises:
        UsageError: The file cannot be read, or a line is no question.
    """
    try:
        text = source.text(path)
        if "question_id" not in text and isinstance(json.loads(text), dict):
            return None
        lines = filter(str.strip, text.split("\n"))
        rows: list[Any] = [json.loads(line, object_pairs_hook=once) for line in lines]
        found = {str(row["question_id"]): _question(row) for row in rows}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise _wrong(path, f"{type(error).__name__}: {error}") from error
    for row in rows:
        if not (isinstance(row["text"], str) and isinstance(row["image"], str)):
            raise _wrong(path, f"text and image of {row['question_id']!r} must be texts")
    return found


def _question(row: Any) -> Question:
    category = str(row.get("category") or "").removeprefix("llava_bench_")
    return Question(text=row["text"], image=row["image"], category=category)


def _wrong(path: Path, what: str) -> UsageError:
    return UsageError(
        f"The references {path} are no questions.jsonl ({what}); a line has question_id, text and "
        "image."
    )
