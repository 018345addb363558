"""What is found out when a model is loaded: whether its way of sharing is sound, and how much fits.

Both are tried out on pictures and questions made here; nothing of a benchmark is looked at.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from evalkit.backends.hf_families import Sharing, sharing
from evalkit.backends.interface import Capacity
from evalkit.records import Generation, Image, Message, Request

QUESTIONS = ("Is there a red square in the picture?", "Is there a dog?", "What colour is it?")
"""What is asked both ways: of several lengths, with a common beginning."""

TOLERANCE = {"torch.float16": 0.05, "torch.bfloat16": 0.25}
"""Largest difference of the first token's logits in half precision, in standard deviations."""

GAIN = 1.05
"""A batch twice as large must be faster by this factor, or it gains nothing."""

IDLE = 2
"""Doublings in a row that gain nothing before the search ends."""

PATIENCE = 10.0
"""Seconds; a batch that takes longer is not doubled again."""

QUICK = 1.0
"""Seconds; what takes less is timed twice."""

MOST_ROWS = 64
"""Requests in a batch, at most."""

MEMORY_SHARE = 0.5
"""Share of an accelerator's free memory that a batch may be expected to take."""

_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED"
)

Answer = Callable[[Sharing, Sequence[Request]], "tuple[list[list[int]], Any] | None"]
"""Tokens and first logits of requests by a way; None where they cannot be laid out for it."""


def tried(answer: Answer, model: Any) -> Sharing:
    """The model's way of sharing, if it gives the same answers; else the plain way, and why.

    In float32 greedy tokens must be equal. In half precision the logits of the first token may
    differ by `TOLERANCE`, as they do between any two ways of computing them.
    """
    found = sharing(model)
    if found.way == "plain":
        return found
    try:
        wrong = _difference(answer, found, str(model.dtype))
    except Exception as error:  # noqa: BLE001 - a library's code on somebody's model
        wrong = f"a probe failed with {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return replace(found, way="plain", reason=wrong) if wrong else found


def _difference(answer: Answer, way: Sharing, dtype: str) -> str:
    """What differs between the way and the plain one; empty: nothing."""
    for seed in range(2):
        asked = [probe(seed, question, row) for row, question in enumerate(QUESTIONS)]
        together = answer(way, asked)
        if together is None:
            short = f"its windows of {way.window} tokens are shorter than a prompt"
            apart = "its prompts cannot be taken apart behind the picture"
            return short if way.window else apart
        alone = answer(Sharing("plain", ""), asked)
        assert alone is not None  # noqa: S101  the plain way needs no layout
        if together[0] == alone[0]:
            continue
        if dtype not in TOLERANCE:
            return "a probe was answered otherwise with a shared prefix"
        first, second = together[1].float(), alone[1].float()
        away = float(((first - second).abs().amax(-1) / second.std(-1)).max())
        if not away <= TOLERANCE[dtype]:  # not a number is no agreement either
            return f"a probe's logits differ by {away:.2f} standard deviations with a shared prefix"
    return ""


def probe(seed: int, question: str, row: int = 0, new_tokens: int = 8) -> Request:
    """A request about a picture of coloured squares."""
    return Request(
        task="",
        sample_id=f"{seed}/{row}",
        messages=(
            Message(
                role="user",
                content=(Image(key=f"probe {seed}", read=lambda: _picture(seed)), question),
            ),
        ),
        generation=Generation(max_new_tokens=new_tokens),
    )


def _picture(seed: int) -> bytes:
    import PIL.Image

    colours = bytes((37 * i * (seed + 1) + 11 * seed) % 256 for i in range(8 * 8 * 3))
    picture = PIL.Image.frombytes("RGB", (8, 8), colours).resize((336, 336), 0)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice; torch has several ways to say so."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and bool(_OUT_OF_MEMORY.search(str(error)))


def capacity(generate: Callable[[Sequence[Request]], Any], length: int, model: Any) -> Capacity:
    """How many tokens are best run at once: batches are doubled as long as that is faster.

    The fastest size counts, however little it gains: where a row costs the same in any batch, a
    larger one still shares what every call costs.

    Args:
        generate: Answers a batch of probes; may run out of memory.
        length: Tokens of a probe's prompt, nearly all of which are the picture's.
        model: The model, for the memory of its device.
    """
    rows, best, idle = 1, 0.0, 0
    for count, seconds in _timed(generate, model):
        idle = 0 if count / seconds > best * GAIN else idle + 1
        if count / seconds > best:
            rows, best = count, count / seconds
        if idle == IDLE:
            break
    return Capacity(rows=MOST_ROWS, tokens=rows * length + 64 * rows, image_tokens=length)


def _timed(generate: Callable[[Sequence[Request]], Any], model: Any) -> Iterator[tuple[int, float]]:
    """Sizes of batches with their seconds, until memory or patience end."""
    count = 1
    generate(_probes(1))  # the first call of all is slower
    while count <= MOST_ROWS:
        free = _free(model)
        try:
            seconds = _seconds(generate, _probes(count))
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                return
            raise
        yield count, seconds
        if seconds > PATIENCE or _taken(model) * 2 > free * MEMORY_SHARE:
            return
        count *= 2


def _probes(count: int) -> list[Request]:
    """Requests about as many pictures, answered as briefly as most questions are."""
    return [probe(i, QUESTIONS[0], new_tokens=4) for i in range(count)]


def _seconds(generate: Callable[[Sequence[Request]], Any], batch: Sequence[Request]) -> float:
    """How long a batch takes; the better of two where that is short, as others use the machine."""
    taken: list[float] = []
    while not taken or (len(taken) < 2 and taken[0] < QUICK):  # noqa: PLR2004
        started = time.perf_counter()
        generate(batch)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _free(model: Any) -> float:
    """Free bytes of the model's accelerator; endless elsewhere."""
    import torch

    if model.device.type != "cuda":
        return float("inf")
    torch.cuda.reset_peak_memory_stats(model.device)
    return float(torch.cuda.mem_get_info(model.device)[0])


def _taken(model: Any) -> float:
    """Bytes that the last batch took at its peak."""
    import torch

    if model.device.type != "cuda":
        return 0.0
    peak = torch.cuda.max_memory_allocated(model.device)
    return float(peak - torch.cuda.memory_allocated(model.device))
