"""What tokens cost: a dated table of prices, read from TOML. Pure.

date = "2026-11-01"

[models."vendor-model-1"]
input = 2.50     # USD for a million tokens of the prompt
output = 10.00   # ... of the answer
cached = 1.25    # ... of the prompt that the server had read before; default: as input
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from evalkit.errors import UsageError
from evalkit.records import Billed, Request

MILLION = 1_000_000

FRAME = 32
"""Tokens, at most, that a server's chat template puts around a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD for a million tokens."""

    input: float
    output: float
    cached: float

    def cost(self, prompt_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """USD for a request.

        Args:
            prompt_tokens: Tokens of the prompt, those of them that were cached included.
            output_tokens: Tokens of the answer.
            cached_tokens: Tokens of the prompt that are billed as cached.
        """
        cached = min(cached_tokens, prompt_tokens)
        read = (prompt_tokens - cached) * self.input + cached * self.cached
        return (read + output_tokens * self.output) / MILLION

    def times(self, factor: float) -> Price:
        """The price of a service that costs so many times as much."""
        return Price(
            input=self.input * factor, output=self.output * factor, cached=self.cached * factor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by model, and the day on which they were looked up."""

    day: str
    models: Mapping[str, Price]

    def times(self, factor: float) -> PriceTable:
        """The table of a service that costs so many times as much."""
        models = {name: price.times(factor) for name, price in self.models.items()}
        return PriceTable(day=self.day, models=models)


def most_billed(request: Request) -> Billed:
    """The most that a server can bill for a text if it keeps to the limit of the answer's tokens.

    No vocabulary of bytes makes more than one token of a byte. What a picture comes to is not
    known, and is not in it.

    Args:
        request: The request.
    """
    size = len(request.text.encode("utf-8", "replace"))
    return Billed(
        prompt_tokens=size + FRAME * len(request.messages),
        output_tokens=request.generation.max_new_tokens,
        bound=True,
    )


def parse_prices(text: str, source: str) -> PriceTable:
    """The table in a TOML text; the module's docstring shows one.

    Args:
        text: TOML.
        source: Its name, for errors.

    Raises:
        UsageError: It is not TOML, has no date, or a price is not a number of at least 0.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"The price table {source} is not valid TOML: {error}."
        raise UsageError(message) from error
    models = raw.get("models")
    if not isinstance(models, dict):
        message = f'The price table {source} needs tables [models."NAME"] with input and output.'
        raise UsageError(message)
    prices = {name: _price(name, own, source) for name, own in models.items()}
    return PriceTable(day=_day(raw.get("date"), source), models=prices)


def _day(value: Any, source: str) -> str:
    try:
        return (value if isinstance(value, date) else date.fromisoformat(str(value))).isoformat()
    except ValueError as error:
        message = f'The price table {source} needs date = "YYYY-MM-DD", the day of its prices.'
        raise UsageError(message) from error


def _price(name: str, raw: Any, source: str) -> Price:
    own = raw if isinstance(raw, dict) else {}
    numbers = {"cached": own.get("input"), **own}
    wrong = [key for key in ("input", "output", "cached") if not _is_price(numbers.get(key))]
    if unknown := sorted(set(own) - {"input", "output", "cached"}):
        wrong.append(unknown[0])
    if wrong:
        message = (
            f"The price table {source} must give the model {name!r} input, output and perhaps "
            f"cached, in USD for a million tokens; {wrong[0]!r} is missing or wrong."
        )
        raise UsageError(message)
    return Price(**{key: float(value) for key, value in numbers.items()})


def _is_price(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0
