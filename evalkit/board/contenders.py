"""Records -> rows: which runs are of one model, and what tells models of one name apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count

from evalkit.board.entries import Entry
from evalkit.run_record import RunRecord
from evalkit.standings import Contender

_SHOWN = 12  # characters of a commit or a digest in a label

Identity = tuple[str, ...]
"""What makes two runs runs of one model: name, weights, number format, pictures, publication."""


def contenders(entries: Sequence[Entry]) -> dict[str, Contender]:
    """The row of each record, by the record's path; runs of one model have the same.

    Weights are told apart, and so are number formats and what was done to pictures: each can move a
    number. What differs among rows of one name stands behind the name.
    """
    by_identity: dict[Identity, RunRecord] = {}
    for entry in sorted(entries, key=lambda entry: (entry.record.created, entry.path)):
        by_identity[identity(entry.record)] = entry.record
    labels = _labels(by_identity)
    rows = {known: _row(record, labels[known]) for known, record in by_identity.items()}
    return {entry.path: rows[identity(entry.record)] for entry in entries}


def identity(record: RunRecord) -> Identity:
    """What makes two runs runs of one model."""
    model, published = record.model, record.publication
    weights = model.revision or model.digest or ""
    if published is not None:
        factors = (value for _, value in sorted(published.factors.items()))
        return model.name, published.card, weights[:_SHOWN], *factors
    parts = (weights[:_SHOWN], model.dtype or "", record.config.image_preprocess)
    return model.name, "", *parts, "" if weights else model.spec


def _labels(known: Mapping[Identity, RunRecord]) -> dict[Identity, str]:
    by_name: defaultdict[str, list[Identity]] = defaultdict(list)
    for one in sorted(known):
        by_name[one[0]].append(one)
    found: dict[Identity, str] = {}
    for name, same in by_name.items():
        measured = [one for one in same if not one[1]]
        published = [one for one in same if one[1]]
        found |= _told_apart(name, measured, 2, told=len(measured) > 1)
        found |= _told_apart(name, published, 1, told=len(same) > 1)
    return _unique(found)


def _unique(labels: Mapping[Identity, str]) -> dict[Identity, str]:
    """The labels, each once: a name may look like another name with what stands behind it."""
    taken: set[str] = set()
    found = {}
    for one, label in labels.items():
        numbers = (f"{label} #{number}" for number in count(2))
        found[one] = label if label not in taken else next(n for n in numbers if n not in taken)
        taken.add(found[one])
    return found


def _told_apart(
    name: str, same: Sequence[Identity], first: int, *, told: bool
) -> dict[Identity, str]:
    """Labels of rows of one name: with the parts in which they differ, from the place `first`."""
    length = max(map(len, same), default=0)
    padded = {one: (*one, *[""] * (length - len(one))) for one in same}
    differing = [i for i in range(first, length) if len({p[i] for p in padded.values()}) > 1]
    if first == 1 and 1 not in differing:
        differing.insert(0, 1)
    found = {}
    for one, parts in padded.items():
        shown = ", ".join(filter(None, (parts[i] for i in differing)))
        found[one] = f"{name} ({shown})" if told and shown else name
    return found


def _row(record: RunRecord, label: str) -> Contender:
    model, published = record.model, record.publication
    return Contender(
        label=label,
        model=model.name,
        revision=model.revision or model.digest,
        dtype=model.dtype,
        image_preprocess=None if published else record.config.image_preprocess,
        parameters=model.parameters,
        card=None if published is None else published.card,
    )
