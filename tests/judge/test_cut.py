"""A reply that was ended by its length: what of it is a rating, and what may have changed."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.judge.ensemble_asking import rubric as ensemble_rubric
from evalkit.judge.units import CUT, Unit, step
from evalkit.mmvp_review import JUDGED
from evalkit.pair_review import own_review
from evalkit.records import Prediction, Sample, Verdict
from evalkit.registry import load_task
from evalkit.rubric import FILE, OFFICIAL

OWN = load_task("mmvet").judging.own


@pytest.mark.parametrize(
    ("rubric", "reply", "cut"),
    [
        (OWN, "0.", True),
        (OWN, "0.4", True),
        (OWN, "0.4 since", False),
        (OWN, "1. The answer mentions that the picture shows", False),
        (OWN, "Grade: 0.", True),
        (OWN, "0.4\nOne part", False),
        (OWN, "0.4 ", False),
        (OWN, "perhaps", False),
        (own_review(), "8 1", True),
        (own_review(), "8 1\n", False),
        (own_review(), "8 1\nAnswer 2 is", False),
        (JUDGED["judging"].own, "no", True),
        (ensemble_rubric(), "It flies. The answer is B. It", False),
    ],
)
def test_only_a_rating_at_the_very_end_is_cut(rubric, reply, cut):
    assert rubric.is_cut(reply, "length") is cut
    assert not rubric.is_cut(reply, "stop")
    assert not rubric.is_cut(reply, None)
    for origin in (OFFICIAL, FILE):
        assert not replace(rubric, origin=origin).is_cut(reply, "length")


@pytest.mark.parametrize(
    "reply", ["0.5\n" + "x" * 60_000 + " ", "0.5\n" + "x" * 60_000, "x " * 10**5]
)
def test_a_long_reply_is_looked_at_in_a_time_as_its_length(reply):
    started = time.process_time()
    assert not replace(OWN, read=lambda text: (float(text[:3] == "0.5"),)).is_cut(reply, "length")
    assert not OWN.is_cut(reply, "length")
    assert time.process_time() - started < 1


@given(grade=st.integers(0, 10), more=st.text("abcxyz ,.;'-*_()", max_size=20))
def test_what_follows_a_rating_on_another_line_does_not_change_it(grade, more):
    reply = f"{grade / 10}\nThe answer {more}"
    assert OWN.read(reply) == (grade / 10,)
    assert not OWN.is_cut(reply, "length")


@given(grade=st.integers(0, 10), more=st.text(max_size=20))
def test_what_follows_a_rating_on_its_line_makes_it_no_other(grade, more):
    assert OWN.read(f"{grade / 10} {more}") in (None, (grade / 10,))


def test_a_cut_reply_is_asked_for_again_and_fails_as_cut():
    unit = Unit(
        sample=Sample(id="a", question="?", images=(), targets=("x",), cluster="a"), answer="b"
    )
    made = {n: Prediction(sample_id=n, text="0.", finish="length") for n in map(unit.name, (0, 1))}
    assert step(OWN, unit, made) == 2
    made[unit.name(2)] = replace(made[unit.name(0)], sample_id=unit.name(2))
    last = step(OWN, unit, made)
    assert isinstance(last, Verdict)
    assert (last.ratings, last.failure.kind) == (None, CUT)
    made[unit.name(1)] = replace(made[unit.name(1)], finish="stop")
    assert step(OWN, unit, made).ratings == (0.0,)
    official = step(replace(OWN, origin=OFFICIAL), unit, made)
    assert (official.ratings, official.requests) == ((0.0,), 1)
