"""A leaderboard as Markdown, for a README or GitHub. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from evalkit.report import board_cells as cells
from evalkit.report.board_cells import Unit, heading, sections, unit_of
from evalkit.report.markdown import markdown_table, safe
from evalkit.report.table import Table
from evalkit.standings import Column, Group, Standing, Standings

Field = tuple[str, bool, Callable[[Standing], str]]
"""A column of a table: its header, whether it stands at the right, and the cell of a number."""


def board_markdown(standings: Standings) -> str:
    """The leaderboard as a page in GitHub's Markdown, without a newline at its end."""
    parts = [f"# {safe(standings.title)}"]
    if not standings.columns:
        parts.append("There is no record to show.")
    for section in sections(standings):
        if section.title:
            parts.append(f"**Not comparable with the rows above: {safe(section.title)}**")
        parts.append(_overview(standings, section))
    parts += _aggregates(standings)
    parts.append(_listed(cells.sentences(standings) if standings.columns else ()))
    marks = cells.used_footnotes(standings)
    parts.append("\n".join(f"- {note.mark.value} {safe(note.text)}" for note in marks))
    parts.append(_listed(cells.notes(standings)))
    for column in standings.columns:
        parts += _column(column, standings.reference)
    if standings.left_out:
        parts.append("## Left out")
        parts.append(_listed(f"{one.path}: {one.why}" for one in standings.left_out))
    return "\n\n".join(part for part in parts if part)


def _listed(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(f"- {safe(line)}" for line in lines)


def _bold(text: str, standing: Standing) -> str:
    return f"**{text}**" if standing.leads else text


def _overview(standings: Standings, section: cells.Section) -> str:
    units = [unit_of(column) for column in standings.columns]
    shown = [any(row[place] for _, row in section.rows) for place in range(len(units))]
    rows = []
    for contender, held in section.rows:
        texts = [
            _cell(one, unit, ranked=section.comparable)
            for one, unit, is_shown in zip(held, units, shown, strict=True)
            if is_shown
        ]
        rows.append((safe(contender.label), *texts))
    names = (safe(heading(column)) for column in standings.columns)
    header = ("model", *(name for name, is_shown in zip(names, shown, strict=True) if is_shown))
    right = [False, *[True] * (len(header) - 1)]
    return markdown_table(Table(header=header, rows=tuple(rows), notes=()), str, right)


def _cell(standing: Standing | None, unit: Unit, *, ranked: bool) -> str:
    if standing is None:
        return "-"
    text = _bold(safe(cells.score(standing, unit)), standing)
    text = f"{text} ({cells.rank(standing)})" if ranked and standing.ranks else text
    return ", ".join(filter(None, (text, safe(cells.beside(standing)))))


def _aggregates(standings: Standings) -> Iterator[str]:
    if standings.aggregate is None:
        return
    if not standings.aggregates:
        yield "No row has a rank in every column, so nothing stands for all columns."
        return
    mean = standings.aggregate == "mean-rank"
    name = "mean of ranks" if mean else "share of rivals below (Borda)"
    rows = tuple(
        (safe(one.contender), f"{one.low:.2f} to {one.high:.2f}" if mean else f"{one.low:.3f}")
        for one in standings.aggregates
    )
    yield markdown_table(
        Table(header=("over all columns", name), rows=rows, notes=()), str, [False, True]
    )


def _column(column: Column, reference: str | None) -> Iterator[str]:
    yield f"## {safe(heading(column))}"
    for group in column.groups:
        if group.title:
            yield f"**{safe(group.title)}**"
        yield _group(column, group, reference)
    yield from _economies(column)


def _group(column: Column, group: Group, reference: str | None) -> str:
    fields = list(_fields(column, group, reference))
    rows = tuple(tuple(cell(one) for _, _, cell in fields) for one in group.standings)
    header, right = tuple(name for name, _, _ in fields), [right for _, right, _ in fields]
    return markdown_table(Table(header=header, rows=rows, notes=()), str, right)


def _fields(column: Column, group: Group, reference: str | None) -> Iterator[Field]:
    """The columns of a group's table: those of which it has anything to say."""
    unit, held = unit_of(column), group.standings
    yield "rank", False, cells.rank
    yield "model", False, lambda one: safe(one.contender)
    yield "score", True, lambda one: _bold(safe(cells.score(one, unit)), one)
    if any(one.low is not None for one in held):
        yield "95 % interval", True, lambda one: cells.ends(one.low, one.high, unit)
    if any(one.n is not None for one in held):
        yield "n", True, lambda one: _count(one.n)
        yield "clusters", True, lambda one: _count(one.clusters)
    for name in cells.companion_names(held):
        yield safe(name), True, partial(_companion, name)
    if any(one.unparsed for one in held):
        yield "unparsed", True, lambda one: cells.share(one.unparsed)
    if any(one.reference for one in held):
        yield f"beside {safe(reference or '')}", True, lambda one: cells.gap(one.reference, unit)
    if any(one.published for one in held):
        yield "published (gap)", True, lambda one: cells.published(one.published, unit)
    if any(one.ranks for one in held):
        yield "ranked by", False, cells.grounds
    yield from _sources(held)


def _sources(held: Sequence[Standing]) -> Iterator[Field]:
    """Where numbers are from; of copied ones what their publication says."""
    measured = not all(map(cells.is_copied, held))
    yield "run of" if measured else "day", False, cells.day
    if measured:
        yield "commit", False, lambda one: safe((one.origin.commit or "-")[: cells.REVISION])
    if any(one.origin.data for one in held):
        yield "data", False, lambda one: safe(cells.data(one))
    if measured:
        yield "prompt", False, lambda one: safe(one.origin.prompt or "unknown")
        yield "protocol", False, lambda one: safe(one.origin.protocol)


def _companion(name: str, one: Standing) -> str:
    return cells.companion(one, name)[0]


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


_CHEAP = {"parameters": "as small or smaller", "seconds per sample": "as fast or faster"}


def _economies(column: Column) -> Iterator[str]:
    """Who has a better number than all that cost no more, in a sentence for each kind of cost."""
    unit = unit_of(column)
    by_label = {one.contender: one for one in column.groups[0].standings}
    for kind, held in column.economies.items():
        told = "; ".join(
            f"{one.contender} ({cells.short_score(by_label[one.contender], unit)}, "
            f"{cells.cost(kind, one.cost)})"
            for one in held
            if one.standing == "front"
        )
        yield safe(f"None that is {_CHEAP[kind]} ({kind}) has a better number than: {told}.")
