"""What a column shows beside ranks: numbers beside what they cost, and a model's runs over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evalkit.board.columns import Candidate, Together
from evalkit.board.group import Ranked, marks_of
from evalkit.board.rankable import withheld
from evalkit.standings import Contender, Economy, History, Past


def economies(
    ranked: Ranked, rows: Mapping[str, Contender], *, higher: bool = True
) -> dict[str, tuple[Economy, ...]]:
    """A group's numbers beside parameters, and beside seconds per sample, the cheapest first.

    Args:
        ranked: The group.
        rows: The rows by label.
        higher: Whether more is better.

    Returns:
        By kind of cost; only kinds in which ranked rows differ.
    """
    held = {one.contender: one for one in ranked.group.standings if one.ranks is not None}
    costs: dict[str, dict[str, float | None]] = {
        "parameters": {label: rows[label].parameters for label in held},
        "seconds per sample": {label: one.origin.seconds for label, one in held.items()},
    }
    found = {}
    for kind, by_label in costs.items():
        known = {label: float(cost) for label, cost in by_label.items() if cost}
        values = {label: held[label].value or 0.0 for label in known}
        made = _economies(ranked, known, values, higher=higher)
        if len({one.cost for one in made}) > 1:
            found[kind] = made
    return found


def _economies(
    ranked: Ranked, costs: Mapping[str, float], values: Mapping[str, float], *, higher: bool
) -> tuple[Economy, ...]:
    sign = 1 if higher else -1
    places = {label: place for place, label in enumerate(ranked.labels)}
    found = []
    for label, cost in costs.items():
        own = sign * values[label]
        above = [
            other
            for other, price in costs.items()
            if (price <= cost and sign * values[other] > own)
            or (price < cost and sign * values[other] == own)
        ]
        sure = any(ranked.better[places[other], places[label]] for other in above)
        standing = "behind" if sure else "near" if above else "front"
        found.append(Economy(contender=label, value=values[label], cost=cost, standing=standing))
    return tuple(sorted(found, key=lambda one: (one.cost, -sign * one.value, one.contender)))


def histories(groups: Sequence[Together], metric: str) -> tuple[History, ...]:
    """The runs of each model that may stand beside each other, where there are several."""
    found = []
    for group in groups:
        by_model: defaultdict[str, list[Past]] = defaultdict(list)
        for one in (*group.newest, *group.earlier) if group.comparable else ():
            if not withheld(one.result):
                own = by_model[one.entry.record.model.name]
                own.append(_past(one, metric, marks_of(group, one)))
        for model, held in sorted(by_model.items()):
            if len(held) > 1:
                past = tuple(sorted(held, key=_age))
                found.append(History(model=model, group=group.title, past=past))
    return tuple(found)


def _past(one: Candidate, metric: str, marks: tuple[str, ...]) -> Past:
    record, value = one.entry.record, one.result.metrics[metric]
    return Past(
        created=record.created,
        commit=record.commit,
        revision=record.model.revision or record.model.digest,
        value=value.value,
        low=value.low,
        high=value.high,
        record=one.entry.path,
        marks=marks,
    )


def _age(past: Past) -> tuple[str, str]:
    return past.created, past.record
