"""Requests -> bundles: what is run together, and in which order. Pure.

The plan depends only on the requests and on what fits into a bundle, never on what is already done,
so that a resumed run on the same machine makes the same batches as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.backends.interface import Capacity
from evalkit.records import Request

PROBE = 8
"""Samples of each task, with pictures and without, that are run before all others."""

CHARACTERS_PER_TOKEN = 4
"""Characters of text that are taken to make one token."""

KEPT_TOGETHER = 4096
"""Tokens of questions and answers up to which a picture's requests are not cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Requests of one task that a worker is given at once.

    Attributes:
        task: Whose they are. Two tasks never share a bundle.
        requests: At least one; all with the same generation settings. Those of one picture follow
            one another.
        cost: Estimated tokens to read and write.
        probe: Whether it is among the first of its task and kind, which are run before all others.
    """

    task: str
    requests: tuple[Request, ...]
    cost: int
    probe: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """Requests that are not taken apart: one, or some that show the same pictures."""

    requests: tuple[Request, ...]
    cost: int


def plan(
    requests: Mapping[str, Sequence[Request]], capacity: Capacity, *, sharing: bool = False
) -> tuple[Bundle, ...]:
    """Order the requests of all tasks into bundles.

    First come a few samples of every task, with pictures and without, so that a broken prompt fails
    in a minute; then the rest, task by task, the longest first, so that the last minutes hold no
    straggler and a batch that is too large for the memory is met early.

    Args:
        requests: The requests of each task, in the order of the task list.
        capacity: What fits into a bundle.
        sharing: Whether requests that show the same pictures stay together, and the pictures are
            counted once. They are cut only where they exceed the rows of a bundle, or where
            questions and answers alone exceed its tokens and `KEPT_TOGETHER`.
    """
    bundles = [
        bundle
        for task, own in requests.items()
        for bundle in _bundles(task, own, capacity, sharing=sharing)
    ]
    probes = [bundle for bundle in bundles if bundle.probe]
    return (*probes, *(bundle for bundle in bundles if not bundle.probe))


def plan_in_turns(
    rounds: Iterable[Mapping[str, Sequence[Request]]], capacity: Capacity, *, sharing: bool = False
) -> tuple[Bundle, ...]:
    """One plan after another: what is asked first is whole before what is asked next.

    Args:
        rounds: The requests of each round by task; arguments are else those of `plan`.
        capacity: What fits into a bundle.
        sharing: Whether requests that show the same pictures stay together.
    """
    return tuple(bundle for own in rounds for bundle in plan(own, capacity, sharing=sharing))


def _bundles(
    task: str, requests: Sequence[Request], capacity: Capacity, *, sharing: bool
) -> Iterable[Bundle]:
    """The bundles of one task, those with pictures first; the first of each kind are probes."""
    for with_pictures in (True, False):
        own = [request for request in requests if bool(request.images) is with_pictures]
        pieces = [
            piece
            for alike in uniform(own)
            for piece in _pieces(alike, capacity, sharing=sharing and with_pictures)
        ]
        pieces.sort(key=lambda piece: (-piece.cost, piece.requests[0].sample_id))
        probed = 0
        for bundle in _filled(pieces, capacity):
            probe = probed < PROBE
            probed += len(bundle)
            cost = sum(piece.cost for piece in bundle)
            rows = tuple(request for piece in bundle for request in piece.requests)
            yield Bundle(task=task, requests=rows, cost=cost, probe=probe)


def uniform(requests: Sequence[Request]) -> Iterable[list[Request]]:
    """The requests by task and generation settings: a batch has one of each."""
    found: dict[object, list[Request]] = {}
    for request in requests:
        found.setdefault((request.task, request.generation), []).append(request)
    return found.values()


def _pieces(requests: Sequence[Request], capacity: Capacity, *, sharing: bool) -> Iterator[_Piece]:
    if not sharing:
        for request in requests:
            yield _Piece((request,), cost(request, capacity.image_tokens))
        return
    kin: dict[tuple[str, int], list[Request]] = {}
    for request in requests:
        kin.setdefault((request.kin or request.sample_id, len(request.images)), []).append(request)
    for own in kin.values():
        yield from _cut(own, capacity)


def _cut(requests: Sequence[Request], capacity: Capacity) -> Iterator[_Piece]:
    """Requests of one picture in as few equal pieces as fit."""
    shown = capacity.image_tokens * len(requests[0].images)
    own = [cost(request, 0) for request in requests]
    room = max(capacity.tokens or KEPT_TOGETHER, KEPT_TOGETHER)
    count = max(-(-len(requests) // capacity.rows), -(-sum(own) // room))
    size = -(-len(requests) // min(count, len(requests)))
    for start in range(0, len(requests), size):
        part = slice(start, start + size)
        yield _Piece(tuple(requests[part]), shown + sum(own[part]))


def _filled(pieces: Sequence[_Piece], capacity: Capacity) -> Iterator[list[_Piece]]:
    """Pieces in order, as many to a bundle as fit, those with equal settings together."""
    bundle: list[_Piece] = []
    for piece in pieces:
        if bundle and not _fits(bundle, piece, capacity):
            yield bundle
            bundle = []
        bundle.append(piece)
    if bundle:
        yield bundle


def _fits(bundle: Sequence[_Piece], piece: _Piece, capacity: Capacity) -> bool:
    rows = sum(len(one.requests) for one in bundle) + len(piece.requests)
    tokens = sum(one.cost for one in bundle) + piece.cost
    alike = bundle[0].requests[0].generation == piece.requests[0].generation
    return (
        alike and rows <= capacity.rows and (capacity.tokens is None or tokens <= capacity.tokens)
    )


def cost(request: Request, image_tokens: int) -> int:
    """Estimated tokens of a request: pictures, text and the answer.

    Args:
        request: The request.
        image_tokens: What a picture is taken to cost.
    """
    text = sum(len(part) for m in request.messages for part in m.content if isinstance(part, str))
    shown = image_tokens * len(request.images)
    return shown + text // CHARACTERS_PER_TOKEN + request.generation.max_new_tokens
