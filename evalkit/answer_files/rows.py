"""Formats with one answer an object: JSON lines, or the same objects in a JSON list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evalkit.answer_files.fields import as_id, as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import rows
from evalkit.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFormat:
    """Which fields of an object are what.

    Attributes:
        name: As in `--format`.
        id: Field of the question's id; None where answers are paired by position.
        text: Fields that may hold the answer; the first that is there counts.
        prompt: Field of what was asked; None where there is none.
        keeps: Whether the other fields are kept; lists of bare answers need none.
        types: Of ids and answers, where an official tool takes no others.
    """

    name: str
    id: str | None
    text: tuple[str, ...]
    prompt: str | None = None
    keeps: bool = True
    types: tuple[type, type] | None = None

    def fits(self, names: Collection[str]) -> bool:
        """Whether objects with these fields may be of the format."""
        key = self.prompt if self.id is None else self.id
        return key in names and any(name in names for name in self.text)

    def read(self, path: Path) -> AnswerFile:
        """The file's answers.

        Raises:
            UsageError: The file is damaged, or has none of the format's fields.
        """
        answers, model, odd = [], None, []
        for place, row in rows(path):
            if self.prompt == "prompt" and "prompt" not in row and _QUESTIONS & row.keys():
                named = ", ".join(sorted(_QUESTIONS & row.keys()))
                message = f"{path} holds questions, not answers: entry {place} has {named}."
                raise UsageError(message)
            answers.append(self._answer(place, row))
            model = model or row.get("model_id")
            if self.types and not self._is_regular(row, self.types):
                odd.append(place)
        if answers and not any(a.text is not None for a in answers):
            fields = " or ".join(repr(name) for name in self.text)
            message = f"{path} has no answer in the field {fields} of the format {self.name!r}."
            raise UsageError(message)
        return AnswerFile(
            format=self.name,
            path=path,
            answers=tuple(answers),
            model=model if isinstance(model, str) else None,
            notes=(_odd_note(odd),) if odd else (),
        )

    def _is_regular(self, row: Mapping[str, Any], types: tuple[type, type]) -> bool:
        """Whether id and answer are of the types that the official tool takes, or not there."""
        name, text = row.get(self.id or ""), row.get(self.text[0])
        return (name is None or type(name) is types[0]) and (text is None or type(text) is types[1])

    def _answer(self, place: int, row: Mapping[str, Any]) -> Answer:
        named = self.text[0] if self.text[0] in row else self.text[-1]
        text = row.get(named)
        prompt = row.get(self.prompt) if self.prompt else None
        return Answer(
            place=place,
            id=as_id(row.get(self.id)) if self.id else None,
            text=as_text(text),
            prompt=prompt if isinstance(prompt, str) else None,
            finish=_finish(row.get("finish")),
            fields=row if self.keeps else _NO_FIELDS,
        )


_NO_FIELDS: Mapping[str, Any] = {}
_QUESTIONS = {"category", "label"}
"""Fields by which question and ground-truth files are known, which name their text "text", too."""


def _odd_note(places: Sequence[int]) -> str:
    return (
        f"{len(places)} entries have an id or an answer of another type than the official tool "
        f"takes (the first is number {places[0]}); they are read as the text that they are."
    )


def _finish(value: Any) -> Literal["stop", "length"] | None:
    return value if value in ("stop", "length") else None


ROW_FORMATS = (
    RowFormat(name="evalkit", id="sample_id", text=("text",)),
    RowFormat(name="lmms-eval", id="doc_id", text=("filtered_resps", "resps"), prompt="input"),
    RowFormat(name="llava", id="question_id", text=("text",), prompt="prompt"),
    RowFormat(name="mmvp", id="question_id", text=("response",), prompt="prompt"),
    RowFormat(name="gqa", id="questionId", text=("prediction",), keeps=False, types=(str, str)),
    RowFormat(
        name="vqa",
        id="question_id",
        text=("answer",),
        prompt="question",
        keeps=False,
        types=(int, str),
    ),
    RowFormat(name="pope", id=None, text=("answer",), prompt="question"),
)
"""In the order in which they are tried."""
