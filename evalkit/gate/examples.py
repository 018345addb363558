"""The worst flips behind a verdict: samples that the candidate answers worse, with both texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice, zip_longest

from evalkit.compare.flips import flips_of, with_texts
from evalkit.comparison import Flip
from evalkit.gate.ground import Runs
from evalkit.verdicts import Judgement

MOST = 10
"""How many are shown."""


def worst_flips(
    runs: Runs, judgements: Sequence[Judgement]
) -> tuple[tuple[Flip, ...], tuple[str, ...]]:
    """The worst flips of the tasks that do not pass, or of all tasks where all of them do.

    Units of different tasks cannot be weighed against each other, so the tasks take turns: the
    worst flip of each, then the second of each.

    Returns:
        The flips, and sentences on what the models wrote (it is not what a record was made of).
    """
    compared = [j for j in judgements if j.baseline is not None]
    failing = [j for j in compared if j.verdict != "pass"]
    tasks = dict.fromkeys(j.task for j in failing or compared)
    turns = zip_longest(*(_lost(runs, task) for task in tasks))
    return _with_texts(runs, list(islice(filter(None, chain.from_iterable(turns)), MOST)))


def _lost(runs: Runs, task: str) -> list[Flip]:
    """A task's flips for the worse, worst first."""
    found = flips_of(runs.candidate.task(task), runs.ground(task, alone=False).pairs)
    return [flip for flip in found if flip.gain < 0][:MOST]


def _with_texts(runs: Runs, flips: Sequence[Flip]) -> tuple[tuple[Flip, ...], tuple[str, ...]]:
    """The flips with what the models wrote, in tasks where some of it could not be read.

    Elsewhere the answers say enough, and predictions of a large task take seconds to read.
    """
    unread = {flip.task for flip in flips if flip.first is None or flip.second is None}
    sides = (runs.baseline, runs.candidate)
    written = {task: tuple(side.written(task) for side in sides) for task in sorted(unread)}
    told = (one.note for both in written.values() for one in both if one.note)
    shown = (
        with_texts([flip], *written[flip.task])[0] if flip.task in written else flip
        for flip in flips
    )
    return tuple(shown), tuple(dict.fromkeys(told))
