"""The default table of a card: one row a task and metric, with all that a reader must know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from evalkit.card.entries import Best, Entry, Metrics, shown_metrics, tasks_of
from evalkit.card.titles import Titled, Titles
from evalkit.compare.comparable import mismatches
from evalkit.records import MetricValue
from evalkit.report.markdown import markdown_table, published
from evalkit.report.marks import (
    Footnote,
    Mark,
    beside_marks,
    footnotes,
    is_limited,
    own_marks,
    suffix,
)
from evalkit.report.table import Table, interval, number
from evalkit.run_record import RunRecord, TaskResult

ROUNDING = (
    "Numbers are rounded half to even from the full precision of the run record: four decimals "
    "where a metric reaches at most 1, two where it reaches more."
)
"""How `evalkit.report.table.number` rounds, for the reader of a card."""

BOLD = (
    "In bold: of the numbers of a metric that may be ranked, the best, and all that are not "
    "distinguishable from it. Published numbers have no rank, nor what may not be compared."
)
"""What is in bold, for the reader of a card."""

PROTOCOLS = (
    "The protocol names whose rules score the answers: official is the benchmark's own published "
    "evaluator, a harness's name (lmms-eval, vlmevalkit) that harness, any other word rules of "
    "evalkit's."
)
"""What a protocol is, for the reader of a card."""

MISSING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The table of a card.

    Attributes:
        header: Names of its columns.
        rows: Cells as Markdown, in which all texts of records are escaped.
        right: Which columns are set to the right.
        marks: Marks that were used.
        is_ranked: Whether some number is in bold.
        has_groups: Whether some number counts groups of samples.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]
    marks: frozenset[Mark]
    is_ranked: bool
    has_groups: bool = False

    @property
    def markdown(self) -> str:
        """The table in GitHub's Markdown."""
        table = Table(header=self.header, rows=self.rows, notes=())
        return markdown_table(table, cell=lambda text: text, right=self.right)

    @property
    def footnotes(self) -> tuple[Footnote, ...]:
        """What its marks mean."""
        return footnotes(self.marks, "the first number of its row")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One metric of one task, as the runs have it."""

    task: str
    metric: str
    results: tuple[TaskResult | None, ...]

    @property
    def first(self) -> TaskResult:
        """The first result that has a number: what the others stand beside."""
        pairs = zip(self.results, self.values, strict=True)
        return next(result for result, value in pairs if result is not None and value is not None)

    @property
    def maximum(self) -> float | None:
        """The largest value, as the first run that has the metric says it."""
        return next(value.maximum for value in self.values if value is not None)

    @property
    def values(self) -> tuple[MetricValue | None, ...]:
        """The numbers, None where there is none, or one of no verdict."""
        return tuple(None if r is None else _value(r, self.metric) for r in self.results)


def _value(result: TaskResult, metric: str) -> MetricValue | None:
    is_none = result.judge is not None and result.judge.is_void
    return None if is_none else result.metrics.get(metric)


def numbers(
    entries: Sequence[Entry],
    references: Sequence[RunRecord],
    metrics: Metrics,
    best: Best,
    titles: Titles = MappingProxyType({}),
) -> Numbers:
    """The table of some runs.

    Args:
        entries: The runs; of several, the best of each row are in bold.
        references: Records whose numbers stand beside, such as published ones.
        metrics: Which metrics are shown.
        best: Which results of a row may be the best.
        titles: What readers call the tasks, as far as it is known.
    """
    rows = list(_rows(entries, metrics))
    several = len(entries) > 1
    marks: set[Mark] = set()
    bold = [_best(entries, row, best) if several else frozenset() for row in rows]
    cells = []
    for row, places in zip(rows, bold, strict=True):
        beside = (_reference(one, row, marks) for one in references)
        cells.append((*_cells(entries, row, places, marks, titles.get(row.task)), *beside))
    return Numbers(
        header=tuple(_header(entries, references)),
        rows=tuple(cells),
        right=(False, False, *[True] * (len(entries) + (not several) + 1), False)
        + (True,) * len(references),
        marks=frozenset(marks),
        is_ranked=any(bold),
        has_groups=any(
            row.task in titles and titles[row.task].units.get(row.metric) == "group" for row in rows
        ),
    )


def _header(entries: Sequence[Entry], references: Sequence[RunRecord]) -> Iterable[str]:
    yield from ("task", "metric")
    if len(entries) == 1:
        yield from ("value", "95 % interval")
    else:
        yield from (published(entry.label) for entry in entries)
    yield from ("n", "protocol")
    for one in references:
        kind = "published" if one.source == "self-reported" else "reference"
        yield f"{kind}: {published(one.model.name)}"


def _rows(entries: Sequence[Entry], metrics: Metrics) -> Iterator[_Row]:
    for task in tasks_of(entries):
        results = tuple(entry.result(task) for entry in entries)
        shown = (shown_metrics(result, metrics) for result in results if result is not None)
        for metric in dict.fromkeys(name for names in shown for name in names):
            yield _Row(task=task, metric=metric, results=results)


def _best(entries: Sequence[Entry], row: _Row, best: Best) -> frozenset[int]:
    """The places of the runs whose numbers are in bold: none where they are no headline."""
    if row.metric not in row.first.headline:
        return frozenset()
    held = [
        (place, entry, result)
        for place, (entry, result) in enumerate(zip(entries, row.results, strict=True))
        if result is not None and row.metric in shown_metrics(result, "headline")
    ]
    found = best([(e.record, result, e.scored) for _, e, result in held], row.metric, None)
    return frozenset(held[i][0] for i in found)


def _cells(
    entries: Sequence[Entry],
    row: _Row,
    bold: frozenset[int],
    marks: set[Mark],
    titled: Titled | None,
) -> tuple[str, ...]:
    told = []
    for place, (entry, result) in enumerate(zip(entries, row.results, strict=True)):
        text, ends = _number(entry.record, result, row, is_bold=place in bold, marks=marks)
        text += of_maximum(row.maximum) if text != MISSING else ""
        told += [text, ends] if len(entries) == 1 else [_with(text, ends)]
    return (_task(row, titled), published(row.metric), *told, _n(row, titled), _protocol(row))


def _task(row: _Row, titled: Titled | None) -> str:
    """The benchmark's title, with a link to its paper, and the task's name."""
    name = published(row.task)
    if titled is None:
        return name
    title = published(titled.title)
    return f"{title if titled.paper is None else f'[{title}]({titled.paper})'} ({name})"


def of_maximum(maximum: float | None) -> str:
    """Of how much a number is, where its scale is not of fractions or percent."""
    return "" if maximum in (None, 1, 100) else f" of {maximum:g}"


def _number(
    record: RunRecord, result: TaskResult | None, row: _Row, *, is_bold: bool, marks: set[Mark]
) -> tuple[str, str]:
    """A number with its marks, in the decimals of the row, and its interval."""
    if result is None or row.metric not in result.metrics:
        return MISSING, MISSING
    own = {*own_marks(record, result), *_beside(row.first, result)}
    marks |= own
    value = _value(result, row.metric)
    if value is None:
        return MISSING + suffix(own), MISSING
    text = number(value.value, row.maximum)
    return (f"**{text}**" if is_bold else text) + suffix(own), interval(value)


def _with(text: str, ends: str) -> str:
    return text if ends == MISSING else f"{text} ({ends})"


def _n(row: _Row, titled: Titled | None) -> str:
    """How many units were counted; where runs differ, of each; and what they are."""
    counts = [MISSING if v is None or v.n is None else f"{v.n:,}" for v in row.values]
    told = counts[0] if len(set(counts)) == 1 else " / ".join(counts)
    most = max((v.n for v in row.values if v is not None and v.n is not None), default=None)
    unit = "" if titled is None or most is None else titled.unit(row.metric, most)
    return f"{told} {unit}" if unit else told


def _protocol(row: _Row) -> str:
    return published(" / ".join(dict.fromkeys(r.protocol for r in row.results if r is not None)))


def _beside(first: TaskResult, other: TaskResult) -> frozenset[Mark]:
    """What tells a number from the first of its row, where both say it."""
    return beside_marks(mismatches(first, other), limited=is_limited(other))


def _reference(record: RunRecord, row: _Row, marks: set[Mark]) -> str:
    """A reference's number, without its interval."""
    result = next((one for one in record.results if one.task == row.task), None)
    return _number(record, result, row, is_bold=False, marks=marks)[0]


def methods(entries: Sequence[Entry], metrics: Metrics) -> tuple[str, ...]:
    """How the intervals were made, each once, as a reader of cards knows it."""
    used: Mapping[str, None] = dict.fromkeys(
        result.metrics[name].method
        for entry in entries
        for result in entry.record.results
        for name in shown_metrics(result, metrics)
        if result.metrics[name].low is not None
    )
    return tuple(dict.fromkeys(map(_method, used)))


def _method(name: str) -> str:
    """A method in words: what is in parentheses is how it was adjusted."""
    first, _, how = name.removesuffix(")").partition(" (")
    first = _METHODS.get(first, first)
    told = [_ADJUSTED.get(each, each) for each in how.split(", ") if each]
    return first + (f" ({' and '.join(told)})" if told else "")


_METHODS = {
    "Wilson": "Wilson's score interval",
    "cluster-robust t": "a cluster-robust t interval",
}
_ADJUSTED = {
    "stratified": "within the strata of the data",
    "jackknife": "its error by the jackknife",
    "no variation": "where all clusters agree",
}
