"""What VQAv2's and TextVQA's files have in common: one JSON object that holds a list of questions.

Lists are long (VQAv2's annotations are 170 MB), so their entries stay bytes until each is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evalkit.answer_files.fields import as_number
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import content
from evalkit.errors import UsageError
from evalkit.official.interface import Matched, References, matched_by
from evalkit.records import Sample

Entry = TypeVar("Entry")

_ROWS = (".jsonl", ".parquet", ".arrow", ".csv", ".tsv", ".xlsx")
_PEOPLE = 10


def json_files(path: Path) -> tuple[Path, ...]:
    """The file, or the folder's JSON files; none where the file's name is that of rows."""
    if path.is_dir():
        return tuple(sorted(p for p in path.iterdir() if p.name.endswith((".json", ".json.gz"))))
    return () if path.name.removesuffix(".gz").endswith(_ROWS) else (path,)


def lists_in(path: Path, names: Sequence[str]) -> dict[str, list[msgspec.Raw]]:
    """Those of the named lists that the file's JSON object has, entries unread.

    Raises:
        UsageError: The file is no JSON. Other JSON has none of the lists.
    """
    raw = content(path)
    if raw.lstrip()[:1] != b"{":
        return {}
    fields = [(name, list[msgspec.Raw] | None, None) for name in names]
    decoder = msgspec.json.Decoder(msgspec.defstruct("Lists", fields))
    try:
        return _present(decoder, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _present(decoder, _by_the_book(raw))
    except (ValueError, RecursionError) as error:
        message = f"{path} is damaged: {error}. Fetch it again."
        raise UsageError(message) from error


def _present(decoder: msgspec.json.Decoder[Any], raw: bytes) -> dict[str, list[msgspec.Raw]]:
    try:
        found = msgspec.structs.asdict(decoder.decode(raw))
    except msgspec.ValidationError:  # under one of the names stands something else than a list
        return {}
    return {name: held for name, held in found.items() if held is not None}


def _by_the_book(raw: bytes) -> bytes:
    """The JSON without what Python writes beside: NaN, and lone surrogates."""
    value = json.loads(raw, parse_constant=str)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def the_one(held: Mapping[Path, list[msgspec.Raw]], what: str) -> tuple[Path, list[msgspec.Raw]]:
    """The file to be used: the only one, or the only one with "val" in its name.

    Raises:
        UsageError: There are several.
    """
    named = [path for path in held if "val" in path.name] if len(held) > 1 else list(held)
    if len(named) != 1:
        several = ", ".join(path.name for path in held)
        message = f"{next(iter(held)).parent} has several {what}: {several}. Name one file."
        raise UsageError(message)
    return named[0], held[named[0]]


def entries(raws: Sequence[msgspec.Raw], kind: type[Entry], place: str) -> Iterator[Entry]:
    """The entries of a list, checked against their type, one by one.

    Raises:
        UsageError: One lacks a field, or has one of another type; the text names its number.
    """
    decode = msgspec.json.Decoder(kind).decode
    for number, raw in enumerate(raws, start=1):
        try:
            yield decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{place} {number} is not as the official files have it: {error}."
            raise UsageError(message) from error


def checked(samples: Sequence[Sample], path: Path, stops: str) -> References:
    """The samples that people answered, with notes on what is odd about the others.

    Args:
        samples: All samples of a file.
        path: The file.
        stops: What the official tool does where a question has other than ten answers.

    Raises:
        UsageError: A question stands twice, or people answered none.
    """
    answered = tuple(sample for sample in samples if sample.targets)
    if not answered:
        message = f"{path} has no question that people answered; it is of a split without answers."
        raise UsageError(message)
    _refuse_repeated(answered, path)
    notes = []
    if len(answered) < len(samples):
        notes.append(
            f"{len(samples) - len(answered)} questions have no human answers and are left out."
        )
    if odd := sum(len(sample.targets) != _PEOPLE for sample in answered):
        notes.append(f"{odd} questions have other than ten human answers: {stops}")
    return References(samples=answered, notes=tuple(notes))


def _refuse_repeated(samples: Sequence[Sample], path: Path) -> None:
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            message = f"{path} has the question {sample.id} more than once; remove the wrong one."
            raise UsageError(message)
        seen.add(sample.id)


def matched_by_row(references: References, answers: AnswerFile) -> Matched:
    """Answers that name the row of the dataset (lmms-eval's `doc_id`), where the question agrees.

    Raises:
        UsageError: No row asks what its answer's prompt asks: the order is another.
    """
    samples = references.samples
    rows = [_row(answer, len(samples)) for answer in answers.answers]
    agree = [
        row if row is not None and _asks(answer, samples[row]) else None
        for row, answer in zip(rows, answers.answers, strict=True)
    ]
    if not any(row is not None for row in agree) and any(row is not None for row in rows):
        message = (
            f"{answers.path} names rows of the dataset, and none of them asks the same there and "
            "in the references: they are another split, or in another order."
        )
        raise UsageError(message)
    return matched_by(samples, answers, {row: s.id for row, s in enumerate(samples)}, agree)


def _row(answer: Answer, rows: int) -> int | None:
    row = as_number(answer.id)
    return row if row is not None and row < rows else None


def _asks(answer: Answer, sample: Sample) -> bool:
    """Whether the answer's prompt holds the sample's question; unknown counts as yes."""
    prompt = answer.prompt or answer.fields.get("question")
    return not isinstance(prompt, str) or sample.question.strip().lower() in prompt.lower()
