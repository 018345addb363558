"""Numbers of texts: those of a dictionary that is filled in order, in a fraction of the memory."""

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.numbering import Numbering

texts = st.text(st.characters(), max_size=3)  # lone surrogates, too


@given(st.lists(texts, max_size=300), st.lists(texts, max_size=20))
def test_texts_are_numbered_in_the_order_in_which_they_first_come(given_, others):
    expected = dict[str, int]()
    found = Numbering()
    for text in given_:
        assert found.add(text) == expected.setdefault(text, len(expected))
    assert len(found) == len(expected)
    for text in [*given_, *others]:
        assert found.get(text) == expected.get(text)
        assert (text in found) is (text in expected)


def test_many_are_told_apart():
    found = Numbering(map(str, range(50_000)))
    assert len(found) == 50_000
    assert [found[str(number)] for number in range(50_000)] == list(range(50_000))
    with pytest.raises(KeyError, match="50000"):
        found["50000"]
    assert 7 not in found


def test_texts_are_not_held():
    gc.collect()
    tracemalloc.start()
    try:
        found = Numbering(f"{number:0100}" for number in range(50_000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 50_000
    assert held / 50_000 < 40
