"""Requests -> bundles: what is run together, and in which order. Pure.

The plan depends only on the requests and the batch size, never on what is already done, so that a
resumed run makes the same batches as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from evalkit.records import Request

IMAGE_COST = 576
"""Tokens that a picture is taken to cost (24 x 24 patches, as in LLaVA-1.5)."""

PROBE = 8
"""Samples of each task, with pictures and without, that are run before all others."""

CHARACTERS_PER_TOKEN = 4
"""Characters of text that are taken to make one token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Requests of one task that a worker is given at once.

    Attributes:
        task: Whose they are. Two tasks never share a bundle.
        requests: At least one; all with the same generation settings.
        cost: Estimated tokens to read and write.
        probe: Whether it is among the first of its task and kind, which are run before all others.
    """

    task: str
    requests: tuple[Request, ...]
    cost: int
    probe: bool = False


def plan(requests: Mapping[str, Sequence[Request]], batch_size: int) -> tuple[Bundle, ...]:
    """Order the requests of all tasks into bundles.

    First come a few samples of every task, with pictures and without, so that a broken prompt fails
    in a minute; then the rest, task by task, the longest first, so that the last minutes hold no
    straggler and a batch that is too large for the memory is met early.

    Args:
        requests: The requests of each task, in the order of the task list.
        batch_size: Requests in a bundle, at most; at least 1.
    """
    bundles = [
        bundle for task, own in requests.items() for bundle in _bundles(task, own, batch_size)
    ]
    probes = [bundle for bundle in bundles if bundle.probe]
    return (*probes, *(bundle for bundle in bundles if not bundle.probe))


def _bundles(task: str, requests: Sequence[Request], batch_size: int) -> Iterable[Bundle]:
    """The bundles of one task, those with pictures first; the first of each kind are probes."""
    for with_pictures in (True, False):
        own = [request for request in requests if bool(request.images) is with_pictures]
        ordered = iter(sorted(own, key=lambda r: (-cost(r), r.sample_id)))
        probed = 0
        while batch := tuple(islice(ordered, batch_size)):
            yield from _uniform(task, batch, probe=probed < PROBE)
            probed += len(batch)


def _uniform(task: str, batch: tuple[Request, ...], *, probe: bool) -> Iterable[Bundle]:
    """The batch, split where generation settings differ."""
    settings = dict.fromkeys(request.generation for request in batch)
    for generation in settings:
        own = tuple(request for request in batch if request.generation == generation)
        yield Bundle(task=task, requests=own, cost=sum(map(cost, own)), probe=probe)


def cost(request: Request) -> int:
    """Estimated tokens of a request: pictures, text and the answer."""
    text = len(request.text) // CHARACTERS_PER_TOKEN
    return IMAGE_COST * len(request.images) + text + request.generation.max_new_tokens
