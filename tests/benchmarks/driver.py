"""What evalkit itself costs: VQAv2's 214,354 questions through the dummy backend.

Run by hand: `python tests/benchmarks/driver.py --json`. A table like the hub's is made (a picture
of about a kilobyte in every row, ten answers a question), and `evalkit run vqav2 --model
dummy:constant,text=yes` answers, scores and stores all of it in a process of its own. Time is
that process's, from start to exit; the peak is the largest resident set that the kernel saw. A
half and a quarter of the questions show what a sample costs. The table is read once before, so
that the one conversion that large tables need is not counted; `--cold` counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from environment import environment

QUESTIONS = 214_354
PICTURES = 40_504
PROMISES = {"seconds": 60.0, "peak_mb": 500.0}
WORDS = ("yes", "no", "2", "red", "a dog", "on the table", "tennis racket", "blue and white")
KINDS = ("is the", "what color is", "how many", "what is the man", "where is")
NAMED = ("pyarrow", "datasets", "msgspec", "numpy")


def table(folder: Path) -> None:
    """Write the split as the hub has it, in shards."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    dice = random.Random(20)
    folder.mkdir(parents=True)
    shards = 10
    for shard in range(shards):
        numbers = range(shard * QUESTIONS // shards, (shard + 1) * QUESTIONS // shards)
        rows = pa.Table.from_pylist([row(dice, number) for number in numbers])
        pq.write_table(rows, folder / f"validation-{shard:05}-of-{shards:05}.parquet")


def row(dice: random.Random, number: int) -> dict[str, object]:
    """One question with ten answers; the picture's bytes stand in every row, as on the hub."""
    shown = number * PICTURES // QUESTIONS
    right = dice.choice(WORDS)
    answers = [right if dice.random() < 0.7 else dice.choice(WORDS) for _ in range(10)]
    return {
        "question_type": dice.choice(KINDS),
        "multiple_choice_answer": right,
        "answers": [
            {"answer": text, "answer_confidence": "yes", "answer_id": i + 1}
            for i, text in enumerate(answers)
        ],
        "image_id": shown,
        "answer_type": "yes/no" if right in ("yes", "no") else "other",
        "question_id": shown * 1000 + number,
        "question": f"{dice.choice(KINDS).capitalize()} thing number {number} in the picture?",
        "image": {"bytes": random.Random(shown).randbytes(1000), "path": None},
    }


def run(data: Path, limit: int | None, batch: int | None) -> dict[str, float]:
    """Wall time and peak memory of one run."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, "-m", "evalkit", "run", "vqav2", "--model"]
        words += ["dummy:constant,text=yes", "--data", str(data), "--out", out]
        words += ["--limit", str(limit)] if limit else []
        words += ["--batch-size", str(batch)] if batch else []
        started = time.perf_counter()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        said = process.stderr.read().decode()
        if code := os.waitstatus_to_exitcode(status):
            sys.exit(f"evalkit left with {code}\n{said[-2000:]}")
        (record,) = Path(out).glob("*/*/run.json")
        value = json.loads(record.read_text())["results"][0]["metrics"]["accuracy"]["value"]
    return {"seconds": seconds, "peak_mb": usage.ru_maxrss / 1024, "accuracy": value}


def measured(arguments: argparse.Namespace) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        # In a process of its own: the kernel counts a parent's peak as its child's.
        maker = get_context("spawn").Process(target=table, args=(data / "vqav2",))
        maker.start()
        maker.join()
        if not arguments.cold:
            run(data, 1000, arguments.batch_size)
        found: dict[str, object] = dict(run(data, None, arguments.batch_size))
        for name, limit in (("half", QUESTIONS // 2), ("quarter", QUESTIONS // 4)):
            part = run(data, limit, arguments.batch_size)
            found |= {f"{key}_{name}": part[key] for key in ("seconds", "peak_mb")}
    grown = found["peak_mb"] - found["peak_mb_half"]
    found["bytes_a_sample"] = round(grown * 2**20 / (QUESTIONS / 2))
    return found | environment(NAMED)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--cold", action="store_true", help="count the table's conversion")
    parser.add_argument("--batch-size", type=int, metavar="N")
    found = measured(parser.parse_args())
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, value in found.items():
        promise = f"  (at most {PROMISES[name]:g})" if name in PROMISES else ""
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{name:<18} {shown}{promise}")


if __name__ == "__main__":
    main()
