"""How long `evalkit score` takes on full-size files, and how much memory, beside the official tool.

Run by hand: `python tests/benchmarks/scoring.py --official DIR --json`, where DIR is an exported
GT-Vision-Lab/VQA (`git archive a013f004 | tar -x -C DIR`). Files of the official sizes and layouts
(`full_size.py`) are made in a temporary folder, and each is scored by `evalkit score ... --out` in
a process of its own, whose user time and peak memory the system counts (`wait4`); `mme_s`, `pope_s`
and `gqa_s` are wall time, start of the process included. Figures are medians.

The official tool is Python 2. It runs as it is under `python2.7` where there is one; else `lib2to3`
ports its two modules in the temporary folder, with tabs made spaces first. It scores the same
VQAv2 files in the same run, once, and the two overall accuracies are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from environment import environment, words
from full_size import Files, gqa, mme, pope, vqav2

PROMISES = {"mme_s": 2.0, "pope_s": 2.0, "gqa_s": 2.0, "vqav2_peak_mb": 800.0}
NAMED = ("evalkit-vlm", "msgspec", "numpy", "pyarrow", "scipy")
OFFICIAL = """
import json, sys
home, annotations, questions, results, report = sys.argv[1:]
sys.path[:0] = [home + "/PythonHelperTools/vqaTools", home + "/PythonEvaluationTools"]
from vqa import VQA
from vqaEvaluation.vqaEval import VQAEval
asked = VQA(annotations, questions)
scored = VQAEval(asked, asked.loadRes(results, questions), n=2)
scored.evaluate()
with open(report, "w") as file:
    json.dump(scored.accuracy, file)
"""
"""What the official demo does, without its plots; Python 2 and 3 both read it."""


@dataclass(frozen=True)
class Process:
    """What the system counted of one process."""

    wall: float
    user: float
    peak_mb: float


def measured(command: list[str], folder: Path) -> Process:
    """One process, from start to exit.

    Raises:
        SystemExit: It failed; the text is what it printed.
    """
    with (folder / "printed.txt").open("wb") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = (folder / "printed.txt").read_text(encoding="utf-8", errors="replace")[-4000:]
        message = f"{' '.join(command)} left with {process.returncode}\n{text}"
        raise SystemExit(message)
    return Process(wall=wall, user=usage.ru_utime, peak_mb=usage.ru_maxrss * 1024 / 1e6)


# evalkit


def scored(files: Files, folder: Path) -> tuple[Process, dict[str, Any]]:
    """`evalkit score` of one benchmark, from the files to the written run, and its record."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [str(Path(sys.executable).parent / "evalkit"), "score", files.task, "--offline"]
    command += ["--predictions", str(files.predictions), "--out", str(out)]
    if files.references is not None:
        command += ["--references", str(files.references)]
    counted = measured(command, folder)
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    if not (out / "scores" / f"{files.task}.parquet").exists():
        message = f"{files.task}: no scores were written"
        raise SystemExit(message)
    return counted, record["results"][0]


def medians(files: Files, folder: Path, repeats: int) -> tuple[Process, dict[str, Any]]:
    """The median of each figure over some runs, after one that warms the disk's cache."""
    scored(files, folder)
    runs = [scored(files, folder) for _ in range(repeats)]
    counted = [run for run, _ in runs]
    median = Process(
        wall=statistics.median(run.wall for run in counted),
        user=statistics.median(run.user for run in counted),
        peak_mb=statistics.median(run.peak_mb for run in counted),
    )
    return median, runs[-1][1]


# The official tool


def official(exported: Path, files: Files, folder: Path) -> tuple[Process, float, str]:
    """The official VQA tool on the same files: what it took, its accuracy, and who ran it."""
    home, python, name = exported, python2(), "Python 2.7"
    if python is None:
        home, python, name = port(exported, folder / "official"), sys.executable, "lib2to3 port"
    script, report = folder / "official.py", folder / "accuracy.json"
    script.write_text(OFFICIAL, encoding="utf-8")
    assert files.references is not None
    names = [files.references / "annotations.json", files.references / "questions.json"]
    words = [python, script, home.resolve(), *names, files.predictions, report]
    counted = measured([str(word) for word in words], folder)
    return counted, json.loads(report.read_text(encoding="utf-8"))["overall"], name


def python2() -> str | None:
    """A Python 2.7 that starts; None where there is none. A shim of pyenv may not start."""
    pyenv = (Path.home() / ".pyenv" / "versions").glob("2.7*/bin/python2.7")
    for name in filter(None, [shutil.which("python2.7"), *map(str, pyenv)]):
        if subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0:
            return name
    return None


def port(exported: Path, folder: Path) -> Path:
    """The tool's two modules as Python 3; its lines mix tabs and spaces, which Python 3 refuses."""
    for name in ("PythonHelperTools", "PythonEvaluationTools"):
        shutil.copytree(exported / name, folder / name)
    modules = [
        folder / "PythonHelperTools/vqaTools/vqa.py",
        folder / "PythonEvaluationTools/vqaEvaluation/vqaEval.py",
    ]
    for module in modules:
        text = module.read_text(encoding="utf-8")
        module.write_text(text.expandtabs(8), encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-m", "lib2to3", "-w", "-n", *map(str, modules)]
    measured(command, folder)
    return folder


# All of it


def elsewhere(make: Callable[[Path, random.Random], Files], folder: Path) -> Files:
    """A benchmark's files, made in a process of their own.

    Linux counts the memory of a process from that of its parent on, so this one stays small.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, folder / make.__name__, random.Random(0)).result()


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures; the official tool's are None without its folder."""
    files = elsewhere(vqav2, folder)
    ours, record = medians(files, folder, options.repeats)
    accuracy = record["metrics"]["accuracy"]["value"]
    found: dict[str, Any] = {
        "vqav2_user_s": round(ours.user, 2),
        "vqav2_wall_s": round(ours.wall, 2),
        "vqav2_peak_mb": round(ours.peak_mb),
        "vqav2_accuracy": accuracy,
        "official_user_s": None,
    }
    if options.official:
        theirs, reported, name = official(options.official, files, folder)
        found |= {
            "official_user_s": round(theirs.user, 2),
            "official_peak_mb": round(theirs.peak_mb),
            "official_accuracy": reported,
            "official_python": name,
            "ratio": round(theirs.user / ours.user, 1),
            "same_accuracy": _percent(record) == reported,
        }
    for make in (mme, pope, gqa):
        made = elsewhere(make, folder)
        found[f"{made.task}_s"] = round(medians(made, folder, options.repeats)[0].wall, 2)
    return {**found, "repeats": options.repeats, "environment": environment(NAMED)}


def _percent(record: dict[str, Any]) -> float:
    """The accuracy as the official tool rounds it, in percent."""
    return round(100 * record["metrics"]["accuracy_rounded"]["value"], 2)


def limits(found: dict[str, Any]) -> dict[str, float]:
    """What was promised; of VQAv2, a share of the official tool's time where it was there."""
    if found["official_user_s"] is None:
        return PROMISES
    times = 10 if found["official_python"] == "Python 2.7" else 5
    return PROMISES | {"vqav2_user_s": found["official_user_s"] / times}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--official", type=Path, metavar="DIR", help="an exported official VQA tool"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of evalkit on each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    print(json.dumps(found, indent=2) if options.json else "\n".join(words(found, limits(found))))


if __name__ == "__main__":
    main()
