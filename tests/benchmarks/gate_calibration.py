"""How often evalkit finds what is not there, and how often what is: simulated, truth known.

Run by hand: `python tests/benchmarks/gate_calibration.py --json`. Two models answer the questions
of a benchmark 2,000 times over (`simulated_models.py`), and of each repetition evalkit says what it
would say of two runs:

- `false_alarm.<layout>.<metric>`: equal models; the share of repetitions in which the exchange test
  says p <= 0.05. It shall lie within 0.035 to 0.065. Beside it, on the same answers, stand tests
  that know of no images: `mcnemar.<layout>` (exact, two-sided) and `paired_t.<layout>`. On MMVP
  they look at pairs, as its metric does, and are right.
- `power`: a better model, at three effects. `found` is the share of p <= 0.05, and `predicted` what
  `evalkit.power` says of the effect and the standard error that such pairs of models show. They
  shall agree within 0.03. `planned` is the same with the error of equal models, as one plans before
  there is a better one; where an accuracy nears a half its error grows, and plans are too good.
- `coverage`: the share of repetitions in which a 95 % interval holds the truth: of the difference
  (`<layout>.<metric>`: equal models; `<layout>.<metric>.gain`: the largest effect), and of the
  first model's own value (`<layout>.<metric>.single`). It shall lie within 0.93 to 0.97.
- Of two awkward layouts (MME with a limit, `mme_limited`, and one image with a third of the
  questions, `heavy`) the false alarms shall be no more, and the coverage no less.
- `sequential.<layout>.<metric>`: a gate that looks ten times (`simulated_looks.py`): errors at any
  look if the candidate is worse by just the margin, which shall be at most alpha (and what 2,000
  repetitions may show of it), and the share of the clusters that equal models are spared.
- `broken`: what does not lie where it shall.

Many minutes: `--repetitions 20 --draws 99` shows that it runs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from environment import environment
from scipy.special import bdtr, stdtr
from simulated_looks import MARGIN, Looks, rates
from simulated_models import Layout, Measure, layouts

from evalkit.gate.peeks import FEWEST
from evalkit.paired import Estimate, estimate
from evalkit.power import predicted_power
from evalkit.stats import bounds
from evalkit.sums import Statistics

ALPHA = 0.05
NAMED = ("evalkit-vlm", "numpy", "scipy")
EFFECTS = (1.3, 2.2, 3.2)
"""In standard errors of the difference of equal models: power of about 0.25, 0.6 and 0.9."""

POWERED = ("accuracy", "f1", "total", "pair_accuracy", "relative")
"""Metrics whose power is looked at; what is left out is near one of these."""

LIMITS = {"false_alarm": (0.035, 0.065), "coverage": (0.93, 0.97)}
AWKWARD = ("mme_limited", "heavy")
"""Layouts of which evalkit claims no more than that it does not err too often."""

OFF = 0.03
"""How far the found power may lie from the predicted one."""

Counts = dict[str, float]


# The plain tests


def mcnemar(moved: npt.NDArray[np.float64]) -> float:
    """The exact two-sided p-value of as many wins among the answers that differ."""
    won, lost = int((moved > 0).sum()), int((moved < 0).sum())
    return min(1.0, 2 * float(bdtr(min(won, lost), won + lost, 0.5)))


def paired_t(moved: npt.NDArray[np.float64]) -> float:
    """The two-sided p-value of a mean of 0, if all answers were independent."""
    error = moved.std(ddof=1) / len(moved) ** 0.5
    return 2 * float(stdtr(len(moved) - 1, -abs(moved.mean()) / error)) if error else 1.0


# Equal models


def equal(layout: Layout, options: argparse.Namespace) -> tuple[Counts, dict[str, float]]:
    """Shares over comparisons of equal models, and the root mean square error of each measure."""
    counts: Counts = defaultdict(float)
    squares: Counts = defaultdict(float)
    truths = {name: one.truth(layout.skill) for name, one in layout.measures.items()}
    for seed, given in enumerate(answers(layout, (layout.skill, layout.skill), options)):
        if layout.plain:
            moved = answered(layout, given)
            counts[f"mcnemar.{layout.name}"] += mcnemar(moved) <= ALPHA
            counts[f"paired_t.{layout.name}"] += paired_t(moved) <= ALPHA
        for name, measure in layout.measures.items():
            key = f"{layout.name}.{name}"
            found, first = compared(layout, measure, given, options.draws, seed)
            counts[f"false_alarm.{key}"] += found.p <= ALPHA
            counts[f"coverage.{key}"] += holds(found.interval(), 0.0)
            counts[f"coverage.{key}.single"] += holds(
                bounds(measure.metric, first)[1], truths[name]
            )
            squares[name] += (found.error or 0.0) ** 2
    n = options.repetitions
    shares = {key: count / n for key, count in counts.items()}
    return shares, {name: (total / n) ** 0.5 for name, total in squares.items()}


def answers(
    layout: Layout, skills: tuple[float, float], options: argparse.Namespace
) -> Iterator[npt.NDArray[np.float64]]:
    """What two models answer, over and over; another stream for each layout and pair of skills."""
    gain = round(1e6 * (skills[1] - skills[0])) % 2**32
    generator = np.random.default_rng([options.seed, gain, *layout.name.encode()])
    for _ in range(options.repetitions):
        yield layout.draw(generator, skills)


def answered(layout: Layout, given: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What the plain tests look at: questions, or pairs where the benchmark counts pairs."""
    pairs = "pair_accuracy" in layout.measures
    first, second = given.min(axis=2) if pairs else given
    return (second - first).ravel()


def compared(
    layout: Layout, measure: Measure, given: npt.NDArray[np.float64], draws: int, seed: int
) -> tuple[Estimate, Statistics]:
    """The estimate of the difference, and the first model's statistics."""
    both = layout.paired(measure, given)
    found = estimate(measure.metric, both, draws=draws, seed=seed)
    assert found is not None, "a metric is undefined on simulated answers"
    return found, both.runs[0]


def holds(bounds: tuple[float, float] | None, truth: float) -> bool:
    """Whether there is an interval and the truth lies in it."""
    return bounds is not None and bounds[0] <= truth <= bounds[1]


# A better model


def better(
    layout: Layout, name: str, error: float, options: argparse.Namespace
) -> tuple[list[dict[str, float]], float]:
    """Predicted and found power by effect, and the coverage at the largest effect."""
    measure, rows, share = layout.measures[name], [], 0.0
    for size in EFFECTS:
        skill = layout.skill_for(measure, size * error)
        counts: Counts = defaultdict(float)
        both = answers(layout, (layout.skill, skill), options)
        for seed, given in enumerate(both):
            estimated = compared(layout, measure, given, options.draws, seed)[0]
            counts["found"] += estimated.p <= ALPHA
            counts["held"] += holds(estimated.interval(), size * error)
            counts["squares"] += (estimated.error or 0.0) ** 2
        shown = (counts["squares"] / options.repetitions) ** 0.5
        rows.append(
            {
                "effect": size * error,
                "predicted": predicted_power(size * error, shown, df=_freedom(layout)),
                "planned": predicted_power(size * error, error, df=_freedom(layout)),
                "found": counts["found"] / options.repetitions,
            }
        )
        share = counts["held"] / options.repetitions
    return rows, share


def _freedom(layout: Layout) -> int:
    return layout.images - len(set(layout.strata.tolist()))


# Looks before all is there


def looked_at(
    layout: Layout, name: str, error: float, options: argparse.Namespace
) -> dict[str, float]:
    """What a gate does that looks before all answers are there."""
    measure, margin = layout.measures[name], MARGIN * error
    gate = Looks(layout, measure, margin, ALPHA, options.draws)
    worse = layout.skill_for(measure, -margin)
    return rates(
        gate,
        answers(layout, (layout.skill, layout.skill), options),
        answers(layout, (layout.skill, worse), options),
    )


def allowed(options: argparse.Namespace) -> float:
    """The largest share that repetitions show of an error of alpha, but once in a thousand."""
    n = options.repetitions
    return ALPHA + 3.1 * (ALPHA * (1 - ALPHA) / n) ** 0.5


# All of it


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    found: dict[str, Any] = {"power": {}, "coverage": {}, "sequential": {}}
    started = time.perf_counter()
    for layout in layouts():
        if options.layouts and layout.name not in options.layouts:
            continue
        shares, errors = equal(layout, options)
        for key, share in shares.items():
            kind, _, rest = key.partition(".")
            (found["coverage"] if kind == "coverage" else found)[
                rest if kind == "coverage" else key
            ] = share
        for name, error in errors.items():
            if name not in POWERED:
                continue
            key = f"{layout.name}.{name}"
            if layout.name not in AWKWARD and not options.only_sequential:
                rows, share = better(layout, name, error, options)
                found["power"][key], found["coverage"][f"{key}.gain"] = rows, share
            if layout.images >= 2 * FEWEST:
                found["sequential"][key] = looked_at(layout, name, error, options)
    return {
        **found,
        "broken": [*broken(found), *too_often(found, allowed(options))],
        "repetitions": options.repetitions,
        "draws": options.draws,
        "seed": options.seed,
        "seconds": round(time.perf_counter() - started),
        "environment": environment(NAMED),
    }


def broken(found: dict[str, Any]) -> list[str]:
    """The figures that are not what was promised."""
    shares = {key: value for key, value in found.items() if key.startswith("false_alarm")}
    shares |= {f"coverage.{key}": value for key, value in found["coverage"].items()}
    names = []
    for key, share in shares.items():
        kind, layout, *_ = key.split(".")
        low, high = LIMITS[kind]
        if layout in AWKWARD:
            low, high = (0.0, high) if kind == "false_alarm" else (low, 1.0)
        if not low <= share <= high:
            names.append(key)
    for key, rows in found["power"].items():
        names += [f"power.{key}" for row in rows if abs(row["found"] - row["predicted"]) > OFF]
    return names


def too_often(found: dict[str, Any], most: float) -> list[str]:
    """The errors of gates that look early which are more than they may be."""
    return [
        f"sequential.{key}.{name}"
        for key, own in found["sequential"].items()
        for name in ("passed_worse", "failed_good")
        if own[name] > most
    ]


def words(found: dict[str, Any]) -> list[str]:
    """The figures, one a line, and what was promised."""
    lines = [f"{key:<36} {value:.4f}" for key, value in found.items() if isinstance(value, float)]
    lines += [f"{'coverage.' + key:<36} {value:.4f}" for key, value in found["coverage"].items()]
    for key, rows in found["power"].items():
        lines += [
            f"{'power.' + key:<36} effect {row['effect']:.4g}: predicted {row['predicted']:.3f}, "
            f"found {row['found']:.3f}"
            for row in rows
        ]
    for key, own in found["sequential"].items():
        told = ", ".join(f"{name} {value:.4g}" for name, value in own.items())
        lines.append(f"{'sequential.' + key:<36} {told}")
    lines.append(f"promised: {LIMITS}, power within {OFF}; broken: {found['broken'] or 'none'}")
    lines.append(
        f"{found['repetitions']} repetitions, {found['draws']} draws, {found['seconds']} s"
    )
    return [*lines, ", ".join(f"{k} {v}" for k, v in found["environment"].items())]


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repetitions", type=int, default=2000, help="of each comparison")
    parser.add_argument("--draws", type=int, default=999, help="resamples, and exchanges, of each")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated answers")
    parser.add_argument("--only-sequential", action="store_true", help="leave power out")
    parser.add_argument("--layouts", nargs="*", help="only these, such as: pope mme")
    options = parser.parse_args()
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else "\n".join(words(found)))


if __name__ == "__main__":
    main()
