"""A gate's verdict as a comment on a pull request, in GitHub's Markdown. Pure.

Names, ids and answers come from others. They stand as numbered entities inside <code>, so that they
can neither form Markdown nor mention anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.comparison import Side
from evalkit.report.gate_page import (
    deciding,
    flips_table,
    gate_table,
    key_words,
    reasons,
    title,
    verdict_words,
)
from evalkit.report.markdown import markdown_table, safe
from evalkit.report.table import Table, number
from evalkit.verdicts import GateResult, Judgement

ROWS = 60
"""Rules that a comment shows, the gravest first: GitHub takes 65,536 characters."""


def gate_comment(result: GateResult) -> str:
    """Markdown: the verdict first, then the table, then the ten worst flips, then what to know."""
    flips = flips_table(result)
    shown = _gravest(result)
    parts = [
        f"> [!{_alert(result)}]\n> **{safe(title(result))}**",
        f"{_side(result.candidate)} against {_side(result.baseline)}.",
        _markdown(_verdicts(result, shown), numbers=2),
        _more(len(result.judgements) - len(shown)),
        _bullets(map(safe, _told(result))),
    ]
    if flips.rows:
        rows = tuple((*map(quoted, row[:-1]), safe(row[-1])) for row in flips.rows)
        table = Table(header=flips.header, rows=rows, notes=())
        parts += [f"**The {len(rows)} worst flips**", _markdown(table)]
    details = _markdown(_details(result, shown), numbers=3)
    parts += ["<details><summary>What to know</summary>", details]
    parts.append(_bullets(map(safe, (*result.waived, *result.notes, key_words(result)))))
    parts.append("</details>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _alert(result: GateResult) -> str:
    if result.verdict == "pass":
        return "TIP"
    if result.exit_code == 0:
        return "NOTE"
    return "WARNING" if result.verdict in ("inconclusive", "incomplete") else "CAUTION"


def _side(side: Side) -> str:
    commit = f", evalkit {quoted(side.commit[:8])}" if side.commit else ""
    told = f"{quoted(side.name)}, {side.kind} of {safe(side.created[:10])}{commit}"
    return f"{quoted(side.model)} ({told})"


def _gravest(result: GateResult) -> tuple[int, ...]:
    """Places of the rules that are shown: those that decide, then other failures, then passes."""
    worst = [id(j) for j in deciding(result)]

    def rank(place: int) -> tuple[int, bool]:
        j = result.judgements[place]
        return worst.index(id(j)) if id(j) in worst else len(worst), j.verdict == "pass"

    return tuple(sorted(range(len(result.judgements)), key=rank)[:ROWS])


def _more(left: int) -> str:
    return f"{left:,} more rules are in the gate's other pages." if left > 0 else ""


# Tables


def _verdicts(result: GateResult, places: Sequence[int]) -> Table:
    """What decides, narrow enough for a comment."""
    *_, damage, interval, _, p, _, _, _ = gate_table(result).header
    header = ("metric", "verdict", "baseline → candidate", f"{damage} ({interval})", "allowed", p)
    rows = tuple(_verdict(result, place) for place in places)
    return Table(header=header, rows=rows, notes=())


def _verdict(result: GateResult, place: int) -> tuple[str, ...]:
    j, row = result.judgements[place], gate_table(result).rows[place]
    *_, baseline, candidate, damage, interval, _, p, _, _, _ = row
    word = safe(verdict_words(j))
    return (
        quoted(f"{j.task} {j.metric}"),
        f"**{word}**" if j.counts and j.verdict != "pass" else word,
        candidate if baseline == "-" else f"{baseline}&nbsp;→&nbsp;{candidate}",
        damage if interval == "-" else f"{damage}<br>({interval.replace(' ', '&nbsp;')})",
        _allowed(j),
        safe(p),
    )


def _allowed(j: Judgement) -> str:
    """What the rule allows: damage, or a value of the candidate."""
    if j.rule in ("min", "max"):
        if j.candidate is None or j.damage is None:
            return j.rule
        sign = 1 if j.rule == "min" else -1
        return f"{j.rule} {number(j.candidate + sign * j.damage, j.maximum)}"
    return "-" if j.margin is None else number(j.margin, j.maximum)


def _details(result: GateResult, places: Sequence[int]) -> Table:
    """How the numbers were made, where there are any."""
    table = gate_table(result)
    shown = [(result.judgements[place], table.rows[place]) for place in places]
    rows = tuple(
        (
            quoted(f"{j.task} {j.metric}"),
            safe(j.rule),
            safe(j.method),
            *row[-3:],
            "-" if j.baseline is None else f"{j.discordant:,}",
        )
        for j, row in shown
        if j.n
    )
    header = ("metric", "rule", "method", "MDE", "n", "G", "of them differ")
    return Table(header=header, rows=rows, notes=())


def _told(result: GateResult) -> Iterable[str]:
    """Why rules do not simply pass; of a regression by its numbers the table has said it."""
    yield from reasons(j for j in result.judgements if j.verdict != "regression")
    waived = (j for j in result.judgements if j.verdict == "regression" and j.waiver)
    yield from dict.fromkeys(f"{j.task} {j.metric}: waived by {j.waiver}." for j in waived)


def _markdown(table: Table, numbers: int | None = None) -> str:
    """The table, whose cells are Markdown, with its columns of numbers to the right.

    Args:
        table: The table.
        numbers: Where its columns of numbers begin; None is where there are none.

    Returns:
        Nothing where there are no rows.
    """
    places = range(len(table.header))
    right = [numbers is not None and place >= numbers for place in places]
    return markdown_table(table, str, right) if table.rows else ""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


# Names and answers


def quoted(text: str) -> str:
    """A name or an answer as Markdown: the text as code."""
    return f"<code>{safe(text)}</code>" if text else ""
