"""Runs -> the body of a card's block, by a template. Pure.

Templates are jinja2's, in a sandbox (`evalkit.card.sandbox`): they can reach neither code nor
files, and what is not given is an error. What they are given is public (`evalkit.card.views`), and
all that they write is escaped unless it was made as Markdown here; so no name, note or answer of a
record can form markup, and no line of it a block's mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.card.derived import Shape, derived_layout
from evalkit.card.entries import Best, Entry, Metrics, check_whole
from evalkit.card.layout import Layout, parse_layout
from evalkit.card.model_index import own_entries
from evalkit.card.numbers import BOLD, PROTOCOLS, ROUNDING, methods, numbers
from evalkit.card.provenance import fenced, provenance
from evalkit.card.section import section_context
from evalkit.card.spelled import spelled
from evalkit.card.tables import card_tables
from evalkit.card.titles import GROUPS, Titles
from evalkit.errors import UsageError
from evalkit.report.markdown import published
from evalkit.run_record import RunRecord

_FOLDER = Path(__file__).parents[1] / "report" / "templates"
_GAP = re.compile(r"\n{3,}")
_MARK = re.compile(r"<!(?=--\s*evalkit:)", re.IGNORECASE)  # what would look like a block's mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What the body of a card is made of.

    Attributes:
        entries: The runs, in order; the card is the first one's.
        references: Records whose numbers stand beside.
        template: The template's text.
        called: What the template is called, for errors.
        metrics: Which metrics are shown.
        partial: Whether numbers of a part of the data may stand there, with their marks.
        layout: What a layout file says, for templates that ask it.
        shape: What the tables look like where no layout says it; None: there are no tables.
        titles: What readers call the tasks, as far as it is known.
        name: The model's name on a card; None is what the first record says.
        indexed: The model that the front matter's `model-index` is of; None where there is none.
    """

    entries: tuple[Entry, ...]
    references: tuple[RunRecord, ...] = ()
    template: str
    called: str = "of the card"
    metrics: Metrics = "headline"
    partial: bool = False
    layout: Mapping[str, Any] | None = None
    shape: Shape | None = None
    titles: Titles = field(default_factory=dict)
    name: str | None = None
    indexed: str | None = None


def template_names() -> tuple[str, ...]:
    """Names of the templates that come with evalkit."""
    found = _FOLDER.glob("card_*.md.j2")
    return tuple(sorted(path.name[len("card_") : -len(".md.j2")] for path in found))


def template_text(name: str) -> str:
    """The text of a template that comes with evalkit.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in template_names():
        known = ", ".join(template_names())
        message = f"There is no template {name!r}; there are {known}, or a file by its path."
        raise UsageError(message)
    return (_FOLDER / f"card_{name}.md.j2").read_text(encoding="utf-8")


def body(sheet: Sheet, best: Best) -> str:
    """The body of a card's block, as Markdown.

    Args:
        sheet: What it is made of.
        best: Which results of a row may be the best.

    Raises:
        IncompleteError: A number is of a part of its data, and that was not allowed.
        UnhealthyJudgeError: Too many verdicts are missing, and that was not allowed.
        UsageError: The template is broken, or asks for what there is not.
    """
    from evalkit.card.made import Made
    from evalkit.card.sandbox import rendered
    from evalkit.card.views import view_of

    if not sheet.partial:
        check_whole([*(entry.record for entry in sheet.entries), *sheet.references])
    context = view_of(context_of(sheet, best))
    part = (_FOLDER / "provenance.md.j2").read_text(encoding="utf-8")
    told = Made(rendered(part, "provenance.md.j2", context))  # what all templates say
    text = rendered(sheet.template, sheet.called, {**context, "provenance": told})
    return _MARK.sub("<! ", _GAP.sub("\n\n", text)).strip("\n")


def context_of(sheet: Sheet, best: Best) -> dict[str, Any]:
    """What templates are given, before it is made public; arguments as for `body`.

    Beside it templates have `provenance`: Markdown that says where all numbers are from.
    """
    from markupsafe import Markup

    made: Callable[[str], Markup] = Markup  # Markdown of this package, in which texts are escaped
    table = numbers(sheet.entries, sheet.references, sheet.metrics, best, sheet.titles)
    return {
        "title": sheet.entries[0].record.model.name,
        "table": made(table.markdown),
        "footnotes": table.footnotes,
        "is_ranked": table.is_ranked,
        "methods": methods(sheet.entries, sheet.metrics),
        "groups": GROUPS if table.has_groups else "",
        "protocols": PROTOCOLS,
        "scope": _scope(sheet),
        "bold": BOLD,
        "rounding": ROUNDING,
        "runs": [_run(entry, made) for entry in sheet.entries],
        "references": sheet.references,
        **_tables(sheet, best),
    }


def _tables(sheet: Sheet, best: Best) -> dict[str, Any]:
    """What a layout's tables are to a template; nothing where there is no layout."""
    if sheet.layout is None and sheet.shape is None:
        return {}
    scored = {entry.record.digest: entry.scored for entry in sheet.entries}
    both = (*(entry.record for entry in sheet.entries), *sheet.references)
    records = list({record.digest: record for record in both}.values())
    layout = _layout(sheet, records)
    tables = card_tables(layout, records, best=best, scored=scored, titles=sheet.titles)
    return section_context(layout, tables)


def _layout(sheet: Sheet, records: Sequence[RunRecord]) -> Layout:
    if sheet.layout is not None:
        return parse_layout(sheet.layout, "The layout")
    return derived_layout(records, sheet.shape or "grid", sheet.metrics, sheet.titles)


def _run(entry: Entry, made: Callable[[str], Any]) -> dict[str, Any]:
    """A run as templates see it; a code block is text that needs no escape, and cannot end it."""
    told = provenance(entry.record)
    return {
        "label": entry.label,
        "record": entry.record,
        "provenance": told,
        "facts": [(what, made(spelled(value))) for what, value in told.facts],
        "notes": [made(spelled(note)) for note in told.notes],
        "provenance_table": made(told.table),
        "prompts": [
            {"variant": variant, "tasks": tasks, "template": made(fenced(template, "jinja"))}
            for variant, template, tasks in told.prompts
        ],
        "command": made(fenced(told.command, "console")) if told.command else "",
        "task_list": made(fenced(told.task_list, "toml")) if told.task_list else "",
    }


def heading(sheet: Sheet) -> str:
    """The title of a new card, as Markdown: the model's name, or that it compares several."""
    first = sheet.entries[0].record.model.name
    models = len({entry.record.model.name for entry in sheet.entries})
    if sheet.name is not None and sheet.name != first:
        return f"# {published(sheet.name)}"
    if models > 1:
        count = _COUNTS[models] if models < len(_COUNTS) else str(models)
        return f"# Comparison of {count} models"
    return f"# {published(first)}"


_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _scope(sheet: Sheet) -> str:
    """That the front matter is of one model alone, where the card is of several."""
    if sheet.indexed is None or len(own_entries(sheet.entries)) == len(sheet.entries):
        return ""
    return (
        f"The front matter (model-index) holds the numbers of {sheet.indexed} alone, since the hub "
        "takes a card to be of one model."
    )
