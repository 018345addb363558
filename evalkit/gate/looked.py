"""Whether looks that a candidate's record tells of are those that its gate makes.

What was not asked after a look must follow from the order of clusters, not from answers. Of a look
all is known beside the baseline: the order (by the run's seed), when it is time, over how many
rules, and so which samples there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalkit.data import in_random_order
from evalkit.errors import StaleError
from evalkit.gate.demands import Demand
from evalkit.gate.ground import Runs
from evalkit.gate.peeks import looks_of, rules_of
from evalkit.run_record import Fingerprint, Peeks
from evalkit.strata import strata_of


def check_looks(runs: Runs, wanted: Sequence[Demand]) -> None:
    """Check what the candidate's record says of looks by this very gate.

    Args:
        runs: Both runs.
        wanted: All that is demanded of them.

    Raises:
        StaleError: This gate would have made other looks, or asked other samples until then.
        EvalkitError: Scores cannot be had.
    """
    gated = dict.fromkeys(demand.task for demand in wanted)
    for task in runs.candidate.results:
        peeks = runs.peeks(task)
        if peeks is None:
            continue
        if not _is_of(runs, peeks, wanted):
            _refuse(runs, task, f"over {peeks.rules:,} rules")
        if task in gated:
            _check(runs, task, peeks)


def _is_of(runs: Runs, peeks: Peeks, wanted: Sequence[Demand]) -> bool:
    """Whether it corrected over the rules that decide; fewer did while waivers held."""
    rules = rules_of(wanted, runs.policy.family)
    return peeks.rules == rules or (bool(runs.policy.expired) and peeks.rules < rules)


def _check(runs: Runs, name: str, peeks: Peeks) -> None:
    """Check looks and samples of a task."""
    task, baseline = runs.candidate.task(name), runs.baseline
    if task.judging is not None or task.foreign is not None or name not in baseline.results:
        _refuse(runs, name, "though such a task is asked in full")
    data = baseline.result(name).fingerprint.dataset
    if data.digest != peeks.planned.dataset.digest:
        return  # other data, which the policy allows, or which are not comparable
    scores = baseline.scores(name)
    clusters = strata_of(scores, task.parts) or {score.cluster: "" for score in scores}
    ranked = in_random_order(clusters, runs.candidate.record.config.seed)
    if peeks.looks != looks_of([clusters[cluster] for cluster in ranked]):
        _refuse(runs, name, f"when {', '.join(map(str, peeks.looks))} clusters were whole")
    first = set(ranked[: peeks.looks[peeks.made - 1]])
    due = {score.sample_id for score in scores if score.cluster in first}
    if peeks.stopped and due != {score.sample_id for score in runs.candidate.scores(name)}:
        _refuse(runs, name, f"and ended at look {peeks.made} with other samples than were due")
    if _words(runs.candidate.result(name).fingerprint) != _words(peeks.planned):
        _refuse(runs, name, "with another prompt, scorer or decoding than was planned")
    if peeks.samples != len(scores):
        _refuse(runs, name, f"at a part of {peeks.samples:,} samples")


def _words(told: Fingerprint) -> tuple[object, ...]:
    """What the part that was asked and the whole that was planned have in common."""
    prompt = told.prompt and replace(told.prompt, digest="")
    return told.scorer, told.generation, told.judge, prompt


def _refuse(runs: Runs, task: str, how: str) -> None:
    message = (
        f"{runs.candidate.side.name}: the record says that {task} was looked at while it was run, "
        f"{how}; by this policy and baseline that cannot be. The record was changed, or made by "
        "another evalkit: make the run again."
    )
    raise StaleError(message)
