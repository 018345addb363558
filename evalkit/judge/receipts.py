"""The journal of a judge's replies, which remembers every reply that was paid for."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.prices import Price
from evalkit.records import Billed, Prediction
from evalkit.runner.journal import Journal
from evalkit.store import parse_prediction


class Receipts(Journal):
    """A journal that keeps count of replies which later ones replaced.

    Attributes:
        paid: All replies with a text, and failures that were billed, of every session, in order.
    """

    paid: list[Prediction]

    def _read(self) -> None:
        super()._read()
        self._file.seek(0)
        lines = enumerate(self._file.read().splitlines(keepends=True), start=1)
        self.paid = []
        self._count([parse_prediction(line, self.path, number) for number, line in lines])

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
