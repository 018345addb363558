"""A run record as rows of text; pure, and the one place that rounds.

Fractions are shown with four decimals and sums (MME's 0-2000) with two; rounding is half to even on
the binary value, as Python's `format` does it. Records keep full precision.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.judge_report import JudgeReport
from evalkit.records import MetricValue
from evalkit.run_record import Audit, RunRecord, TaskResult

HEADER = (
    *("task", "protocol", "metric", "value", "95 % interval", "of", "n", "clusters"),
    *("failed", "unparsed"),
)
"""Column names of `rows`."""

NUMERIC = frozenset(
    {
        *("value", "95 % interval", "of", "n", "clusters", "failed", "unparsed"),
        *("difference", "could see", "p", "p Holm"),
    }
)
"""Columns that are set to the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as text: a header, rows of as many cells, and sentences to stand below it."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def printable(text: str) -> str:
    """The text on one line, with what could move a cursor or turn the writing round made visible.

    Control characters come from model names, tags and answers that others wrote, and so does what
    a workflow of GitHub takes for a command anywhere in a line (`evalkit.report.spoken`).
    """
    shown = text if text.isprintable() else "".join(map(_shown, text))
    return shown.replace("##[", "##\\[")


def _shown(letter: str) -> str:
    if letter in "\n\r\t":
        return " "
    hidden = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return letter.encode("unicode_escape").decode() if hidden else letter


def shortened(text: str, width: int) -> str:
    """The text on one line, cut where it is long."""
    shown = printable(text)
    return shown if len(shown) <= width else f"{shown[: width - 3]}..."


def numeric_columns(table: Table) -> list[bool]:
    """Which columns are set to the right: those known to be, and those that hold numbers alone."""
    cells = list(zip(*table.rows, strict=True)) or [()] * len(table.header)
    return [
        name in NUMERIC
        or name.endswith("% interval")
        or (place > 0 and bool(held) and all(map(_NUMBER.fullmatch, held)))
        for place, (name, held) in enumerate(zip(table.header, cells, strict=True))
    ]


_NUMBER = re.compile(r"[-+]?[\d.,]+|-")


def run_table(record: RunRecord, *, every_metric: bool = False) -> Table:
    """The numbers of a run, one row a metric, a task's name in its first row only.

    Args:
        record: The run.
        every_metric: All metrics; else each task's headline.
    """
    rows = [row for result in record.results for row in _rows(result, every_metric=every_metric)]
    return Table(header=HEADER, rows=tuple(rows), notes=tuple(dict.fromkeys(_notes(record))))


def _rows(result: TaskResult, *, every_metric: bool) -> Iterable[tuple[str, ...]]:
    chosen = [
        (name, value)
        for name, value in result.metrics.items()
        if every_metric or name in result.headline
    ]
    coverage = _coverage_cells(result)
    if not chosen:
        blank = ("-",) * (len(HEADER) - 5)
        yield (result.task, result.protocol, "(no number)", *blank, *coverage)
    for i, (name, value) in enumerate(chosen):
        first = i == 0
        yield (
            result.task if first else "",
            result.protocol if first else "",
            name,
            *(_judged_cells(result.judge, name, value) if result.judge else _cells(value)),
            *(coverage if first else ("", "")),
        )


def _coverage_cells(result: TaskResult) -> tuple[str, str]:
    """How many samples failed, or were not parsed; a dash where the number is of no samples."""
    if result.scores is None and not result.coverage.asked:
        return ("-", "-")
    return str(result.coverage.failed), str(result.coverage.unparsed)


_BOUNDS = frozenset({"judged_low", "judged_high"})
"""Metrics that say what missing verdicts may come to; they hold whatever is missing."""

MARK = "*"
"""What stands after a number that rests on too few of its judge's verdicts."""


def _judged_cells(report: JudgeReport, name: str, value: MetricValue) -> Sequence[str]:
    """A judged number's cells: marked where verdicts are missing, withheld where all are."""
    shown, ends, *rest = _cells(value)
    if name in _BOUNDS or not (_mark(report) or report.is_void):
        return (shown, ends, *rest)
    return ("-", "-", *rest) if report.is_void else (shown + MARK, ends, *rest)


def _cells(value: MetricValue) -> Sequence[str]:
    return (
        number(value.value, value.maximum),
        interval(value),
        "-" if value.maximum is None else f"{value.maximum:g}",
        "-" if value.n is None else str(value.n),
        "-" if value.clusters is None else str(value.clusters),
    )


def interval(value: MetricValue) -> str:
    """The interval as "low to high", or a dash where there is none."""
    if value.low is None or value.high is None:
        return "-"
    return f"{number(value.low, value.maximum)} to {number(value.high, value.maximum)}"


def number(value: float, maximum: float | None) -> str:
    """A number in the decimals of its scale, or of its own size: four up to 1, two above."""
    return f"{value:.4f}" if (abs(value) if maximum is None else maximum) <= 1 else f"{value:.2f}"


_LEAST_P = 0.0001  # the last digit shown


def signed(value: float, maximum: float | None) -> str:
    """A difference with its sign, in the decimals of `number`."""
    shown = number(value, maximum)
    return shown if shown.startswith("-") else f"+{shown}"


def p_words(p: float | None) -> str:
    """A p-value in four decimals, never as 0."""
    if p is None:
        return "-"
    return f"<{_LEAST_P}" if p < _LEAST_P else f"{p:.4f}"


def _notes(record: RunRecord) -> Iterable[str]:
    if record.publication is not None:
        yield (
            f'Self-reported: copied from "{record.publication.title}" '
            f"({record.publication.card}), not measured here; what it does not say is a dash."
        )
    for result in record.results:
        yield from result.notes
        coverage = result.coverage
        if coverage.failed and record.source == "measured":
            yield (
                f"{result.task}: {coverage.failed} of {coverage.asked} samples failed; they count "
                "as wrong. The same command asks them again."
            )
        if result.audit is not None:
            yield f"{result.task}: {audit_line(result.audit, result)}"
        if result.judge is not None:
            yield f"{result.task}: {judge_line(result.judge, result.metrics)}"


UNPAID = ("dummy", "replay", "hf")
"""Backends of judges whose replies nobody is paid for."""


def judge_line(report: JudgeReport, metrics: Mapping[str, MetricValue] | None = None) -> str:
    """Who judged, what failed, and what it cost, in one line.

    Args:
        report: Of the judging.
        metrics: The task's numbers, where they are shown beside it.
    """
    words = {"official": "the official rubric", "evalkit": "evalkit's own rubric"}
    rubric = words.get(report.origin, "a rubric from a file")
    missing = sum(report.failed.values())
    kinds = ", ".join(f"{kind} {n}" for kind, n in report.failed.items())
    counted = f"{report.verdicts:,} verdicts, {missing} missing" + (f" ({kinds})" if kinds else "")
    if not report.rubric:  # published verdicts: nothing says in which words they were asked for
        parts = [f"verdicts of {report.judge}, as published", counted, *_rest(report, metrics)]
        return _mark(report) + "; ".join(parts) + "."
    taken = "answered" if report.judge.partition(":")[0] in UNPAID else "paid for"
    parts = [
        f"judged by {report.judge} with {rubric} ({report.rubric[:8]})",
        counted,
        *_allowed(report),
        f"{report.requests:,} questions {taken}, {report.cached:,} verdicts known before",
        *_bill(report),
    ]
    if report.consistency is not None:
        parts.append(f"both orders agree on {report.consistency:.0%}")
    if report.spread is not None:
        parts.append(f"votes spread by {report.spread:.3f}")
    parts.extend(_rest(report, metrics))
    parts += report.notes or ()
    return _mark(report) + "; ".join(parts) + "."


def _bill(report: JudgeReport) -> Iterator[str]:
    """Tokens and their price, and whether they are no more than bounds."""
    most = "at most " if report.untold else ""
    yield f"{most}{report.prompt_tokens:,} tokens read and {report.output_tokens:,} written"
    if report.cost_usd is not None:
        yield f"{most}{report.cost_usd:.4f} USD (prices of {report.prices})"
    if report.untold:
        yield f"the server did not tell the tokens of {report.untold:,} questions"


def _mark(report: JudgeReport) -> str:
    """What the line of a judge begins with where verdicts are missing."""
    unasked = report.unasked
    many = f"{unasked:,} verdict{' was' if unasked == 1 else 's were'} not asked for"
    spent = f"{many}, since the judge's budget was spent; "
    if report.fails:
        return f"UNHEALTHY: too many verdicts are missing; {spent if unasked else ''}"
    return f"INCOMPLETE: {spent}the same command with more goes on; " if unasked else ""


def _rest(report: JudgeReport, metrics: Mapping[str, MetricValue] | None) -> Iterable[str]:
    """What missing verdicts come to: a reply that could not be read, and between what a number is.

    Args:
        report: Of the judging.
        metrics: The task's numbers; None where they are not shown beside it.
    """
    if report.fails and report.example is not None:
        yield f'one that could not be read: "{shortened(report.example, _EXAMPLE)}"'
    if metrics is None or not (_mark(report) or report.is_void):
        return
    yield (
        "there is not one verdict, so only bounds are shown"
        if report.is_void
        else f"numbers marked {MARK} rest on the others, or count what is missing as failed"
    )
    if metrics.keys() >= _BOUNDS:
        low, high = metrics["judged_low"], metrics["judged_high"]
        yield (
            f"judged is {number(low.value, low.maximum)} to {number(high.value, high.maximum)} "
            "with all that are missing taken for the worst, or the best"
        )


_EXAMPLE = 60  # characters of a reply that could not be read


USUAL_FAILURES = 0.01
"""The share of missing verdicts that is allowed where nothing is said of it."""


def _allowed(report: JudgeReport) -> Iterable[str]:
    """The share of verdicts that may be missing, where it is another than is usual."""
    if report.max_failures not in (None, USUAL_FAILURES):
        share = 100 * (report.max_failures or 0.0)
        yield f"{share:.4g} % of them may be missing by --max-judge-failures"


_RULES_SHOWN = 3


def audit_line(audit: Audit, result: TaskResult) -> str:
    """How a task's answers were read, in one line: rules, what was not read, and the bounds."""
    rules = [f"{rule} {n:,}" for rule, n in audit.rules.items()]
    if len(rules) > _RULES_SHOWN:
        rest = sum(list(audit.rules.values())[_RULES_SHOWN:])
        rules = [*rules[:_RULES_SHOWN], f"{len(audit.rules) - _RULES_SHOWN} other rules {rest:,}"]
    names = ("empty", "refused", "truncated", "unparsed", "ambiguous")
    counts = [f"{name} {n:,}" for name in names if (n := getattr(audit, name))]
    parts = ["read by " + ", ".join(rules)] if rules else []
    return (
        "; ".join([*parts, *counts] or [_unruled(result)]) + "".join(_bounds(audit, result)) + "."
    )


def _unruled(result: TaskResult) -> str:
    """What became of answers of which no rule is told: a scorer need not name its rules."""
    told = result.coverage
    if told.answered:
        return f"{told.answered:,} answers read; the scorer does not say by which rules"
    return "no sample was answered" if told.failed == told.asked else "no answer could be read"


def _bounds(audit: Audit, result: TaskResult) -> Iterable[str]:
    for name, (low, high) in audit.bounds.items() if audit.ambiguous else ():
        maximum = result.metrics[name].maximum if name in result.metrics else None
        ends = f"{number(low, maximum)} to {number(high, maximum)}"
        yield f"; {name} {ends} if all of those were wrong, or right"


def breakdown_tables(result: TaskResult) -> Iterable[tuple[str, Table]]:
    """A table for each tag of the result's breakdowns, with its title."""
    for tag, slices in result.breakdowns.items():
        names = list(dict.fromkeys(name for held in slices.values() for name in held))
        rows = tuple(
            (slice_, *(_slice_cell(result, held.get(name), name) for name in names))
            for slice_, held in slices.items()
        )
        if rows:
            yield f"by {tag}", Table(header=(tag, *names), rows=rows, notes=())


def _slice_cell(result: TaskResult, value: float | None, name: str) -> str:
    report = result.judge
    if value is None or (report is not None and report.is_void and name not in _BOUNDS):
        return "-"
    known = result.metrics.get(name)
    return number(value, None if known is None else known.maximum)


def result_table(result: TaskResult, *, every_metric: bool = True) -> Table:
    """The numbers of one task, in the columns of `run_table`; with its own notes alone."""
    rows = tuple(_rows(result, every_metric=every_metric))
    return Table(header=HEADER, rows=rows, notes=result.notes)
