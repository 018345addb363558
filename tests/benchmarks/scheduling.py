"""How busy 64 workers are kept, beside a static stride: Ray's actors that sleep by a heavy tail.

Run by hand: `python tests/benchmarks/scheduling.py --json`. Every actor is a process with a
simulated device; a bundle takes a time drawn from a Pareto law (shape 2.1, so that some take many
times the mean) that the plan knows nothing of. The busy share is the time that devices worked until
the last bundle was begun, over 64 times that span. The static stride gives bundle i to device i
modulo 64, as harnesses that split their data beforehand do; its share is computed from the same
measured times.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from environment import environment

from evalkit.backends.interface import Backend, BackendOptions, Capacity
from evalkit.records import Generation, Message, Prediction, Request
from evalkit.run_record import ModelIdentity, RunConfig
from evalkit.runner.engine import run
from evalkit.runner.journal import Journal
from evalkit.runner.plan import plan
from evalkit.runner.ray_workers import RayWorkers

DEVICES = 64
PROMISES = {"busy_share": 0.95}
SHAPE = 2.1
NAMED = ("ray",)


class Sleeper(Backend):
    """Sleeps as long as a request says, and answers with when it began and ended."""

    @classmethod
    def load(cls, options: BackendOptions) -> Sleeper:
        return cls()

    def identity(self) -> ModelIdentity:
        return ModelIdentity(spec="sleeper", backend="sleeper", name="sleeper")

    def generate(self, requests):
        made = []
        for request in requests:
            begun = time.time()
            time.sleep(float(request.text))
            made.append(Prediction(sample_id=request.sample_id, text=f"{begun} {time.time()}"))
        return made


def asked(count: int, mean: float) -> list[Request]:
    """Requests that say how long they take."""
    import random

    dice = random.Random(64)
    scale = mean * (SHAPE - 1) / SHAPE
    return [
        Request(
            task="sleep",
            sample_id=f"{i:05}",
            messages=(Message(role="user", content=(f"{scale * dice.paretovariate(SHAPE):.4f}",)),),
            generation=Generation(max_new_tokens=1),
        )
        for i in range(count)
    ]


def spans(
    bundles: int, mean: float, devices: int, folder: str
) -> tuple[list[tuple[float, float]], float]:
    """When each bundle began and ended, in the order of the plan; and how long starting took."""
    requests = asked(bundles, mean)
    planned = plan({"sleep": requests}, Capacity(rows=1))
    options = BackendOptions(spec="sleeper", name="sleeper")
    config = RunConfig(model="sleeper", tasks=(), workers=devices)
    begun = time.perf_counter()
    workers = RayWorkers(Sleeper, options, config)
    try:
        workers.ready()
        started = time.perf_counter() - begun
        place = Path(folder) / "sleep.jsonl"
        with Journal(place) as journal:
            run(planned, workers, {"sleep": journal}, lambda *_: None)
            made = journal.predictions
    finally:
        workers.close()
    ids = [request.sample_id for bundle in planned for request in bundle.requests]
    texts = [made[sample_id].text.split() for sample_id in ids]
    return [(float(first), float(last)) for first, last in texts], started


def busy_share(times: list[tuple[float, float]], devices: int) -> float:
    """Share of the devices' time that was worked until the last bundle was begun."""
    begin, end = min(t[0] for t in times), max(t[0] for t in times)
    worked = sum(min(last, end) - first for first, last in times)
    return worked / (devices * (end - begin))


def static_times(times: list[tuple[float, float]], devices: int) -> list[tuple[float, float]]:
    """The same bundles, each device's own one after another."""
    clocks, made = [0.0] * devices, []
    for place, (first, last) in enumerate(times):
        device = place % devices
        made.append((clocks[device], clocks[device] + last - first))
        clocks[device] += last - first
    return made


def measured(arguments: argparse.Namespace) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        times, started = spans(arguments.bundles, arguments.mean, arguments.devices, folder)
    static = static_times(times, arguments.devices)
    return {
        "busy_share": busy_share(times, arguments.devices),
        "static_busy_share": busy_share(static, arguments.devices),
        "seconds": max(t[1] for t in times) - min(t[0] for t in times),
        "static_seconds": max(t[1] for t in static),
        "longest_bundle_s": max(last - first for first, last in times),
        "devices": arguments.devices,
        "bundles": arguments.bundles,
        "actors_started_s": started,
        **environment(NAMED),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--devices", type=int, default=DEVICES)
    parser.add_argument("--bundles", type=int, default=2000)
    parser.add_argument("--mean", type=float, default=1.0, help="seconds of a bundle")
    found = measured(parser.parse_args())
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, value in found.items():
        promise = f"  (at least {PROMISES[name]:g})" if name in PROMISES else ""
        shown = f"{value:.3g}" if isinstance(value, float) else value
        print(f"{name:<18} {shown}{promise}")


if __name__ == "__main__":
    main()
