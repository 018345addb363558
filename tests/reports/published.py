"""Makes the run records of published numbers from the texts beside them.

    python tests/reports/published.py          says which records are not what their source gives
    python tests/reports/published.py --write  writes them anew

Each folder results/published/<card>/ has a file printed.toml with every cell of the card as it is
printed; its records stand in <card>/<model>/run.json. Nothing else is read, so that everybody gets
the same records: what a publication does not say is None, and the day is that of copying.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from evalkit.integrity import sealed
from evalkit.publication import PrintedCell, Publication
from evalkit.records import Coverage, MetricValue
from evalkit.run_record import (
    SCHEMA,
    DatasetIdentity,
    Fingerprint,
    ModelIdentity,
    RunConfig,
    RunRecord,
    ScorerIdentity,
    TaskChoice,
    TaskResult,
)
from evalkit.store import RunFolder, load_run

ROOT = Path(__file__).parents[2] / "results" / "published"


class Card(msgspec.Struct, forbid_unknown_fields=True):
    """The publication, and the day on which its cells were copied."""

    file: str
    digest: str
    title: str
    copied: date
    url: str | None = None


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """The printed texts of one metric, one a model of the table; "" is a cell without a number.

    `bounded` says whether a share can be no more than 1; an error rate can.
    """

    task: str
    metric: str
    unit: Literal["fraction", "percent", "points"]
    printed: list[str]
    split: str | None = None
    maximum: float | None = None
    bounded: bool = True

    @property
    def top(self) -> float | None:
        """The largest possible value; None where nobody says it."""
        return 1.0 if self.unit != "points" and self.bounded else self.maximum


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """One of its tables; the note goes with each of its numbers."""

    name: str
    models: list[str]
    cells: list[Line]
    note: str | None = None


class Erratum(msgspec.Struct, forbid_unknown_fields=True):
    """What is known to be wrong with a metric of a table."""

    table: str
    task: str
    metric: str
    text: str


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """All of a printed.toml; `models` are the factors of each by its folder's name."""

    card: Card
    models: dict[str, dict[str, str]]
    tables: list[Table]
    errata: list[Erratum] = []


def read(path: Path) -> Source:
    """A source, checked: each row has a text for each model of its table, each erratum a row."""
    source = msgspec.toml.decode(path.read_bytes(), type=Source)
    lines = {(t.name, line.task, line.metric) for t in source.tables for line in t.cells}
    for table in source.tables:
        assert set(table.models) <= source.models.keys(), table.name
        assert all(len(line.printed) == len(table.models) for line in table.cells), table.name
    assert {(e.table, e.task, e.metric) for e in source.errata} <= lines
    return source


def value_of(text: str, unit: str) -> float:
    """The number that a cell prints, as evalkit has it: shares of 1."""
    found = Decimal(re.search(r"\d+(?:\.\d+)?", text)[0])
    return float(found / 100 if unit == "percent" else found)


def records(source: Source) -> Iterator[RunRecord]:
    """One record a model, in the order of the source."""
    for model in source.models:
        held = list(cells_of(source, model))
        results = tuple(results_of(held))
        publication = Publication(
            card=source.card.file,
            digest=source.card.digest,
            title=source.card.title,
            url=source.card.url,
            factors=source.models[model],
            cells=tuple(cell for cell, _, _ in held),
        )
        day = f"{source.card.copied}T00:00:00Z"
        yield sealed(
            RunRecord(
                schema=SCHEMA,
                name=model,
                created=day,
                finished=day,
                source="self-reported",
                model=ModelIdentity(spec=model, backend="unknown", name=model),
                config=RunConfig(
                    model=model, tasks=tuple(TaskChoice(name=r.task) for r in results)
                ),
                versions={},
                commit=None,
                hardware=None,
                seconds=0.0,
                results=results,
                publication=publication,
            )
        )


Held = tuple[PrintedCell, Line, str | None]


def cells_of(source: Source, model: str) -> Iterator[Held]:
    """A model's printed cells, in order, with their lines and what is noted of their tables."""
    errata = {(e.table, e.task, e.metric): e.text for e in source.errata}
    for table in source.tables:
        for line in table.cells if model in table.models else ():
            text = line.printed[table.models.index(model)]
            cell = PrintedCell(
                task=line.task,
                metric=line.metric,
                text=text,
                unit=line.unit,
                table=table.name,
                erratum=errata.get((table.name, line.task, line.metric)),
            )
            if text:
                yield cell, line, table.note


def results_of(held: Sequence[Held]) -> Iterator[TaskResult]:
    """The printed numbers task by task."""
    for task in dict.fromkeys(cell.task for cell, _, _ in held):
        own = [each for each in held if each[0].task == task]
        notes = [note for _, _, note in own if note]
        slips = [f"{c.task} {c.metric}: {c.erratum}" for c, _, _ in own if c.erratum]
        splits = {line.split for _, line, _ in own}
        assert len(splits) == 1, task
        yield TaskResult(
            task=task,
            version=0,
            protocol="unknown",
            headline=tuple(cell.metric for cell, _, _ in own),
            metrics={cell.metric: number(cell, line) for cell, line, _ in own},
            coverage=Coverage(asked=0, answered=0, failed=0, unparsed=0),
            breakdowns={},
            fingerprint=Fingerprint(
                dataset=unknown_data(splits.pop()),
                prompt=None,
                generation=None,
                preprocessing={},
                scorer=ScorerIdentity(task=task, version=0, protocol="unknown"),
            ),
            notes=tuple(dict.fromkeys([*notes, *slips])),
        )


def number(cell: PrintedCell, line: Line) -> MetricValue:
    """A printed number: nothing is said of its uncertainty."""
    return MetricValue(
        value=value_of(cell.text, cell.unit),
        low=None,
        high=None,
        method="not said",
        n=None,
        clusters=None,
        maximum=line.top,
    )


def unknown_data(split: str | None) -> DatasetIdentity:
    """Data of which at most the split is said."""
    return DatasetIdentity(
        repository=None,
        config=None,
        split=split,
        requested_revision=None,
        revision=None,
        rows=None,
        expected_rows=None,
        samples=None,
        digest=None,
    )


def stale() -> Iterator[str]:
    """Records that are missing, are not what their source gives, or have no source."""
    expected = set()
    for path in sorted(ROOT.glob("*/printed.toml")):
        for record in records(read(path)):
            place = path.parent / record.name / "run.json"
            expected.add(place)
            if not place.exists() or load_run(place) != record:
                yield f"{place.relative_to(ROOT)} is not what {path.relative_to(ROOT)} gives"
    for place in sorted(set(ROOT.rglob("run.json")) - expected):
        yield f"{place.relative_to(ROOT)} has no source"


def main(arguments: list[str]) -> int:
    """Compare or write; see the module's docstring."""
    if arguments == ["--write"]:
        for path in sorted(ROOT.glob("*/printed.toml")):
            for record in records(read(path)):
                RunFolder(path.parent / record.name).write_record(record)
        return 0
    found = list(stale())
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
