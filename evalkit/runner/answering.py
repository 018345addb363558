"""One lease, answered by one backend: here a backend's error becomes an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from evalkit.backends.interface import Backend
from evalkit.errors import BackendError, UsageError
from evalkit.records import Failure, Prediction, Request
from evalkit.runner.workers import Lease, Outcome

MESSAGE_LENGTH = 500
"""Characters of an exception's text that a failure keeps."""


def outcome(backend: Backend, lease: Lease, ready: Callable[[], Any]) -> Outcome:
    """What a backend makes of a lease, whatever happens in it, or while it counts and recovers.

    Args:
        backend: Who answers.
        lease: What is asked.
        ready: Gives what `prepare` made of the requests; it may wait for that, and may raise.
    """
    begun = prepared = time.perf_counter()
    before = counted(backend)

    def answer() -> Sequence[Prediction]:
        nonlocal prepared
        data = ready()
        prepared = time.perf_counter()
        return backend.generate_prepared(lease.requests, data)

    made = settled(backend, lease, answer)
    return replace(
        made,
        waiting_seconds=prepared - begun,
        model_seconds=time.perf_counter() - prepared,
        counts=difference(counted(backend), before),
    )


def settled(backend: Backend, lease: Lease, answer: Callable[[], Sequence[Prediction]]) -> Outcome:
    """What an answer makes of a lease, without times and counts.

    Args:
        backend: Who answers.
        lease: What is asked.
        answer: Gives the predictions; it may raise whatever the backend raises.
    """
    try:
        predictions = [_clean(made) for made in answer()]
        _check(lease.requests, predictions)
    except UsageError as error:  # a file of the user's is wrong: no sample is to blame
        return Outcome(lease=lease, fatal=error)
    except Exception as error:  # noqa: BLE001 - the boundary at which a backend's error is a Failure
        text = encodable(f"{type(error).__name__}: {error}"[:MESSAGE_LENGTH])
        made = Outcome(lease=lease, error=text, out_of_memory=_is_memory(backend, error))
    else:
        return Outcome(lease=lease, predictions=predictions)
    # Outside the handler, so that the exception and the tensors it holds are gone.
    with suppress(Exception):  # where it cannot recover, the next lease fails, and says why
        backend.recover()
    return made


def counted(backend: Backend) -> Mapping[str, float] | None:
    """What a backend has counted; None where it cannot say, which costs no sample."""
    try:
        return dict(backend.counters())
    except Exception:  # noqa: BLE001 - a backend's error, and a number for people
        return None


def difference(
    now: Mapping[str, float] | None, before: Mapping[str, float] | None
) -> dict[str, float]:
    """What was counted between two looks; nothing where one of them failed."""
    if now is None or before is None:
        return {}
    return {name: value - before.get(name, 0) for name, value in now.items()}


def _is_memory(backend: Backend, error: Exception) -> bool:
    with suppress(Exception):
        return backend.is_out_of_memory(error)
    return False


def _clean(prediction: Prediction) -> Prediction:
    """The prediction with texts that a file can hold."""
    text, failure = prediction.text, prediction.failure
    if text is not None and not text.isascii():
        prediction = replace(prediction, text=encodable(text))
    if failure is not None:
        words = encodable(failure.kind), encodable(failure.message)
        prediction = replace(prediction, failure=Failure(kind=words[0], message=words[1]))
    return prediction


def encodable(text: str) -> str:
    """The text with lone surrogates replaced: no file could hold them."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check(requests: Sequence[Request], predictions: Sequence[Prediction]) -> None:
    asked = [request.sample_id for request in requests]
    answered = [prediction.sample_id for prediction in predictions]
    if asked != answered:
        message = f"the backend was asked {asked} and answered {answered}"
        raise BackendError(message)
