"""What a prediction file is, whoever wrote it: answers in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a prediction file.

    Attributes:
        place: Where it stands in its file, from 1: its line, entry or row.
        id: What the file calls the question, as text; None where the file pairs by position.
        text: What the model wrote; None where the file says that there is no answer.
        prompt: What was asked, where the file says it.
        finish: "stop" or "length" where the file says how the answer ended; None else.
        fields: The whole entry under the file's own names; empty for lists of bare answers.
    """

    place: int
    id: str | None
    text: str | None
    prompt: str | None = None
    finish: Literal["stop", "length"] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """A prediction file.

    Attributes:
        format: The format's name, as in `--format`.
        path: The file, or the folder.
        answers: In the order of the file.
        model: The model's name where the file has it; None else.
        notes: Sentences that a reader of the numbers must see.
        is_whole: False where a part is missing that the format must have.
    """

    format: str
    path: Path
    answers: tuple[Answer, ...]
    model: str | None = None
    notes: tuple[str, ...] = ()
    is_whole: bool = True
