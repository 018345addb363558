"""A leaderboard as Markdown, for a README or GitHub. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalkit.report import board_cells as cells
from evalkit.report.board_cells import Unit, heading, sections, unit_of
from evalkit.report.markdown import markdown_table, safe
from evalkit.report.table import Table
from evalkit.standings import Column, Group, Standing, Standings

_REVISION = 12  # characters of a commit


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
    return f"{text} ({cells.rank(standing)})" if ranked and standing.ranks else text


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
    unit = unit_of(column)
    has_gaps = any(one.reference for one in group.standings)
    has_published = any(one.published for one in group.standings)
    is_ranked = any(one.ranks for one in group.standings)
    header = ["rank", "model", "score", "95 % interval", "n", "clusters"]
    header += [f"beside {safe(reference or '')}"] if has_gaps else []
    header += ["published (gap)"] if has_published else []
    header += ["ranked by"] if is_ranked else []
    header += ["run of", "commit", "data", "prompt", "protocol"]
    rows = []
    for one in group.standings:
        row = [
            cells.rank(one),
            safe(one.contender),
            _bold(safe(cells.score(one, unit)), one),
            cells.ends(one.low, one.high, unit),
            _count(one.n),
            _count(one.clusters),
        ]
        row += [cells.gap(one.reference, unit)] if has_gaps else []
        row += [cells.published(one.published, unit)] if has_published else []
        row += [cells.grounds(one)] if is_ranked else []
        rows.append((*row, *map(safe, _source(one))))
    words = 6 if is_ranked else 5
    right = [False, False, *[True] * (len(header) - 2 - words), *[False] * words]
    return markdown_table(Table(header=tuple(header), rows=tuple(rows), notes=()), str, right)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _source(one: Standing) -> tuple[str, ...]:
    found = one.origin
    revision = (found.revision or "unpinned")[:_REVISION]
    return (
        found.created[:10],
        (found.commit or "-")[:_REVISION],
        f"{found.data} {revision}",
        found.prompt or "unknown",
        found.protocol,
    )


def _economies(column: Column) -> Iterator[str]:
    """Who has more than all that cost no more, in a sentence for each kind of cost."""
    for kind, held in column.economies.items():
        front = [one for one in held if one.standing == "front"]
        told = ", ".join(f"{one.contender} ({cells.cost(kind, one.cost)})" for one in front)
        yield safe(f"The front of score and {kind}: {told}.")
