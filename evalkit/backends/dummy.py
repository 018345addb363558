"""Deterministic nonsense, for tests and for trying things out: no model, no library.

`dummy:echo` answers with the request's text, `dummy:constant,text=yes` always the same, and
`dummy:hash` with one of a few words, picked by a digest of seed, text and pictures. Options make it
misbehave: `fail=X` raises and `die=X` kills the process when a sample's id contains X;
`die-every=5` kills it at the fifth batch that it is asked; `memory=4` runs out of memory at batches
above four requests; `sleep=0.1` waits so many seconds a request; `log=FILE` appends "task<tab>id"
of all that it is asked.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import UsageError
from evalkit.records import Prediction, Request
from evalkit.run_record import ModelIdentity

MODES = ("echo", "constant", "hash")
"""What can stand after `dummy:`."""

WORDS = ("yes", "no", "A", "B", "red", "2")
"""What `dummy:hash` answers."""


class DummyBackend(Backend):
    """Answers without a model; see the module's docstring."""

    option_names: ClassVar[frozenset[str]] = frozenset(
        {"text", "fail", "die", "die-every", "memory", "sleep", "log"}
    )
    neutral_options: ClassVar[frozenset[str]] = option_names

    def __init__(self, options: BackendOptions) -> None:
        """Answer as the options say."""
        self._options = options
        self._set = options.options
        self._seconds = float(self._set.get("sleep", "0"))
        self._batches = 0

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check mode and options.

        Raises:
            UsageError: The mode is unknown, or an option that must be a number is none.
        """
        if options.name not in MODES:
            message = f"The model {options.spec!r} must be one of dummy:{', dummy:'.join(MODES)}."
            raise UsageError(message)
        _check_seconds(options)
        if "text" in options.options and options.name != "constant":
            message = f"The option text of {options.spec!r} is for dummy:constant alone."
            raise UsageError(message)
        for name in ("fail", "die"):
            if options.options.get(name) == "":
                message = (
                    f"The option {name} of {options.spec!r} is empty, and would mean every sample; "
                    "give a part of a sample's id."
                )
                raise UsageError(message)
        for name, least in (("die-every", 1), ("memory", 0)):
            if not _is_count(options.options.get(name, "1"), least):
                message = (
                    f"The option {name} of {options.spec!r} must be a whole number from {least}."
                )
                raise UsageError(message)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Make the backend; nothing is loaded."""
        return cls(options)

    def identity(self) -> ModelIdentity:
        """The mode stands for the model, with what a constant says."""
        name, text = self._options.name, self._set.get("text")
        said = f"{name}:{text}" if name == "constant" and text is not None else name
        return ModelIdentity(spec=self._options.spec, backend="dummy", name=said)

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Answer each request, or misbehave."""
        self._log(requests)
        self._batches += 1
        if self._batches == int(self._set.get("die-every", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        if len(requests) > int(self._set.get("memory", len(requests))):
            message = f"{len(requests)} requests do not fit"
            raise MemoryError(message)
        return [self._answer(request) for request in requests]

    def _log(self, requests: Sequence[Request]) -> None:
        if "log" not in self._set:
            return
        lines = "".join(f"{request.task}\t{request.sample_id}\n" for request in requests)
        with Path(self._set["log"]).open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def _answer(self, request: Request) -> Prediction:
        if self._seconds:
            time.sleep(self._seconds)
        if self._is_meant("die", request):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._is_meant("fail", request):
            message = f"the dummy fails on {request.sample_id!r}, as it was told"
            raise RuntimeError(message)
        pictures = [image.read() for image in request.images]
        text = self._text(request, pictures)
        return Prediction(
            sample_id=request.sample_id,
            text=text,
            finish="stop",
            prompt_tokens=len(request.text.split()),
            output_tokens=len(text.split()),
            images=tuple(hashlib.sha256(picture).hexdigest() for picture in pictures),
            seconds=self._seconds,
        )

    def _is_meant(self, option: str, request: Request) -> bool:
        return option in self._set and self._set[option] in request.sample_id

    def _text(self, request: Request, pictures: Sequence[bytes]) -> str:
        if self._options.name == "echo":
            return request.text
        if self._options.name == "constant":
            return self._set.get("text", "yes")
        digest = hashlib.sha256(f"{self._options.seed}\n{request.text}".encode())
        for picture in pictures:
            digest.update(picture)
        return WORDS[digest.digest()[0] % len(WORDS)]


def _check_seconds(options: BackendOptions) -> None:
    try:
        seconds = float(options.options.get("sleep", "0"))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        message = f"The option sleep of {options.spec!r} must be a number of seconds, from 0."
        raise UsageError(message)


def _is_count(text: str, least: int) -> bool:
    return text.isdecimal() and int(text) >= least
