"""Samples per second of the hf backend, beside a plain loop and beside lmms-eval, in one run.

Run by hand: `python tests/benchmarks/prefix_sharing.py --json`. A random LLaVA with LLaVA-1.5's
real layout answers like POPE (18 questions a picture), GQA (31), MME (2) and TextVQA (1). The
plain loop is what a careful user writes with `generate`: batches in the order of the data, the
best of some batch sizes, found beforehand. `bound_share` is the time that the arithmetic alone
would take, at the speed of a large matrix product here, over the time taken. Every figure is a
median of ratios of neighbouring measurements. With `--lmms-python PATH`, an environment in which
lmms-eval is installed, its `llava_hf` answers the same questions on the same checkpoint, and so
does evalkit there, if it is installed there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import environment
from random_llava import LAYOUTS, checkpoint, requests

from evalkit.backends.hf import HfBackend
from evalkit.backends.interface import BackendOptions
from evalkit.backends.pictures import open_picture
from evalkit.runner.engine import run
from evalkit.runner.inline import InlineWorkers
from evalkit.runner.journal import Journal
from evalkit.runner.meter import Meter
from evalkit.runner.plan import plan

PROMISES = {
    "ratio_plain_18": 8.0,
    "ratio_plain_31": 10.0,
    "ratio_plain_2": 1.5,
    "ratio_plain_1": 1.0,
    "model_share": 0.95,
    "ratio_lmms_18": 10.0,
}
PICTURES = {18: 3, 31: 2, 2: 16, 1: 24}
BATCHES = (1, 2, 4, 8, 16)
NAMED = ("torch", "transformers", "tokenizers", "lmms_eval")


def backend(folder: Path, **options) -> HfBackend:
    """The backend as `evalkit run` makes it."""
    return HfBackend.load(BackendOptions(spec=f"hf:{folder}", name=str(folder), **options))


def shared(model: HfBackend, asked, shares: list[float] | None = None) -> dict[str, str]:
    """evalkit's answers as a run makes them: planned, prepared ahead, journaled."""
    workers = InlineWorkers(model)
    bundles = plan({"task": asked}, model.capacity(), sharing=model.shares_prefixes)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "task.jsonl") as journal:
        meter = Meter(workers.crew())
        run(bundles, workers, {"task": journal}, lambda *_: None, meter)
        workers.close()
        if shares is not None:
            shares.append(meter.telemetry({}, resumed=False).tasks[0].model_share)
        return {key: made.text for key, made in journal.predictions.items()}


def plain(model: HfBackend, asked, size: int) -> dict[str, str]:
    """The plain loop: the processor's batch of chats, `generate`, `batch_decode`."""
    import torch

    processor, network = model._processor, model._model
    texts = {}
    for start in range(0, len(asked), size):
        batch = asked[start : start + size]
        chats = [
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "image": open_picture(request.images[0]).picture},
                        {"type": "text", "text": request.text},
                    ],
                }
            ]
            for request in batch
        ]
        inputs = processor.apply_chat_template(
            chats, tokenize=True, return_dict=True, return_tensors="pt",
            add_generation_prompt=True, processor_kwargs={"padding": True},
        ).to(network.device)  # fmt: skip
        with torch.inference_mode():
            output = network.generate(
                **inputs, max_new_tokens=batch[0].generation.max_new_tokens, do_sample=False
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        for request, text in zip(
            batch, processor.batch_decode(new, skip_special_tokens=True), strict=True
        ):
            texts[request.sample_id] = text.strip()
    return texts


def seconds(work, *words) -> tuple[float, dict[str, str]]:
    """Wall time of a call, and what it gave."""
    started = time.perf_counter()
    made = work(*words)
    return time.perf_counter() - started, made


def best_batch(model: HfBackend, asked) -> int:
    """The batch size with which the plain loop is fastest on some of the questions."""
    some = asked[: max(BATCHES)]
    plain(model, some[:2], 2)
    times = {size: min(seconds(plain, model, some, size)[0] for _ in range(2)) for size in BATCHES}
    return min(times, key=times.get)


def compared(model: HfBackend, number: int, repeats: int) -> dict[str, float]:
    """Ratio of a layout, with the samples per second on both sides."""
    asked = requests(LAYOUTS[number], PICTURES[number])
    size = best_batch(model, asked)
    shared(model, asked)
    ratios, ours, theirs, shares, differing = [], [], [], [], 0
    for _ in range(repeats):
        slow, one = seconds(plain, model, asked, size)
        fast, two = seconds(shared, model, asked, shares)
        ratios.append(slow / fast)
        ours.append(len(asked) / fast)
        theirs.append(len(asked) / slow)
        differing = sum(one[key] != two[key] for key in one)
    busy = {"model_share": statistics.median(shares)} if number == 1 else {}
    bound = operations(model, asked) / matmul_rate(model)
    return {
        f"ratio_plain_{number}": statistics.median(ratios),
        f"bound_share_{number}": bound * statistics.median(ours) / len(asked),
        f"evalkit_per_s_{number}": statistics.median(ours),
        f"plain_per_s_{number}": statistics.median(theirs),
        f"plain_batch_{number}": size,
        f"differing_answers_{number}": differing,
        **busy,
    }


def operations(model: HfBackend, asked) -> float:
    """Multiplications and additions that cannot be saved: each picture once, each question once.

    Two for every weight and token, and the products of attention; the vision tower's and the
    language model's alike.
    """
    network = model._model
    vision, text = network.config.vision_config, network.config.get_text_config()
    sides = (vision.image_size // vision.patch_size) ** 2 + 1
    seen = sum(p.numel() for p in network.model.vision_tower.parameters())
    spoken = sum(p.numel() for p in network.model.language_model.layers.parameters())
    head = network.lm_head.weight.numel()
    total = 0.0
    for bundle in plan({"task": asked}, model.capacity(), sharing=True):
        for part in model.prepare(bundle.requests).parts:
            new = part.requests[0].generation.max_new_tokens
            layout = part.layout
            before = layout.prefix_lengths if layout else [0] * len(part.lengths)
            once = int(layout.prefix["attention_mask"].sum()) if layout else 0
            pictures = len(layout.sizes) if layout else len(part.requests)
            own = sum(part.lengths) - sum(before) + len(part.lengths) * (new - 1)
            total += 2 * seen * sides * pictures + 2 * spoken * (once + own)
            total += 2 * head * len(part.lengths) * new
            total += 4 * vision.num_hidden_layers * vision.hidden_size * sides**2 * pictures
            width = text.num_hidden_layers * text.hidden_size
            reach = sum(part.lengths) / len(part.lengths)
            total += 2 * width * once * reach + 4 * width * own * reach
    return total


def matmul_rate(model: HfBackend) -> float:
    """Operations per second of a large product of matrices on the model's device and format."""
    import torch

    network = model._model
    size = 8192 if network.device.type == "cuda" else 1536
    one = torch.randn(size, size, device=network.device, dtype=network.dtype)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        (one @ one).sum().item()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def beside_lmms(python: str, folder: Path, repeats: int) -> dict[str, float]:
    """The ratio to lmms-eval's `llava_hf`, both in lmms-eval's own environment."""
    script = Path(__file__).with_name("lmms_side.py")
    done = subprocess.run(
        [python, str(script), str(folder), str(repeats)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{script.name} left with {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(arguments: argparse.Namespace) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        place = checkpoint(Path(folder), arguments.size, arguments.dtype)
        model = backend(place, dtype=arguments.dtype)
        found: dict[str, object] = {"way": model.note(), "batch": str(model.capacity())}
        found["parameters"] = model.identity().parameters
        for number in arguments.layouts:
            found |= compared(model, number, arguments.repeats)
        model.close()
        if arguments.lmms_python:
            found |= beside_lmms(arguments.lmms_python, place, arguments.repeats)
    return found | environment(NAMED)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--layouts", type=int, nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--size", choices=("20m", "7b"), default="20m")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--lmms-python", metavar="PATH", help="a Python that has lmms-eval")
    found = measured(parser.parse_args())
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, value in found.items():
        promise = f"  (at least {PROMISES[name]:g})" if name in PROMISES else ""
        shown = f"{value:.3g}" if isinstance(value, float) else value
        print(f"{name:<24} {shown}{promise}")


if __name__ == "__main__":
    main()
