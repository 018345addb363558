"""What a judge may cost, and has cost: asked before a question is planned, and before it is sent.

What a question costs at most is set aside while it is out. A server that bills more than that
shows that it is no bound: all further questions are taken to cost as many times as much, and no
less than that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

from evalkit.judge.receipts import cost_of, is_paid
from evalkit.prices import Price, most_billed
from evalkit.records import Billed, Prediction, Request
from evalkit.runner import engine
from evalkit.runner.workers import Outcome


class Purse(engine.Watch):
    """What the judge may cost in all sessions together; an `Allowance` of its backend."""

    def __init__(
        self, budget: float | None, price: Price | None = None, share: float = 1.0
    ) -> None:
        """Start with a budget.

        Args:
            budget: In USD; None is no limit.
            price: The judge's, by which a question is known to be too dear before it is asked.
            share: Of the price that is paid (a half for a batch service).
        """
        self.budget = budget
        self.stopped = False
        self.settled = False
        """Whether the backend settles each request by itself."""
        self._price, self._share = price, share
        self._spent = self._out = 0.0
        self._excess, self._worst = 1.0, 0.0
        self._lock = Lock()

    def came(self, outcome: Outcome) -> None:
        """Count what an outcome cost, where that is not settled already."""
        if not self.settled:
            self.paid(made for made in outcome.predictions or () if is_paid(made))

    def paid(self, replies: Iterable[Prediction]) -> None:
        """Count replies that were paid for."""
        if self._price is not None:
            cost = sum(cost_of(made, self._price) for made in replies)
            with self._lock:
                self._spent += cost

    def is_empty(self) -> bool:
        """Whether nothing more may be asked: all is spent, or somebody said stop."""
        return self.stopped or (self.budget is not None and self._spent >= self.budget)

    def affords(self, requests: Sequence[Request]) -> list[Request]:
        """As many of the first questions as can be paid for if each costs as much as it may.

        Args:
            requests: In the order in which they are asked.
        """
        if self.stopped:
            return []
        if self.budget is None or self._price is None:
            return list(requests)
        left, chosen = self.budget - self._spent - self._out, list[Request]()
        for request in requests:
            left -= self._most(most_billed(request))
            if left < 0:
                break
            chosen.append(request)
        return chosen

    def take(self, most: Billed) -> bool:
        """Set aside what a request may cost at most; False where it may not be sent."""
        with self._lock:
            if self.stopped:
                return False
            cost = self._most(most)
            if self.budget is not None and self._spent + self._out + cost > self.budget:
                return False
            self._out += self._cost(most)
            return True

    def settle(self, most: Billed, billed: Billed | None) -> None:
        """Count what is billed for it, in place of what was set aside; None is nothing."""
        planned, cost = self._cost(most), self._cost(billed) if billed else 0.0
        with self._lock:
            self._out -= planned
            self._spent += cost
            if cost > planned:
                self._excess = max(self._excess, cost / planned if planned else 1.0)
                self._worst = max(self._worst, cost)

    def _most(self, most: Billed) -> float:
        """USD that are set aside for a request, by all that is known of the server."""
        return max(self._cost(most) * self._excess, self._worst)

    def _cost(self, billed: Billed) -> float:
        if self._price is None:
            return 0.0
        own = self._price
        return self._share * own.cost(
            billed.prompt_tokens, billed.output_tokens, billed.cached_tokens
        )
