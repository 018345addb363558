"""Made-up comparisons, for the tests to import: of two sound runs, but for what a test says."""

from __future__ import annotations

from hashlib import sha256

from evalkit.comparison import Comparison, Difference, Flip, Side, TaskComparison


def side(name: str = "results/m/base", model: str = "m", run: str = "base", **changed) -> Side:
    """A run that is compared; its digest is its name's."""
    given = {
        "name": name,
        "kind": "run",
        "model": model,
        "spec": f"hf:{model}",
        "run": run,
        "created": "2026-11-01T10:00:00Z",
        "commit": "0123456789abcdef",
        "digest": sha256(name.encode("utf-8", "replace")).hexdigest(),
    }
    return Side(**(given | changed))


def difference(**changed) -> Difference:
    """How much better the second run is by a metric: sure."""
    given = {
        "metric": "accuracy",
        "headline": True,
        "first": 0.7,
        "second": 0.72,
        "difference": 0.02,
        "error": 0.005,
        "low": 0.01,
        "high": 0.03,
        "method": "cluster-robust t",
        "n": 5000,
        "clusters": 400,
        "discordant": 120,
        "won": 300,
        "lost": 200,
        "correlation": 0.8,
        "p": 0.001,
        "p_method": "10,000 random exchanges, ties half",
        "adjusted": 0.002,
        "detectable": 0.014,
        "better": True,
        "maximum": 1.0,
    }
    return Difference(**(given | changed))


def compared_task(*differences: Difference, **changed) -> TaskComparison:
    """A task in both runs."""
    given = {
        "task": "pope",
        "protocol": "official",
        "samples": 5000,
        "only_first": 0,
        "only_second": 0,
        "failed": (0, 0),
        "unhealthy": False,
        "mismatches": (),
        "differences": differences or (difference(),),
        "flips": {"answer": (290, 190), "format": (10, 10)},
    }
    return TaskComparison(**(given | changed))


def comparison(*tasks: TaskComparison, second: Side | None = None, **changed) -> Comparison:
    """A comparison of two runs."""
    given = {
        "first": side(),
        "second": second or side("results/n/new", "n", "new"),
        "tasks": tasks or (compared_task(),),
        "absent": (),
        "draws": 10_000,
        "seed": 0,
        "alpha": 0.05,
    }
    return Comparison(**(given | changed))


def flip(**changed) -> Flip:
    """A sample that only the first run has right."""
    given = {
        "task": "pope",
        "sample_id": "random/7",
        "gain": -1.0,
        "first": "yes",
        "second": "no",
        "targets": ("yes",),
        "rules": ("first word", "first word"),
        "texts": ("Yes", "No, there is none"),
        "cause": "answer",
        "tags": {"category": "random", "of": ("a", "b")},
    }
    return Flip(**(given | changed))
