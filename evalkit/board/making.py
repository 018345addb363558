"""Records -> a leaderboard, whole. A function of the records and of what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalkit.board.claims import Pair, checked_training, same_models, with_training
from evalkit.board.columns import Candidate, together
from evalkit.board.contenders import contenders
from evalkit.board.counting import Tally, has_scores, tally
from evalkit.board.entries import Entry
from evalkit.board.group import direction, ranked_group
from evalkit.board.ranks import ALLOWED, LEVEL
from evalkit.board.trends import economies, histories
from evalkit.errors import UsageError
from evalkit.run_record import TaskResult
from evalkit.standings import (
    Aggregate,
    Column,
    Contender,
    LeftOut,
    Standing,
    Standings,
    TrainedOn,
)

Averaged = Literal["mean-rank", "borda"]
"""What may stand for a row over all columns; never a mean of numbers of unlike units."""


ALL = "all"
"""What a choice of tasks says for all tasks, those of published numbers alone among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a leaderboard is of, and how it is made.

    Attributes:
        title: Its title.
        reference: Path of the record that all are set beside; None is none.
        tasks: Names of tasks, or `ALL`; none is those that somebody measured, and all where nobody
            did.
        allow: Parts of fingerprints, or dotted paths, that may differ in a group.
        aggregate: What stands for a row over all columns; None is nothing.
        published: Measured models, each with the published one that it is said to be; others are
            set beside published ones of their name.
        trained_on: What is said of models' training data.
    """

    title: str = "Leaderboard"
    reference: str | None = None
    tasks: tuple[str, ...] = ()
    allow: tuple[str, ...] = tuple(ALLOWED)
    aggregate: Averaged | None = None
    published: tuple[Pair, ...] = ()
    trained_on: tuple[TrainedOn, ...] = ()


def make(
    entries: Sequence[Entry], choice: Choice = Choice(), left_out: Sequence[LeftOut] = ()
) -> Standings:
    """The leaderboard of some records, in any order, and of what was no whole record.

    Raises:
        UsageError: No record has a task that was asked for, or the reference, or a model of which
            something is said, is not among them.
    """
    ordered = sorted(entries, key=lambda entry: entry.path)
    rows = contenders(ordered)
    reference = _reference(choice.reference, rows)
    same = same_models(choice.published, rows)
    known, tasks = _tasks(ordered), _chosen(ordered, choice.tasks)
    checked_training(choice.trained_on, rows, known)
    found, damaged = list[Column](), list[LeftOut]()
    for task in tasks:
        held, tallies, unfit = _candidates(ordered, task, rows)
        damaged += unfit
        field = _Field(task=task, held=held, tallies=tallies, rows=rows, same=same)
        made = _columns(field, reference, choice.allow)
        found += [with_training(column, choice.trained_on, rows) for column in made]
    if choice.tasks in ((), (ALL,)):  # what nobody has measured comes last
        found.sort(key=lambda column: bool(column.groups[0].title))
    aggregates = _aggregates(found, choice.aggregate)
    order = {one.contender: place for place, one in enumerate(aggregates)}
    shown = sorted(_in_order(rows, found), key=lambda row: order.get(row.label, len(order)))
    return Standings(
        title=choice.title,
        reference=reference,
        allowed=tuple(sorted(choice.allow)),
        level=LEVEL,
        columns=tuple(found),
        contenders=tuple(shown),
        aggregate=choice.aggregate,
        aggregates=aggregates,
        left_out=tuple(sorted((*left_out, *damaged), key=lambda one: (one.path, one.why))),
        same=tuple((label, tuple(sorted(others))) for label, others in sorted(same.items())),
        unmeasured=() if choice.tasks else tuple(task for task in known if task not in tasks),
    )


def _reference(path: str | None, rows: Mapping[str, Contender]) -> str | None:
    if path is None:
        return None
    if path not in rows:
        message = f"The reference {path} is none of the records of the leaderboard."
        raise UsageError(message)
    return rows[path].label


def _tasks(entries: Sequence[Entry]) -> list[str]:
    """The tasks of some records, by name."""
    return sorted({result.task for entry in entries for result in entry.record.results})


def _chosen(entries: Sequence[Entry], wanted: Sequence[str]) -> list[str]:
    """The tasks that are shown, in their order.

    Raises:
        UsageError: No record has one that was asked for.
    """
    known = _tasks(entries)
    if not wanted:
        own = [entry for entry in entries if entry.record.source != "self-reported"]
        return _tasks(own) or known
    if ALL in wanted:
        return known
    if unknown := [name for name in wanted if name not in known]:
        message = (
            f"No record has a task {unknown[0]!r}; the records have: {', '.join(known) or 'none'}."
        )
        raise UsageError(message)
    return list(dict.fromkeys(wanted))


def _candidates(
    entries: Sequence[Entry], task: str, rows: Mapping[str, Contender]
) -> tuple[list[Candidate], dict[str, Tally], list[LeftOut]]:
    """A task's results with what is known of them, and those that are damaged."""
    held, tallies, unfit = [], {}, []
    for entry in entries:
        scored = entry.fresh()
        for result in entry.record.results:
            if result.task != task:
                continue
            own = scored if has_scores(scored, result) else None
            known = tally(entry.record, result, own, entry.root / entry.path)
            if why := _unfit(result, known):
                unfit.append(LeftOut(path=entry.path, why=f"{task}: {entry.told(why)}"))
                continue
            held.append(Candidate(entry=entry, result=result, label=rows[entry.path].label))
            tallies[entry.path] = known
    return held, tallies, unfit


def _unfit(result: TaskResult, known: Tally) -> str:
    """Why a result is in no column; empty where it is."""
    if known.damaged or result.headline:
        return known.damaged
    return "no number stands for it, as of answers that no judge has read yet (`evalkit judge`)."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """All results of a task, with what is known of them and of their rows."""

    task: str
    held: Sequence[Candidate]
    tallies: Mapping[str, Tally]
    rows: Mapping[str, Contender]
    same: Mapping[str, frozenset[str]]


def _columns(field: _Field, reference: str | None, allow: Sequence[str]) -> list[Column]:
    names = [name for one in field.held for name in one.result.headline]
    return [
        _column(replace(field, held=own), metric, reference, allow)
        for metric in dict.fromkeys(names)
        if (own := [one for one in field.held if _has(one, metric)])
    ]


def _has(one: Candidate, metric: str) -> bool:
    return metric in one.result.headline and metric in one.result.metrics


def _column(field: _Field, metric: str, reference: str | None, allow: Sequence[str]) -> Column:
    held, tallies = field.held, field.tallies
    groups = together(held, allow, reference)
    published = [one for one in held if one.entry.record.source == "self-reported"]
    ranked = [
        ranked_group(
            group, metric, tallies, reference=reference, published=published, same=field.same
        )
        for group in groups
    ]
    better = direction([tallies[one.entry.path] for one in held], metric)
    by_label = {row.label: row for row in field.rows.values()}
    maxima = [one.result.metrics[metric].maximum for one in held]
    is_main = not ranked[0].group.title
    return Column(
        task=field.task,
        metric=metric,
        maximum=next((maximum for maximum in maxima if maximum is not None), None),
        better=better,
        groups=tuple(one.group for one in ranked),
        economies=economies(ranked[0], by_label, higher=better is not False) if is_main else {},
        histories=histories(groups, metric),
        notes=tuple(
            f"{one.label}: its scored samples are not used. {one.entry.told(note)}"
            for one in held
            if (note := tallies[one.entry.path].note)
        ),
    )


def _in_order(rows: Mapping[str, Contender], columns: Sequence[Column]) -> list[Contender]:
    """The rows that are in a column, the first column's best first."""
    places: dict[str, list[tuple[int, int]]] = {}
    last = (len(rows), 0)
    for number, column in enumerate(columns):
        for place, group in enumerate(column.groups):
            for rank, one in enumerate(group.standings):
                held = places.setdefault(one.contender, [last] * len(columns))
                held[number] = min(held[number], (place, rank))
    by_label = {row.label: row for row in rows.values()}
    return [by_label[label] for label in sorted(places, key=lambda label: (places[label], label))]


def _aggregates(columns: Sequence[Column], kind: Averaged | None) -> tuple[Aggregate, ...]:
    """What stands for rows that have a rank in every column's main group, the best first.

    A column that has none, as one of published numbers alone, says nothing of measured rows.
    """
    mains = [
        {one.contender: one for one in column.groups[0].standings if one.ranks is not None}
        for column in columns
        if not column.groups[0].title
    ]
    if kind is None or not mains:
        return ()
    labels = sorted(set.intersection(*(set(main) for main in mains)))
    found = []
    for label in labels:
        if kind == "mean-rank":
            ranks = [one.ranks for main in mains if (one := main[label]).ranks is not None]
            low, high = (sum(side) / len(mains) for side in zip(*ranks, strict=True))
        else:
            low = high = sum(_beaten(main, label) for main in mains) / len(mains)
        found.append(Aggregate(contender=label, low=low, high=high))
    sign = 1 if kind == "mean-rank" else -1
    return tuple(sorted(found, key=lambda one: (sign * (one.low + one.high), one.contender)))


def _beaten(main: Mapping[str, Standing], label: str) -> float:
    """The share of rivals in a column that stand below, equals for half: Borda's count."""
    values = [one.value for one in main.values()]  # the best first
    own = main[label].value
    equal, first = values.count(own) - 1, values.index(own)
    return (len(values) - first - 1 - equal / 2) / (len(values) - 1)
