"""Requests -> bundles: what is run together, and in which order. Pure.

The plan depends only on the requests and on what fits into a bundle, never on what is already done,
so that a resumed run on the same machine makes the same batches as an uninterrupted one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from evalkit.backends.interface import Capacity
from evalkit.numbering import Numbering
from evalkit.records import Generation, Request
from evalkit.spool import Lazy

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
    requests: Sequence[Request]
    cost: int
    probe: bool = False


def plan(
    requests: Mapping[str, Sequence[Request]], capacity: Capacity, *, sharing: bool = False
) -> Sequence[Bundle]:
    """Order the requests of all tasks into bundles.

    First come a few samples of every task, with pictures and without, so that a broken prompt fails
    in a minute; then the rest, task by task, the longest first, so that the last minutes hold no
    straggler and a batch that is too large for the memory is met early.

    The plan holds places; a bundle is made, and its requests are read, when it is asked for.

    Args:
        requests: The requests of each task, in the order of the task list.
        capacity: What fits into a bundle.
        sharing: Whether requests that show the same pictures stay together, and the pictures are
            counted once. They are cut only where they exceed the rows of a bundle, or where
            questions and answers alone exceed its tokens and `KEPT_TOGETHER`.
    """
    probes, rest = _Parts(), _Parts()
    for task, own in requests.items():
        outline = _outline(task, own, sharing=sharing)
        for with_pictures in (True, False):
            pieces = _pieces(outline, capacity, sharing=sharing, with_pictures=with_pictures)
            probed = 0
            for numbers in _filled(outline, pieces, capacity):
                places = chain.from_iterable(map(pieces.places_of, numbers))
                cost = sum(pieces.costs[number] for number in numbers)
                (probes if probed < PROBE else rest).add(task, places, cost)
                probed += len(numbers)

    def bundle(number: int) -> Bundle:
        probe = number < len(probes)
        parts, at = (probes, number) if probe else (rest, number - len(probes))
        task = parts.tasks[at]
        own = Lazy(parts.places_of(at), requests[task].__getitem__)
        return Bundle(task=task, requests=own, cost=parts.costs[at], probe=probe)

    return Lazy(range(len(probes) + len(rest)), bundle)


def plan_in_turns(
    rounds: Iterable[Mapping[str, Sequence[Request]]], capacity: Capacity, *, sharing: bool = False
) -> Sequence[Bundle]:
    """One plan after another: what is asked first is whole before what is asked next.

    Args:
        rounds: The requests of each round by task; arguments are else those of `plan`.
        capacity: What fits into a bundle.
        sharing: Whether requests that show the same pictures stay together.
    """
    plans = [plan(own, capacity, sharing=sharing) for own in rounds]
    places = [(number, place) for number, own in enumerate(plans) for place in range(len(own))]
    return Lazy(places, lambda at: plans[at[0]][at[1]])


class _Parts:
    """Requests by place, some together, with their task and cost: pieces, and bundles of those."""

    __slots__ = ("_ends", "_places", "costs", "tasks")

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.costs = array("q")
        self._places = array("Q")
        self._ends = array("Q", (0,))

    def __len__(self) -> int:
        return len(self.costs)

    def add(self, task: str, places: Iterable[int], cost: int) -> None:
        self.tasks.append(task)
        self.costs.append(cost)
        self._places.extend(places)
        self._ends.append(len(self._places))

    def places_of(self, number: int) -> Sequence[int]:
        return self._places[self._ends[number] : self._ends[number + 1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outline:
    """What the plan must know of a task's requests, by place.

    Attributes:
        task: Whose they are.
        requests: Themselves, on disk.
        kin: Equal for requests that probably show the same pictures; empty where none are shared.
        shown: How many pictures each shows.
        tokens: Estimated tokens of text and answer.
        settings: Equal numbers mean equal generation settings.
    """

    task: str
    requests: Sequence[Request]
    kin: Sequence[int]
    shown: Sequence[int]
    tokens: Sequence[int]
    settings: Sequence[int]


def _outline(task: str, requests: Sequence[Request], *, sharing: bool) -> _Outline:
    kin, shown, tokens, settings = array("q"), array("q"), array("q"), array("q")
    names, known = Numbering(), dict[Generation, int]()
    for request in requests:
        if sharing:
            kin.append(names.add(request.kin or request.sample_id))
        shown.append(len(request.images))
        tokens.append(cost(request, 0))
        settings.append(known.setdefault(request.generation, len(known)))
    return _Outline(
        task=task, requests=requests, kin=kin, shown=shown, tokens=tokens, settings=settings
    )


def uniform(requests: Sequence[Request]) -> Iterable[list[Request]]:
    """The requests by task and generation settings: a batch has one of each."""
    found: dict[object, list[Request]] = {}
    for request in requests:
        found.setdefault((request.task, request.generation), []).append(request)
    return found.values()


def _pieces(outline: _Outline, capacity: Capacity, *, sharing: bool, with_pictures: bool) -> _Parts:
    """Requests that are not taken apart: single ones, or some that show the same pictures."""
    pieces = _Parts()
    if sharing and with_pictures:
        for places in _alike(outline):
            for part, total in _cut(places, outline, capacity):
                pieces.add(outline.task, part, total)
        return pieces
    for place, shown in enumerate(outline.shown):
        if bool(shown) is with_pictures:
            total = capacity.image_tokens * shown + outline.tokens[place]
            pieces.add(outline.task, (place,), total)
    return pieces


def _alike(outline: _Outline) -> Iterator[list[int]]:
    """Places of the requests with pictures, by what they show and how they are answered."""
    import numpy as np

    keys = outline.settings, outline.kin, outline.shown
    order = np.lexsort([np.asarray(key) for key in keys])  # a stable one
    shown = (int(place) for place in order if outline.shown[place])
    for _, places in groupby(shown, lambda place: [key[place] for key in keys]):
        yield list(places)


def _cut(
    places: Sequence[int], outline: _Outline, capacity: Capacity
) -> Iterator[tuple[Sequence[int], int]]:
    """Requests of one picture in as few equal pieces as fit, each with its cost."""
    shown = capacity.image_tokens * outline.shown[places[0]]
    own = [outline.tokens[place] for place in places]
    room = max(capacity.tokens or KEPT_TOGETHER, KEPT_TOGETHER)
    count = max(-(-len(places) // capacity.rows), -(-sum(own) // room))
    size = -(-len(places) // min(count, len(places)))
    for start in range(0, len(places), size):
        part = slice(start, start + size)
        yield places[part], shown + sum(own[part])


def _filled(outline: _Outline, pieces: _Parts, capacity: Capacity) -> Iterator[list[int]]:
    """Pieces by number, the longest first; as many together as fit, of equal settings."""
    bundle, rows, tokens, settings = list[int](), 0, 0, -1
    for number in _longest_first(outline, pieces):
        places, more = pieces.places_of(number), pieces.costs[number]
        fits = rows + len(places) <= capacity.rows and settings == outline.settings[places[0]]
        if capacity.tokens is not None:
            fits = fits and tokens + more <= capacity.tokens
        if bundle and not fits:
            yield bundle
            bundle, rows, tokens = [], 0, 0
        settings = outline.settings[places[0]]
        bundle.append(number)
        rows, tokens = rows + len(places), tokens + more
    if bundle:
        yield bundle


def _longest_first(outline: _Outline, pieces: _Parts) -> Iterator[int]:
    """Numbers of the pieces by cost, then by the id of the first request.

    Ids are read again, of the pieces of one cost at a time.
    """
    import numpy as np

    def first_id(number: int) -> str:
        return outline.requests[pieces.places_of(number)[0]].sample_id

    order = np.argsort(-np.asarray(pieces.costs), kind="stable")
    for _, equal in groupby(map(int, order), pieces.costs.__getitem__):
        yield from sorted(equal, key=first_id)


def cost(request: Request, image_tokens: int) -> int:
    """Estimated tokens of a request: pictures, text and the answer.

    Args:
        request: The request.
        image_tokens: What a picture is taken to cost.
    """
    text = sum(len(part) for m in request.messages for part in m.content if isinstance(part, str))
    shown = image_tokens * len(request.images)
    return shown + text // CHARACTERS_PER_TOKEN + request.generation.max_new_tokens
