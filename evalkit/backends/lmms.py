"""Models through lmms-eval's adapters: `lmms:llava_hf,pretrained=...,any=other`.

The adapter lives in a process of its own (`evalkit.backends.lmms_program`), which the same Python
runs (the extra `lmms`), or another one that has lmms-eval: `python=PATH` in the spec, or the
environment variable EVALKIT_LMMS_PYTHON. `timeout=SECONDS` bounds one call and `simple=true` asks
for the adapter's older form; all other options go to the adapter as they stand. An option must not
hold a secret, since specs are recorded; adapters read those from the environment.

An adapter may swallow an error and answer with an empty text. That is a failure where the adapter
logged an error meanwhile, or wrote lmms-eval's marker of a failed request. It cannot be told from a
real answer where the adapter says nothing, prints, logs below the level of errors, or gives back
part of a text. Adapters of the older form take one user turn, whose pictures they put first.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from evalkit.backends import hf_checkpoint
from evalkit.backends.interface import Backend, BackendOptions, Capacity
from evalkit.backends.lmms_process import Process, interpreter
from evalkit.backends.pictures import UnreadableError, open_picture
from evalkit.backends.stopping import cut_at_stop
from evalkit.errors import BackendError, UsageError
from evalkit.public import is_secret_option
from evalkit.records import Failure, Image, Prediction, Request
from evalkit.run_record import ModelIdentity

OWN = frozenset({"python", "timeout", "simple"})
"""Options of the spec that are not the adapter's."""

MODEL_KEYS = ("pretrained", "model_version", "model", "model_path")
"""Arguments by which adapters are told their weights."""

NEUTRAL = (OWN - {"simple"}) | {*MODEL_KEYS, "revision", "device", "device_map", "batch_size"}
"""Options that move no answer, or that the identity tells of."""

DEATHS = 3
"""So often in a row the process is started again; one answer makes the count begin anew."""


class LmmsBackend(Backend):
    """One adapter of lmms-eval in a process of its own; see the module's docstring."""

    option_names: ClassVar[frozenset[str]] = OWN
    neutral_options: ClassVar[frozenset[str]] = NEUTRAL
    any_option: ClassVar[bool] = True

    def __init__(self, options: BackendOptions) -> None:
        """Start the process and load the adapter in it."""
        self._options = options
        self._digest = self.weights(options)
        self._deaths = self._starts = 0
        self._process, self._about = self._started()

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check that lmms-eval is there and knows the adapter; loads no model.

        Raises:
            UsageError: An option is wrong, or there is no such adapter.
            MissingExtraError: lmms-eval is not installed.
            BackendError: The other interpreter, or the model's folder, is not there.
        """
        _check_options(options)
        python = interpreter(options.options.get("python"), "The backend lmms")
        with Process(python, min(_timeout(options), 120.0), _environment(options)) as process:
            told, _ = process.ask({"do": "check", "model": options.name})
            said = process.clean(told.get("error") or told.get("unknown") or "", 300)
        if told.get("missing"):
            message = f"The Python {python} has no package lmms_eval: install lmms-eval there."
            raise BackendError(message)
        if "error" in told:
            message = f"lmms-eval cannot be imported by {python}: {said}."
            raise BackendError(message)
        if "unknown" in told:
            message = f"lmms-eval has no model adapter {options.name!r}: {said}."
            raise UsageError(message)

    @classmethod
    def weights(cls, options: BackendOptions) -> str | None:
        """The digest of a local folder of weights, or the revision that was asked for."""
        name = _pretrained(options)
        if name and Path(name).expanduser().is_dir():
            return hf_checkpoint.digest(name)
        return options.revision or options.options.get("revision")

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Load the adapter in a process of its own."""
        return cls(options)

    def identity(self) -> ModelIdentity:
        """The adapter with its weights, as far as they are local."""
        name = _pretrained(self._options)
        local = bool(name) and Path(name).expanduser().is_dir()
        return ModelIdentity(
            spec=self._options.spec,
            backend="lmms",
            name=Path(name).name if local else name or self._options.name,
            revision=None if local else self._digest,
            digest=self._digest if local else None,
            architecture=self._about.get("class"),
            dtype=self._about.get("dtype") or None,
            parameters=self._about.get("parameters"),
        )

    def preprocessing(self) -> Mapping[str, str]:
        """The adapter and lmms-eval's version decide what happens to pictures."""
        form = "chat" if self._about.get("chat") else "simple"
        version = self._about.get("version", "unknown")
        return {"adapter": f"{self._options.name} ({form})", "lmms-eval": version}

    def capacity(self) -> Capacity:
        """A few requests a call: most adapters answer one after another."""
        return Capacity(rows=self._options.batch_size or 8)

    def note(self) -> str:
        """Which adapter of which version answers."""
        return f"lmms-eval {self._about.get('version')}: {self._about.get('class')}"

    def counters(self) -> Mapping[str, float]:
        """How often the process was started again."""
        return {"lmms_restarts": float(self._starts - 1)}

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Ask the adapter; a process that ended is started again first.

        Raises:
            BackendError: The process ended or the adapter raised; the engine decides what next.
        """
        self._revive()
        made: dict[int, Prediction] = {}
        asked: dict[int, _Asked] = {}
        for place, request in enumerate(requests):
            if not (self._about.get("chat") or _is_plain(request)):
                made[place] = _unsupported(request)
                continue
            try:
                asked[place] = _Asked(request, tuple(_content(i) for i in request.images))
            except UnreadableError as error:
                made[place] = _unreadable(request, str(error))
        if asked:
            made |= zip(asked, self._answers(list(asked.values())), strict=True)
        return [made[place] for place in range(len(requests))]

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether the adapter ran out of memory."""
        return isinstance(error, _MemoryShortError)

    def close(self) -> None:
        """End the process and what it started."""
        self._process.close()

    def _started(self) -> tuple[Process, dict[str, Any]]:
        options = self._options
        self._starts += 1
        python = interpreter(options.options.get("python"), "The backend lmms")
        process = Process(python, _timeout(options), _environment(options))
        with ExitStack() as undo:
            undo.callback(process.close)
            about, _ = process.ask(_load_message(options))
            if "error" in about:
                said = process.clean(about["error"])
                message = f"lmms-eval's adapter {options.name!r} cannot be loaded: {said}"
                raise BackendError(message)
            undo.pop_all()
        return process, about

    def _revive(self) -> None:
        if self._process.is_alive():
            return
        if self._deaths >= DEATHS:
            message = f"lmms-eval's process was started again {self._deaths} times in vain"
            raise BackendError(message)
        self._deaths += 1
        self._process.close()
        self._process, self._about = self._started()

    def _answers(self, asked: Sequence[_Asked]) -> list[Prediction]:
        message, content = _generate_message(asked)
        told, _ = self._process.ask(message, content)
        self._deaths = 0
        if "error" in told:
            kind = _MemoryShortError if told.get("memory") else BackendError
            raise kind(self._process.clean(told["error"]))
        return [
            self._prediction(one.request, answer, one.digests)
            for one, answer in zip(asked, told["answers"], strict=True)
        ]

    def _prediction(
        self, request: Request, answer: Mapping[str, Any], images: tuple[str, ...]
    ) -> Prediction:
        if "unreadable" in answer:
            return _unreadable(request, self._process.clean(answer["unreadable"]))
        if "failure" in answer:
            text = self._process.clean(answer["message"])
            failure = Failure(kind=f"adapter-{answer['failure']}", message=text)
            return Prediction(sample_id=request.sample_id, failure=failure)
        used, most = answer["output_tokens"], request.generation.max_new_tokens
        # Not every adapter heeds `until`.
        text, stopped = cut_at_stop(answer["text"], request.generation.stop)
        full = used is not None and used >= most
        return Prediction(
            sample_id=request.sample_id,
            text=text.strip(),
            finish="length" if full and not stopped else "stop",
            prompt_tokens=answer["prompt_tokens"],
            output_tokens=used,
            images=images,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and its pictures' bytes in order."""

    request: Request
    pictures: tuple[bytes, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """The pictures' digests, as a prediction keeps them."""
        return tuple(hashlib.sha256(picture).hexdigest() for picture in self.pictures)


class _MemoryShortError(BackendError):
    """The adapter ran out of memory."""


def _check_options(options: BackendOptions) -> None:
    for key in options.options:
        if is_secret_option(key):
            message = (
                f"The option {key} of the model would be recorded; give secrets to lmms-eval's "
                "adapters through the environment."
            )
            raise UsageError(message)
    _timeout(options)
    if options.options.get("simple", "false") not in ("true", "false"):
        message = f"The option simple of {options.spec!r} must be true or false."
        raise UsageError(message)
    name = _pretrained(options)
    if name.startswith(("/", ".", "~")) and not Path(name).expanduser().is_dir():
        message = f"The model folder {name} does not exist."
        raise BackendError(message)


def _timeout(options: BackendOptions) -> float:
    try:
        seconds = float(options.options.get("timeout", "3600"))
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        message = f"The option timeout of {options.spec!r} must be a number of seconds above 0."
        raise UsageError(message)
    return seconds


def _environment(options: BackendOptions) -> dict[str, str]:
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"} if options.offline else {}
    return {**os.environ, **offline}


def _pretrained(options: BackendOptions) -> str:
    return next((options.options[key] for key in MODEL_KEYS if key in options.options), "")


def _load_message(options: BackendOptions) -> dict[str, Any]:
    given = {key: value for key, value in options.options.items() if key not in OWN}
    return {
        "do": "load",
        "model": options.name,
        "arguments": ",".join(f"{key}={value}" for key, value in given.items()),
        "given": sorted(given),
        "batch_size": options.batch_size or 1,
        "device": options.device,
        "dtype": None if options.dtype == "auto" else options.dtype,
        "revision": options.revision,
        "simple": options.options.get("simple") == "true",
    }


def _content(image: Image) -> bytes:
    """A picture's bytes, which can be decoded.

    Raises:
        UnreadableError: They are missing, damaged or claim an absurd size.
    """
    kept: list[bytes] = []

    def read() -> bytes:
        kept.append(image.read())
        return kept[0]

    open_picture(Image(key=image.key, read=read))
    return kept[0]


def _generate_message(asked: Sequence[_Asked]) -> tuple[dict[str, Any], bytes]:
    """The message, and the pictures' bytes one after another."""
    told, pictures = [], []
    for one in asked:
        own = iter(one.pictures)
        parts: list[tuple[str, str | int]] = []
        for turn in one.request.messages:
            for part in turn.content:
                if isinstance(part, Image):
                    pictures.append(next(own))
                parts.append((turn.role, len(pictures[-1]) if isinstance(part, Image) else part))
        told.append({"text": one.request.text, "parts": parts})
    settings = _settings(asked[0].request)
    return {"do": "generate", "requests": told, "generation": settings}, b"".join(pictures)


def _settings(request: Request) -> dict[str, Any]:
    """The settings in the words of lmms-eval."""
    told = request.generation
    settings: dict[str, Any] = {
        "max_new_tokens": told.max_new_tokens,
        "temperature": told.temperature,
        "num_beams": told.num_beams,
        "do_sample": told.temperature > 0,
    }
    if told.temperature > 0:
        settings["top_p"] = told.top_p
    if told.stop:
        settings["until"] = list(told.stop)
    return settings


def _is_plain(request: Request) -> bool:
    return [turn.role for turn in request.messages] == ["user"]


def _unsupported(request: Request) -> Prediction:
    message = "this adapter of lmms-eval takes one user turn, and no system text"
    failure = Failure(kind="unsupported", message=message)
    return Prediction(sample_id=request.sample_id, failure=failure)


def _unreadable(request: Request, why: str) -> Prediction:
    failure = Failure(kind="image_unreadable", message=why)
    return Prediction(sample_id=request.sample_id, failure=failure)
