"""Verdicts made by hand, for what only looks at them."""

from collections.abc import Callable

import pytest

from evalkit.comparison import Flip, Side
from evalkit.errors import ExitCode
from evalkit.verdicts import GateResult, Judgement


def _judgement(**changed) -> Judgement:
    given = {
        "task": "pope",
        "metric": "macro_f1",
        "rule": "max_drop",
        "tier": "critical",
        "verdict": "pass",
        "counts": True,
        "baseline": 0.86,
        "candidate": 0.8588,
        "damage": 0.0012,
        "low": -0.0031,
        "high": 0.0055,
        "margin": 0.01,
        "alpha": 0.05,
        "p": 0.9993,
        "adjusted": 1.0,
        "method": "paired cluster bootstrap",
        "n": 9000,
        "clusters": 500,
        "discordant": 31,
        "detectable": 0.0065,
        "needed": None,
        "waiver": "",
        "reason": "The damage is at most 0.0055, within the margin.",
        "maximum": 1.0,
    }
    return Judgement(**(given | changed))


def _side(**changed) -> Side:
    given = {
        "name": "results/m/base",
        "kind": "run",
        "model": "m",
        "spec": "hf:m",
        "run": "base",
        "created": "2026-11-01T10:00:00Z",
        "commit": "0123456789abcdef",
        "digest": "0" * 64,
    }
    return Side(**(given | changed))


def _flip(**changed) -> Flip:
    given = {
        "task": "pope",
        "sample_id": "random/7",
        "gain": -1.0,
        "first": "yes",
        "second": "no",
        "targets": ("yes",),
        "rules": ("first word", "first word"),
        "texts": (None, None),
        "cause": "answer",
        "tags": {},
    }
    return Flip(**(given | changed))


def _result(*judgements: Judgement, **changed) -> GateResult:
    given = {
        "verdict": "pass",
        "exit_code": ExitCode.OK,
        "baseline": _side(),
        "candidate": _side(name="results/m/new", run="new"),
        "policy": "ab" * 32,
        "power": 0.8,
        "family": "holm",
        "inconclusive": "fail",
        "judgements": judgements,
        "flips": (),
        "waived": (),
        "notes": (),
    }
    return GateResult(**(given | changed))


@pytest.fixture
def judgement() -> Callable[..., Judgement]:
    return _judgement


@pytest.fixture
def side() -> Callable[..., Side]:
    return _side


@pytest.fixture
def flip() -> Callable[..., Flip]:
    return _flip


@pytest.fixture
def result() -> Callable[..., GateResult]:
    return _result
