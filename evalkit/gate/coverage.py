"""Two runs' scored samples -> the same samples of both, in one order, or why there are none.

Samples are paired by id, never by place. What failed, or is not there, is treated as the policy
says, and never left out in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.compare.matching import Pairs
from evalkit.errors import UsageError
from evalkit.gate.policy import Missing
from evalkit.records import Sample, SampleScore
from evalkit.score import scored
from evalkit.task import Task
from evalkit.verdicts import Verdict

LOST_BASELINE = 0.005
"""The largest share of samples that a baseline may lack without being incomplete: such samples are
left out of both runs, since a baseline that is counted as wrong on them makes room for damage."""

FLAKY = 0.01
"""The largest share of a task's samples that a policy may leave out as flaky, with the rest of
their groups: damage could hide in more."""

_NOTHING = "The two runs have no sample in common."
_LEFT_OUT = "they are left out of both runs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """The samples that are compared.

    Attributes:
        first: The baseline's scores.
        second: The candidate's, of the same samples in the same order.
        notes: What a reader must know of them.
        verdict: Why they cannot be compared; None where they can.
        reason: The same in a sentence.
    """

    first: tuple[SampleScore, ...] = ()
    second: tuple[SampleScore, ...] = ()
    notes: tuple[str, ...] = ()
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def pairs(self) -> Pairs:
        """The samples as comparisons take them."""
        return Pairs(first=self.first, second=self.second, only_first=(), only_second=())


def refuse_unknown_flaky(task: str, flaky: Collection[str], ids: Collection[str]) -> None:
    """Refuse a flaky sample that neither run has.

    Args:
        task: Its task's name.
        flaky: The ids that the policy names.
        ids: Those of both runs.

    Raises:
        UsageError: One is not among them.
    """
    if unknown := sorted(set(flaky) - set(ids)):
        message = (
            f"The policy names the flaky sample {unknown[0]!r} of {task}, which neither run has."
        )
        raise UsageError(message)


def refuse_many_flaky(task: str, flaky: Collection[str], *sides: Sequence[SampleScore]) -> None:
    """Refuse a policy that leaves many samples of a task out as flaky.

    Args:
        task: Its name.
        flaky: The ids that the policy names.
        sides: The scores of both runs, whole.

    Raises:
        UsageError: More are left out than `FLAKY`, the rest of their groups among them.
    """
    if not flaky:
        return
    named, scores = set(flaky), [score for side in sides for score in side]
    groups = {score.group for score in scores if score.sample_id in named} - {None}
    out = {s.sample_id for s in scores if s.sample_id in named or s.group in groups}
    total = len({score.sample_id for score in scores})
    if len(out) > FLAKY * total:
        message = (
            f"The policy leaves {len(out):,} of {total:,} samples of {task} out as flaky, with the "
            f"rest of their groups; {int(FLAKY * total):,} may be at most (1 %), as damage could "
            "hide in more."
        )
        raise UsageError(message)


def align(
    task: Task,
    first: Sequence[SampleScore],
    second: Sequence[SampleScore],
    missing: Missing,
    flaky: Collection[str] = (),
    *,
    unseen: tuple[int, int] = (0, 0),
) -> Aligned:
    """The samples of two runs that are compared.

    "worst" counts what failed in the candidate, or is not in it, as wrong. What failed in the
    baseline, or is not in it, is left out of both with its group, up to `LOST_BASELINE`. "fail"
    allows neither. "exclude" leaves all of it out of both, up to its share. What has no verdict of
    its judge has failed.

    Args:
        task: Whose scorer says what a failure is worth.
        first: The baseline's scores.
        second: The candidate's.
        missing: The policy's word.
        flaky: Ids of samples that are left out of both.
        unseen: Samples that either run was asked and has no scores of.

    Raises:
        UsageError: A flaky sample is in neither run.
    """
    one, two = ({s.sample_id: _or_failed(task, s) for s in side} for side in (first, second))
    ids = dict.fromkeys([*one, *two])
    refuse_unknown_flaky(task.name, flaky, ids)
    left = _whole([key for key in ids if key not in set(flaky)], (one, two))
    lost = _Lost.of(left, (one, two), unseen)
    notes = _flaky_notes(task.name, flaky, len(ids) - len(left), len(ids)) + _unjudged_notes(
        task, first, second
    )
    if not any(key in one and key in two for key in left):
        return Aligned(verdict="not comparable", reason=_NOTHING)
    if missing.kind != "worst":
        return _strict(task.name, left, (one, two), (missing, lost, notes))
    return _at_worst(task, left, (one, two), lost, notes)


_Sides = tuple[Mapping[str, SampleScore], Mapping[str, SampleScore]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """Samples without an answer, by run: not there, or failed.

    Attributes:
        first: Ids of those that the baseline lacks.
        second: Ids of those that the candidate lacks.
        unseen: Further ones of which the runs' records tell, and whose ids nobody knows.
    """

    first: frozenset[str]
    second: frozenset[str]
    unseen: tuple[int, int]

    @classmethod
    def of(cls, ids: Sequence[str], sides: _Sides, unseen: tuple[int, int]) -> _Lost:
        absent = [sum(key not in side for key in ids) for side in sides]
        first, second = (
            frozenset(key for key in ids if key not in side or side[key].failed) for side in sides
        )
        beyond = max(0, unseen[0] - absent[0]), max(0, unseen[1] - absent[1])
        return cls(first=first, second=second, unseen=beyond)

    @property
    def words(self) -> str:
        """How many there are, by run."""
        first, second = len(self.first) + self.unseen[0], len(self.second) + self.unseen[1]
        return f"{first:,} in the baseline, {second:,} in the candidate"


def _strict(
    name: str, ids: Sequence[str], sides: _Sides, given: tuple[Missing, _Lost, tuple[str, ...]]
) -> Aligned:
    """Under "fail" and "exclude": both runs have answers to all that is compared."""
    missing, lost, notes = given
    out, unseen = lost.first | lost.second, sum(lost.unseen)
    kept = _without(out, ids, sides)
    told = f"({lost.words}){_others(len(ids) - len(kept) - len(out))}"
    lacking, total = len(ids) - len(kept) + unseen, len(ids) + max(lost.unseen)
    if lacking > missing.share * total:
        allowed = f"at most {missing.share:.3g} of them" if missing.kind == "exclude" else "none"
        reason = (
            f"{len(out) + unseen:,} of {total:,} samples failed or are missing {told}; the policy "
            f"allows {allowed}."
        )
        return Aligned(verdict="incomplete", reason=reason)
    if out:
        many = f"{name}: {len(out):,} of {len(ids):,} samples failed or are missing"
        notes = (*notes, f"{many} {told}; {_LEFT_OUT}")
    return _paired(name, kept, sides, notes)


def _at_worst(
    task: Task, ids: Sequence[str], sides: _Sides, lost: _Lost, notes: tuple[str, ...]
) -> Aligned:
    """Under "worst": what the candidate lacks is wrong, what the baseline lacks is left out."""
    one, two = sides[0], dict(sides[1])
    kept, total = _without(lost.first, ids, sides), len(ids) + lost.unseen[0]
    others = len(ids) - len(kept) - len(lost.first)
    lacking = len(lost.first) + lost.unseen[0]
    if lacking + others > LOST_BASELINE * total:
        reason = (
            f"{lacking:,} of {total:,} samples failed in the baseline or are not in it"
            f"{_others(others)}, which hides damage to them; run the baseline's command again, or "
            "take another baseline."
        )
        return Aligned(verdict="incomplete", reason=reason)
    if lost.unseen[1]:
        return Aligned(verdict="incomplete", reason=_unseen_words(lost.unseen[1]))
    try:
        two |= {key: _failed(task, one[key]) for key in ids if key not in two}
        failed = [key for key in kept if key in lost.second and key in sides[1]]
        two |= {key: _failed_anew(task, two[key], one[key].targets) for key in failed}
    except UsageError as error:
        reason = (
            "Samples failed or are missing in the candidate, and cannot be counted as wrong: "
            f"{error}"
        )
        return Aligned(verdict="incomplete", reason=reason)
    if wrong := lost.second - lost.first:
        told = f"{task.name}: {len(wrong):,} of {len(ids):,} samples failed or are missing in the"
        notes = (*notes, f"{told} candidate; they count as what the task's scorer gives for none.")
    if lost.first:
        told = f"{task.name}: {len(lost.first):,} of {len(ids):,} samples failed in the baseline or"
        notes = (*notes, f"{told} are not in it{_others(others)}; {_LEFT_OUT}")
    return _paired(task.name, kept, (one, two), notes)


def _unseen_words(count: int) -> str:
    return (
        f"{count:,} samples of the candidate failed or are missing, as its record says, but are "
        "not among its scores, so they cannot be counted as wrong: score it again without "
        "--missing exclude."
    )


def _paired(name: str, ids: Sequence[str], sides: _Sides, notes: tuple[str, ...]) -> Aligned:
    first, second = (tuple(side[key] for key in ids) for side in sides)
    for a, b in zip(first, second, strict=True):
        if (a.cluster, a.group) != (b.cluster, b.group):
            reason = (
                f"The sample {a.sample_id!r} of {name} is in cluster {a.cluster!r} in the baseline "
                f"and in {b.cluster!r} in the candidate: it is not the same question."
            )
            return Aligned(verdict="not comparable", reason=reason)
    if not ids:
        return Aligned(verdict="incomplete", reason="No sample is left to compare.")
    return Aligned(first=first, second=second, notes=notes)


def _whole(ids: Sequence[str], sides: _Sides) -> list[str]:
    """The ids of which the whole group is compared: half a pair is no pair."""
    kept = set(ids)
    broken = {s.group for side in sides for key, s in side.items() if key not in kept} - {None}
    own = ({side[key].group for side in sides if key in side} for key in ids)
    return [key for key, groups in zip(ids, own, strict=True) if not groups & broken]


def _without(out: Collection[str], ids: Sequence[str], sides: _Sides) -> list[str]:
    """The ids but for some, and but for the rest of their groups."""
    return _whole([key for key in ids if key not in out], sides)


def _failed(task: Task, score: SampleScore) -> SampleScore:
    """What a sample is worth without an answer, rebuilt from what was recorded of it.

    Raises:
        UsageError: The scorer needs more than that.
    """
    if task.judging is not None and task.protocol in task.judging.headline:
        message = f"{task.name} is scored by a judge."
        raise UsageError(message)
    return scored(task, _sample_of(score), None)


def _failed_anew(task: Task, score: SampleScore, targets: tuple[str, ...]) -> SampleScore:
    """A sample that failed, worth what its scorer gives for no answer, whatever was recorded.

    Args:
        task: Whose scorer it is. Another harness is not asked: by its rules a failure is 0 where
            more is better.
        score: What was recorded.
        targets: The baseline's; none where it keeps none.

    Raises:
        UsageError: The scorer needs more than what was recorded.
    """
    sample = _sample_of(replace(score, targets=targets or score.targets))
    if task.foreign is not None:
        more = {metric.name for metric in task.metrics if metric.higher_is_better is not False}
        values = {name: 0.0 if name in more else v for name, v in score.values.items()}
    elif task.judging is not None and task.protocol in task.judging.headline:
        values = dict(task.judging.score(sample, None, ()).values)
    else:
        values = dict(scored(task, sample, None).values)
    return replace(score, answer=None, values=values)


def _sample_of(score: SampleScore) -> Sample:
    """What was recorded of a sample; its question is not."""
    return Sample(
        id=score.sample_id,
        question="",
        targets=score.targets,
        group=score.group,
        cluster=score.cluster,
        tags=score.tags,
    )


def _is_unjudged(task: Task, score: SampleScore) -> bool:
    """Whether all verdicts on a sample are missing."""
    judged = task.judging is not None and task.protocol in task.judging.headline
    return judged and not score.failed and not score.values.get("judged", 1.0)


def _or_failed(task: Task, score: SampleScore) -> SampleScore:
    """The score; of a sample without a verdict, that of an answer that failed."""
    if task.judging is None or not _is_unjudged(task, score):
        return score
    values = task.judging.score(_sample_of(score), None, ()).values
    return replace(score, answer=None, failed=True, values=values)


def _unjudged_notes(
    task: Task, first: Sequence[SampleScore], second: Sequence[SampleScore]
) -> tuple[str, ...]:
    one, two = (sum(_is_unjudged(task, score) for score in side) for side in (first, second))
    if not one and not two:
        return ()
    told = f"{task.name}: {one:,} samples have no verdict of the judge in the baseline, and {two:,}"
    return (f"{told} in the candidate; they are taken as failed.",)


def _flaky_notes(name: str, flaky: Collection[str], out: int, total: int) -> tuple[str, ...]:
    if not flaky:
        return ()
    named = len(set(flaky))
    told = f"{name}: {named:,} of {total:,} samples are left out as flaky"
    return (f"{told}{_others(out - named)}.",)


def _others(count: int) -> str:
    """Those that are left out with others of their groups."""
    return f", with the {count:,} others of their groups" if count else ""
