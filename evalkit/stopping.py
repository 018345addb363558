"""Tasks that end as soon as a gate's verdict on them is certain.

The clusters of a task are asked in a random order, and looked at when the first 10 %, 20 % and so
on of them are whole, never at what happened to be answered first: so a look is a function of the
answers of a beginning of that order, and a run that was killed comes to the same end. Watched are
tasks that the policy gates, the baseline has, and a scorer of evalkit's own scores at once: judged
tasks and those that another harness adds up are asked in full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from evalkit.compare.comparable import check
from evalkit.compare.sides import Scored
from evalkit.data import in_random_order
from evalkit.errors import IncompleteError
from evalkit.gate.coverage import align, refuse_many_flaky
from evalkit.gate.demands import Demand, demands
from evalkit.gate.ground import mismatches_with_planned, planned_less
from evalkit.gate.limits import check_room
from evalkit.gate.peeks import at_look, is_certain, looks_of, rules_of
from evalkit.gate.policy import Policy
from evalkit.prepare import Prepared, narrowed
from evalkit.progress import Observer
from evalkit.records import Prediction, Request, SampleScore
from evalkit.run_record import EarlyStop, Peeks, TaskResult
from evalkit.score import score_predictions
from evalkit.strata import strata_of
from evalkit.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """By which gate tasks may end early.

    Attributes:
        policy: What is demanded.
        baseline: The run that the candidate is held to.
    """

    policy: Policy
    baseline: Scored

    @property
    def setting(self) -> EarlyStop:
        """What a run's configuration says of it."""
        return EarlyStop(policy=self.policy.digest, baseline=self.baseline.side.digest)

    def demands(self, tasks: Iterable[Task]) -> tuple[Demand, ...]:
        """What the policy will demand of a run of these tasks, before it is there.

        Raises:
            UsageError: The policy demands what cannot be meant of them, or of the baseline's.
            EvalkitError: The baseline's scores cannot be had.
        """
        held = tuple(self.baseline.results)
        known = {task.name: _as_counted(task) for task in tasks}
        every = known | {n: self.baseline.task(n) for n in held}
        found = demands(self.policy, every, held)
        check_room(found, every, self.baseline.results)
        return found


def _as_counted(task: Task) -> Task:
    """A judged task as it will be counted, by the first of the rubrics that it knows."""
    return task if task.judging is None else task.judged(next(iter(task.judging.headline)))


class Stopping:
    """Sees each answer, looks at tasks when it is time, and says which need no more."""

    def __init__(self, tasks: Mapping[str, _Watched] = {}, rules: int = 1) -> None:
        """Watch tasks, by name; without any, all are asked in full.

        Args:
            tasks: With the looks at them.
            rules: Over how many rules a regression is corrected.
        """
        self._tasks, self._rules = dict(tasks), rules

    @classmethod
    def by(cls, order: StopOrder, prepared: Sequence[Prepared], seed: int) -> Self:
        """Plan the looks.

        Args:
            order: By which gate.
            prepared: The tasks.
            seed: Of the order of clusters.

        Raises:
            UsageError: The policy demands what cannot be meant of these tasks.
            IncompleteError: Less is to be asked than the baseline was.
            NotComparableError: What is to be asked is not what the baseline was asked.
            EvalkitError: The baseline's scores cannot be had.
        """
        wanted = order.demands([p.task for p in prepared])
        found = {}
        for p in prepared:
            own = tuple(demand for demand in wanted if demand.task == p.task.name)
            watched = _watched(p, own, order, seed)
            if watched is not None:
                found[p.task.name] = watched
        return cls(found, rules_of(wanted, order.policy.family))

    def start(self, known: Mapping[str, Mapping[str, Prediction]]) -> None:
        """Take in what earlier sessions answered; what failed in them is asked again."""
        for name, watched in self._tasks.items():
            made = known.get(name, {}).values()
            watched.take([one for one in made if one.failure is None], self._rules)

    def predicted(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Take in answers, and failures, that are on disk."""
        if task in self._tasks:
            self._tasks[task].take(predictions, self._rules)

    def is_settled(self, task: str) -> bool:
        """Whether a task needs no more answers."""
        return task in self._tasks and self._tasks[task].ended is not None

    def rounds(
        self, requests: Mapping[str, Sequence[Request]]
    ) -> list[dict[str, Sequence[Request]]]:
        """The requests from look to look, all tasks in turns; what is not watched comes first."""
        most = max((len(watched.looks) for watched in self._tasks.values()), default=1)
        found: list[dict[str, Sequence[Request]]] = [{} for _ in range(most)]
        for task, own in requests.items():
            watched = self._tasks.get(task)
            if watched is None:
                found[0][task] = own
                continue
            for place, ids in enumerate(watched.parts()):
                found[place][task] = tuple(one for one in own if one.sample_id in ids)
        return found

    def narrowed(self, prepared: Prepared) -> Prepared:
        """The task as far as it was asked until it ended: all of it where it was not stopped."""
        watched = self._tasks.get(prepared.task.name)
        return prepared if watched is None else watched.narrowed(prepared)

    def finished(self, prepared: Prepared, result: TaskResult) -> TaskResult:
        """The result with what the record says of looks at its task.

        Args:
            prepared: The whole task.
            result: What was made of what was asked.
        """
        watched = self._tasks.get(prepared.task.name)
        if watched is None:
            return result
        peeks = Peeks(
            looks=watched.looks,
            made=watched.ended or len(watched.looks),
            rules=self._rules,
            samples=len(prepared.samples),
            planned=prepared.fingerprint,
        )
        return replace(result, peeks=peeks)

    def say(self, watch: Observer) -> None:
        """Say which tasks ended early, and what that saved."""
        for note in (watched.note for watched in self._tasks.values()):
            if note:
                watch.note(note)


def _watched(
    prepared: Prepared, own: tuple[Demand, ...], order: StopOrder, seed: int
) -> _Watched | None:
    """A task with its looks; None where it is not watched.

    Raises:
        IncompleteError: Less is to be asked than the baseline was.
        NotComparableError: What is to be asked is not what the baseline was asked.
        UsageError: The policy leaves out too many of its samples as flaky.
    """
    task, results = prepared.task, order.baseline.results
    deciding = any(demand.decides for demand in own)
    if not deciding or task.judging is not None or task.foreign is not None:
        return None
    if task.name not in results:
        return None
    known = results[task.name].fingerprint
    planned = replace(prepared.fingerprint, preprocessing=known.preprocessing)
    unlike = mismatches_with_planned(results[task.name], planned, order.policy.allow)
    if less := planned_less(results[task.name], planned, unlike):
        message = f"{task.name}: {less}"
        raise IncompleteError(message)
    check(unlike, task.name)
    flaky = [key for f in order.policy.flaky if f.task == task.name for key in f.samples]
    refuse_many_flaky(task.name, flaky, order.baseline.scores(task.name))
    strata = strata_of(prepared.samples, task.parts)
    clusters = strata or {sample.cluster: "" for sample in prepared.samples}
    ranked = in_random_order(clusters, seed)
    looks = looks_of([clusters[cluster] for cluster in ranked])
    return _Watched(prepared, own, order, (ranked, looks)) if len(looks) > 1 else None


class _Watched:
    """One task: its looks, what is answered, and the look at which its verdict was certain."""

    def __init__(
        self,
        prepared: Prepared,
        own: tuple[Demand, ...],
        order: StopOrder,
        plan: tuple[tuple[str, ...], tuple[int, ...]],
    ) -> None:
        self._prepared, self._demands, self._order = prepared, own, order
        ranked, self.looks = plan
        rank = {cluster: place for place, cluster in enumerate(ranked)}
        self._rank = {sample.id: rank[sample.cluster] for sample in prepared.samples}
        self._samples = {sample.id: sample for sample in prepared.samples}
        self._answers: dict[str, Prediction] = {}
        self._scores: dict[str, SampleScore] = {}
        self._next = 0
        self._lacking = self._until(0)
        self.ended: int | None = None

    def _until(self, look: int) -> set[str]:
        """Ids of all samples until a look, from 0."""
        return {key for key, rank in self._rank.items() if rank < self.looks[look]}

    def parts(self) -> list[set[str]]:
        """Ids of the samples from look to look."""
        found, before = [], 0
        for count in self.looks:
            found.append({key for key, rank in self._rank.items() if before <= rank < count})
            before = count
        return found

    def take(self, predictions: Sequence[Prediction], rules: int) -> None:
        """Take in answers, and look at the task as often as it is time."""
        self._answers |= {made.sample_id: made for made in predictions}
        self._lacking -= {made.sample_id for made in predictions}
        while not self._lacking and self.ended is None and self._next < len(self.looks) - 1:
            if self._is_certain(rules):
                self.ended = self._next + 1
                return
            self._next += 1
            self._lacking = self._until(self._next) - self._answers.keys()

    def _is_certain(self, rules: int) -> bool:
        """Whether the verdict on what is answered until this look cannot change any more."""
        name, policy = self._prepared.task.name, self._order.policy
        asked = self._until(self._next)
        second = self._scored(asked)
        first = [s for s in self._order.baseline.scores(name) if s.sample_id in asked]
        flaky = [key for f in policy.flaky if f.task == name for key in f.samples if key in asked]
        both = align(self._prepared.task, first, second, policy.missing, flaky)
        alone = [replace(score, failed=False) for score in second]
        lone = align(self._prepared.task, alone, second, policy.missing, flaky)
        own = [at_look(demand, self.looks, self._next + 1, rules) for demand in self._demands]
        return is_certain(self._prepared.task, own, (both, lone))

    def _scored(self, asked: Collection[str]) -> list[SampleScore]:
        """Scores in the order of the dataset; each sample is scored once an answer."""
        fresh = [self._samples[key] for key in asked if key not in self._scores]
        made = score_predictions(self._prepared.task, fresh, self._answers)
        self._scores |= {score.sample_id: score for score in made}
        return [self._scores[key] for key in self._samples if key in asked]

    def narrowed(self, prepared: Prepared) -> Prepared:
        """The task until its end."""
        if self.ended is None:
            return prepared
        found = narrowed(prepared, self._until(self.ended - 1))
        return replace(found, notes=(*found.notes, self.note))

    @property
    def note(self) -> str:
        """What a reader must know of it; empty where it was asked in full."""
        if self.ended is None:
            return ""
        asked, planned = len(self._until(self.ended - 1)), len(self._samples)
        return (
            f"{self._prepared.task.name}: stopped early at look {self.ended} of {len(self.looks)}, "
            f"after {asked:,} of {planned:,} samples, as the gate's verdict on it is certain; its "
            "numbers are of those samples alone."
        )
