"""Predictions from files: `replay:FILE.jsonl` for one task, `replay:DIR` for many.

A folder holds `<task>.jsonl` (":" of a variant written "-"), itself or in its `predictions/`, plain
or gzipped; a finished run's folder will do. A line has an id (`sample_id`, `question_id` or `id`)
and a text (`text`, `answer` or `prediction`), or evalkit's own `failure`. Where an id stands twice,
the last line counts, as in evalkit's own journals.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import UsageError
from evalkit.integrity import once
from evalkit.records import Failure, Prediction, Request
from evalkit.run_record import ModelIdentity
from evalkit.task import file_stem

ID_KEYS = ("sample_id", "question_id", "id")
"""Where a line's id is looked for, in this order."""

TEXT_KEYS = ("text", "answer", "prediction")
"""Where a line's text is looked for, in this order."""


class ReplayBackend(Backend):
    """Answers with what was answered before; sees no picture."""

    def __init__(self, options: BackendOptions) -> None:
        """Answer from the path that the options name."""
        self._options = options
        self._path = Path(options.name)
        self._digest = self.weights(options)
        self._known: dict[str, Mapping[str, Prediction]] = {}

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check that the path is there.

        Raises:
            UsageError: It is not.
        """
        if not options.name or not Path(options.name).exists():
            message = f"The predictions {options.name!r} of {options.spec!r} do not exist."
            raise UsageError(message)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Make the backend; a task's file is read when the task first asks."""
        return cls(options)

    @classmethod
    def weights(cls, options: BackendOptions) -> str | None:
        """The digest of the files, which stand for a model."""
        path, total = Path(options.name), hashlib.sha256()
        for file in [path] if path.is_file() else sorted(path.rglob("*.jsonl*")):
            total.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return total.hexdigest()

    def identity(self) -> ModelIdentity:
        """The files stand for the model."""
        return ModelIdentity(
            spec=self._options.spec,
            backend="replay",
            name=self._path.name,
            digest=self._digest,
        )

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """What the file says of each request; a sample that is not in it has failed."""
        return [self._recorded(request) for request in requests]

    def _recorded(self, request: Request) -> Prediction:
        if request.task not in self._known:
            if self._known and self._path.is_file():
                message = (
                    f"{self._path} is one file, but the run has more than one task; give a folder "
                    "with one file a task."
                )
                raise UsageError(message)
            self._known[request.task] = dict(_read(self._file(request.task)))
        missing = Failure(kind="missing", message=f"{self._path} has no answer to this sample")
        nothing = Prediction(sample_id=request.sample_id, failure=missing)
        return self._known[request.task].get(request.sample_id, nothing)

    def _file(self, task: str) -> Path:
        if self._path.is_file():
            return self._path
        stem = file_stem(task)
        names = [
            f"{folder}{stem}.jsonl{end}" for folder in ("", "predictions/") for end in ("", ".gz")
        ]
        found = next((self._path / name for name in names if (self._path / name).is_file()), None)
        if found is None:
            message = (
                f"The folder {self._path} has no {stem}.jsonl with answers to the task {task!r}."
            )
            raise UsageError(message)
        return found


def _read(path: Path) -> Iterator[tuple[str, Prediction]]:
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode(
            "utf-8-sig"
        )
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        message = f"The predictions {path} cannot be read: {error}."
        raise UsageError(message) from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            prediction = _parse(line, f"{path}, line {number},")
            yield prediction.sample_id, prediction


def _parse(line: str, place: str) -> Prediction:
    try:
        raw = json.loads(line, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        message = f"{place} is not JSON: {error}."
        raise UsageError(message) from error
    if not isinstance(raw, dict):
        message = f"{place} is not a JSON object."
        raise UsageError(message)
    sample_id = _first(raw, ID_KEYS, place)
    if isinstance(sample_id, bool) or not isinstance(sample_id, (str, int)):
        message = f"{place} has the id {sample_id!r}, which is neither a text nor a whole number."
        raise UsageError(message)
    if isinstance(raw.get("failure"), dict):
        told = raw["failure"]
        failure = Failure(kind=str(told.get("kind")), message=str(told.get("message")))
        return Prediction(sample_id=str(sample_id), failure=failure)
    text = _first(raw, TEXT_KEYS, place)
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        message = f"{place} has the answer {text!r}, which is no text."
        raise UsageError(message)
    return Prediction(sample_id=str(sample_id), text=str(text), finish="stop")


def _first(raw: Mapping[str, Any], keys: Sequence[str], place: str) -> Any:
    for key in keys:
        if raw.get(key) is not None:
            return raw[key]
    message = f"{place} has none of {', '.join(keys)}."
    raise UsageError(message)
