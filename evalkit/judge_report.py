"""How a task was judged: what its record says of the judge, of missing verdicts, of the bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReport:
    """How a task was judged, and what that cost.

    Attributes:
        judge: The judge's spec.
        rubric: SHA-256 of the rubric's words.
        origin: Whose words they are: "official", "evalkit", or "file".
        votes: How often each question was put.
        swapped: Whether it was put in both orders.
        verdicts: Verdicts that were wanted.
        failed: Those that are missing, by kind.
        cached: Verdicts of which every reply was known before.
        requests: Questions that this run paid for, in all sessions.
        prompt_tokens: Tokens of those.
        output_tokens: Tokens of their replies.
        cost_usd: What they cost by the price table; None where no price is known.
        prices: The day of the price table; None where there is none.
        healthy: Whether no larger share failed than was allowed.
        consistency: Share of the answers that win, draw or lose in both orders alike; None where
            they were shown in one.
        spread: Mean over answers of the votes' standard deviation in one order; None for one vote.
        served: Verdicts by what the server said of itself: model, system fingerprint, date.
        digest: SHA-256 of the file of verdicts.
        answers: SHA-256 over what they are about: sample, vote, order and answer, in order.
        max_failures: Share that was allowed to be missing; None where the record does not say.
        notes: What else a reader must know of the verdicts, as parts of a sentence; None where
            there is nothing.
        untold: Those of the questions whose tokens the server did not tell: the most that they can
            be is counted, so that tokens and cost are upper bounds.
        example: How a reply begins that could not be read; None where there is none.
    """

    judge: str
    rubric: str
    origin: str
    votes: int
    swapped: bool
    verdicts: int
    failed: Mapping[str, int]
    cached: int
    requests: int
    prompt_tokens: int
    output_tokens: int
    cost_usd: float | None
    prices: str | None
    healthy: bool
    consistency: float | None
    spread: float | None
    served: Mapping[str, int]
    digest: str
    answers: str
    max_failures: float | None = None
    notes: tuple[str, ...] | None = None
    untold: int = 0
    example: str | None = None

    @property
    def is_void(self) -> bool:
        """Whether verdicts were wanted, and there is not one: its numbers would be of nothing."""
        return 0 < self.verdicts <= sum(self.failed.values())

    @property
    def unasked(self) -> int:
        """Verdicts that were not asked for, since the budget was spent."""
        return self.failed.get("unasked", 0)

    @property
    def fails(self) -> bool:
        """Whether of the verdicts that were asked for a larger share failed than was allowed."""
        if not self.unasked:
            return not self.healthy
        allowed = 0.01 if self.max_failures is None else self.max_failures  # an old record's
        lost = sum(self.failed.values()) - self.unasked
        return lost > allowed * (self.verdicts - self.unasked)
