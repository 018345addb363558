"""Which runs may become a baseline, and what a run would change in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from evalkit.compare.borne_out import check_numbers
from evalkit.compare.comparable import mismatches
from evalkit.compare.sides import Scored
from evalkit.comparison import Mismatch
from evalkit.errors import IncompleteError, UnhealthyJudgeError, UsageError
from evalkit.records import SampleScore
from evalkit.run_record import TaskResult


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """What a run would change in a baseline, for one task.

    Attributes:
        task: Its name.
        numbers: Metrics that would be others: before and after, None where there is none.
        same: Samples that would stay as they are.
        moved: Samples that would have other values, or fail, or no longer fail.
        reread: Samples that would have another answer, rule or tag, of the same values.
        added: Samples that the run alone has.
        removed: Samples that the baseline alone has.
        failed: Failed samples before and after.
        parts: What differs in the fingerprints.
    """

    task: str
    numbers: Mapping[str, tuple[float | None, float | None]]
    same: int
    moved: int
    reread: int
    added: int
    removed: int
    failed: tuple[int, int]
    parts: tuple[Mismatch, ...]

    @property
    def is_any(self) -> bool:
        """Whether anything would change."""
        counts = self.moved + self.reread + self.added + self.removed
        return bool(self.numbers or self.parts or counts)


def accepted(run: Scored, *, allow_incomplete: bool = False) -> dict[str, tuple[SampleScore, ...]]:
    """What a baseline keeps of a run: the scored samples by task, without targets.

    Args:
        run: The run; all of it is checked.
        allow_incomplete: Take a run in which samples failed or are missing, or verdicts of its
            judge. A limit is none of these: the record says it, and whoever compares with
            the baseline compares the same samples.

    Raises:
        UsageError: It is a baseline already, has no task, or a metric looks at targets, which a
            baseline does not keep.
        IncompleteError: Samples failed or are missing, or verdicts are, or a task has no number.
        UnhealthyJudgeError: Too many verdicts are missing.
        EvalkitError: As `Scored.scores`.
    """
    if run.side.kind == "baseline":
        message = f"{run.side.name} is a baseline already; give a run's folder."
        raise UsageError(message)
    if not run.results:
        message = f"{run.side.name} holds no result of any task; nothing can be kept of it."
        raise UsageError(message)
    faults = [fault for result in run.record.results for fault in _faults(result)]
    if faults and not allow_incomplete:
        message = (
            f"{run.side.name} is no baseline: {'; '.join(faults)}. The command that made the run, "
            "given again, asks again for what failed; --allow-incomplete takes it as it is."
        )
        healthy = all(r.judge is None or r.judge.healthy for r in run.record.results)
        raise (IncompleteError if healthy else UnhealthyJudgeError)(message)
    return {task: _without_targets(run, task) for task in run.results}


def _faults(result: TaskResult) -> Iterator[str]:
    """Why a result is not whole."""
    task, coverage, peeks = result.task, result.coverage, result.peeks
    if peeks is not None and peeks.stopped:
        asked = f"{coverage.asked:,} of {peeks.samples:,} samples"
        yield f"{task} was stopped early, after {asked} (run it without --sequential)"
    if not result.metrics:
        yield f"{task} has no number (is it not judged yet?)"
    if coverage.failed:
        yield f"{coverage.failed} of {coverage.asked} samples of {task} failed"
    if result.judge is not None and (missing := sum(result.judge.failed.values())):
        yield f"{missing} of {result.judge.verdicts} verdicts on {task} are missing"


def _without_targets(run: Scored, task: str) -> tuple[SampleScore, ...]:
    kept = tuple([replace(score, targets=()) for score in run.scores(task)])
    check_numbers(run.task(task), run.result(task), kept, f"{run.side.name}, without targets")
    return kept


def changes(before: Scored, after: Scored) -> tuple[TaskChange, ...]:
    """What would change in a baseline if a run took its place, by task.

    Numbers are those of the records, so that a baseline of an earlier version of a task can be
    looked at; scored samples are those that the records are about.

    Args:
        before: The baseline.
        after: The run.

    Raises:
        StoreError: Scores are not there, or damaged.
        StaleError: They are not those of the records.
    """
    return tuple(
        _change(task, *(_held(side, task) for side in (before, after)))
        for task in dict.fromkeys([*before.results, *after.results])
    )


_Held = tuple[TaskResult | None, Mapping[str, SampleScore]]


def _held(side: Scored, task: str) -> _Held:
    result = side.results.get(task)
    scores = () if result is None or result.scores is None else side.source.scores(result)
    return result, {score.sample_id: score for score in scores}


def _change(task: str, before: _Held, after: _Held) -> TaskChange:
    (old, olds), (new, news) = before, after
    both = [(olds[sample_id], score) for sample_id, score in news.items() if sample_id in olds]
    moved = sum(_value(one) != _value(two) for one, two in both)
    same = sum(_kept(one) == _kept(two) for one, two in both)
    parts: tuple[Mismatch, ...] = ()
    if old is not None and new is not None:
        parts = mismatches(old, new, same_samples=list(olds) == list(news))
    return TaskChange(
        task=task,
        numbers=dict(_numbers(old, new)),
        same=same,
        moved=moved,
        reread=len(both) - same - moved,
        added=len(news) - len(both),
        removed=len(olds) - len(both),
        failed=(_failed(olds.values()), _failed(news.values())),
        parts=parts,
    )


def _numbers(
    old: TaskResult | None, new: TaskResult | None
) -> Iterator[tuple[str, tuple[float | None, float | None]]]:
    before, after = ({} if side is None else side.metrics for side in (old, new))
    for name in dict.fromkeys([*before, *after]):
        pair = tuple(side[name].value if name in side else None for side in (before, after))
        if pair[0] != pair[1]:
            yield name, (pair[0], pair[1])


def _value(score: SampleScore) -> tuple[object, ...]:
    return score.values, score.failed


def _kept(score: SampleScore) -> SampleScore:
    """The score as a baseline would hold it; one tag in a list is that tag."""
    tags = {name: (tag,) if isinstance(tag, str) else tag for name, tag in score.tags.items()}
    return replace(score, targets=(), tags=tags)


def _failed(scores: Iterable[SampleScore]) -> int:
    return sum(score.failed for score in scores)
