"""A gate's verdict as a table, and as GitHub's annotations. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from evalkit.comparison import Flip
from evalkit.report.flips import CAUSES, both_said, right
from evalkit.report.table import Table, number, p_words, shortened, signed
from evalkit.verdicts import CODES, GateResult, Judgement

FLIPS = 10
"""Flips that a page shows."""

_WIDTH = 60  # characters of an answer
_TITLES = {
    "stale": "Stale",
    "not comparable": "Not comparable",
    "regression": "Regression",
    "judge unhealthy": "The judge is unhealthy",
    "incomplete": "Incomplete",
    "inconclusive": "Inconclusive",
    "pass": "Pass",
}


def deciding(result: GateResult) -> tuple[Judgement, ...]:
    """Judgements that count and are no pass, the gravest verdicts first."""
    order = list(CODES)
    held = [j for j in result.judgements if j.counts and j.verdict != "pass"]
    return tuple(sorted(held, key=lambda j: order.index(j.verdict)))


def title(result: GateResult) -> str:
    """The verdict in one sentence, with the rules that make it."""
    worst = [j for j in deciding(result) if j.verdict == result.verdict]
    counted = sum(j.counts for j in result.judgements)
    if not counted:
        return f"{_TITLES[result.verdict]}: no rule decides."
    if not worst:
        idle = sum(j.verdict != "pass" for j in result.judgements)
        others = f"{idle} other{'' if idle == 1 else 's'}"
        rest = (
            f"; {others}, which cannot decide, {'does' if idle == 1 else 'do'} not" if idle else ""
        )
        passed = sum(j.verdict == "pass" and j.counts for j in result.judgements)
        return f"{_TITLES[result.verdict]}: {passed} of {_rules(counted)} hold{rest}."
    shown = ", ".join(f"{j.task} {j.metric}" for j in worst[:3])
    more = f" and {len(worst) - 3} more" if len(worst) > 3 else ""  # noqa: PLR2004 - as above
    ends = " It does not fail the gate." if result.exit_code == 0 else ""
    return f"{_TITLES[result.verdict]}: {shown}{more} ({len(worst)} of {_rules(counted)}).{ends}"


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'} that count{'s' if count == 1 else ''}"


# The tables


def gate_table(result: GateResult) -> Table:
    """One row a rule, and below it why a rule does not simply pass, and what to know."""
    levels = {f"{100 * (1 - 2 * j.alpha):g} %" for j in result.judgements}
    header = (
        *("task", "metric", "rule", "verdict", "baseline", "candidate", "damage"),
        f"{levels.pop()} interval" if len(levels) == 1 else "interval",
        *("margin", "p" if result.family == "none" else f"p_{result.family}", "MDE", "n", "G"),
    )
    return Table(
        header=header,
        rows=tuple(map(_row, result.judgements)),
        notes=(*reasons(result.judgements), *result.waived, *result.notes, key_words(result)),
    )


def reasons(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    """Why rules do not simply pass, each sentence once."""
    told = (j for j in judgements if j.verdict != "pass" or j.waiver)
    return tuple(
        dict.fromkeys(
            f"{j.task} {j.metric}: {j.reason}" if j.n else f"{j.task}: {j.reason}" for j in told
        )
    )


def key_words(result: GateResult) -> str:
    """What the columns mean, and which policy it was."""
    return (
        f"Policy {result.policy[:12]}; damage above 0 is worse; MDE: how far the damage must lie "
        f"from the margin to be settled with {result.power:.0%} power, by its rule alone; G: "
        "clusters."
    )


def _row(j: Judgement) -> tuple[str, ...]:
    bounds = "-" if j.low is None or j.high is None else f"{_signed(j, j.low)} to "
    return (
        *(j.task, j.metric, j.rule, verdict_words(j)),
        *(_number(j, j.baseline), _number(j, j.candidate), _signed(j, j.damage)),
        bounds if j.high is None or bounds == "-" else bounds + _signed(j, j.high),
        _number(j, j.margin),
        p_words(j.adjusted),
        _number(j, j.detectable),
        *((f"{j.n:,}", f"{j.clusters:,}") if j.n else ("-", "-")),
    )


def verdict_words(j: Judgement) -> str:
    """The verdict of a rule, and why it does not count where it does not."""
    if j.waiver:
        return f"{j.verdict} (waived)"
    if j.tier == "critical":
        return j.verdict
    return f"{j.verdict} ({j.tier})"


def _number(j: Judgement, value: float | None) -> str:
    return "-" if value is None else number(value, j.maximum)


def _signed(j: Judgement, value: float | None) -> str:
    return "-" if value is None else signed(value, j.maximum)


def flips_table(result: GateResult) -> Table:
    """The worst flips: samples that the candidate answers worse."""
    header = ("task", "sample", "right", "baseline", "candidate", "cause")
    return Table(header=header, rows=tuple(map(_flip, _worst(result))), notes=())


def _worst(result: GateResult) -> Iterable[Flip]:
    return islice((flip for flip in result.flips if flip.gain < 0), FLIPS)


def _flip(flip: Flip) -> tuple[str, ...]:
    texts = (flip.sample_id, right(flip) or "-", *both_said(flip))
    return (flip.task, *(shortened(text, _WIDTH) for text in texts), CAUSES[flip.cause])


# Annotations of a workflow


def gate_annotations(result: GateResult, policy: str) -> str:
    """GitHub's workflow commands: one for each rule that is no pass, and one for the gate.

    Args:
        result: The verdict.
        policy: The policy file's path, to which the annotations are tied.

    Returns:
        One command a line.
    """
    level = "error" if result.exit_code else "notice"
    lines = [_command(level, policy, f"evalkit gate: {result.verdict}", title(result))]
    for j in result.judgements:
        if j.verdict != "pass":
            decides = j.counts and result.exit_code and j in deciding(result)
            name = f"{j.task} {j.metric} ({j.rule}): {verdict_words(j)}"
            lines.append(_command("error" if decides else "warning", policy, name, j.reason))
    return "\n".join(lines) + "\n"


def _command(level: str, file: str, name: str, message: str) -> str:
    """One workflow command, escaped as GitHub's toolkit escapes (actions/toolkit, command.ts)."""
    properties = f"file={_property(file)},title={_property(name)}"
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
