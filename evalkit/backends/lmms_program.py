"""The program that the backend `lmms` starts: lmms-eval's model adapters behind two pipes.

It is started by its path, in an environment that has lmms-eval and need not have evalkit, so it
imports nothing of evalkit: the standard library above, lmms_eval, PIL and torch inside functions.
lmms-eval changes the process it is imported in (timeouts, `ssl`, log handlers, warnings), which is
why it has one of its own.

A message is two lengths, a JSON object, and bytes (encoded pictures, one after another, whose
lengths the object gives). It travels on copies of stdin and stdout; what a library prints goes to
stderr. When the other end is gone, this process and all that it started end.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

HEAD = struct.Struct("<8sQQ")
MAGIC = b"evalkit1"
"""How a message begins: what a program prints must not be taken for lengths."""

LARGEST = 1 << 34
"""Bytes of the largest message that can be meant."""

MARKER = "[LMMS_EVAL_REQUEST_FAILED"
"""How the adapters of servers begin the text that stands for a failed request."""

MOST = 20_000
"""Characters of an error that are sent: secrets are removed from it, and it is cut, at the other
end, since what is cut here could end within a secret."""

Frame = tuple[dict[str, Any], bytes]


def write_frame(stream: IO[bytes], message: dict[str, Any], content: bytes = b"") -> None:
    """Send one message."""
    text = json.dumps(message).encode()
    stream.write(HEAD.pack(MAGIC, len(text), len(content)) + text)
    stream.write(content)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Frame | None:
    """Receive one message; None at the end, or where the sender died within one.

    Raises:
        ValueError: What came is no message.
    """
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    magic, size, more = HEAD.unpack(head)
    if magic != MAGIC or size + more > LARGEST:
        reason = f"it is no message: {head[:16]!r}"
        raise ValueError(reason)
    text, content = stream.read(size), stream.read(more)
    if len(text) < size or len(content) < more:
        return None
    return json.loads(text), content


class Host:
    """One adapter, loaded once and asked many times."""

    def __init__(self) -> None:
        """Nothing is loaded yet."""
        self._model: Any = None
        self._chat = False
        self._single = False

    def check(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """Whether lmms-eval is there and knows the adapter; imports no adapter."""
        from lmms_eval.models import get_model_manifest

        try:
            get_model_manifest(told["model"])
        except (KeyError, ValueError) as error:
            return {"unknown": str(error)[:MOST]}
        return {"version": version()}

    def load(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """Make the adapter."""
        from lmms_eval.models import get_model

        kind = get_model(told["model"], force_simple=told["simple"])
        settings = _settings(kind, told)
        try:
            self._model = kind.create_from_arg_string(told["arguments"], settings)
        except AssertionError:
            if settings.get("batch_size", 1) == 1:
                raise
            self._single = True
            self._model = kind.create_from_arg_string(
                told["arguments"], settings | {"batch_size": 1}
            )
        self._chat = not getattr(kind, "is_simple", True)
        return {"version": version(), "class": kind.__name__, "chat": self._chat} | _network(
            self._model
        )

    def generate(self, told: dict[str, Any], content: bytes) -> dict[str, Any]:
        """Answer requests with equal settings; who shows what PIL cannot read is told so."""
        docs = list(_docs(told["requests"], content))
        whole = [doc for doc in docs if "unreadable" not in doc]
        answers = iter(self._answers(whole, told)["answers"] if whole else ())
        return {"answers": [doc if "unreadable" in doc else next(answers) for doc in docs]}

    def _answers(self, docs: Sequence[dict[str, Any]], told: dict[str, Any]) -> dict[str, Any]:
        if self._single:
            return {"answers": [self._asked([doc], told)[0] for doc in docs]}
        try:
            answers = self._asked(docs, told)
        except AssertionError as error:
            if len(docs) == 1 or "batch" not in str(error).lower():
                raise
            self._single = True
            if hasattr(self._model, "batch_size_per_gpu"):
                self._model.batch_size_per_gpu = 1
            return self._answers(docs, told)
        if len(docs) > 1:  # whose error it was is only known when it is asked alone
            again = [i for i, answer in enumerate(answers) if answer.get("failure") == "swallowed"]
            for i in again:
                answers[i] = self._asked([docs[i]], told)[0]
        return {"answers": answers}

    def _asked(self, docs: Sequence[dict[str, Any]], told: dict[str, Any]) -> list[dict[str, Any]]:
        self._model.task_dict = {"evalkit": {"test": docs}}
        with _logged_errors() as errors:
            made = self._model.generate_until(
                [self._instance(doc, i, dict(told["generation"])) for i, doc in enumerate(docs)]
            )
        if len(made) != len(docs):
            message = f"the adapter gave {len(made)} answers to {len(docs)} requests"
            raise ValueError(message)
        return [_answer(one, errors) for one in made]

    def _instance(self, doc: dict[str, Any], number: int, settings: dict[str, Any]) -> Any:
        from lmms_eval.api.instance import Instance

        place = (number, "evalkit", "test")
        arguments = (
            (doc["text"], _messages, settings, *place)
            if self._chat
            else (doc["text"], settings, _visuals, *place)
        )
        return Instance(
            request_type="generate_until",
            arguments=arguments,
            idx=0,
            metadata={"task": "evalkit", "doc_id": number, "repeats": 1},
        )


def version() -> str:
    """lmms-eval's version, as far as it is known."""
    from importlib import metadata

    try:
        return metadata.version("lmms-eval")
    except metadata.PackageNotFoundError:
        return "unknown"


def _settings(kind: type, told: dict[str, Any]) -> dict[str, Any]:
    """What an adapter is told beside the user's own arguments, as far as it takes it.

    An empty `device_map`, the default of some adapters, is refused by newer transformers.
    """
    import inspect

    known = inspect.signature(kind).parameters
    device = told["device"] if told["device"] != "auto" else _device()
    offered = {"batch_size": told["batch_size"], "device": device}
    if "device_map" in known and known["device_map"].default == "":
        offered["device_map"] = device
    for name in ("dtype", "revision"):
        if told[name] and name not in known:
            message = f"the adapter takes no {name}"
            raise ValueError(message)
        offered[name] = told[name]
    return {
        name: value
        for name, value in offered.items()
        if name in known and name not in told["given"] and value is not None
    }


def _device() -> str:
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def _network(model: Any) -> dict[str, Any]:
    """Size and number format, where the adapter holds a network as most do."""
    network: Any = getattr(model, "_model", None)
    if not hasattr(network, "parameters"):
        return {}
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "dtype": str(getattr(network, "dtype", "")).removeprefix("torch."),
    }


def _docs(requests: Sequence[dict[str, Any]], content: bytes) -> Iterator[dict[str, Any]]:
    """Documents: the parts of the messages in order, a picture as what PIL made of its bytes.

    Where PIL cannot read one: why not.
    """
    start = 0
    for request in requests:
        parts: list[tuple[str, Any]] = []
        for role, part in request["parts"]:
            end = start if isinstance(part, str) else start + part
            parts.append((role, part if isinstance(part, str) else content[start:end]))
            start = end
        try:
            shown = [(r, p if isinstance(p, str) else _picture(p)) for r, p in parts]
        except Exception as error:  # noqa: BLE001 - a library's code on somebody's bytes
            yield {"unreadable": _said(error)}
            continue
        yield {"text": request["text"], "parts": shown}


def _picture(content: bytes) -> Any:
    from io import BytesIO

    import PIL.Image

    with PIL.Image.open(BytesIO(content)) as opened:
        return opened.convert("RGB")


def _visuals(doc: dict[str, Any]) -> list[Any]:
    return [part for _, part in doc["parts"] if not isinstance(part, str)]


def _messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for role, part in doc["parts"]:
        if not messages or messages[-1]["role"] != role:
            messages.append({"role": role, "content": []})
        shown = isinstance(part, str)
        messages[-1]["content"].append(
            {"type": "text", "text": part} if shown else {"type": "image", "url": part}
        )
    return messages


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Errors that an adapter logs instead of raising them."""
    from loguru import logger

    found: list[str] = []

    def keep(message: Any) -> None:
        text = str(message.record["message"])
        if message.record["level"].no >= 40 or text.lower().startswith("error"):  # noqa: PLR2004
            found.append(text)

    sink = logger.add(keep, level=0)
    try:
        yield found
    finally:
        logger.remove(sink)


def _answer(made: Any, errors: Sequence[str]) -> dict[str, Any]:
    from lmms_eval.api.instance import unwrap_generation_output

    text, counts = unwrap_generation_output(made)
    if not isinstance(text, str):
        return {"failure": "reply", "message": f"the adapter gave {type(text).__name__}, no text"}
    if text.startswith(MARKER):
        return {"failure": "refused", "message": text[:MOST]}
    if not text.strip() and errors:
        return {"failure": "swallowed", "message": errors[-1][:MOST]}
    return {
        "text": text,
        "prompt_tokens": getattr(counts, "input_tokens", None),
        "output_tokens": getattr(counts, "output_tokens", None),
    }


def _reply(work: Callable[[dict[str, Any], bytes], Any], frame: Frame) -> Frame:
    """What a call gave, or its error in words."""
    try:
        made = work(*frame)
    except Exception as error:  # noqa: BLE001 - an adapter's or a task's code
        name = type(error).__name__
        memory = isinstance(error, MemoryError) or name == "OutOfMemoryError"
        missing = isinstance(error, ModuleNotFoundError) and error.name == "lmms_eval"
        return {"error": _said(error), "memory": memory, "missing": missing}, b""
    return made if isinstance(made, tuple) else (made, b"")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MOST]


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Copies of stdin and stdout for messages; what is printed goes to stderr."""
    heard, said = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return heard, said


def _die_with(parent: int) -> None:
    """Ask Linux to end this process with its parent; elsewhere the end of the pipe does."""
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _listen(heard: IO[bytes], arrived: Any) -> None:
    """Take messages in, also while one is being answered; the end of them ends everything."""
    try:
        while (frame := read_frame(heard)) is not None:
            arrived.put(frame)
    except ValueError as error:
        sys.stderr.write(f"What was heard cannot be read: {error}\n")
        sys.stderr.flush()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def serve(host: Any) -> None:
    """Answer messages until there are no more: `do` names a method of the host."""
    import queue
    import threading

    if len(sys.argv) > 1:
        _die_with(int(sys.argv[1]))
    here = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - before any import
    sys.path[:] = [place for place in sys.path if place != here]
    heard, said = _private_pipes()
    arrived: queue.Queue[Frame] = queue.Queue()
    threading.Thread(target=_listen, args=(heard, arrived), daemon=True).start()
    while True:
        frame = arrived.get()
        write_frame(said, *_reply(getattr(host, frame[0]["do"]), frame))


if __name__ == "__main__":
    serve(Host())
