"""Two runs' scores, sample by sample: the same ids in the same order, and what has no partner."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from evalkit.records import SampleScore


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The samples that two runs share.

    Attributes:
        first: The first run's scores, in its order.
        second: The second run's scores of the same samples, in the same order; what ties samples
            (group, cluster, tags) is as in the first run.
        only_first: Ids that the second run lacks.
        only_second: Ids that the first run lacks.
    """

    first: tuple[SampleScore, ...]
    second: tuple[SampleScore, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def pair_by_id(first: Sequence[SampleScore], second: Sequence[SampleScore]) -> Pairs:
    """Pair scores by sample id, never by position."""
    partners = {score.sample_id: score for score in second}
    shared = [score for score in first if score.sample_id in partners]
    known = {score.sample_id for score in first}
    return Pairs(
        first=tuple(shared),
        second=tuple(_tied(partners[score.sample_id], score) for score in shared),
        only_first=tuple(s.sample_id for s in first if s.sample_id not in partners),
        only_second=tuple(s.sample_id for s in second if s.sample_id not in known),
    )


def _tied(score: SampleScore, like: SampleScore) -> SampleScore:
    """The score, tied to others as its partner is."""
    same = (score.group, score.cluster, score.tags) == (like.group, like.cluster, like.tags)
    return score if same else replace(score, group=like.group, cluster=like.cluster, tags=like.tags)


def unwhole(pairs: Pairs, first: Sequence[SampleScore], second: Sequence[SampleScore]) -> set[str]:
    """Ids of shared samples whose group is not whole in both runs: half a pair is no pair."""
    lacking = {*pairs.only_first, *pairs.only_second}
    broken = {s.group for side in (first, second) for s in side if s.sample_id in lacking} - {None}
    return {s.sample_id for s in pairs.first if s.group in broken}


def without(pairs: Pairs, left_out: Collection[str]) -> Pairs:
    """The pairs without some samples."""
    if not left_out:
        return pairs
    kept = [place for place, s in enumerate(pairs.first) if s.sample_id not in left_out]
    return replace(
        pairs,
        first=tuple(pairs.first[place] for place in kept),
        second=tuple(pairs.second[place] for place in kept),
    )
