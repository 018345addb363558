"""How a leaderboard's numbers are shown: units, decimals, cells. Pure; all rounding is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evalkit.report.marks import Footnote, Mark, footnotes
from evalkit.standings import (
    Column,
    Companion,
    Contender,
    Gap,
    Group,
    Past,
    Standing,
    Standings,
)

REVISION = 12
"""Characters of a commit that are shown."""

_SHOWN = 0.1  # the last place of a number as it is shown

UNPARSED = 0.01
"""From this share on the overview says how many answers were not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """In which unit a column is shown.

    Attributes:
        name: "%" for shares, which records hold as fractions; "points" for all else.
        factor: What a recorded number is multiplied by.
    """

    name: str
    factor: float

    def text(self, value: float, decimals: int | None = None) -> str:
        """A number with one decimal, or as many as are given, and no zero with a sign."""
        shown = f"{value * self.factor:.{1 if decimals is None else decimals}f}"
        return shown.removeprefix("-") if not float(shown) else shown

    def signed(self, value: float) -> str:
        """A difference with its sign."""
        shown = f"{value * self.factor:+.1f}"
        return "0.0" if shown in ("+0.0", "-0.0") else shown


def unit_of(column: Column) -> Unit:
    """The column's unit: percent where the metric is a share, else the metric's own points."""
    values = [one.value for group in column.groups for one in group.standings]
    return _unit(column.maximum, values)


def _unit(maximum: float | None, values: Iterable[float | None]) -> Unit:
    shares = all(value is None or abs(value) <= 1 for value in values)
    is_share = maximum == 1 or (maximum is None and shares)
    return Unit(name="%", factor=100.0) if is_share else Unit(name="points", factor=1.0)


def heading(column: Column) -> str:
    """A column's name with its unit, and with its range where that is not percent."""
    unit = unit_of(column)
    if unit.name == "%":
        return f"{column.name} (%)"
    return column.name if column.maximum is None else f"{column.name} (of {column.maximum:g})"


def score(standing: Standing, unit: Unit) -> str:
    """The number with its interval and its marks, or why there is none."""
    return " ".join(filter(None, (_bare(standing, unit), spread(standing, unit), signs(standing))))


def short_score(standing: Standing, unit: Unit) -> str:
    """The number with its marks, or why there is none."""
    return " ".join(filter(None, (_bare(standing, unit), signs(standing))))


def _bare(standing: Standing, unit: Unit) -> str:
    if standing.value is None:
        return f"-({standing.withheld})"
    return unit.text(standing.value, standing.decimals)


def signs(one: Standing | Past) -> str:
    """The marks of a number, as they stand behind it."""
    return "".join(one.marks)


def spread(standing: Standing, unit: Unit) -> str:
    """How far the interval reaches from the number; empty where there is none.

    Half of its width, where that is right on both sides as far as it is shown; else both sides, so
    that nobody adds what the number cannot have.
    """
    value, low, high = standing.value, standing.low, standing.high
    if value is None or low is None or high is None:
        return ""
    down, up = value - low, high - value
    if min(down, up) < 0:
        return f"({ends(low, high, unit)})"
    if abs(up - down) * unit.factor < _SHOWN:
        return f"± {unit.text((down + up) / 2)}"
    return f"-{unit.text(down)}/+{unit.text(up)}"


def share(value: float | None) -> str:
    """A share in percent; a dash where it is not known."""
    return "-" if value is None else f"{value:.1%}".replace("%", " %")


def is_copied(standing: Standing) -> bool:
    """Whether a number was copied from a publication: there was no run."""
    return Mark.SELF_REPORTED.value in standing.marks


def day(standing: Standing) -> str:
    """The day of the run, or that on which the number was copied."""
    found = standing.origin.created[:10]
    return f"copied on {found}" if is_copied(standing) else found


def data(standing: Standing) -> str:
    """Which data a number is of, as far as that is known."""
    found = standing.origin
    if is_copied(standing):
        return found.data or "-"
    revision = found.revision[:REVISION] if found.revision else "(no fixed revision)"
    return f"{found.data} {revision}"


def companion_names(standings: Iterable[Standing]) -> list[str]:
    """Names of the numbers that stand beside others, each once."""
    return list(dict.fromkeys(held.name for one in standings for held in one.companions))


def companion(standing: Standing, name: str) -> tuple[str, float | None]:
    """A number that stands beside another, as text and as it is; a dash where it is not there."""
    held = next((held for held in standing.companions if held.name == name), None)
    if held is None:
        return "-", None
    spread = ends(held.low, held.high, _unit(held.maximum, (held.value,)))
    return _short(held) + ("" if spread == "-" else f" ({spread})"), held.value


def beside(standing: Standing) -> str:
    """What must be read with a number: what describes its answers, and how many were not read."""
    told = [f"{held.name} {_short(held)}" for held in standing.companions]
    if standing.value is not None and (standing.unparsed or 0.0) >= UNPARSED:
        told.append(f"unparsed {share(standing.unparsed)}")
    return ", ".join(told)


def _short(held: Companion) -> str:
    unit = _unit(held.maximum, (held.value,))
    return unit.text(held.value) + (" %" if unit.name == "%" else "")


def rank(standing: Standing) -> str:
    """The rank, or the range of ranks; a dash where there is none."""
    if standing.ranks is None:
        return "-"
    best, worst = standing.ranks
    return str(best) if best == worst else f"{best}-{worst}"


_GROUNDS = {"scores": "paired scores", "intervals": "intervals", "both": "both"}


def grounds(standing: Standing) -> str:
    """What a rank rests on; a dash where there is none."""
    return _GROUNDS.get(standing.by, "-")


def ends(low: float | None, high: float | None, unit: Unit) -> str:
    """An interval as "low to high"; a dash where there is none."""
    return "-" if low is None or high is None else f"{unit.text(low)} to {unit.text(high)}"


def gap(found: Gap | None, unit: Unit) -> str:
    """A difference with its interval."""
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return unit.signed(found.difference)
    inside = f"{unit.signed(found.low)} to {unit.signed(found.high)}"
    return f"{unit.signed(found.difference)} ({inside})"


def published(found: Iterable[Gap], unit: Unit) -> str:
    """Published numbers with their mark, each with the gap that the measured one has to it."""
    sign = Mark.SELF_REPORTED.value
    told = [f"{unit.text(one.value)} {sign} ({unit.signed(one.difference)})" for one in found]
    return ", ".join(told) or "-"


def cost(kind: str, value: float) -> str:
    """A number of parameters, or seconds by sample."""
    if kind == "parameters":
        for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
            if value >= size:
                return f"{value / size:.3g}{letter}"
        return f"{value:.0f}"
    return f"{value:.3g} s"


# The overview: one row a model, one column a metric, groups apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows of the overview that may stand beside each other, column by column.

    Attributes:
        title: How they differ from the main section; empty for that one.
        comparable: Whether they may be compared with each other.
        rows: Each row with its cell in every column, or None.
    """

    title: str
    comparable: bool
    rows: tuple[tuple[Contender, tuple[Standing | None, ...]], ...]


def sections(standings: Standings) -> tuple[Section, ...]:
    """The overview: the main section first, then what may not stand beside it, by how it differs.

    Two groups of a column are never in one section, so ranks and bold numbers of a section's column
    are about one another.
    """
    titles: dict[str, bool] = {}
    for column in standings.columns:
        for group in column.groups:
            titles.setdefault(group.title, group.comparable)
    order = sorted(titles, key=lambda title: (bool(title), not titles[title], title))
    return tuple(_section(standings, title, comparable=titles[title]) for title in order)


def _section(standings: Standings, title: str, *, comparable: bool) -> Section:
    cells: dict[str, list[Standing | None]] = {}
    places: dict[str, list[int]] = {}
    count, last = len(standings.columns), len(standings.contenders)
    for number, column in enumerate(standings.columns):
        group = next((one for one in column.groups if one.title == title), None)
        for place, one in enumerate(() if group is None else group.standings):
            cells.setdefault(one.contender, [None] * count)[number] = one
            places.setdefault(one.contender, [last] * count)[number] = place
    known = [row for row in standings.contenders if row.label in cells]
    if title:
        known.sort(key=lambda row: places[row.label])
    rows = [(row, tuple(cells[row.label])) for row in known]
    return Section(title=title, comparable=comparable, rows=tuple(rows))


# Sentences below


def _ranked_by(standings: Standings) -> Iterator[str]:
    """What ranks rest on, and whose rest on what where not all are of one kind."""
    by = {kind: {one.contender for one in all_of(standings) if one.by == kind} for kind in _GROUNDS}
    paired, apart = by["scores"] | by["both"], by["intervals"] | by["both"]
    if paired:
        yield "Where scored samples are at hand, models are compared pair by pair on the same ones."
    if apart:
        why = "Where they are not," if paired else "No two have scored samples at hand, so"
        yield f"{why} ranks rest on intervals that do not touch, which says less."
    if paired and apart:
        order = [row.label for row in standings.contenders]
        told = {"paired scores": by["scores"], "intervals": by["intervals"], "both": by["both"]}
        shown = (
            f"from {what}: {', '.join(label for label in order if label in held)}"
            for what, held in told.items()
            if held
        )
        yield f"Ranked {'; '.join(shown)}. The tables say so column by column."


def _put_together(standings: Standings) -> Iterator[str]:
    """Which rows are of several runs, and what is not there."""
    mixed = []
    for section in sections(standings):
        for row, held in section.rows:
            count = len({one.origin.record for one in held if one is not None})
            mixed += [f"{row.label} ({count})"] if count > 1 else []
    if mixed:
        yield (
            f"Numbers of one row are of different runs: {', '.join(mixed)}; each column's own "
            "table says of which."
        )
    if count := len(standings.left_out):
        what = "1 place is" if count == 1 else f"{count} places are"
        yield f"{what} left out and named at the end, with the reason."
    if count := len(standings.unmeasured):
        what = "1 task of which there are" if count == 1 else f"{count} tasks of which there are"
        verb = "is" if count == 1 else "are"
        yield f"{what} only published numbers {verb} left out; `--tasks all` shows them."


_EXPLAINED = {
    "preprocessing": "what models' own processors do to pictures",
}


def sentences(standings: Standings) -> Iterator[str]:
    """How the leaderboard is to be read."""
    level = f"{standings.level:.0%}".replace("%", " %")
    yield (
        f"A number is shown with half the width of its {level} interval, or with both sides where "
        "they differ. A rank is the range of ranks that the comparisons of a group leave open, all "
        f"of them at once ({level}); rows in bold may be first."
    )
    yield (
        "In the tables below n is how many units were counted; clusters are groups of samples that "
        "hang together, mostly by one picture: intervals rest on these."
    )
    yield from _ranked_by(standings)
    yield from _put_together(standings)
    if standings.allowed:
        told = (_EXPLAINED.get(part, part) for part in standings.allowed)
        yield f"Among rows that are ranked together may differ: {', '.join(told)}."
    if any(one.companions for one in all_of(standings)):
        yield "What is neither good nor bad, as a yes-ratio, stands with what it explains."
    if any(one.withheld for one in all_of(standings)):
        yield "With more than 5 % failed samples there is no number, but the share that failed."
    if any(one.published for one in all_of(standings)):
        yield "Beside a published number stands by how much the measured one is above it."
    if standings.same:
        told = (f"{label} is {' and '.join(others)}" for label, others in standings.same)
        yield f"Set beside published numbers by choice: {'; '.join(told)}."


def all_of(standings: Standings) -> Iterator[Standing]:
    """All numbers of a leaderboard."""
    for column in standings.columns:
        for group in column.groups:
            yield from group.standings


def notes(standings: Standings) -> Iterator[str]:
    """What must be known of single rows."""
    yield from _training_notes(standings)
    for column in standings.columns:
        yield from (f"{column.name}: {note}" for note in column.notes)
        for group in column.groups:
            yield from _group_notes(column, group)


def _training_notes(standings: Standings) -> Iterator[str]:
    """What is said of models' training data, each word once."""
    held = [
        (said, column.name, one.contender)
        for column in standings.columns
        for group in column.groups
        for one in group.standings
        for said in one.trained_on
    ]
    for said in dict.fromkeys(word for word, _, _ in held):
        names = ", ".join(dict.fromkeys(name for word, name, _ in held if word == said))
        labels = ", ".join(dict.fromkeys(label for word, _, label in held if word == said))
        told = f"{labels}: trained on {said.data} (source: {said.source})"
        yield f"{Mark.TRAINED.value} {told}. It bears on {names}."


def _group_notes(column: Column, group: Group) -> Iterator[str]:
    for one in group.standings:
        waived = [m for m in one.waived if not m.part.startswith("preprocessing")]
        if waived:
            told = "; ".join(f"{m.part}: {m.second}, not {m.first}" for m in waived)
            yield f"{column.name}: {one.contender} differs in what was allowed: {told}."
        if one.erratum:
            yield f"{column.name}: {one.contender} is as it was printed. {one.erratum}"


def used_footnotes(standings: Standings) -> tuple[Footnote, ...]:
    """The footnotes of the marks that are on the page."""
    by_sign = {mark.value: mark for mark in Mark}
    past = (one for column in standings.columns for h in column.histories for one in h.past)
    used = {sign for one in all_of(standings) for sign in one.marks}
    used |= {sign for one in past for sign in one.marks}
    return footnotes(by_sign[sign] for sign in used)
