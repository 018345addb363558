"""How long evalkit takes to start, to list its tasks and to run its demo, and how large it is.

Run by hand: `python tests/benchmarks/startup.py --json`. Times are medians of whole processes, from
start to exit; the demo's are cold (a fresh folder, every prediction made anew). Sizes are those of
fresh virtual environments with the tested set of `constraints.txt`: the sum over all files, byte
code included, without pip and setuptools. A disk of 4 KiB blocks holds about 5 % more. Making the
environments takes minutes, so that they are measured on `--install` only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from environment import environment

ROOT = Path(__file__).parents[2]
PROMISES = {"help_s": 0.25, "tasks_s": 0.25, "demo_s": 180.0}
SIZE_PROMISES = {"base": 450, "hf": 1600}
INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
LMMS_EVAL = {
    "help_s": ["--help"],
    "eval_help_s": ["eval", "--help"],
    "tasks_s": ["--tasks", "list"],
}
"""The same verbs of lmms-eval; its `--help` names no option, its `eval --help` does."""
NAMED = ("torch", "transformers", "click", "rich", "numpy")


def seconds(words: list[str], folder: str, **environ: str) -> float:
    """Wall time of one process, from start to exit.

    Raises:
        SystemExit: It failed; the text is what it printed.
    """
    started = time.perf_counter()
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    passed = time.perf_counter() - started
    if done.returncode != 0:
        message = f"{' '.join(words)} left with {done.returncode}\n{done.stderr}"
        raise SystemExit(message)
    return passed


def median(words: list[str], runs: int) -> float:
    """The median of some runs in an empty folder, after one that warms the disk's cache."""
    with tempfile.TemporaryDirectory() as folder:
        seconds(words, folder)
        return statistics.median(seconds(words, folder) for _ in range(runs))


def demo(runs: int) -> float:
    """The median time of the demo, each in a folder of its own and without a network."""

    def once() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return seconds([command("evalkit"), "run", "demo"], folder, HF_HUB_OFFLINE="1")

    return statistics.median(once() for _ in range(runs))


def command(name: str) -> str:
    """A console script of the environment that runs this file."""
    return str(Path(sys.executable).parent / name)


def installed_mb(extra: str) -> float:
    """Megabytes (10**6 bytes) on disk of a fresh environment's packages.

    Args:
        extra: An extra of evalkit, or "" for the base.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        copy.mkdir()
        for name in ("evalkit", "tasks"):
            shutil.copytree(ROOT / name, copy / name)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        home = Path(folder, "environment")
        venv.create(home, with_pip=True)
        wanted = f"{copy}[{extra}]" if extra else str(copy)
        pins = str(ROOT / "constraints.txt")
        seconds([f"{home}/bin/python", "-m", "pip", "install", "-q", "-c", pins, wanted], folder)
        (site,) = home.glob("lib/python*/site-packages")
        return sum(size(place) for place in site.iterdir() if not is_installer(place)) / 1e6


def is_installer(place: Path) -> bool:
    """Whether a folder of site-packages came with the environment and not with evalkit."""
    return place.name.partition("-")[0] in INSTALLERS or place.name in INSTALLERS


def size(place: Path) -> int:
    """Bytes of a file, or of all files of a folder; a link is not followed."""
    files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    return sum(file.lstat().st_size for file in files)


def measure(options: argparse.Namespace) -> dict[str, object]:
    """All figures that were asked for."""
    found: dict[str, object] = {
        "help_s": round(median([command("evalkit"), "--help"], options.runs), 3),
        "tasks_s": round(median([command("evalkit"), "tasks"], options.runs), 3),
        "demo_s": None if options.no_demo else round(demo(options.demo_runs), 1),
        "installed_mb": None,
    }
    if options.install:
        found["installed_mb"] = {
            name: round(installed_mb("" if name == "base" else name)) for name in SIZE_PROMISES
        }
    if options.lmms_eval:
        found["lmms_eval"] = {
            name: round(median([options.lmms_eval, "-m", "lmms_eval", *words], options.runs), 3)
            for name, words in LMMS_EVAL.items()
        }
    return {**found, "runs": options.runs, "environment": environment(("evalkit-vlm", *NAMED))}


def words(found: dict[str, object]) -> list[str]:
    """The figures beside what was promised, one a line."""
    lines = [
        f"{name:<14} {found[name]} s (at most {limit:g})"
        for name, limit in PROMISES.items()
        if found[name] is not None
    ]
    sizes = found["installed_mb"]
    if isinstance(sizes, dict):
        lines += [f"{n:<14} {sizes[n]} MB (at most {limit})" for n, limit in SIZE_PROMISES.items()]
    beside = found.get("lmms_eval")
    if isinstance(beside, dict):
        lines += [f"{name:<14} {value} s in lmms-eval" for name, value in beside.items()]
    return [*lines, ", ".join(f"{k} {v}" for k, v in environment(("evalkit-vlm", *NAMED)).items())]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=11, help="runs of --help and tasks")
    parser.add_argument("--demo-runs", type=int, default=1, help="runs of the demo")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo out")
    parser.add_argument(
        "--install", action="store_true", help="measure sizes in fresh environments"
    )
    parser.add_argument("--lmms-eval", metavar="PYTHON", help="time lmms-eval of that Python too")
    options = parser.parse_args()
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else "\n".join(words(found)))


if __name__ == "__main__":
    main()
