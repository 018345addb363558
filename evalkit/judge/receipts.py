"""The journal of a judge's replies, which remembers every reply that was paid for.

A line ends with a seal, a digest over the rest of it: a reply that a hand has changed is found, and
is neither a verdict nor in a cache. It is no signature, as no digest in a run's folder is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from evalkit.errors import StaleError
from evalkit.prices import Price
from evalkit.records import Billed, Prediction
from evalkit.runner.journal import Journal
from evalkit.store import parse_prediction

SEAL = re.compile(rb',"seal":"([0-9a-f]{16})"}\n\Z')
"""How a line ends: the first 16 digits of the SHA-256 of the line without its seal."""


class Receipts(Journal):
    """A journal that keeps count of replies which later ones replaced.

    Attributes:
        paid: All replies with a text, and failures that were billed, of every session, in order.
    """

    paid: list[Prediction]

    def _read(self) -> None:
        self.paid = []
        super()._read()

    def _line(self, made: Prediction) -> bytes:
        line = super()._line(made)
        return b'%s,"seal":"%s"}\n' % (line[:-2], _seal(line).encode())

    def _parsed(self, line: bytes, path: Path, number: int) -> Prediction | None:
        """What a line says.

        One without a seal, as earlier versions wrote it, counts as paid, and is asked again.

        Raises:
            StaleError: It is not what was written.
        """
        found = SEAL.search(line)
        whole = line if found is None else line[: found.start()] + b"}\n"
        if found is not None and _seal(whole) != found[1].decode():
            message = (
                f"{path}, line {number}, is not what was written: it was changed, and its reply is "
                "not believed. Remove the line, and the same command asks again."
            )
            raise StaleError(message)
        made = parse_prediction(whole, path, number)
        self._count([made])
        return None if found is None else made

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Put replies on disk, and only then count them.

        Raises:
            StoreError: The disk is full, or the file cannot be written.
        """
        super().append(predictions)
        self._count(predictions)

    def _count(self, predictions: Sequence[Prediction]) -> None:
        self.paid += filter(is_paid, predictions)


def is_paid(made: Prediction) -> bool:
    """Whether it was paid for: it has a text, or is a failure that was billed."""
    return made.text is not None or made.billed is not None


def billed(made: Prediction) -> Billed:
    """The tokens of a reply that count for its price; unknown ones are 0."""
    return made.billed or Billed(
        prompt_tokens=made.prompt_tokens or 0, output_tokens=made.output_tokens or 0
    )


def cost_of(made: Prediction, price: Price) -> float:
    """USD that a reply cost."""
    own = billed(made)
    return own.share * price.cost(own.prompt_tokens, own.output_tokens, own.cached_tokens)


def _seal(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]
