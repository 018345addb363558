"""The last few things that were made: each once, and none waits for another."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cli.view import _library
from evalkit.errors import StoreError
from evalkit.view.kept import Kept

WAIT = 30  # seconds


def test_what_takes_long_holds_up_nothing_else():
    kept, began, go = Kept(4), Event(), Event()

    def slow():
        began.set()
        assert go.wait(WAIT)
        return "slow"

    with ThreadPoolExecutor(2) as threads:
        try:
            first = threads.submit(kept.get, "a", slow)
            assert began.wait(WAIT)
            assert threads.submit(kept.get, "b", lambda: "quick").result(WAIT) == "quick"
            second = threads.submit(kept.get, "a", lambda: "another")
        finally:
            go.set()
        assert (first.result(WAIT), second.result(WAIT)) == ("slow", "slow")


@given(st.integers(1, 4), st.lists(st.sampled_from("abcdef")))
def test_the_last_few_are_kept_and_the_others_are_told(most, asked):
    gone, made = [], []
    kept = Kept(most, gone.append)
    for number, key in enumerate(asked):
        recent = dict.fromkeys(reversed(asked[:number]))
        is_kept = key in list(recent)[:most]
        before = len(made)
        kept.get(key, lambda key=key: made.append(key) or object())
        assert len(made) - before == (not is_kept)
    held = list(dict.fromkeys(reversed(asked)))[:most]
    assert len(made) - len(gone) == len(held)
    before = len(made)
    for key in held:
        kept.get(key, lambda: made.append("again") or object())
    assert len(made) == before


def test_what_cannot_be_made_is_tried_again():
    kept = Kept(1)

    def fail():
        message = "It is gone."
        raise StoreError(message)

    for _ in range(2):
        with pytest.raises(StoreError, match="gone"):
            kept.get("a", fail)
    assert kept.get("a", lambda: 1) == 1


def test_what_is_dropped_is_made_again():
    kept = Kept(3)
    for key in "abc":
        kept.get(key, lambda: "old")
    kept.drop("b".__eq__)
    assert [kept.get(key, lambda: "new") for key in "abc"] == ["old", "new", "old"]


def test_two_tasks_side_by_side_are_held_no_longer_than_open(place, monkeypatch):
    monkeypatch.chdir(place)
    library = _library((), None, ())
    monkeypatch.setattr(library._open, "_most", 2)
    one, two = (library.open(run, "toy") for run in library.runs.values())
    beside = library.beside(one, two)
    assert library.beside(one, two) is beside
    library._open.get("another", object)
    assert library.beside(one, two) is not beside
