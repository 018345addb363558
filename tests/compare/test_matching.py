"""Pairs by id, never by position; half a group is no group; parts of a benchmark are strata."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.compare.matching import pair_by_id, unwhole, without
from evalkit.records import SampleScore
from evalkit.strata import strata_of


def score(name, *, group=None, cluster="c", value=1.0, **tags):
    return SampleScore(
        sample_id=name,
        answer="yes",
        targets=("yes",),
        values={"correct": value},
        group=group,
        cluster=cluster,
        tags=tags,
        failed=False,
    )


ids = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(ids, ids)
def test_pairs_are_what_both_have_in_the_order_of_the_first(one, two):
    pairs = pair_by_id([score(n, value=0.0) for n in one], [score(n) for n in two])
    shared = [name for name in one if name in two]
    assert [s.sample_id for s in pairs.first] == [s.sample_id for s in pairs.second] == shared
    assert {s.values["correct"] for s in pairs.first} <= {0.0}
    assert {s.values["correct"] for s in pairs.second} <= {1.0}
    assert pairs.only_first == tuple(name for name in one if name not in two)
    assert pairs.only_second == tuple(name for name in two if name not in one)


def test_what_ties_samples_is_as_in_the_first_run():
    pairs = pair_by_id([score("a", group="g", cluster="x", kind="low")], [score("a")])
    (second,) = pairs.second
    assert (second.group, second.cluster, second.tags) == ("g", "x", {"kind": "low"})


def test_half_a_group_is_left_out_on_both_sides():
    whole = [score("a", group="1"), score("b", group="1"), score("c", group="2"), score("d")]
    part = [score("a", group="1"), score("c", group="2"), score("d")]
    for one, two in ((whole, part), (part, whole)):
        pairs = pair_by_id(one, two)
        halves = unwhole(pairs, one, two)
        assert halves == {"a"}
        assert [s.sample_id for s in without(pairs, halves).first] == ["c", "d"]


PARTS = {"kind": ("low", "high")}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([score("a", cluster="1", kind="low"), score("b", cluster="2", kind="low")], None),
        (
            [score("a", cluster="1", kind="low"), score("b", cluster="2", kind="high")],
            {"1": "low", "2": "high"},
        ),
        (
            [
                score("a", cluster="1", kind="low"),
                score("b", cluster="1", kind="high"),
                score("c", cluster="2", kind=("low",)),
            ],
            {"1": "high + low", "2": "low"},
        ),
    ],
)
def test_a_stratum_is_the_parts_that_a_cluster_is_in(scores, expected):
    assert strata_of(scores, PARTS) == expected
    assert strata_of(scores, {}) is None
