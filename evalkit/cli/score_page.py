"""What `evalkit score` shows: a table, breakdowns, how answers were read, and explanations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evalkit.explain import Disagreement, Explanation, Reading
from evalkit.records import plain
from evalkit.report.table import Table, breakdown_tables, number, run_table
from evalkit.report.text_table import text_table
from evalkit.rescore import Scored
from evalkit.run_record import RunRecord

_WIDTH = 60
_SLICES = 30


def json_object(scored: Scored) -> dict[str, Any]:
    """The numbers of a scored file as one object, at full precision."""
    result = scored.result
    return {
        "task": result.task,
        "protocol": result.protocol,
        "metrics": {
            name: {
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "n": value.n,
                "clusters": value.clusters,
            }
            for name, value in result.metrics.items()
        },
        "breakdown": plain(result.breakdowns),
        "coverage": plain(result.coverage),
        "notes": list(result.notes),
        "audit": plain(result.audit),
        "source": scored.task.source,
        "model": scored.answers.model,
        "format": scored.answers.format,
        "version": result.version,
    }


def print_scored(scored: Scored, record: RunRecord, out: Path | None) -> None:
    """Print a scored file: its numbers, its slices, and where they are written."""
    answers = scored.answers
    title = f"{record.model.name} ({answers.path.name}, format {answers.format})"
    print(text_table(run_table(record, every_metric=True), title), end="")
    print(f"  rules of {scored.task.protocol}: {scored.task.source or 'the task file'}")
    for title, table in breakdown_tables(scored.result):
        if len(table.rows) > _SLICES:
            print(f"\n{title}: {len(table.rows)} slices, which --json shows")
        else:
            print("\n" + text_table(table, title), end="")
    if out is not None:
        print(f"  record, predictions and scores: {out}")


def print_explanation(found: Explanation, limit: int) -> None:
    """Print where two protocols differ: the numbers, the rules, and some of the answers."""
    for name, source in zip(found.protocols, found.sources, strict=True):
        print(f"{name}: {source}")
    print(text_table(_numbers(found), found.task), end="")
    count = len(found.disagreements)
    print(f"  {count:,} of {found.shared:,} answers are scored differently.")
    if otherwise := _computed_otherwise(found):
        print(f"  Computed otherwise by the two, not read otherwise: {', '.join(otherwise)}.")
    if found.unanswered:
        print(f"  {found.unanswered:,} questions have no answer; they are in neither column.")
    if count:
        print(text_table(_rules(found), "by rule"), end="")
    if count and limit:
        print(text_table(_answers(found, limit), f"{min(limit, count)} of them (--limit)"), end="")


def _computed_otherwise(found: Explanation) -> list[str]:
    """Metrics that differ although no answer is scored apart: their definitions do."""
    if found.disagreements:
        return []
    return [
        name
        for name, (one, two) in found.metrics.items()
        if one is not None and two is not None and one != two
    ]


def _numbers(found: Explanation) -> Table:
    rows = []
    for name, (one, two) in found.metrics.items():
        high = max(abs(value) for value in (one, two, 0.0) if value is not None)
        cells = ["-" if value is None else number(value, high) for value in (one, two)]
        gap = "-" if one is None or two is None else f"{two - one:+.4f}"
        rows.append((name, *cells, gap))
    return Table(header=("metric", *found.protocols, "difference"), rows=tuple(rows), notes=())


def _rules(found: Explanation) -> Table:
    one, two = found.protocols
    rows = tuple(
        (f"{n:,}", first or "-", f"{a:g}", second or "-", f"{b:g}")
        for first, second, a, b, n in found.rules()
    )
    header = ("answers", f"{one} reads", "scores", f"{two} reads", "scores ")
    return Table(header=header, rows=rows, notes=())


def _answers(found: Explanation, limit: int) -> Table:
    one, two = found.protocols
    rows = tuple(_answer(d) for d in _mixed(found.disagreements, limit))
    header = ("sample", "the model wrote", "gold", f"{one} reads", f"{two} reads")
    return Table(header=header, rows=rows, notes=())


def _mixed(held: Iterable[Disagreement], limit: int) -> list[Disagreement]:
    """The first of each kind in turn, so that a frequent kind does not hide the others."""
    kinds: dict[Any, list[Disagreement]] = {}
    for d in held:
        kinds.setdefault(d.kind, []).append(d)
    chosen: list[Disagreement] = []
    depth = 0
    while len(chosen) < limit and any(len(kind) > depth for kind in kinds.values()):
        chosen += [kind[depth] for kind in kinds.values() if len(kind) > depth]
        depth += 1
    return chosen[:limit]


def _answer(d: Disagreement) -> tuple[str, ...]:
    keys = dict.fromkeys(" / ".join(dict.fromkeys(r.targets)) for r in (d.first, d.second))
    return (
        d.sample_id,
        _short(repr(d.text)),
        _short(" | ".join(keys), 24),
        *(_read(r) for r in (d.first, d.second)),
    )


def _read(reading: Reading) -> str:
    answer = "nothing" if reading.answer is None else repr(reading.answer)
    return _short(f"{answer} = {reading.score:g}", 28)


def _short(text: str, width: int = _WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
