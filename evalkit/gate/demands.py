"""A policy and the tasks that two runs have -> what is demanded, metric by metric."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evalkit.errors import UsageError
from evalkit.gate.limits import check_limits, check_some_decide
from evalkit.gate.policy import EVERY, Bound, Flaky, Kind, Policy, Rule, Waiver
from evalkit.task import Task
from evalkit.verdicts import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One thing that is demanded of one metric.

    Attributes:
        task: The task's name.
        metric: The metric's name.
        kind: What is demanded.
        bound: How much.
        tier: How much it counts.
        alpha: Both error rates of it by itself.
        waiver: Whose word is that it need not hold; None where nobody's is.
        levels: Levels of the upper bound, by which it passes, and of the lower one, by which it is
            a regression, where the task was looked at more than once; None: alpha for both.
    """

    task: str
    metric: str
    kind: Kind
    bound: Bound
    tier: Tier
    alpha: float
    waiver: Waiver | None
    levels: tuple[float, float] | None = None

    @property
    def decides(self) -> bool:
        """Whether it can fail the gate at all."""
        return self.tier != "advisory" and self.waiver is None

    @property
    def is_alone(self) -> bool:
        """Whether it is about the candidate alone."""
        return self.kind in ("min", "max")


def demands(policy: Policy, tasks: Mapping[str, Task], gated: Iterable[str]) -> tuple[Demand, ...]:
    """What the policy demands of the runs, in its order.

    Of several rules for one metric, each kind of demand is taken from the most specific rule that
    makes it: a task and a metric by name, then a task, then "*" with a metric, then "*" alone.

    Args:
        policy: The policy.
        tasks: Every task that one of the runs has, by name, with the metrics that it is counted by.
        gated: Names of those that "*" stands for.

    Raises:
        UsageError: A rule, a waiver or a list of flaky samples is about a task or a metric that
            there is not, a metric has no better and worse, or nothing decides.
    """
    found = tuple(_found(policy, tasks, tuple(gated)))
    for demand in found:
        _check_direction(tasks[demand.task], demand)
    _check_exceptions(policy, found, tasks)
    check_some_decide(found)
    return found


def _found(policy: Policy, tasks: Mapping[str, Task], every: tuple[str, ...]) -> Iterator[Demand]:
    """The demands, unchecked."""
    chosen: dict[tuple[str, str], dict[Kind, tuple[Rule, Bound]]] = {
        place: {} for rule in policy.rules for place in _places(rule, tasks, every)
    }
    for rule in sorted(policy.rules, key=_is_specific):
        for place in _places(rule, tasks, every):
            chosen[place] |= {kind: (rule, bound) for kind, bound in rule.demands.items()}
    for (name, metric), held in chosen.items():
        for kind, (rule, bound) in held.items():
            yield Demand(
                task=name,
                metric=metric,
                kind=kind,
                bound=bound,
                tier=rule.tier,
                alpha=rule.alpha,
                waiver=_waiver_of(policy.waivers, name, metric),
            )


def _is_specific(rule: Rule) -> tuple[bool, bool]:
    """Sorts the most specific rules last, so that they have the last word."""
    return rule.task != EVERY, rule.metric is not None


def _places(
    rule: Rule, tasks: Mapping[str, Task], every: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """(task, metric) of each number that the rule is about."""
    if rule.task != EVERY and rule.task not in tasks:
        message = (
            f"The policy has a rule for the task {rule.task!r}, which neither run has; they have "
            f"{_names(tasks)}.{_guess(rule.task, tasks)}"
        )
        raise UsageError(message)
    held = False
    for name in every if rule.task == EVERY else (rule.task,):
        task = tasks[name]
        metrics = [metric.name for metric in task.metrics]
        if not task.headline:
            message = (
                f"The policy has a rule for {name}, which has no number to gate: it was not "
                "judged, or its split has no gold answers. Name the tasks that shall be gated."
            )
            raise UsageError(message)
        for metric in task.headline if rule.metric is None else (rule.metric,):
            if metric in metrics:
                held = True
                yield name, metric
            elif rule.task != EVERY or rule.metric is None:
                raise UsageError(_no_metric(name, metric, metrics))
    if not held:
        message = (
            f"The policy has a rule for {rule.metric or 'the headline'} of every task, which no "
            f"task of the baseline has; it has {_names(every)}."
        )
        raise UsageError(message)


def _no_metric(task: str, metric: str, metrics: list[str]) -> str:
    return (
        f"The policy has a rule for {metric!r} of {task}, which is no metric that can be compared "
        f"sample by sample; these can: {_names(metrics)}.{_guess(metric, metrics)}"
    )


def _check_direction(task: Task, demand: Demand) -> None:
    """Refuse what a metric cannot be held to."""
    metric = next(m for m in task.metrics if m.name == demand.metric)
    better, where = metric.higher_is_better, f"{demand.metric} of {demand.task}"
    if better is None:
        message = (
            f"The policy demands {demand.kind} of {where}, which is a description: neither more "
            "nor less of it is better, so it cannot gate."
        )
        raise UsageError(message)
    wanted = "min" if better else "max"
    if demand.is_alone and demand.kind != wanted:
        more = "more" if better else "less"
        message = (
            f"The policy demands {demand.kind} of {where}, of which {more} is better: {wanted}."
        )
        raise UsageError(message)
    if demand.bound.points and not metric.bounded:
        message = (
            f"The policy gives the margin of {where} in points, but it has no range; give a number "
            "in its own unit."
        )
        raise UsageError(message)
    check_limits(demand.task, metric, demand.kind, demand.bound)


def _waiver_of(waivers: Iterable[Waiver], task: str, metric: str) -> Waiver | None:
    return next((w for w in waivers if w.task == task and w.metric in (None, metric)), None)


def _check_exceptions(policy: Policy, found: Iterable[Demand], tasks: Mapping[str, Task]) -> None:
    """Refuse waivers and flaky samples that are about nothing: a typo would hide in them."""
    places = {(demand.task, demand.metric) for demand in found}
    for waiver in policy.waivers:
        covered = [m for t, m in places if t == waiver.task and waiver.metric in (None, m)]
        if not covered:
            message = (
                f"The policy waives {waiver.metric or 'every metric'} of {waiver.task}, of which "
                "no rule demands anything; remove the waiver, or mend its names."
            )
            raise UsageError(message)
    for flaky in policy.flaky:
        if flaky.task not in tasks:
            message = _no_task_of(flaky, tasks)
            raise UsageError(message)


def _no_task_of(flaky: Flaky, tasks: Iterable[str]) -> str:
    return (
        f"The policy names flaky samples of {flaky.task}, which neither run has; they have "
        f"{_names(tasks)}.{_guess(flaky.task, tasks)}"
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _guess(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""
