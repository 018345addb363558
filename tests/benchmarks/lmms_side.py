"""Samples per second of lmms-eval's `llava_hf` and of the hf backend, one process, taking turns.

Called by `prefix_sharing.py --lmms-python`, as `PYTHON lmms_side.py CHECKPOINT REPEATS`, where
PYTHON has lmms-eval and evalkit. Both answer the POPE-like layout of `random_llava` on the same
checkpoint, device and number format; `llava_hf` one question at a time, as it demands (it asserts
a batch of one). It is given the checkpoint's chat template in the form that it can use (a message
is one text there), so both sides read the same prompt. The last line of stdout is a JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from io import BytesIO
from pathlib import Path

from random_llava import LAYOUTS, requests

PICTURES = 3
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | upper }}: {{ message['content'] }} "
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def adapter(folder: str):
    """lmms-eval's `llava_hf` on the checkpoint, made as its command line makes it."""
    import torch
    from lmms_eval.models import get_model

    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    return get_model("llava_hf", force_simple=True)(
        pretrained=folder, device=device, device_map=device, batch_size=1, chat_template=TEMPLATE
    )


def visuals(doc) -> list:
    """A task's `doc_to_visual`: the row's picture, decoded when the adapter asks."""
    import PIL.Image

    return [PIL.Image.open(BytesIO(doc["image"])).convert("RGB")]


def asked_by_lmms(model, asked) -> dict[str, str]:
    """lmms-eval's answers, through the adapter's own `generate_until`."""
    from lmms_eval.api.instance import Instance, unwrap_generation_output

    docs = [{"image": request.images[0].read()} for request in asked]
    model.task_dict = {"task": {"test": docs}}
    made = model.generate_until(
        [
            Instance(
                request_type="generate_until",
                arguments=(
                    request.text,
                    {"max_new_tokens": request.generation.max_new_tokens, "temperature": 0},
                    visuals,
                    number,
                    "task",
                    "test",
                ),
                idx=0,
                metadata={"task": "task", "doc_id": number, "repeats": 1},
            )
            for number, request in enumerate(asked)
        ]
    )
    texts = [unwrap_generation_output(one)[0].strip() for one in made]
    return {request.sample_id: text for request, text in zip(asked, texts, strict=True)}


def ours(folder: str):
    """The hf backend as `evalkit run` makes it."""
    from evalkit.backends.hf import HfBackend
    from evalkit.backends.interface import BackendOptions

    return HfBackend.load(BackendOptions(spec=f"hf:{folder}", name=folder))


def asked_by_evalkit(model, asked) -> dict[str, str]:
    """evalkit's answers: planned, prepared and generated, one bundle after another."""
    from evalkit.runner.plan import plan

    bundles = plan({"task": asked}, model.capacity(), sharing=model.shares_prefixes)
    return {p.sample_id: p.text for bundle in bundles for p in model.generate(bundle.requests)}


def seconds(work, *words) -> tuple[float, dict[str, str]]:
    """Wall time of a call, and what it gave."""
    started = time.perf_counter()
    made = work(*words)
    return time.perf_counter() - started, made


def measured(folder: str, repeats: int) -> dict[str, object]:
    """All figures: medians over neighbouring measurements."""
    asked = requests(LAYOUTS[18], PICTURES)
    theirs, mine = adapter(folder), ours(folder)
    asked_by_lmms(theirs, asked[:4])
    asked_by_evalkit(mine, asked)
    slow, fast, differing = [], [], 0
    for _ in range(repeats):
        one, texts = seconds(asked_by_lmms, theirs, asked)
        two, answers = seconds(asked_by_evalkit, mine, asked)
        slow.append(one)
        fast.append(two)
        differing = sum(texts[key] != answers[key] for key in texts)
    return {
        "ratio_lmms_18": statistics.median(a / b for a, b in zip(slow, fast, strict=True)),
        "lmms_per_s_18": statistics.median(len(asked) / a for a in slow),
        "evalkit_in_lmms_env_per_s_18": statistics.median(len(asked) / b for b in fast),
        "differing_answers_lmms_18": differing,
    }


def main() -> None:
    """Measure and print."""
    print(json.dumps(measured(str(Path(sys.argv[1])), int(sys.argv[2]))))


if __name__ == "__main__":
    main()
