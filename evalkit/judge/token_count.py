"""How many tokens texts are: by OpenAI's vocabulary where it is at hand, else by their characters.

tiktoken fetches a vocabulary when one is used for the first time, and waits for it without end.
Nothing may fail or stand still because of an estimate: whoever counts gets `PATIENCE` seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from importlib.util import find_spec
from threading import Thread

CHARACTERS = 4.0
"""Characters of English text that are taken for a token where no vocabulary is at hand."""

PATIENCE = 10.0
"""Seconds for a vocabulary to come, and for the texts to be counted by it."""

PIECE = 4_000
"""Characters that are counted at once: a word without end takes the square of its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """Tokens of texts, and how they were counted, in words."""

    tokens: int
    how: str


def count_tokens(
    texts: Sequence[str], model: str | None = None, patience: float = PATIENCE
) -> TokenCount:
    """The tokens of all texts together.

    Args:
        texts: The texts.
        model: The name of a model behind a server; None where it cannot be one of OpenAI's, or
            nothing may be fetched.
        patience: Seconds after which characters are counted.
    """
    how = f"{CHARACTERS:g} characters a token"
    plain = TokenCount(tokens=sum(math.ceil(len(text) / CHARACTERS) for text in texts), how=how)
    if model is None or find_spec("tiktoken") is None:
        return plain
    lacking = replace(plain, how=f"{how}: tiktoken's vocabulary cannot be had")
    made: Future[TokenCount] = Future()

    def work() -> None:
        try:
            found = _by_vocabulary(texts, model.rpartition("/")[2]) or plain
        except BaseException:  # noqa: BLE001 - the network's error, or a panic of tiktoken's Rust
            found = lacking
        made.set_result(found)

    Thread(target=work, daemon=True).start()
    try:
        return made.result(timeout=patience)
    except TimeoutError:  # the thread is left to itself
        return lacking


def _by_vocabulary(texts: Sequence[str], model: str) -> TokenCount | None:
    """Tokens by the vocabulary that tiktoken has for a model; None where it knows no such model."""
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    encode = tiktoken.get_encoding(name).encode_ordinary
    tokens = sum(len(encode(piece)) for text in texts for piece in _pieces(text))
    return TokenCount(tokens=tokens, how=f"by tiktoken's {name}")


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))
