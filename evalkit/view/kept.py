"""The last few things that were made, by key: while one is made, others are handed out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


@dataclass(slots=True)
class _Place(Generic[Made]):
    """Where a thing stands when it is made; whoever makes it holds the lock."""

    lock: Lock = field(default_factory=Lock)
    made: Made | None = None


class Kept(Generic[Key, Made]):
    """Things that take a while to make; several threads may ask, and each thing is made once."""

    def __init__(self, most: int, gone: Callable[[Key], None] = lambda _: None) -> None:
        """Keep nothing yet.

        Args:
            most: How many are kept: those that were asked for last.
            gone: Is told the key of each that is kept no longer.
        """
        self._most, self._gone = most, gone
        self._places: OrderedDict[Key, _Place[Made]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[], Made]) -> Made:
        """What stands under a key; made where it is not there. What cannot be made is not kept."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > self._most:
                self._gone(self._places.popitem(last=False)[0])
        with place.lock:
            if place.made is None:
                place.made = make()
            return place.made

    def drop(self, is_gone: Callable[[Key], bool]) -> None:
        """Keep no longer what stands under some keys."""
        with self._lock:
            for key in list(filter(is_gone, self._places)):
                del self._places[key]
