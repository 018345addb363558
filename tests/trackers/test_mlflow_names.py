"""Names in MLflow: what MLflow takes, and no two alike."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.trackers.mlflow import names_of


@given(st.sets(st.text(st.sampled_from("ab/.:é~ ")) | st.text(min_size=240, max_size=260)))
@example({"a~b", "aéb"})
@example({"a" * 250 + "b", "a" * 250 + "c"})
def test_no_two_names_are_alike(keys):
    names = names_of({key: key for key in keys})
    assert names.keys() == keys
    assert len(set(names.values())) == len(keys)
    assert all(len(name) <= 250 for name in names.values())
    assert not any(re.search(r"(^|/)\.+(/|$)", name) for name in names.values())


def test_an_ordinary_name_stays():
    names = ["pope/macro_f1", "config.model", "a b/c-d: e"]
    assert list(names_of({name: name for name in names}).values()) == names
