"""Replies that a judge has given before, from a file: `--judge replay:FILE`.

Forms: MM-Vet's grade files ({id: {model, content, score}}, a reply for each run); LLaVA's review
files (lines with question_id and content, or text); evalkit's own verdict files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import UsageError
from evalkit.records import Failure, Prediction, Request
from evalkit.run_record import ModelIdentity


class RecordedBackend(Backend):
    """Gives the reply that a file has for a sample and repetition; every attempt gets the same."""

    option_names: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: BackendOptions, replies: Mapping[tuple[str, int], str]) -> None:
        """Take the replies of a file: {(sample id, repetition): reply}."""
        self._options = options
        self._replies = replies

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check that the file is there.

        Raises:
            UsageError: It is not.
        """
        if not Path(options.name).expanduser().is_file():
            message = f"The recorded replies {options.name} are no file."
            raise UsageError(message)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Read the file.

        Raises:
            UsageError: It is of no known form.
        """
        return cls(options, read_replies(Path(options.name).expanduser()))

    def identity(self) -> ModelIdentity:
        """The file stands for the judge."""
        return ModelIdentity(
            spec=f"replay:{Path(self._options.name).name}",
            backend="replay",
            name=Path(self._options.name).name,
        )

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Look each request up by its name (`evalkit.judge.units.Unit.name`)."""
        return [self._answer(request.sample_id) for request in requests]

    def _answer(self, name: str) -> Prediction:
        sample, _, place = name.rpartition("#")
        repetition = int(place.partition(".")[0].rstrip("s"))
        text = self._replies.get((sample, repetition))
        if text is None:
            words = f"the file has no reply to {sample!r}, repetition {repetition}"
            failure = Failure(kind="unrecorded", message=words)
            return Prediction(sample_id=name, failure=failure)
        return Prediction(sample_id=name, text=text, finish="stop")


def read_replies(path: Path) -> dict[tuple[str, int], str]:
    """{(sample id, repetition from 1): reply} of a file.

    Raises:
        UsageError: The file cannot be read, or is of no known form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"The recorded replies {path} cannot be read: {error}."
        raise UsageError(message) from error
    try:
        return dict(
            _grades(json.loads(text))
            if text.lstrip()[:1] == "{" and _is_one(text)
            else _lines(text)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = (
            f"The recorded replies {path} are no grade file of MM-Vet, no review file of LLaVA and "
            f"no verdict file: {type(error).__name__}: {error}."
        )
        raise UsageError(message) from error


def _is_one(text: str) -> bool:
    """Whether a text is one JSON value, not lines of them."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return not {"sample_id", "question_id"} & set(json.loads(text))


def _grades(raw: Mapping[str, Any]) -> Sequence[tuple[tuple[str, int], str]]:
    """MM-Vet's file; a null reply is one that cannot be read."""
    return [
        ((sample, run), "" if reply is None else str(reply))
        for sample, own in raw.items()
        for run, reply in enumerate(own["content"], start=1)
    ]


def _lines(text: str) -> Sequence[tuple[tuple[str, int], str]]:
    found: dict[tuple[str, int], str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        row = json.loads(line)
        if "sample_id" in row:
            if row.get("reply") is not None and not row.get("swapped"):
                found[row["sample_id"], int(row.get("repetition", 1))] = row["reply"]
            continue
        reply = row["content"] if "content" in row else row["text"]
        sample = str(row["question_id"])
        run = 1 + sum(key[0] == sample for key in found)
        found[sample, run] = str(reply)
    return list(found.items())
