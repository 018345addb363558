"""Which samples flip, which are shown, and why they flipped."""

from dataclasses import replace

import pytest

from evalkit.compare.flips import CAUSES, cause_of, counts, extremes, flips_of, with_texts
from evalkit.compare.matching import pair_by_id
from evalkit.compare.sides import Written
from evalkit.metrics import accuracy, group_accuracy
from evalkit.records import SampleScore
from evalkit.registry import load_task


def score(name, answer="yes", value=1.0, **changed):
    given = {
        "sample_id": name,
        "answer": answer,
        "targets": ("yes",),
        "values": {"correct": value},
        "group": None,
        "cluster": name,
        "tags": {},
        "failed": False,
    }
    return SampleScore(**(given | changed))


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        (score("a", "no"), score("a", "yes"), "answer"),
        (score("a", None), score("a", "yes"), "format"),
        (score("a", "yes"), score("a", None), "format"),
        (score("a", "the Dog."), score("a", "dog"), "format"),
        (score("a", "..."), score("a", "!"), "answer"),
        (score("a", "the"), score("a", "a"), "answer"),
        (score("a", "no", ambiguous=True), score("a", "yes"), "format"),
        (score("a", "no"), score("a", "yes", ambiguous=True), "answer"),
        (score("a", None, failed=True), score("a", "yes"), "failure"),
        (score("a", "no"), score("a", None, failed=True), "failure"),
    ],
)
def test_why_a_sample_got_better(first, second, cause):
    """Of two answers the worse one may have been read otherwise."""
    assert cause_of(first, second, 1.0) == cause
    assert cause_of(second, first, -1.0) == cause


def test_a_judges_other_verdict_is_no_other_answer():
    first, second = score("a", "6"), score("a", "4")
    assert cause_of(first, second, -1.0, judged=True) == "verdict"
    assert cause_of(first, replace(second, failed=True), -1.0, judged=True) == "failure"


@pytest.fixture
def task():
    """A task with an accuracy, and pairs, both of them headlines."""
    return replace(
        load_task("gqa"),
        metrics=(accuracy(), group_accuracy("pair_accuracy")),
        headline=("accuracy",),
    )


def test_flips_are_worst_first_and_say_all_that_is_known(task):
    first = [score("a"), score("b", "no", 0.0), score("c"), score("d", value=0.5)]
    second = [score("d", value=1.0), score("c"), score("b"), score("a", "no", 0.0, rule="x")]
    found = flips_of(task, pair_by_id(first, second), ({"a": "Yes!"}, {"a": "No!"}))
    assert [(f.sample_id, f.gain) for f in found] == [("a", -1.0), ("d", 0.5), ("b", 1.0)]
    worst = found[0]
    assert (worst.first, worst.second, worst.texts) == ("yes", "no", ("Yes!", "No!"))
    assert (worst.rules, worst.targets, worst.cause) == (("", "x"), ("yes",), "answer")
    assert counts(found) == {"answer": (1, 1), "format": (1, 0)}


def test_of_a_group_the_samples_that_changed_flip(task):
    task = replace(task, headline=("pair_accuracy",))
    first = [score("a", group="g", cluster="g"), score("b", group="g", cluster="g")]
    second = [first[0], replace(first[1], answer="no", values={"correct": 0.0})]
    (flip,) = flips_of(task, pair_by_id(first, second))
    assert (flip.sample_id, flip.gain) == ("b", -1.0)


def test_without_a_good_direction_nothing_flips(task):
    neutral = replace(accuracy(), higher_is_better=None)
    pairs = pair_by_id([score("a")], [score("a", "no", 0.0)])
    assert flips_of(replace(task, metrics=(neutral,)), pairs) == ()
    lower = replace(accuracy(), higher_is_better=False)
    (flip,) = flips_of(replace(task, metrics=(lower,)), pairs)
    assert flip.gain == 1.0


def test_the_ends_of_each_task_are_shown(task):
    first = [score(str(n), value=n / 10) for n in range(10)]
    second = [score(str(n), value=0.45) for n in range(10)]
    one = flips_of(task, pair_by_id(first, second))
    two = tuple(replace(flip, task="other") for flip in one)
    shown = extremes([*one, *two], 2)
    assert [f.sample_id for f in shown] == ["9", "8", "1", "0"] * 2
    assert [f.task for f in shown] == ["gqa"] * 4 + ["other"] * 4
    assert extremes(one, 0) == ()
    assert extremes(one, 99) == one
    told = with_texts(shown[:1], Written(texts={"9": "Nine"}), Written(texts={}))
    assert told[0].texts == ("Nine", None)


def test_causes_are_those_of_the_record():
    from typing import get_args, get_type_hints

    from evalkit.comparison import Flip

    assert set(CAUSES) == set(get_args(get_type_hints(Flip)["cause"]))
