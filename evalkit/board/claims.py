"""What a user says of models that no record says: their training data, and which are the same.

Both stand in a page's block, so that `evalkit verify` derives a page without the file or the
options; a page says that they are somebody's word.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.errors import UsageError
from evalkit.report.marks import Mark
from evalkit.standings import Column, Contender, History, Standing, TrainedOn
from evalkit.store import parse

TABLE = "trained"
"""The name of the tables of a file about training data."""

Pair = tuple[str, str]
"""A measured model and the published one that it is, each by its row or its name."""


def read_training(path: Path) -> tuple[TrainedOn, ...]:
    """What a TOML file says of training data, in tables `[[trained]]`.

    Args:
        path: The file; of each table `models`, `tasks`, `data` and `source` are read.

    Raises:
        UsageError: It cannot be read, or says something else.
        StoreError: A table lacks a key, or has another.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read as TOML: {error}."
        raise UsageError(message) from error
    held = raw.get(TABLE)
    if raw.keys() != {TABLE} or not isinstance(held, list):
        message = (
            f"{path} says nothing of training data: write tables [[{TABLE}]] with models, tasks, "
            "data and source, and nothing else."
        )
        raise UsageError(message)
    place = f"{path}, [[{TABLE}]] number"
    return tuple(parse(TrainedOn, one, f"{place} {i},") for i, one in enumerate(held, 1))


def checked_training(
    told: Iterable[TrainedOn], rows: Mapping[str, Contender], tasks: Collection[str]
) -> None:
    """Check that what is said of training data is about rows and tasks that there are.

    Raises:
        UsageError: It is not, so that a slip would hide a mark.
    """
    for one in told:
        for model in one.models:
            _rows(model, rows.values(), "numbers here", f"The training data of {model}")
        if unknown := [task for task in one.tasks if task not in tasks]:
            message = (
                f"The training data of {', '.join(one.models)} name the task {unknown[0]!r}, which "
                f"no record has; the records have: {', '.join(sorted(tasks))}."
            )
            raise UsageError(message)


def with_training(
    column: Column, told: Sequence[TrainedOn], rows: Mapping[str, Contender]
) -> Column:
    """A column in which numbers of models that know the benchmark's data are marked."""
    models = {row.label: row.model for row in rows.values()}
    about = [one for one in told if column.task in one.tasks]
    if not about:
        return column
    groups = [
        replace(group, standings=tuple(_marked(one, about, models) for one in group.standings))
        for group in column.groups
    ]
    known = tuple(_marked_history(found, about, models) for found in column.histories)
    return replace(column, groups=tuple(groups), histories=known)


def _marked_history(
    found: History, about: Sequence[TrainedOn], models: Mapping[str, str]
) -> History:
    names = {found.model, *(label for label, model in models.items() if model == found.model)}
    if all(names.isdisjoint(said.models) for said in about):
        return found
    past = tuple(replace(one, marks=_with_trained(one.marks)) for one in found.past)
    return replace(found, past=past)


def _marked(one: Standing, about: Sequence[TrainedOn], models: Mapping[str, str]) -> Standing:
    names = {one.contender, models[one.contender]}
    held = tuple(said for said in about if not names.isdisjoint(said.models))
    if not held:
        return one
    return replace(one, marks=_with_trained(one.marks), trained_on=held)


def _with_trained(marks: Sequence[str]) -> tuple[str, ...]:
    signs = {*marks, Mark.TRAINED.value}
    return tuple(mark.value for mark in Mark if mark.value in signs)


def same_models(pairs: Iterable[Pair], rows: Mapping[str, Contender]) -> dict[str, frozenset[str]]:
    """Published rows by the measured rows that are said to be the same model.

    Raises:
        UsageError: A name is that of no such row.
    """
    measured = [row for row in rows.values() if row.card is None]
    published = [row for row in rows.values() if row.card is not None]
    found: dict[str, frozenset[str]] = {}
    for one, other in pairs:
        labels = _rows(other, published, "published numbers", f"{one}={other}")
        for label in _rows(one, measured, "measured numbers", f"{one}={other}"):
            found[label] = found.get(label, frozenset()) | labels
    return found


def _rows(name: str, among: Iterable[Contender], what: str, said: str) -> frozenset[str]:
    """The rows that a name means: a row's own, or its model's."""
    known = {row.label: row.model for row in among}
    found = frozenset(label for label, model in known.items() if name in (label, model))
    if not found:
        told = ", ".join(sorted(known)) or "none"
        message = f"{said}: no model of that name has {what}; give one of: {told}."
        raise UsageError(message)
    return found
