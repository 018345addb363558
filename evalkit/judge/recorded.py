"""Replies that a judge has given before, from a file: `--judge replay:FILE`.

Forms: MM-Vet's grade files ({id: {model, content, score}}, a reply for each run); LLaVA's review
files (lines with question_id and content, or text); evalkit's own verdict files.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import UsageError
from evalkit.integrity import once
from evalkit.judge.review import one_object
from evalkit.records import Failure, Prediction, Request
from evalkit.run_record import ModelIdentity

Said = tuple[str, int, bool]
"""What a reply is to: sample id, repetition from 1, and whether the answers were swapped."""


class RecordedBackend(Backend):
    """Gives the reply that a file has for a sample, repetition and order; the same to attempts."""

    option_names: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: BackendOptions, digest: str, replies: Mapping[Said, str]) -> None:
        """Take the replies of a file, and the SHA-256 of its bytes."""
        self._options, self._digest = options, digest
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
        path = Path(options.name).expanduser()
        content = _content(path)
        return cls(options, hashlib.sha256(content).hexdigest(), read_replies(content, path))

    def identity(self) -> ModelIdentity:
        """The file stands for the judge: its name, and its bytes."""
        name = Path(self._options.name).name
        return ModelIdentity(
            spec=f"replay:{name}", backend="replay", name=name, digest=self._digest
        )

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Look each request up by its name (`evalkit.judge.units.Unit.name`)."""
        return [self._answer(request.sample_id) for request in requests]

    def _answer(self, name: str) -> Prediction:
        sample, _, place = name.rpartition("#")
        told = place.partition(".")[0]
        repetition, swapped = int(told.removesuffix("s")), told.endswith("s")
        text = self._replies.get((sample, repetition, swapped))
        if text is None:
            order = ", with the answers in the other order" if swapped else ""
            words = f"the file has no reply to {sample!r}, repetition {repetition}{order}"
            failure = Failure(kind="unrecorded", message=words)
            return Prediction(sample_id=name, failure=failure)
        return Prediction(sample_id=name, text=text, finish="stop")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"The recorded replies {path} cannot be read: {error}."
        raise UsageError(message) from error


def read_replies(content: bytes, path: Path) -> dict[Said, str]:
    """The replies in a file.

    Args:
        content: The file's.
        path: The file, for errors.

    Raises:
        UsageError: It is of no known form.
    """
    try:
        text = content.decode("utf-8")
        grades = one_object(path, text)
        return dict(_lines(text) if grades is None else _grades(grades))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = (
            f"The recorded replies {path} are no grade file of MM-Vet, no review file of LLaVA and "
            f"no verdict file: {type(error).__name__}: {error}."
        )
        raise UsageError(message) from error


def _grades(raw: Mapping[str, Any]) -> Iterator[tuple[Said, str]]:
    """MM-Vet's file; a null reply is one that cannot be read."""
    for sample, own in raw.items():
        for run, reply in enumerate(own["content"], start=1):
            yield (sample, run, False), "" if reply is None else str(reply)


def _lines(text: str) -> Iterator[tuple[Said, str]]:
    """LLaVA's lines, of which a question's further ones are further runs; or verdicts."""
    runs = Counter[str]()
    lines = text.split("\n")  # not splitlines: a reply may hold other ends of lines
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=once)
        except ValueError as error:
            message = f"line {number}: {error}"
            raise ValueError(message) from error
        if "sample_id" in row:
            if row.get("reply") is not None:
                swapped = bool(row.get("swapped"))
                yield (row["sample_id"], int(row.get("repetition", 1)), swapped), row["reply"]
            continue
        reply = row["content"] if "content" in row else row["text"]
        sample = str(row["question_id"])
        runs[sample] += 1
        yield (sample, runs[sample], False), str(reply)
