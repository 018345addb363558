"""Whether a server can be asked at all: is it there, does it take the key, has it the model?"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any

from evalkit.backends.openai_client import OK
from evalkit.backends.openai_replies import cause, cure, read_refusal
from evalkit.backends.openai_settings import Settings
from evalkit.backends.openai_wire import trusted_by
from evalkit.errors import BackendError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import httpx2

PATIENCE = 20.0
"""Seconds in which a server must say which models it has."""

AGAIN = 0.5
"""Seconds after which a server that failed is asked once more."""

TRIAL = "Say yes."
"""What is asked of a model that the server does not list: some load models by their name."""

NAMED = 8
"""Models that an error names, at most."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
REDIRECT, UNWELL, SERVER_ERROR = 300, 400, 500


def check_packages() -> None:
    """Check that what the backend needs is installed.

    Raises:
        MissingExtraError: It is not.
    """
    for module, package in (("aiohttp", "aiohttp"), ("openai", "openai"), ("PIL", "pillow")):
        if find_spec(module) is None:
            raise MissingExtraError(package, "openai", "The backend openai")


def check_server(settings: Settings, *, trial: bool = True) -> None:
    """Ask the server for its models; where that does not settle it, ask the model for a word.

    Args:
        settings: Which server.
        trial: Whether the model may be asked, which costs a few tokens; else the first question
            will tell.

    Raises:
        BackendError: The server is not there, refuses the key, or does not have the model.
        UsageError: Its address is none.
    """
    if not settings.key and "//api.openai.com/" in f"{settings.base_url}/":
        message = (
            f"api.openai.com asks for a key, and {settings.key_place} holds none; set it, or give "
            "base_url=... for another server."
        )
        raise BackendError(message)
    with _client(settings) as api:
        status, body = _status(settings, lambda: api.get("models", timeout=PATIENCE), PATIENCE)
        _check_key(settings, status, body)
        models = _ids(body) if status == OK else []
        if settings.model in models or not trial:
            return
        status, body = _status(settings, lambda: _try(api, settings), settings.timeout)
    _check_key(settings, status, body)
    if status != OK:
        raise BackendError(settings.redacted(_no_model(settings, models, status, body)))


def _client(settings: Settings) -> httpx2.Client:
    import httpx2

    try:
        trusted = trusted_by(httpx2.URL(settings.base_url).scheme)
        return httpx2.Client(base_url=settings.base_url, headers=settings.headers, verify=trusted)
    except (httpx2.InvalidURL, UnicodeError) as error:
        message = f"The model's option base_url {settings.base_url!r} is no address: {error}."
        raise UsageError(message) from error


def _try(api: httpx2.Client, settings: Settings) -> httpx2.Response:
    body = {
        "model": settings.model,
        "messages": [{"role": "user", "content": TRIAL}],
        settings.max_tokens_field: 16,
    }
    return api.post("chat/completions", json=body, timeout=settings.timeout)


def _status(
    settings: Settings, call: Callable[[], httpx2.Response], seconds: float
) -> tuple[int, str]:
    """Status and body of a call.

    Raises:
        BackendError: There is none.
    """
    import httpx2

    try:
        response = _within(seconds, lambda: _asked(call))
    except TimeoutError as error:
        message = f"The server at {settings.base_url} did not end its answer within {seconds:g} s."
        raise BackendError(message) from error
    except httpx2.TimeoutException as error:
        message = f"The server at {settings.base_url} did not answer within {seconds:g} s."
        raise BackendError(message) from error
    except (httpx2.HTTPError, OSError) as error:
        message = (
            f"The server at {settings.base_url} cannot be reached ({cause(error)}); start it, or "
            "mend base_url."
        )
        raise BackendError(settings.redacted(message)) from error
    return response.status_code, response.text


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call gives within a time, however slowly its bytes come.

    Raises:
        TimeoutError: It takes longer; it is left to itself.
    """
    made: Future[Any] = Future()

    def work() -> None:
        try:
            made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            made.set_exception(error)

    Thread(target=work, daemon=True).start()
    return made.result(timeout=2 * seconds)


def _asked(call: Callable[[], httpx2.Response]) -> httpx2.Response:
    """The response to a call; what may pass is tried once more."""
    import httpx2

    wait: float | None = None
    with suppress(httpx2.TransportError):
        response = call()
        trouble = read_refusal(response.status_code, response.headers, "", datetime.now(UTC))
        if not trouble.passing:
            return response
        wait = trouble.wait
    time.sleep(min(AGAIN if wait is None else wait, PATIENCE))
    return call()


def _check_key(settings: Settings, status: int, body: str) -> None:
    if status not in (UNAUTHORIZED, FORBIDDEN):
        return
    if not settings.key:
        message = (
            f"The server at {settings.base_url} asks for a key ({status}), and "
            f"{settings.key_place} holds none; set it, or name another: api_key_env=NAME, or "
            "api_key_file=FILE."
        )
        raise BackendError(message)
    said = settings.redacted(" ".join(body.split()))[:200]
    message = (
        f"The server at {settings.base_url} refused the key in {settings.key_place} ({status}: "
        f"{said})."
    )
    raise BackendError(message)


def _ids(body: str) -> list[str]:
    """Names of models in the answer to GET /models; none where it has another shape."""
    import json

    try:
        rows = json.loads(body)["data"]
        return [str(row["id"]) for row in rows]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []


def _no_model(settings: Settings, models: list[str], status: int, body: str) -> str:
    said = settings.redacted(" ".join(body.split()))[:200]
    if REDIRECT <= status < UNWELL:
        return (
            f"The server at {settings.base_url} sends elsewhere ({status}), where no key is taken: "
            "give that address as base_url."
        )
    if status == NOT_FOUND and not models and not settings.base_url.rstrip("/").endswith("/v1"):
        said += "; does base_url lack /v1?"
    if status >= SERVER_ERROR or status not in (400, NOT_FOUND, 422):
        return f"The server at {settings.base_url} does not work: it answered {status} ({said})."
    if advice := cure(body):
        return (
            f"The server at {settings.base_url} refuses a field of what the model "
            f"{settings.model!r} is asked: {advice} ({status}: {said})."
        )
    if settings.model.lower() in body.lower() or status == NOT_FOUND or models:
        more = f" and {len(models) - NAMED} more" if len(models) > NAMED else ""
        listed = f"; it lists {', '.join(models[:NAMED])}{more}" if models else ""
        return (
            f"The server at {settings.base_url} does not have the model {settings.model!r}{listed} "
            f"({status}: {said})."
        )
    return (
        f"The server at {settings.base_url} refused a first question to the model "
        f"{settings.model!r} ({status}: {said})."
    )
