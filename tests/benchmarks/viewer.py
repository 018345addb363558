"""How long `evalkit view` takes to show and to filter 214,354 samples, and how much memory.

Run by hand: `python tests/benchmarks/viewer.py --json`. A table like VQAv2's on the hub is made
(`driver.py`), the dummy backend answers it twice, and `evalkit view` shows both runs in a process
of its own, which is asked over the loopback. What is timed, in seconds of wall time:

    listening    from the process's start until it prints its address
    first_paint  the first page of samples, which the server renders whole: nothing was opened yet
    questions    from there until questions and pictures are on the page
    checked      from there until scores and answers are compared with the record
    filter, tag, search, flips, page   one more page each, medians over repetitions

`peak_mb` is the memory that the system counts (`VmHWM`). The baseline is what a viewer does that
loads everything: the same scores by pyarrow and the same predictions by json into Python objects,
in a process of its own; `baseline_first` is until they are there, `baseline_filter` a filter over
them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from driver import QUESTIONS, table
from environment import environment, words

PROMISES = {"first_paint": 2.0, "filter": 0.5, "flips": 1.0, "search": 1.5, "peak_mb": 500.0}
NAMED = ("evalkit-vlm", "numpy", "pyarrow", "starlette", "uvicorn")
MODELS = ("dummy:constant,text=yes", "dummy:hash")

BASELINE = """
import json, sys, time
from pathlib import Path
import pyarrow.parquet as pq

started = time.perf_counter()
folder = Path(sys.argv[1])
scores = pq.read_table(folder / "scores" / "vqav2.parquet").to_pylist()
lines = (folder / "predictions" / "vqav2.jsonl").read_text().splitlines()
predictions = {made["sample_id"]: made for made in map(json.loads, lines)}
first = time.perf_counter() - started
started = time.perf_counter()
found = [s for s in scores if s["value.score"] <= 0 and predictions[s["sample_id"]]["text"]]
taken = time.perf_counter() - started
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(json.dumps([first, taken, int(peak) / 1e3, len(found)]))
"""


class Viewer:
    """A running `evalkit view`, and questions to it."""

    def __init__(self, runs: list[Path], data: Path) -> None:
        started = time.perf_counter()
        command = [sys.executable, "-m", "evalkit", "view", *map(str, runs), "--data", str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        self.listening = time.perf_counter() - started
        place, self.token = address.removeprefix("http://").split("/?token=")
        self.connection = http.client.HTTPConnection(place, timeout=600)

    def page(self, path: str, **query: str) -> tuple[float, str]:
        """Seconds until the whole page is there, and the page."""
        started = time.perf_counter()
        address = path + (f"?{urlencode(query)}" if query else "")
        self.connection.request("GET", address, headers={"x-evalkit-token": self.token})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            sys.exit(f"{address} answered {answer.status}: {text[-500:]}")
        return time.perf_counter() - started, text

    def until(self, path: str, is_there: Callable[[str], bool]) -> float:
        """Seconds until a page has what it lacks at first."""
        started = time.perf_counter()
        while not is_there(self.page(path)[1]):
            time.sleep(0.2)
        return time.perf_counter() - started

    def peak_mb(self) -> float:
        """Its largest resident set so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1e3

    def end(self) -> None:
        """Interrupt it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def made(folder: Path, samples: int) -> list[Path]:
    """The two runs; the table and they stay for another time."""
    if not (folder / "data").exists():
        # In a process of its own: the kernel counts a parent's peak as its child's.
        maker = get_context("spawn").Process(target=table, args=(folder / "data" / "vqav2",))
        maker.start()
        maker.join()
    outs = []
    for number, model in enumerate(MODELS):
        out = folder / f"{samples}-{number}"
        if not out.exists():
            command = [sys.executable, "-m", "evalkit", "run", "vqav2", "--model", model]
            command += ["--data", str(folder / "data"), "--out", str(out)]
            command += ["--limit", str(samples)] if samples < QUESTIONS else []
            subprocess.run(command, check=True, capture_output=True)
        outs += [path.parent for path in out.glob("*/*/run.json")]
    return outs


def measure(folder: Path, samples: int, repeats: int) -> dict[str, Any]:
    """All figures."""
    runs = made(folder, samples)
    keys = [json.loads((run / "run.json").read_text())["digest"][:12] for run in runs]
    viewer, place = Viewer(runs, folder / "data"), f"/run/{keys[0]}/vqav2"
    found: dict[str, Any] = {"samples": samples, "listening": viewer.listening}
    found["first_paint"], _ = viewer.page(place)
    found["questions"] = viewer.until(place, lambda page: "data-pending" not in page)
    found["checked"] = viewer.until(place, lambda page: "data-unchecked" not in page)
    found["peak_mb_one_run"] = viewer.peak_mb()
    queries: dict[str, dict[str, str]] = {
        "filter": {"show": "wrong"},
        "tag": {"tag": "answer_type=other", "show": "right"},
        "search": {"q": "number 1234"},
        "page": {"show": "wrong", "page": "2000"},
        "flips": {"other": keys[1], "show": "flipped"},
    }
    for name, query in queries.items():
        first, *rest = [viewer.page(place, **query)[0] for _ in range(repeats + 1)]
        found[name] = statistics.median(rest)
        if name == "flips":
            found["flips_first"] = first  # opens the other run
    viewer.until(f"/run/{keys[1]}/vqav2", lambda page: "data-unchecked" not in page)
    found["peak_mb"] = viewer.peak_mb()
    viewer.end()
    found |= baseline(runs[0])
    return {
        **{k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()},
        "environment": environment(NAMED),
    }


def baseline(run: Path) -> dict[str, float]:
    """What loading everything takes, for one of the two runs and without its questions."""
    command = [sys.executable, "-c", BASELINE, str(run)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    first, taken, peak, _ = json.loads(done.stdout)
    return {"baseline_first": first, "baseline_filter": taken, "baseline_peak_mb_one_run": peak}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--samples", type=int, default=QUESTIONS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where runs are made, and stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(options.folder or Path(temporary), options.samples, options.repeats)
    print(json.dumps(found, indent=2) if options.json else "\n".join(words(found, PROMISES)))


if __name__ == "__main__":
    main()
