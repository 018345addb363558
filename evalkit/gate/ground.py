"""What of two runs may be compared, task by task: fingerprints, judges, samples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from evalkit.compare.comparable import PARTS, check, mismatches, mismatches_with_scores
from evalkit.compare.sides import Scored, shared_task
from evalkit.comparison import UNKNOWN, Mismatch
from evalkit.errors import NotComparableError
from evalkit.gate.coverage import (
    LOST_BASELINE,
    Aligned,
    align,
    refuse_many_flaky,
    refuse_unknown_flaky,
)
from evalkit.gate.policy import Policy
from evalkit.records import SampleScore
from evalkit.run_record import EarlyStop, Fingerprint, Peeks, TaskResult
from evalkit.task import Task

_OF_FLOORS = ("dataset", "scorer", "judge")
"""Parts that make a candidate's value by itself another number; how it was asked is its own."""

LOST_VERDICTS = 0.01
"""The largest share of a judge's verdicts that a candidate may lack, where it counts at worst."""

_WIDTH = 40  # characters of a fingerprint's value


_Sides = tuple[Sequence[SampleScore], Sequence[SampleScore]]


class Tasks(Mapping[str, Task]):
    """The tasks that two runs have, loaded when they are asked for."""

    def __init__(self, baseline: Scored, candidate: Scored) -> None:
        """Take two runs; where both have a task, it is the candidate's."""
        self._both = baseline, candidate
        self._sides = {
            **dict.fromkeys(baseline.results, baseline),
            **dict.fromkeys(candidate.results, candidate),
        }

    def __getitem__(self, name: str) -> Task:
        """A task, with the metrics that both runs are counted by."""
        return shared_task(name, self._sides[name], *self._both)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._sides)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sides)


class Runs:
    """The two runs, and for each task what of them is compared."""

    def __init__(
        self, policy: Policy, baseline: Scored, candidate: Scored, allow: frozenset[str]
    ) -> None:
        """Take two runs, and parts of their fingerprints that may differ."""
        self.policy, self.baseline, self.candidate = policy, baseline, candidate
        self.tasks = Tasks(baseline, candidate)
        self.allow = allow
        self._waived: dict[tuple[str, str, str], dict[str, None]] = {}
        self._grounds: dict[tuple[str, bool], Aligned] = {}

    def ground(self, task: str, *, alone: bool) -> Aligned:
        """The samples of a task that are compared, or of the candidate alone."""
        key = (task, alone)
        if key not in self._grounds:
            self._grounds[key] = self._lone(task) if alone else self._both(task)
        return self._grounds[key]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the samples."""
        return [note for ground in self._grounds.values() for note in ground.notes]

    def peeks(self, task: str) -> Peeks | None:
        """How often this gate looked at the candidate's task while it was run; None: not at all."""
        result = self.candidate.results.get(task)
        return result.peeks if result is not None and self._is_own() else None

    @property
    def is_sequential(self) -> bool:
        """Whether this gate could end the candidate's tasks early."""
        return self._is_own()

    @property
    def late(self) -> int | None:
        """Samples of tasks that ended early which were asked and are not counted.

        They were on their way when the task ended. None where nobody knows: the record says what
        its last session asked.
        """
        told = self.candidate.record.telemetry
        if told is None or told.resumed:
            return None
        asked = {speed.task: speed.samples for speed in told.tasks}
        ended = [task for task in self.candidate.results if self._stopped(task) is not None]
        counted = {task: self.candidate.result(task).coverage.asked for task in ended}
        return sum(max(0, asked.get(task, many) - many) for task, many in counted.items())

    def whole(self, task: str) -> int:
        """How many samples a task's benchmark has, as its task says or as it was found."""
        sides = (self.baseline, self.candidate)
        data = [s.result(task).fingerprint.dataset for s in sides if task in s.results]
        return max(max(one.rows or 0, one.expected_rows or 0) for one in data)

    @property
    def rules(self) -> int | None:
        """Over how many rules this gate corrected while the candidate was run; None: it did not."""
        held = (self.peeks(task) for task in self.candidate.results)
        return max((peeks.rules for peeks in held if peeks is not None), default=None)

    def _is_own(self) -> bool:
        """Whether it was by this policy, beside this baseline, that the candidate's tasks ended."""
        own = EarlyStop(policy=self.policy.digest, baseline=self.baseline.side.digest)
        return self.candidate.record.config.early_stop == own

    def _stopped(self, task: str) -> Peeks | None:
        """The looks at a task that was stopped before it was whole."""
        peeks = self.candidate.result(task).peeks
        return peeks if peeks is not None and peeks.stopped else None

    def _foreign_stop(self, task: str) -> Aligned | None:
        """What to say of a task that another gate has stopped; None where none has."""
        if self._stopped(task) is None or self._is_own():
            return None
        return incomplete(
            f"{task} was stopped early, by another policy or beside another baseline: what was not "
            "asked was chosen by that. Run it without --sequential, or with this gate."
        )

    def _both(self, task: str) -> Aligned:
        for side, who in ((self.baseline, "baseline"), (self.candidate, "candidate")):
            if task not in side.results:
                return incomplete(f"The {who} {side.side.name} has no result of {task}.")
        if unlike := self._foreign_stop(task) or self._unlike(task, PARTS):
            return unlike
        if ill := self._unhealthy(task, self.baseline, LOST_BASELINE) or self._unhealthy(task):
            return ill
        unseen = self._unseen(self.baseline, task), self._unseen(self.candidate, task)
        sides = self.baseline.scores(task), self.candidate.scores(task)
        return self._aligned(task, sides, unseen)

    def _lone(self, task: str) -> Aligned:
        """The candidate alone, which must answer all that the baseline answers, where it can."""
        if task not in self.candidate.results:
            name = self.candidate.side.name
            return incomplete(f"The candidate {name} has no result of {task}.")
        known = task in self.baseline.results
        if (unlike := self._foreign_stop(task)) or (
            known and (unlike := self._unlike(task, _OF_FLOORS))
        ):
            return unlike
        if ill := self._unhealthy(task):
            return ill
        own, unseen = self.candidate.scores(task), (0, self._unseen(self.candidate, task))
        asked = {s.sample_id: s for s in (self.baseline.scores(task) if known else own)}
        second = [score for score in own if score.sample_id in asked]
        first = [
            replace(s, failed=False) for s in (asked | {s.sample_id: s for s in second}).values()
        ]
        found = self._aligned(task, (first, second), unseen)
        if not (further := len(own) - len(second)):
            return found
        note = (
            f"{task}: {further:,} samples that the baseline was not asked are left out of floors."
        )
        return replace(found, notes=(*found.notes, note))

    def _unhealthy(
        self, task: str, side: Scored | None = None, most: float = LOST_VERDICTS
    ) -> Aligned | None:
        """What to say where too many verdicts of a judge failed; None where all is well.

        Whatever its run allowed, a side (None is the candidate) may lack what the policy allows,
        and the share `most` where that is "worst".
        """
        report = (side or self.candidate).result(task).judge
        if report is None:
            return None
        missing = self.policy.missing
        allowed = most if missing.kind == "worst" else missing.share
        lost = sum(report.failed.values())
        if report.healthy and lost <= allowed * report.verdicts:
            return None
        reason = (
            f"Too many of its judge's verdicts failed in the {'baseline' if side else 'candidate'} "
            f"({lost:,} of {report.verdicts:,}); judge it again: evalkit judge RUN."
        )
        return Aligned(verdict="judge unhealthy", reason=reason)

    def _unseen(self, side: Scored, task: str) -> int:
        """Samples that the record counts as asked, or failed, and of which there are no scores."""
        coverage, scores = side.result(task).coverage, side.scores(task)
        failed = sum(score.failed for score in scores)
        return max(0, coverage.asked - len(scores), coverage.failed - failed)

    def _unlike(self, task: str, parts: Collection[str]) -> Aligned | None:
        """Why the two results may not be held against each other; None where they may."""
        if (stopped := self._stopped(task)) is not None:
            return self._unlike_planned(task, stopped, parts)
        results = self.baseline.result(task), self.candidate.result(task)
        scores = self.baseline.scores(task), self.candidate.scores(task)
        ids = [{score.sample_id for score in side} for side in scores]
        narrower, wider = ids[1] < ids[0], ids[0] < ids[1]
        if narrower or wider:
            found = mismatches_with_scores(*results, scores, self.allow)
        else:
            found = mismatches(*results, self.allow)
        found = tuple(m for m in found if m.part.partition(".")[0] in parts)
        if narrower:  # nothing is compared, so that nobody names the data matters less
            found = tuple(m for m in found if m.waived or not _is_unnamed(m))
        if refused := self._refused(task, found):
            return refused
        if narrower and not any(m.part.startswith("dataset") for m in found):
            return incomplete(asked_less(len(ids[0]), len(ids[1])))
        return None

    def _unlike_planned(self, task: str, stopped: Peeks, parts: Collection[str]) -> Aligned | None:
        """The same of a task that was stopped early: planned must be what the baseline has.

        Of the pictures there is a digest of those alone that were shown until then, and it is not
        compared.
        """
        known = self.baseline.result(task)
        found = mismatches_with_planned(known, stopped.planned, self.allow)
        if less := planned_less(known, stopped.planned, found):
            return incomplete(less)
        return self._refused(task, [m for m in found if m.part.partition(".")[0] in parts])

    def _refused(self, task: str, found: Sequence[Mismatch]) -> Aligned | None:
        """Why mismatches forbid a comparison; None where all of them are allowed."""
        self._waive(task, [m for m in found if m.waived])
        try:
            check(found, task)
        except NotComparableError as error:
            return Aligned(verdict="not comparable", reason=str(error))
        return None

    def _waive(self, task: str, found: Sequence[Mismatch]) -> None:
        for m in found:
            self._waived.setdefault((m.part, _cut(m.first), _cut(m.second)), {})[task] = None

    @property
    def waived(self) -> tuple[str, ...]:
        """What was allowed to differ, each in a sentence with all of its tasks."""
        return tuple(
            f"{', '.join(tasks)}: {part} may differ: it is {_both(one, two)}."
            for (part, one, two), tasks in self._waived.items()
        )

    def _aligned(self, task: str, sides: _Sides, unseen: tuple[int, int]) -> Aligned:
        """The samples of both sides that are compared, without those that are flaky."""
        first, second = sides
        flaky = [key for f in self.policy.flaky if f.task == task for key in f.samples]
        if flaky:
            all_scores = [
                s.scores(task) for s in (self.baseline, self.candidate) if task in s.results
            ]
            refuse_many_flaky(task, flaky, *all_scores)
            refuse_unknown_flaky(task, flaky, [s.sample_id for own in all_scores for s in own])
        if task in self.candidate.results and self._stopped(task) is not None:
            asked = {score.sample_id for score in second}
            first = [score for score in first if score.sample_id in asked]
        known = {score.sample_id for side in (first, second) for score in side}
        flaky = [key for key in flaky if key in known]
        own, missing = self.candidate.task(task), self.policy.missing
        return align(own, first, second, missing, flaky, unseen=unseen)


def mismatches_with_planned(
    baseline: TaskResult, planned: Fingerprint, allow: Collection[str] = ()
) -> tuple[Mismatch, ...]:
    """What differs between a baseline and what is to be asked, as `mismatches`, but for pictures.

    Args:
        baseline: A result.
        planned: The fingerprint of all that is to be asked.
        allow: Parts or dotted paths that may differ.
    """
    images = baseline.fingerprint.dataset.images
    known = replace(planned, dataset=replace(planned.dataset, images=images))
    return mismatches(baseline, replace(baseline, fingerprint=known), allow)


def asked_less(known: int, asked: int) -> str:
    """What to say of a candidate that was asked some of the baseline's samples.

    Args:
        known: Samples of the baseline.
        asked: Samples of the candidate.
    """
    return (
        f"dataset.samples is {known} and {asked}: the candidate was asked {asked:,} of the "
        f"baseline's {known:,} samples. Make both with the same task list, such as the plan's, or "
        "the same --limit, --limit-by and --seed."
    )


def planned_less(
    baseline: TaskResult, planned: Fingerprint, found: Sequence[Mismatch]
) -> str | None:
    """What to say where fewer samples are to be asked than the baseline has; None where not so.

    Of fewer samples no digest can agree, so the names of the data must.

    Args:
        baseline: A result.
        planned: The fingerprint of all that is to be asked.
        found: As `mismatches_with_planned`.
    """
    known, now = baseline.fingerprint.dataset, planned.dataset
    place = "repository", "config", "split", "revision", "rows"
    alike = all(getattr(known, name) == getattr(now, name) for name in place)
    follow = {f"dataset.{name}" for name in ("samples", "digest", "context")} | {"prompt.digest"}
    others = [m for m in found if not m.waived and m.part not in follow]
    left = any(m.part == "dataset.samples" and not m.waived for m in found)
    were, are = known.samples or 0, now.samples or 0
    return None if not left or not alike or others or are >= were else asked_less(were, are)


def _is_unnamed(m: Mismatch) -> bool:
    """Whether it is only that nothing names the data's commit, in either run."""
    return m.part == "dataset.revision" and m.first == m.second == UNKNOWN


def incomplete(reason: str) -> Aligned:
    """Samples that cannot be compared, as some are not there."""
    return Aligned(verdict="incomplete", reason=reason)


def _cut(value: str) -> str:
    """A value of a fingerprint; of a digest its beginning will do."""
    return value if len(value) <= _WIDTH else f"{value[: _WIDTH - 3]}..."


def _both(one: str, two: str) -> str:
    return f"{one} in both" if one == two else f"{one} in the baseline, {two} in the candidate"
