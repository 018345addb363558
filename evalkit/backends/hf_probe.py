"""What is found out when a model is loaded: whether its way of sharing is sound, and how much fits.

Both are tried out on pictures and questions made here; nothing of a benchmark is looked at.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
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
"""Seconds; what takes less is timed at least twice."""

TIE = 1.03
"""The larger of two batches is taken unless the smaller is faster by more than this factor."""

MOST_ROWS = 64
"""Requests in a batch, at most."""

MEMORY_SHARE = 0.5
"""Share of an accelerator's free memory that a batch may be expected to take."""

_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED"
)

Answer = Callable[[Sharing, Sequence[Request]], "tuple[list[list[int]], Any] | None"]
"""Tokens and first logits of requests by a way; None where they cannot be laid out for it."""

Rehearse = Callable[[Sequence[Request]], Callable[[], Any]]
"""Prepares a batch, which a run does beside the model; what it gives answers it at every call."""


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


def capacity(rehearse: Rehearse, length: int, model: Any) -> Capacity:
    """How many tokens are best run at once: batches are doubled as long as that is faster.

    Of sizes that are as fast as the fastest the largest counts: where a row costs the same in any
    batch, a larger one still shares what every call costs.

    Args:
        rehearse: Prepares a batch of probes; that or its answering may run out of memory.
        length: Tokens of a probe's prompt, nearly all of which are the picture's.
        model: The model, for its device.
    """
    rehearse(_probes(1))()  # the first call of all is slower
    rows = _Trials(rehearse, model).best()
    return Capacity(rows=MOST_ROWS, tokens=rows * length + 64 * rows, image_tokens=length)


class _Trials:
    """Sizes of batches, each with the seconds that it took at best.

    Others use the machine, which makes a trial slower, never faster. On a CPU the time counts that
    this thread computed: it has its part of all that torch computes on several, and time in which
    others had the core is not in it. Quick sizes are timed again later, beside the next one.
    """

    def __init__(self, rehearse: Rehearse, model: Any) -> None:
        self._rehearse = rehearse
        self._model = model
        self._clock = time.thread_time if model.device.type == "cpu" else time.perf_counter
        self._batches: dict[int, Callable[[], Any]] = {}
        self._seconds: dict[int, float] = {}

    def best(self) -> int:
        """The largest size that is as fast as the fastest."""
        count = 1
        while count <= MOST_ROWS and self._bears(count) and not _idle(self._rates()):
            count *= 2
        rates = self._rates()
        close = [size for size, rate in rates.items() if rate * TIE >= max(rates.values())]
        return max(close, default=1)

    def _bears(self, count: int) -> bool:
        """Time a size; whether memory and patience would bear one twice as large."""
        free, started = _free(self._model), time.perf_counter()
        try:
            self._batches[count] = self._rehearse(_probes(count))
            self._time(count)
            passed = time.perf_counter() - started
            if self._seconds[count] < QUICK:
                for size in (count // 2, count):
                    self._time(size)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                return False
            raise
        self._batches.pop(count // 2, None)
        return passed <= PATIENCE and _taken(self._model) * 2 <= free * MEMORY_SHARE

    def _time(self, count: int) -> None:
        if count not in self._batches:
            return
        started = self._clock()
        self._batches[count]()
        seconds = self._clock() - started
        self._seconds[count] = min(seconds, self._seconds.get(count, seconds))

    def _rates(self) -> dict[int, float]:
        """Rows a second by size, the smallest first."""
        return {count: count / seconds for count, seconds in self._seconds.items()}


def _idle(by_size: Mapping[int, float]) -> bool:
    """Whether the last doublings gained nothing.

    Args:
        by_size: Rows a second, of the smallest size first.
    """
    rates = list(by_size.values())
    last = range(len(rates) - IDLE, len(rates))
    return len(rates) > IDLE and all(rates[i] <= GAIN * max(rates[:i]) for i in last)


def _probes(count: int) -> list[Request]:
    """Requests about as many pictures, answered as briefly as most questions are."""
    return [probe(i, QUESTIONS[0], new_tokens=4) for i in range(count)]


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
