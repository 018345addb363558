"""Which numbers may have a rank: of enough samples, of a healthy judge, and with a direction."""

from __future__ import annotations

from evalkit.run_record import TaskResult

FAILED_SHARE = 0.05
"""With a larger share of failed samples there is no number: it would be the failures'."""


def withheld(result: TaskResult) -> str:
    """Why a result's numbers are not shown; empty where they are."""
    if result.judge is not None and result.judge.is_void:
        return "no verdicts"
    share = failed_share(result)
    return f"{share:.0%} failed" if share > FAILED_SHARE else ""


def failed_share(result: TaskResult) -> float:
    """The share of samples that failed."""
    covered = result.coverage
    return covered.failed / covered.asked if covered.asked else 0.0


def unranked(result: TaskResult, metric: str, *, better: bool | None) -> str:
    """Why a number has no rank; empty where it may have one.

    Args:
        result: The result.
        metric: One of its metrics.
        better: Whether more is better; None where nobody says.
    """
    value = result.metrics[metric]
    reasons = {
        withheld(result): bool(withheld(result)),
        "too many verdicts are missing": result.judge is not None and not result.judge.healthy,
        "stopped early, which chose what was counted": result.peeks is not None
        and result.peeks.stopped,
        "nothing says whether more is better": better is None,
        "there is no interval": value.low is None and result.scores is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
