"""Candidates that may stand beside each other -> their standings: marks, ranks, differences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from evalkit.board.columns import Candidate, Together
from evalkit.board.counting import Counted, Tally
from evalkit.board.rankable import failed_share, unranked, withheld
from evalkit.board.ranks import LEVEL, Ranking, Rival, ranked
from evalkit.difference import Case, sampled
from evalkit.paired import DRAWS
from evalkit.publication import PrintedCell
from evalkit.records import Generation, MetricValue
from evalkit.report.marks import Mark, beside_marks, is_limited, own_marks
from evalkit.resampling import settled
from evalkit.run_record import RunRecord, TaskResult
from evalkit.standings import Companion, Gap, Group, Origin, Standing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DIGITS = 12  # significant ones; the last few of a sum depend on the order of its terms
_DECIMALS = re.compile(r"\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A group with what only its ranks' makers know.

    Attributes:
        group: The group.
        labels: Rows that have a rank, in the order of `better`.
        better: Shape (m, m): whether the first is better than the second for sure.
    """

    group: Group
    labels: tuple[str, ...]
    better: npt.NDArray[np.bool_]


def ranked_group(
    held: Together,
    metric: str,
    tallies: Mapping[str, Tally],
    *,
    reference: str | None = None,
    published: Sequence[Candidate] = (),
    same: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> Ranked:
    """The standings of a group in one metric, the best first.

    Args:
        held: The candidates.
        metric: The metric.
        tallies: What is known beyond the records, by the record's path.
        reference: The reference's row.
        published: Those whose numbers are copied from publications.
        same: Their rows, by the measured rows that are said to be the same model; other measured
            rows are set beside those of their name.
    """
    better = direction([tallies[one.entry.path] for one in held.newest], metric)
    higher = better is not False
    why = {one.label: _unranked(held, one, metric, better=better) for one in held.newest}
    rivals = [one for one in held.newest if not why[one.label]]
    if len(rivals) == 1:
        why[rivals.pop().label] = "nothing to compare it with"
    ranking = _ranking(rivals, metric, tallies, higher=higher)
    places = {one.label: place for place, one in enumerate(rivals)}
    made = _unranked_yet(held, metric, tallies, why)
    for label, ranks, by in zip(places, ranking.ranges, ranking.by, strict=True):
        made[label] = replace(made[label], ranks=ranks, leads=ranks[0] == 1, by=by)
    for one in held.newest:
        if made[one.label].value is not None:
            gap = _gap(_named(held, reference), one, metric, tallies)
            told = _published(one, metric, published, same.get(one.label))
            made[one.label] = replace(made[one.label], reference=gap, published=told)
    standings = sorted(made.values(), key=lambda one: _order(one, higher=higher))
    group = _group(held, standings)
    return Ranked(group=group, labels=tuple(places), better=ranking.better)


def _unranked_yet(
    held: Together, metric: str, tallies: Mapping[str, Tally], why: Mapping[str, str]
) -> dict[str, Standing]:
    """By row, its number without a rank, set beside nothing but what explains it."""
    return {
        one.label: replace(
            _standing(one, metric, marks=marks_of(held, one), unranked=why[one.label]),
            companions=_companions(one.result, tallies[one.entry.path].describing),
        )
        for one in held.newest
    }


def _group(held: Together, standings: Sequence[Standing]) -> Group:
    return Group(
        title=held.title,
        differences=held.differences,
        comparable=held.comparable,
        standings=tuple(standings),
    )


def _named(held: Together, reference: str | None) -> Candidate | None:
    """The reference, where it is in a group whose numbers may be compared."""
    found = (one for one in held.newest if one.label == reference)
    return next(found, None) if held.comparable else None


def direction(tallies: Sequence[Tally], metric: str) -> bool | None:
    """Whether more is better, as the first who says it says; None where nobody does."""
    said = (tally.better[metric] for tally in tallies if metric in tally.better)
    return next(said, None)


def _unranked(held: Together, one: Candidate, metric: str, *, better: bool | None) -> str:
    """Why a number has no rank; empty where it may have one."""
    if not held.comparable:
        return "how it was asked is not known"
    return unranked(one.result, metric, better=better)


def _ranking(
    rivals: Sequence[Candidate], metric: str, tallies: Mapping[str, Tally], *, higher: bool
) -> Ranking:
    import numpy as np

    if not rivals:
        return Ranking(ranges=(), better=np.zeros((0, 0), dtype=bool), by=())
    given = [
        Rival(
            value=one.result.metrics[metric],
            counted=tallies[one.entry.path].counted.get(metric),
        )
        for one in rivals
    ]
    return ranked(given, higher=higher)


def marks_of(held: Together, one: Candidate) -> tuple[str, ...]:
    """What may be the matter with a number, by itself and beside the others, in marks' order."""
    differing = (*one.waived, *(held.differences if held.comparable else ()))
    found = {
        *own_marks(one.entry.record, one.result),
        *beside_marks(differing, limited=is_limited(one.result)),
    }
    return tuple(mark.value for mark in Mark if mark in found)


def _standing(one: Candidate, metric: str, *, marks: tuple[str, ...], unranked: str) -> Standing:
    """A number that is not ranked yet, and set beside nothing."""
    value, missing = one.result.metrics[metric], withheld(one.result)
    cell, covered = _printed(one, metric), one.result.coverage
    return Standing(
        contender=one.label,
        value=None if missing else value.value,
        low=None if missing else value.low,
        high=None if missing else value.high,
        method=value.method,
        n=value.n,
        clusters=value.clusters,
        failed=failed_share(one.result),
        withheld=missing,
        marks=marks,
        ranks=None,
        unranked=unranked,
        leads=False,
        by="",
        reference=None,
        published=(),
        waived=one.waived,
        origin=origin(one.entry.path, one.entry.record, one.result),
        decimals=None if cell is None else _decimals(cell),
        erratum="" if cell is None else cell.erratum or "",
        unparsed=covered.unparsed / covered.asked if covered.asked else None,
    )


def _companions(result: TaskResult, names: Sequence[str]) -> tuple[Companion, ...]:
    """Numbers of the same result that describe its answers; none where numbers are withheld."""
    shown = [] if withheld(result) else [(name, result.metrics[name]) for name in names]
    return tuple(
        Companion(name=name, value=held.value, low=held.low, high=held.high, maximum=held.maximum)
        for name, held in shown
    )


def _printed(one: Candidate, metric: str) -> PrintedCell | None:
    """What a publication prints of a number; None where it was not copied."""
    published = one.entry.record.publication
    cells = () if published is None else published.cells
    named = (one.result.task, metric)
    return next((cell for cell in cells if (cell.task, cell.metric) == named), None)


def _decimals(cell: PrintedCell) -> int:
    """How many decimals are printed; of a fraction, how many its percentage has."""
    digits = _DECIMALS.search(cell.text)
    count = len(digits.group(1)) if digits else 0
    return max(0, count - 2) if cell.unit == "fraction" else count


def origin(path: str, record: RunRecord, result: TaskResult) -> Origin:
    """Which run a number is from."""
    known = result.fingerprint
    data = known.dataset
    return Origin(
        record=path,
        digest=record.digest,
        created=record.created,
        commit=record.commit,
        evalkit=record.versions.get("evalkit"),
        data="/".join(filter(None, (data.repository, data.config, data.split))),
        revision=data.revision,
        samples=data.samples,
        data_digest=data.digest,
        prompt=None if known.prompt is None else known.prompt.variant,
        prompt_digest=None if known.prompt is None else known.prompt.digest,
        decoding=None if known.generation is None else _decoding(known.generation),
        backend=None if record.source == "self-reported" else record.model.backend,
        protocol=result.protocol,
        judge=None if result.judge is None else result.judge.judge,
        seconds=seconds(record, result),
    )


def seconds(record: RunRecord, result: TaskResult) -> float | None:
    """Wall time of a task by sample; None where it is not known.

    A run's own time is of all its tasks, so it is the task's where there is no other.
    """
    speeds = () if record.telemetry is None else record.telemetry.tasks
    speed = next((one for one in speeds if one.task == result.task), None)
    if record.source != "measured":
        return None
    if speed is not None:
        known = speed.samples > 0 and speed.seconds > 0
        return speed.seconds / speed.samples if known else None
    asked = result.coverage.asked
    alone = {each.task for each in record.results} == {result.task}
    return record.seconds / asked if alone and asked and record.seconds > 0 else None


def _decoding(known: Generation) -> str:
    """Decoding settings in a few words."""
    ways = []
    if known.num_beams > 1:
        ways.append(f"{known.num_beams} beams")
    if known.temperature:
        ways.append(f"temperature {known.temperature:g}, top p {known.top_p:g}")
    ways = ways or ["greedy"]
    stops = f", {len(known.stop)} stops" if known.stop else ""
    return f"{', '.join(ways)}, {known.max_new_tokens} tokens{stops}"


def _order(one: Standing, *, higher: bool) -> tuple[bool, float, str, str]:
    value = one.value or 0.0
    return one.value is None, -value if higher else value, one.contender, one.origin.record


# Differences


def _gap(
    reference: Candidate | None, one: Candidate, metric: str, tallies: Mapping[str, Tally]
) -> Gap | None:
    """The difference to the reference, as `evalkit compare` computes it where scores are there."""
    if reference is None or reference is one or withheld(reference.result):
        return None
    values = [each.result.metrics[metric].value for each in (reference, one)]
    difference = rounded(values[1] - values[0])
    gap = Gap(beside=reference.label, value=values[0], difference=difference)
    pair = [tallies[each.entry.path].counted.get(metric) for each in (reference, one)]
    first, second = pair
    if first is None or second is None or first.samples != second.samples:
        return gap
    found = sampled(_case(first, second), DRAWS, 0)
    if found.sampling is None:
        return gap
    low, high = found.sampling.interval(LEVEL)
    most = max(_range(first, second), abs(gap.difference))
    return Gap(
        beside=gap.beside,
        value=gap.value,
        difference=gap.difference,
        low=rounded(max(low, -most)),
        high=rounded(min(high, most)),
        method=found.method,
    )


def rounded(value: float) -> float:
    """A computed number with the digits that are the same on every processor."""
    return float(f"{value:.{_DIGITS}g}")


def _range(first: Counted, second: Counted) -> float:
    metric = first.metric
    high = (
        metric.high if metric.reach is None else max(map(metric.reach, (first.sums, second.sums)))
    )
    return high - metric.low


def _case(first: Counted, second: Counted) -> Case:
    """Two runs as the paired interval takes them."""
    import numpy as np

    metric = first.metric
    by_cluster = settled(np.concatenate([first.by_cluster, second.by_cluster]))
    by_cluster = by_cluster.reshape(2, *first.by_cluster.shape)
    return Case(
        metric=metric,
        sums=np.stack([first.sums, second.sums]),
        by_cluster=by_cluster,
        scale=(first.scale + second.scale) / 2,
        values=(float(metric.value(first.sums)), float(metric.value(second.sums))),
        strata=first.strata,
        leverages=first.leverages,
        discordant=(by_cluster[0] != by_cluster[1]).any(axis=1),
    )


def _published(
    one: Candidate, metric: str, published: Sequence[Candidate], same: frozenset[str] | None
) -> tuple[Gap, ...]:
    """Numbers of the same model that were published, and by how much this one differs."""
    if one.entry.record.source == "self-reported":
        return ()
    value, name = one.result.metrics[metric], one.entry.record.model.name
    found = []
    for other in published:
        record, told = other.entry.record, other.result.metrics[metric]
        named = _bare(record.model.name) == _bare(name)
        is_same = named if same is None else other.label in same
        if is_same and _like(value, told):
            card = record.name if record.publication is None else record.publication.card
            difference = rounded(value.value - told.value)
            gap = Gap(beside=card, value=told.value, difference=difference)
            found.append((card, other.entry.path, gap))
    return tuple(gap for *_, gap in sorted(found, key=lambda each: each[:2]))


def _bare(name: str) -> str:
    """A model's name without its owner, in small letters."""
    return name.rpartition("/")[2].casefold()


def _like(one: MetricValue, two: MetricValue) -> bool:
    """Whether two numbers are of one scale, as far as is known."""
    return None in (one.maximum, two.maximum) or one.maximum == two.maximum
