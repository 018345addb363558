"""How long `evalkit compare` takes on two full-size runs, and how much memory.

Run by hand: `python tests/benchmarks/compare.py --json`. VQAv2's files in their official size and
layout (`full_size.py`: 214,354 questions) are made in a temporary folder with the answers of two
models, whose answers differ in a tenth of the questions; `evalkit score` makes a run of each, and
`evalkit compare` is timed in a process of its own, from start to exit, with 10,000 draws. `seconds`
is wall time and `peak_mb` the memory that the system counts (`wait4`): medians over repetitions.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from environment import environment, words
from full_size import vqav2
from scoring import Process, measured

PROMISES = {"seconds": 10.0, "peak_mb": 1000.0}
NAMED = ("evalkit-vlm", "numpy", "pyarrow", "scipy")
UNKNOWN = "prompt,generation,preprocessing"
"""Parts that files of answers say nothing of."""

CHANGED = 0.1
"""Share of the questions that the second model answers otherwise."""

EVALKIT = str(Path(sys.executable).parent / "evalkit")


@dataclass(frozen=True)
class Runs:
    """Two scored runs of the same tasks."""

    first: Path
    second: Path


def elsewhere(make: Any, *given: Any) -> Any:
    """What a function makes in a process of its own, so that this one stays small."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, *given).result()


def vqa_files(folder: Path) -> tuple[Path, Path, Path]:
    """References, and two files of answers."""
    made = vqav2(folder / "vqav2", random.Random(0))
    assert made.references is not None
    dice = random.Random(1)
    answers = json.loads(made.predictions.read_text(encoding="utf-8"))
    said = [row["answer"] for row in answers]
    for row in answers:
        if dice.random() < CHANGED:
            row["answer"] = dice.choice(said)
    other = made.predictions.with_name("other.json")
    other.write_text(json.dumps(answers), encoding="utf-8")
    return made.references, made.predictions, other


def vqa_runs(folder: Path) -> Runs:
    """Two runs of VQAv2, scored."""
    references, *answers = elsewhere(vqa_files, folder)
    outs = folder / "first", folder / "second"
    for predictions, out in zip(answers, outs, strict=True):
        words = ["--predictions", predictions, "--references", references, "--out", out]
        measured([EVALKIT, "score", "vqav2", "--offline", *map(str, words)], folder)
    return Runs(*outs)


def compared(runs: Runs, folder: Path, draws: int) -> Process:
    """One `evalkit compare`."""
    words = ["--allow", UNKNOWN, "--draws", str(draws)]
    return measured([EVALKIT, "compare", str(runs.first), str(runs.second), *words], folder)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    runs = vqa_runs(folder)
    found = [compared(runs, folder, options.draws) for _ in range(options.repeats)]
    return {
        "seconds": round(statistics.median(one.wall for one in found), 2),
        "user_seconds": round(statistics.median(one.user for one in found), 2),
        "peak_mb": round(statistics.median(one.peak_mb for one in found)),
        "draws": options.draws,
        "repeats": options.repeats,
        "environment": environment(NAMED),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    print(json.dumps(found, indent=2) if options.json else "\n".join(words(found, PROMISES)))


if __name__ == "__main__":
    main()
