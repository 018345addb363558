"""A policy file (TOML) -> what a gate demands of a candidate, read strictly.

A policy that says something unknown, nothing at all, or what cannot be meant is refused in one
sentence: a gate that misreads its policy passes what it should not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from evalkit.compare.comparable import PARTS, check_allowed
from evalkit.errors import UsageError
from evalkit.gate.tables import Table, read_toml
from evalkit.verdicts import Tier

Kind = Literal["max_drop", "max_drop_relative", "min", "max"]

KINDS: tuple[Kind, ...] = ("max_drop", "max_drop_relative", "min", "max")
"""What can be demanded of a metric."""

EVERY = "*"
"""Stands for every task of the baseline."""

_TOP = ("alpha", "power", "family", "missing", "inconclusive", "allow")
_TIERS: tuple[Tier, ...] = ("critical", "supporting", "advisory")
_RULE = ("task", "metric", *KINDS, "tier", "alpha")
_DEFAULTS = ("max_drop", "max_drop_relative", "tier", "alpha")
_POINTS = re.compile(r"(\d+(?:\.\d+)?)\s*pt", re.ASCII)
_EXCLUDE = re.compile(r"exclude\s*(?:<=|≤)\s*(\d+(?:\.\d+)?)\s*%", re.ASCII)
_HUNDRED = 100.0
_HALF = 0.5
_TINY = 1e-6  # below it the distributions that bounds come from have no digits left


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A number of the policy: in the metric's unit, or in points (hundredths of its range)."""

    size: float
    points: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is demanded of a metric of a task.

    Attributes:
        task: The task's name; "*" is every task of the baseline.
        metric: The metric's name; None is each of the task's headline metrics.
        demands: What, and how much: `max_drop` and `max_drop_relative` are damage that is
            allowed, the latter as a share of the baseline; `min` is a floor under the candidate
            alone, and `max` a ceiling where less is better.
        tier: How much it counts.
        alpha: Both error rates of the rule by itself.
    """

    task: str
    metric: str | None
    demands: Mapping[Kind, Bound]
    tier: Tier
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Somebody's word that a metric of a task need not pass until a day.

    Attributes:
        task: The task's name.
        metric: The metric's name; None is each of the task's.
        owner: Who answers for it.
        reason: Why.
        expires: The last day on which it holds.
    """

    task: str
    metric: str | None
    owner: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """Samples that are left out of both runs, and the measurement that shows why.

    Attributes:
        task: Their task.
        samples: Their ids.
        measured: What was measured, and where: "3 of 10 reruns differ (results/m/again)".
    """

    task: str
    samples: tuple[str, ...]
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What becomes of samples that failed, or that one of the runs does not have.

    Attributes:
        kind: "worst" counts them against the candidate; "fail" makes the task incomplete;
            "exclude" leaves them out of both runs.
        share: The largest share of the samples that may be left out, 0 to 1.
    """

    kind: Literal["worst", "fail", "exclude"]
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a gate demands.

    Attributes:
        alpha: Both error rates, where a rule does not set its own.
        power: With which detectable damage and needed samples are computed.
        family: "holm" corrects regressions over all rules that count; "none" does not.
        missing: What becomes of failed samples.
        inconclusive: Whether an inconclusive gate fails, passes, or is told and does not fail.
        allow: Parts of the fingerprint that may differ.
        rules: In the file's order.
        waivers: Those that hold today.
        expired: Those that do not hold any more.
        flaky: Samples to be left out.
        digest: SHA-256 of the file.
    """

    alpha: float
    power: float
    family: Literal["holm", "none"]
    missing: Missing
    inconclusive: Literal["fail", "pass", "neutral"]
    allow: tuple[str, ...]
    rules: tuple[Rule, ...]
    waivers: tuple[Waiver, ...]
    expired: tuple[Waiver, ...]
    flaky: tuple[Flaky, ...]
    digest: str


def load_policy(path: str | Path, today: date) -> Policy:
    """The policy in a TOML file.

    Args:
        path: The file.
        today: The day by which waivers expire.

    Raises:
        UsageError: The file is not there, or says something that cannot be meant.
    """
    file = Path(path)
    raw, content = read_toml(file, "policy")
    place = f"The policy {file}"
    top = Table(raw, place, (*_TOP, "defaults", "rule", "waiver", "flaky"))
    alpha, power = _share(top, "alpha", 0.05, most=_HALF), _share(top, "power", 0.8)
    waivers = [_waiver(*each) for each in _numbered(top, "waiver")]
    return Policy(
        alpha=alpha,
        power=power,
        family=top.word("family", "holm", ("holm", "none")),
        missing=_missing(top),
        inconclusive=top.word("inconclusive", "fail", ("fail", "pass", "neutral")),
        allow=_allowed(top),
        rules=_rules(top, alpha),
        waivers=tuple(waiver for waiver in waivers if waiver.expires >= today),
        expired=tuple(waiver for waiver in waivers if waiver.expires < today),
        flaky=tuple(_flaky(*each) for each in _numbered(top, "flaky")),
        digest=hashlib.sha256(content).hexdigest(),
    )


def _share(table: Table, key: str, default: float, most: float = 1.0) -> float:
    """A share between 0 and `most`, without the ends."""
    meant = f"a number above 0 and below {most:g}, such as {default:g}"
    found = table.number(key, meant)
    if found is None:
        return default
    if not 0 < found < most:
        table.refuse(key, meant)
    if not _TINY <= found <= 1 - _TINY:
        table.refuse(key, f"{meant}, and {_TINY:g} or more away from 0 and 1")
    return found


def _missing(top: Table) -> Missing:
    meant = '"worst", "fail" or "exclude<=0.5%" (the largest share that may be left out)'
    word = top.raw.get("missing", "worst")
    if word in ("worst", "fail"):
        return Missing(kind=word)
    found = _EXCLUDE.fullmatch(word.strip()) if isinstance(word, str) else None
    if found is None or not 0 <= float(found.group(1)) < _HUNDRED:
        top.refuse("missing", meant)
    return Missing(kind="exclude", share=float(found.group(1)) / _HUNDRED)


def _allowed(top: Table) -> tuple[str, ...]:
    meant = f"a list of {', '.join(PARTS)}, or of dotted paths below them"
    found = top.texts("allow", meant)
    check_allowed(found, top.place)
    return found


def _numbered(top: Table, key: str) -> Iterable[tuple[Mapping[str, Any], str]]:
    return (
        (raw, f"{top.place}, [[{key}]] number {i},")
        for i, raw in enumerate(top.tables(key), start=1)
    )


# Rules


def _rules(top: Table, alpha: float) -> tuple[Rule, ...]:
    defaults = Table(top.table("defaults"), f"{top.place}, [defaults],", _DEFAULTS).raw
    rules = [_rule({"alpha": alpha, **defaults, **raw}, at) for raw, at in _numbered(top, "rule")]
    if not rules:
        message = (
            f"{top.place} demands nothing: an empty policy would pass everything. Give it a "
            '[[rule]], such as task = "*" and max_drop = "1pt".'
        )
        raise UsageError(message)
    if all(rule.tier == "advisory" for rule in rules):
        message = (
            f"{top.place} decides nothing: all of its rules are advisory, so it would pass "
            "everything. Make one of them critical or supporting."
        )
        raise UsageError(message)
    _refuse_twice(rules, top.place)
    return tuple(rules)


def _rule(raw: Mapping[str, Any], place: str) -> Rule:
    table = Table(raw, place, _RULE)
    demands = {kind: bound for kind in KINDS if (bound := _bound(table, kind)) is not None}
    if not demands:
        message = f"{place} demands nothing: give it {', '.join(KINDS[:-1])} or {KINDS[-1]}."
        raise UsageError(message)
    return Rule(
        task=table.text("task", 'the name of a task, or "*"'),
        metric=_metric(table),
        demands=demands,
        tier=table.word("tier", "critical", _TIERS),
        alpha=_share(table, "alpha", 0.05, most=_HALF),
    )


def _metric(table: Table) -> str | None:
    """The metric; None where the key is not there."""
    meant = "the name of a metric (without the key: the task's headline)"
    return table.text("metric", meant) if "metric" in table.raw else None


def _bound(table: Table, kind: Kind) -> Bound | None:
    if kind == "max_drop":
        return _drop(table)
    meant = {
        "max_drop_relative": "a share of the baseline, at least 0 and below 1",
        "min": "a number in the metric's unit",
        "max": "a number in the metric's unit",
    }[kind]
    found = table.number(kind, meant)
    if found is None:
        return None
    if kind == "max_drop_relative" and not 0 <= found < 1:
        table.refuse(kind, meant)
    return Bound(size=found)


def _drop(table: Table) -> Bound | None:
    meant = (
        "a number of at least 0 in the metric's unit, or points below 100 such as "
        '"1pt" (a hundredth of the metric\'s range)'
    )
    if isinstance(word := table.raw.get("max_drop"), str):
        points = _POINTS.fullmatch(word.strip())
        if points is None or float(points.group(1)) >= _HUNDRED:
            table.refuse("max_drop", meant)
        return Bound(size=float(points.group(1)), points=True)
    found = table.number("max_drop", meant)
    if found is None:
        return None
    if found < 0:
        table.refuse("max_drop", meant)
    return Bound(size=found)


def _refuse_twice(rules: Sequence[Rule], place: str) -> None:
    seen: set[tuple[str, str | None, Kind]] = set()
    for rule in rules:
        for kind in rule.demands:
            key = (rule.task, rule.metric, kind)
            if key in seen:
                message = (
                    f"{place} demands {kind} twice of {rule.task} "
                    f"{rule.metric or 'headline'}; one of the two must go."
                )
                raise UsageError(message)
            seen.add(key)


# Waivers and flaky samples


def _waiver(raw: Mapping[str, Any], place: str) -> Waiver:
    table = Table(raw, place, ("task", "metric", "owner", "reason", "expires"))
    return Waiver(
        task=table.text("task", "the name of a task"),
        metric=_metric(table),
        owner=table.text("owner", "who answers for the waiver"),
        reason=table.text("reason", "why the rule may be broken"),
        expires=table.day("expires"),
    )


def _flaky(raw: Mapping[str, Any], place: str) -> Flaky:
    table = Table(raw, place, ("task", "samples", "measured"))
    samples = table.texts("samples", "a list of sample ids")
    if not samples:
        table.refuse("samples", "a list of sample ids, at least one")
    return Flaky(
        task=table.text("task", "the name of a task"),
        samples=samples,
        measured=table.text(
            "measured", 'the measurement that shows it, such as "3 of 10 reruns differ (RUN)"'
        ),
    )
