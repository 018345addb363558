"""What a card's tables look like: a layout in TOML, read strictly.

    published = "printed"            published numbers as they are printed; else "value": formatted
    marks = "mixed"                  the mark of self-reported numbers only beside others; "always"
    intervals = false                no intervals and n of measured numbers below each table

    [references]                     links by key; only those that are used are defined
    gqa = "https://..."

    [models.my-model]                factors of a measured model, by its name; published records
    size = "3B"                      have their own

    [[tables]]
    name = "main"
    kind = "pivot"                   rows are benchmarks, columns are models
    corner = "Benchmark"             the head of the column of labels
    scale = 100                      how values are written; a row or a column may say otherwise
    decimals = 1
    better = "more"                  which numbers may be in bold, where no task says it: or "less"
    columns = [{ label = "224-3B", where = { size = "3B", resolution = "224" } }]
    rows = [{ label = "GQA", reference = "gqa", task = "gqa", metric = "accuracy" }]

The other kinds: "models" (rows are models, columns are factors or metrics), "small" (the same below
a linked title; a single value becomes a bullet) and "spans" (HTML: columns in groups, rows in
sections; a group names the task, a section and a row the metric, joined by "_").

`where` picks records: by factors, or by `model`, `run`, `source` and `record` (a record's digest),
which all records have.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evalkit.board.ranks import Better
from evalkit.errors import UsageError
from evalkit.gate.tables import Table, read_toml

Kind = Literal["pivot", "models", "small", "spans"]
Align = Literal["plain", "left", "center", "right"]
Texts = Literal["value", "printed"]

KINDS: tuple[Kind, ...] = ("pivot", "models", "small", "spans")
"""What tables there are."""

BETTER: tuple[Better, ...] = ("more", "less")
"""What may be better."""

ALIGNS: tuple[Align, ...] = ("plain", "left", "center", "right")
"""How a column is set; "plain" says nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a value is written; None is what stands around it, and at last evalkit's own way.

    Attributes:
        scale: What it is multiplied by: 100 makes percent of a fraction.
        decimals: Digits after the point, rounded as `evalkit.card.cells.shown` says.
        suffix: What stands behind it: "%".
    """

    scale: float | None = None
    decimals: int | None = None
    suffix: str | None = None

    def over(self, outer: Style) -> Style:
        """This, and where it says nothing, the other."""
        return Style(
            scale=outer.scale if self.scale is None else self.scale,
            decimals=outer.decimals if self.decimals is None else self.decimals,
            suffix=outer.suffix if self.suffix is None else self.suffix,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row, a column, a group of columns or a section of rows.

    Attributes:
        label: What stands at its head.
        reference: Key of the link behind the label; None is no link.
        qualifier: What stands behind it in parentheses, such as a split.
        where: Factors of the records that it is about.
        task: The task that it is about.
        metric: The metric, or a part of its name (kind "spans").
        factor: In place of a metric, a factor of the row's record ("size", "model").
        align: How a column is set.
        style: How its values are written.
        better: What is better; None is what the task says, or else nobody.
        foreign: Whether the label is a record's, and not the layout's own words.
    """

    label: str = ""
    reference: str | None = None
    qualifier: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    task: str | None = None
    metric: str | None = None
    factor: str | None = None
    align: Align = "plain"
    style: Style = Style()
    better: Better | None = None
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """One table.

    Attributes:
        name: Names it within the layout.
        kind: What its rows and columns are.
        title: Its title; None is none.
        reference: Key of the link behind the title.
        section: The heading below which it stands; None is that of the table before.
        corner: The head of the labels; of kind "spans" that of the first header row.
        subcorner: Of kind "spans" that of the second header row.
        align: How the labels are set.
        missing: What stands where there is no number.
        style: How values are written.
        better: What is better, where a row or a column does not say it.
        columns: Columns; of kind "spans" those of each group.
        rows: Rows; none is one for each record that has one of the columns (models, small).
        groups: Groups of columns (spans).
        sections: Sections, each of which has all rows (spans); none is one without a head.
        notes: Sentences below it, in Markdown.
        drop_empty: Whether rows without any number are left out.
        row_heads: Whether HTML says that labels are heads of their rows.
    """

    name: str
    kind: Kind
    title: str | None = None
    reference: str | None = None
    section: str | None = None
    corner: str = ""
    subcorner: str = ""
    align: Align = "plain"
    missing: str = "-"
    style: Style = Style()
    better: Better | None = None
    columns: tuple[Line, ...]
    rows: tuple[Line, ...] = ()
    groups: tuple[Line, ...] = ()
    sections: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()
    drop_empty: bool = False
    row_heads: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The tables of a card.

    Attributes:
        place: Where it was read, for errors.
        tables: In their order.
        references: Links by key, in the order in which they are defined.
        models: Factors of models by their names.
        published: Whether published numbers stand as they are printed.
        marks: Whether self-reported numbers are marked always, or where there are others too.
        intervals: Whether intervals and n of measured numbers stand below each table.
    """

    place: str
    tables: tuple[TableLayout, ...]
    references: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    published: Texts = "value"
    marks: Literal["always", "mixed"] = "always"
    intervals: bool = True


_STYLE = ("scale", "decimals", "suffix", "better")
_NAMED = ("label", "reference", "qualifier")
_OF_MODELS = {
    "columns": (*_NAMED, "factor", "task", "metric", "align", *_STYLE),
    "rows": ("label", "where"),
}
_LINES: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    "pivot": {
        "columns": ("label", "where", "align"),
        "rows": (*_NAMED, "task", "metric", *_STYLE),
    },
    "models": _OF_MODELS,
    "small": _OF_MODELS,
    "spans": {
        "groups": ("label", "task"),
        "columns": ("label", "where"),
        "sections": ("label", "metric", "better"),
        "rows": ("label", "metric", *_STYLE),
    },
}
_OPTIONAL = {("models", "rows"), ("small", "rows"), ("spans", "sections")}
_TABLE = (
    *("name", "kind", "title", "reference", "section", "corner", "align", "missing", *_STYLE),
    *("notes", "drop_empty"),
)
_TOP = ("published", "marks", "intervals", "references", "models", "tables")
_KEY = re.compile(r"[\w+.-]+")
_LINK = re.compile(r"https?://[^\s<>()\\]+")
_MOST_DECIMALS = 15


def load_layout(path: str | Path) -> Layout:
    """A layout from its file.

    Raises:
        UsageError: It cannot be read, or says something that cannot be meant: the text names the
            file, the table and the key.
    """
    raw, _ = read_toml(Path(path), "layout")
    return parse_layout(raw, f"The layout {path}")


def parse_layout(raw: Mapping[str, Any], place: str) -> Layout:
    """A layout from its plain value; arguments as `Table`, errors as `load_layout`."""
    top = Table(raw, place, _TOP)
    references = _texts(top, "references")
    for key, link in references.items():
        if not _KEY.fullmatch(key) or not _LINK.fullmatch(link):
            message = (
                f'{place}, references, sets {key} = "{link}"; it must be an address that begins '
                "with http:// or https://, without blanks or brackets, by a key of letters, "
                'digits, "+", "-", "." and "_".'
            )
            raise UsageError(message)
    named = Table(top.table("models"), f"{place}, models,", top.table("models"))
    tables = [
        _table(each, f"{place}, table {number},", references)
        for number, each in enumerate(top.tables("tables"), start=1)
    ]
    if not tables:
        top.refuse("tables", "at least one table, below a line [[tables]]")
    if twice := sorted({t.name for t in tables if [o.name for o in tables].count(t.name) > 1}):
        message = f"{place} has two tables of the name {twice[0]!r}; give each its own."
        raise UsageError(message)
    return Layout(
        place=place,
        tables=tuple(tables),
        references=references,
        models={name: _texts(named, name) for name in named.raw},
        published=top.word("published", "value", ("value", "printed")),
        marks=top.word("marks", "always", ("always", "mixed")),
        intervals=_flag(top, "intervals", default=True),
    )


def _table(raw: Mapping[str, Any], place: str, references: Mapping[str, str]) -> TableLayout:
    if raw.get("kind") not in KINDS:
        Table(raw, place, raw).refuse("kind", " or ".join(f'"{kind}"' for kind in KINDS))
    kind: Kind = raw["kind"]
    roles = _LINES[kind]
    spans = ("subcorner", "row_heads") if kind == "spans" else ()
    table = Table(raw, place, (*_TABLE, *spans, *roles))
    name = table.text("name", "a name")
    lines = {role: _lines(table, kind, role, references) for role in roles}
    return TableLayout(
        name=name,
        kind=kind,
        title=_text(table, "title"),
        reference=_reference(table, references),
        section=_text(table, "section"),
        corner=_text(table, "corner") or "",
        subcorner=_text(table, "subcorner") or "",
        align=table.word("align", "plain", ALIGNS),
        missing="-" if (missing := _text(table, "missing")) is None else missing,
        style=_style(table),
        better=_better(table),
        notes=table.texts("notes", "a list of sentences"),
        drop_empty=_flag(table, "drop_empty", default=False),
        row_heads=_flag(table, "row_heads", default=True),
        **{"columns": (), **lines},
    )


def _lines(table: Table, kind: Kind, role: str, references: Mapping[str, str]) -> tuple[Line, ...]:
    """The rows, columns, groups or sections of a table."""
    found = table.tables(role)
    if not found and (kind, role) not in _OPTIONAL:
        table.refuse(role, f"a list of {role}, each a table with a label")
    keys = _LINES[kind][role]
    return tuple(
        _line(Table(raw, f"{table.place} {role} {number},", keys), keys, references)
        for number, raw in enumerate(found, start=1)
    )


def _line(line: Table, keys: Collection[str], references: Mapping[str, str]) -> Line:
    """A row, a column, a group or a section; what picks its numbers, it must say."""
    factor = _text(line, "factor")
    if factor is not None and not line.raw.keys() <= {"label", "factor", "align"}:
        line.refuse("factor", "in place of a task and a metric, not beside them")
    for key in ("task", "metric") if factor is None else ():
        if key in keys:
            line.text(key, f"the name of a {key}")
    if "where" in keys and not _texts(line, "where"):
        line.refuse("where", 'a table of factors that picks records, such as { size = "3B" }')
    return Line(
        label=line.text("label", "the words at its head"),
        reference=_reference(line, references),
        qualifier=_text(line, "qualifier"),
        where=_texts(line, "where"),
        task=_text(line, "task"),
        metric=_text(line, "metric"),
        factor=factor,
        align=line.word("align", "plain", ALIGNS),
        style=_style(line),
        better=_better(line),
    )


def _reference(table: Table, references: Mapping[str, str]) -> str | None:
    key = _text(table, "reference")
    if key is not None and key not in references:
        table.refuse("reference", "a key of the table [references]")
    return key


def _style(table: Table) -> Style:
    decimals = table.raw.get("decimals")
    whole = isinstance(decimals, int) and not isinstance(decimals, bool)
    if decimals is not None and not (whole and 0 <= decimals <= _MOST_DECIMALS):
        table.refuse("decimals", f"a whole number from 0 to {_MOST_DECIMALS}")
    scale = table.number("scale", "a number above 0")
    if scale is not None and scale <= 0:
        table.refuse("scale", "a number above 0")
    return Style(scale=scale, decimals=decimals, suffix=_text(table, "suffix"))


def _better(table: Table) -> Better | None:
    found = table.raw.get("better")
    if found is not None and found not in BETTER:
        table.refuse("better", " or ".join(f'"{word}"' for word in BETTER))
    return found


def _text(table: Table, key: str) -> str | None:
    found = table.raw.get(key)
    if found is not None and not isinstance(found, str):
        table.refuse(key, "a text")
    return found


def _texts(table: Table, key: str) -> Mapping[str, str]:
    found = table.table(key)
    if not all(isinstance(value, str) for value in found.values()):
        table.refuse(key, "a table of texts in quotes")
    return dict(found)


def _flag(table: Table, key: str, *, default: bool) -> bool:
    found = table.raw.get(key, default)
    if not isinstance(found, bool):
        table.refuse(key, "true or false")
    return found
