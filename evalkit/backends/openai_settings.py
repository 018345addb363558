"""What a spec `openai:MODEL,base_url=...` says, and the key, which never leaves this process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from evalkit.backends.interface import BackendOptions
from evalkit.backends.openai_replies import OMITTABLE
from evalkit.errors import UsageError
from evalkit.prices import Price, PriceTable, parse_prices
from evalkit.public import HIDDEN, without_secrets

BASE_URL = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
NO_KEY = "none"
"""Sent where there is no key: local servers look at none."""

TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")
ACCOUNT = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
"""Headers by the environment variables that the package openai takes them from."""

SECRET = 8
"""Characters of a key from which on it is hidden in answers: "none" or "EMPTY", which many local
servers are given, may well be what a model says."""

OPTIONS = frozenset(
    {
        *("base_url", "api_key_env", "api_key_file", "concurrency", "timeout", "retries"),
        *("max_tokens_field", "omit", "prices"),
    }
)
"""Keys that a spec may give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server is asked.

    Attributes:
        model: The model's id on the server.
        base_url: Where the server is, without a slash at its end.
        key: The key; empty where there is none.
        key_place: What holds it, in words: an environment variable, or a file.
        concurrency: Requests that may be out at once, at most.
        timeout: Seconds until a request is given up.
        retries: How often a request is asked again.
        max_tokens_field: How the server calls the limit of an answer's tokens.
        omit: Fields that are not sent, because the server refuses them.
        prices: What its tokens cost; None where nobody said.
        account: Further headers, which say who pays.
    """

    model: str
    base_url: str
    key: str = field(repr=False)
    key_place: str
    concurrency: int
    timeout: float
    retries: int
    max_tokens_field: str
    omit: frozenset[str]
    prices: PriceTable | None
    account: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The server's host, and its port where one is given."""
        return urlsplit(self.base_url).netloc

    @property
    def headers(self) -> dict[str, str]:
        """What every request tells of itself."""
        return {
            "Accept": "application/json",
            "Authorization": f"Bearer {self.key or NO_KEY}",
            "Content-Type": "application/json",
            "User-Agent": "evalkit",
            **self.account,
        }

    @property
    def price(self) -> Price | None:
        """What the model's tokens cost, where the table knows it."""
        return self.prices.models.get(self.model) if self.prices else None

    def hidden(self, text: str) -> str:
        """A model's answer without the key, which a hostile server may have put into it."""
        return text.replace(self.key, HIDDEN) if len(self.key) >= SECRET else text

    def redacted(self, text: str) -> str:
        """The text without the key, and without anything that looks like one."""
        return without_secrets(text.replace(self.key, HIDDEN) if self.key else text)


def read_settings(options: BackendOptions, environ: Mapping[str, str]) -> Settings:
    """The settings that a spec gives, with the key of the environment.

    Raises:
        UsageError: An option cannot be meant; the text shows no key.
    """
    own = options.options
    if options.image_preprocess != "processor":
        message = (
            f"The image preprocessing {options.image_preprocess!r} cannot be done for a server: "
            "the colour that it pads with is the processor's, which the server does not tell."
        )
        raise UsageError(message)
    key, key_place = _key(own, environ)
    field_name = own.get("max_tokens_field", TOKEN_FIELDS[0])
    if field_name not in TOKEN_FIELDS:
        _refuse("max_tokens_field", f"must be {' or '.join(TOKEN_FIELDS)}")
    omit = frozenset(filter(None, own.get("omit", "").split("+")))
    if not omit <= set(OMITTABLE):
        _refuse("omit", f"may name, joined by '+', {', '.join(OMITTABLE)}")
    return Settings(
        model=options.name + (f"@{options.revision}" if options.revision else ""),
        base_url=_base_url(own.get("base_url", BASE_URL)),
        key=key,
        key_place=key_place,
        concurrency=int(number_of(own, "concurrency", "64", (1, 1000), whole=True)),
        timeout=number_of(own, "timeout", "300", (0.001, 86400)),
        retries=int(number_of(own, "retries", "5", (0, 100), whole=True)),
        max_tokens_field=field_name,
        omit=omit,
        prices=_prices(own["prices"]) if "prices" in own else None,
        account={
            header: _printable(environ[name], f"The environment variable {name}")
            for name, header in ACCOUNT.items()
            if environ.get(name)
        },
    )


def _refuse(option: str, rule: str) -> NoReturn:
    message = f"The model's option {option} {rule}."
    raise UsageError(message)


def number_of(
    own: Mapping[str, str],
    name: str,
    default: str,
    bounds: tuple[float, float],
    *,
    whole: bool = False,
) -> float:
    """A number among a spec's options.

    Args:
        own: The options.
        name: The option's name.
        default: Its value where it is not given.
        bounds: The least and the largest number.
        whole: Whether it must be a whole number; any other counts seconds.

    Raises:
        UsageError: It is no such number.
    """
    low, high = bounds
    try:
        value = float(int(own.get(name, default)) if whole else own.get(name, default))
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        kind = "a whole number" if whole else "a number of seconds"
        _refuse(name, f"must be {kind} between {low:g} and {high:g}")
    return value


def _base_url(text: str) -> str:
    """The address, if it is one and holds no secret."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        sound = sound and text.isprintable() and " " not in text
        (parts.hostname or "").encode("idna")  # as a resolver will: labels of 1 to 63 characters
    except ValueError:
        sound = False
    if not sound:
        _refuse("base_url", "must be an address such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or "?" in text or "#" in text:
        rule = (
            "must hold no user, password or query, because it is written into the run's record; "
            f"give a key by the environment variable {KEY}, or api_key_env=NAME"
        )
        _refuse("base_url", rule)
    return text.rstrip("/")


def _key(own: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, str]:
    """The key, and what holds it in words.

    What an option names may be a key itself, by mistake: it is not shown unless it names something.
    """
    if "api_key_file" in own:
        if "api_key_env" in own:
            _refuse("api_key_file", "excludes api_key_env: a key is in one place")
        return _key_of_file(own["api_key_file"]), "the file that api_key_file names"
    name = own.get("api_key_env", KEY)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        _refuse("api_key_env", f"must be the name of an environment variable, such as {KEY}")
    if name != KEY and name not in environ:
        rule = (
            "names an environment variable that is not set (its name is not shown: it may be a key "
            "by mistake); set it, or name another"
        )
        _refuse("api_key_env", rule)
    place = f"environment variable {name}"
    return _printable(environ.get(name, ""), f"The {place}"), f"the {place}"


def _key_of_file(place: str) -> str:
    """The key that is all of a file; the file's name may be a key itself, and is not shown."""
    try:
        text = Path(place).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        _refuse("api_key_file", f"must name a file that holds the key and nothing else ({said})")
    key = _printable(text, "The file that api_key_file names")
    if not key:
        _refuse("api_key_file", "names an empty file; it must hold the key")
    return key


def _printable(held: str, place: str) -> str:
    """What a place holds, if a header can carry it."""
    text = held.strip()
    if not re.fullmatch(r"[!-~]*", text):
        message = f"{place} holds characters that no key can have."
        raise UsageError(message)
    return text


def _prices(place: str) -> PriceTable:
    try:
        text = Path(place).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"The price table {place} cannot be read: {error}."
        raise UsageError(message) from error
    return parse_prices(text, place)
