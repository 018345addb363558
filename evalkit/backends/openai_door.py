"""Whether a server can be asked at all: is it there, does it take the key, has it the model?"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from evalkit.backends.openai_client import OK
from evalkit.backends.openai_replies import cause
from evalkit.backends.openai_settings import NO_KEY, Settings
from evalkit.errors import BackendError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from openai import OpenAI

PATIENCE = 20.0
"""Seconds in which a server must say which models it has."""

TRIAL = "Say yes."
"""What is asked of a model that the server does not list: some load models by their name."""

NAMED = 8
"""Models that an error names, at most."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
SERVER_ERROR = 500


def check_packages() -> None:
    """Check that what the backend needs is installed.

    Raises:
        MissingExtraError: It is not.
    """
    for module, package in (("openai", "openai"), ("PIL", "pillow")):
        if find_spec(module) is None:
            raise MissingExtraError(package, "openai", "The backend openai")


def check_server(settings: Settings) -> None:
    """Ask the server for its models; where that does not settle it, ask the model for a word.

    Raises:
        BackendError: The server is not there, refuses the key, or does not have the model.
        UsageError: Its address is none.
    """
    with _client(settings) as api:
        status, body = _status(settings, lambda: _get(api), PATIENCE)
        _check_key(settings, status, body)
        models = _ids(body) if status == OK else []
        if settings.model in models:
            return
        status, body = _status(settings, lambda: _try(api, settings), settings.timeout)
    _check_key(settings, status, body)
    if status != OK:
        raise BackendError(settings.redacted(_no_model(settings, models, status, body)))


def _client(settings: Settings) -> OpenAI:
    import httpx2
    import openai

    try:
        return openai.OpenAI(
            api_key=settings.key or NO_KEY, base_url=settings.base_url, max_retries=1
        )
    except (httpx2.InvalidURL, UnicodeError) as error:
        message = f"The model's option base_url {settings.base_url!r} is no address: {error}."
        raise UsageError(message) from error


def _get(api: Any) -> Any:
    import httpx2

    return api.get("/models", cast_to=httpx2.Response, options={"timeout": PATIENCE})


def _try(api: Any, settings: Settings) -> Any:
    import httpx2

    body = {
        "model": settings.model,
        "messages": [{"role": "user", "content": TRIAL}],
        settings.max_tokens_field: 16,
    }
    options = {"timeout": settings.timeout}
    return api.post("/chat/completions", body=body, cast_to=httpx2.Response, options=options)


def _status(settings: Settings, call: Any, seconds: float) -> tuple[int, str]:
    """Status and body of a call.

    Raises:
        BackendError: There is none.
    """
    import openai

    try:
        response = call()
    except openai.APIStatusError as error:
        return error.status_code, error.response.text
    except openai.APITimeoutError as error:
        message = f"The server at {settings.base_url} did not answer within {seconds:g} s."
        raise BackendError(message) from error
    except openai.APIConnectionError as error:
        message = (
            f"The server at {settings.base_url} cannot be reached ({cause(error)}); start it, or "
            "mend base_url."
        )
        raise BackendError(settings.redacted(message)) from error
    return response.status_code, response.text


def _check_key(settings: Settings, status: int, body: str) -> None:
    if status not in (UNAUTHORIZED, FORBIDDEN):
        return
    if not settings.key:
        message = (
            f"The server at {settings.base_url} asks for a key ({status}), and the environment "
            f"variable {settings.key_name} holds none; set it, or name another: api_key_env=NAME."
        )
        raise BackendError(message)
    said = settings.redacted(" ".join(body.split()))[:200]
    message = (
        f"The server at {settings.base_url} refused the key in the environment variable "
        f"{settings.key_name} ({status}: {said})."
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
    if status >= SERVER_ERROR or status not in (400, NOT_FOUND, 422):
        return f"The server at {settings.base_url} does not work: it answered {status} ({said})."
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
