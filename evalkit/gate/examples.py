"""The worst flips behind a verdict: samples that the candidate answers worse, with both texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice, zip_longest

from evalkit.compare.flips import flips_of
from evalkit.comparison import Flip
from evalkit.gate.ground import Runs
from evalkit.verdicts import Judgement

MOST = 10
"""How many are shown."""


def worst_flips(runs: Runs, judgements: Sequence[Judgement]) -> tuple[Flip, ...]:
    """The worst flips of the tasks that do not pass, or of all tasks where all of them do.

    Units of different tasks cannot be weighed against each other, so the tasks take turns: the
    worst flip of each, then the second of each.
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


def _with_texts(runs: Runs, flips: Sequence[Flip]) -> tuple[Flip, ...]:
    """The flips with what the models wrote, in tasks where some of it could not be read.

    Elsewhere the answers say enough, and predictions of a large task take seconds to read.
    """
    unread = {flip.task for flip in flips if flip.first is None or flip.second is None}
    texts = {
        task: (runs.baseline.texts(task), runs.candidate.texts(task)) for task in sorted(unread)
    }
    return tuple(
        replace(flip, texts=_pick(texts[flip.task], flip)) if flip.task in texts else flip
        for flip in flips
    )


def _pick(
    texts: tuple[Mapping[str, str], Mapping[str, str]], flip: Flip
) -> tuple[str | None, str | None]:
    return texts[0].get(flip.sample_id), texts[1].get(flip.sample_id)
