"""How long `evalkit gate` takes on two runs of seven full-size tasks, and how much memory.

Run by hand: `python tests/benchmarks/gate.py --json`. Answers of two models to GQA, MME, POPE,
VQAv2, TextVQA, ScienceQA and MMVP in their official sizes (247,847 questions; the second model
answers a tenth of them otherwise) are scored by `evalkit score`, and the seven results of each put
into one run. Then `evalkit gate` is timed in a process of its own, from start to exit, with a
policy that holds every headline, POPE's F1 with a relative margin, and a floor, with 10,000 draws.
`seconds` is wall time and `peak_mb` the memory that the system counts (`wait4`): medians.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from compare import CHANGED, EVALKIT, UNKNOWN, Runs, elsewhere, vqa_files
from environment import environment, words
from full_size import gqa, mme, pope, write_lines
from scoring import Process, measured

PROMISES = {"seconds": 15.0, "peak_mb": 1500.0}
NAMED = ("evalkit-vlm", "numpy", "pyarrow", "scipy")
POLICY = """
[defaults]
max_drop = "20pt"
[[rule]]
task = "*"
[[rule]]
task = "pope"
metric = "f1"
max_drop_relative = 0.2
[[rule]]
task = "textvqa"
min = 0.2
"""
ROWS = {
    "textvqa": ("validation.parquet", "question_id", 5000),
    "scienceqa": ("ScienceQA-FULL/test.parquet", "", 4241),
    "mmvp": ("train.parquet", "Index", 300),
}
"""Tasks whose rows are those of the demo over and over: where, what numbers them, how many."""


def files(task: str, folder: Path) -> tuple[Path, Path, Path]:
    """References, and the answers of two models."""
    if task == "vqav2":
        return vqa_files(folder)
    if task in ROWS:
        return repeated(task, folder)
    made = {"gqa": gqa, "mme": mme, "pope": pope}[task](folder / task, random.Random(0))
    return made.references or folder, made.predictions, otherwise(made.predictions)


def otherwise(path: Path) -> Path:
    """The answers of a file, or of a folder's tab-separated files, a tenth of them another's."""
    other = path.with_name(f"{path.stem}-other{path.suffix}")
    if not path.is_dir():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        said = moved(row["text"] for row in rows)
        write_lines(other, [row | {"text": t} for row, t in zip(rows, said, strict=True)])
        return other
    other.mkdir()
    for held in path.iterdir():
        lines = [line.rpartition("\t") for line in held.read_text(encoding="utf-8").splitlines()]
        said = moved(text for _, _, text in lines)
        made = (f"{asked}\t{t}\n" for (asked, _, _), t in zip(lines, said, strict=True))
        (other / held.name).write_text("".join(made), encoding="utf-8")
    return other


def moved(said: Iterable[str]) -> list[str]:
    """The answers, a tenth of them drawn anew from all."""
    dice, said = random.Random(1), list(said)
    return [dice.choice(said) if dice.random() < CHANGED else text for text in said]


def repeated(task: str, folder: Path) -> tuple[Path, Path, Path]:
    """The demo's rows over and over with numbers of their own, and answers to them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    import evalkit

    place, number, count = ROWS[task]
    source = Path(evalkit.__file__).parent / "demo" / "data" / task / place
    table = pq.read_table(source)
    rows = table.to_pylist()
    held = [dict(rows[i % len(rows)]) for i in range(count)]
    for i, row in enumerate(held, start=1):
        if number:
            row[number] = str(i) if isinstance(row[number], str) else i
        if "image_id" in row:
            row["image_id"] = f"picture-{i // 2}"
    target = folder / task / "rows" / task / place
    target.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(held, schema=table.schema), target)
    said = [
        {"question_id": row.get(number, str(i)), "text": gold(row)} for i, row in enumerate(held)
    ]
    first = folder / task / "answers.jsonl"
    write_lines(first, said)
    return folder / task / "rows", first, otherwise(first)


def gold(row: dict[str, Any]) -> str:
    """A right answer."""
    if "answers" in row:
        return str(row["answers"][0])
    if "Correct Answer" in row:
        return str(row["Correct Answer"])
    return "ABCDE"[row["answer"]]


def seven(folder: Path) -> Runs:
    """Two runs of all seven tasks."""
    from evalkit.store import RunFolder, load_run

    outs = folder / "first", folder / "second"
    results: tuple[list[Any], list[Any]] = ([], [])
    for task in ("gqa", "mme", "pope", "vqav2", *ROWS):
        references, *answers = elsewhere(files, task, folder)
        for said, out, own in zip(answers, outs, results, strict=True):
            alone = folder / "alone"
            words = [task, "--predictions", said, "--out", alone, "--model", out.name, "--offline"]
            words += [] if references == folder else ["--references", references]
            measured([EVALKIT, "score", *map(str, words)], folder)
            record = load_run(alone)
            own.extend(record.results)
            (out / "scores").mkdir(parents=True, exist_ok=True)
            shutil.move(alone / "scores" / f"{task}.parquet", out / "scores")
            RunFolder(out).write_record(replace(record, results=tuple(own)))
            shutil.rmtree(alone)
        shutil.rmtree(folder / task)
    return Runs(*outs)


def gated(runs: Runs, folder: Path, draws: int) -> Process:
    """One `evalkit gate`."""
    policy = folder / "gate.toml"
    policy.write_text(POLICY, encoding="utf-8")
    words = ["--baseline", runs.first, "--candidate", runs.second, "--policy", policy]
    words += ["--allow", UNKNOWN, "--draws", draws]
    return measured([EVALKIT, "gate", *map(str, words)], folder)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    runs = seven(folder)
    found = [gated(runs, folder, options.draws) for _ in range(options.repeats)]
    printed = (folder / "printed.txt").read_text(encoding="utf-8")
    return {
        "seconds": round(statistics.median(one.wall for one in found), 2),
        "user_seconds": round(statistics.median(one.user for one in found), 2),
        "peak_mb": round(statistics.median(one.peak_mb for one in found)),
        "verdict": printed.splitlines()[0],
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
