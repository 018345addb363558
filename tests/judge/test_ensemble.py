"""The complement and the judge of ScienceQA's two-model ensemble, question by question."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.judge.ensemble import COLUMNS, combine, no_guess, seeded_guess
from evalkit.records import Sample

A, B, C, E, Z = (f"The answer is {letter}." for letter in "ABCEZ")
NONE = "I cannot tell."


def sample(pid: str = "1", gold: str = "A", choices: int = 3, **tags) -> Sample:
    return Sample(
        id=pid,
        question="Which?",
        choices=tuple("uvwxy"[:choices]),
        targets=(gold,),
        cluster=pid,
        tags=tags,
    )


def of_one(ours: str, gpt4: str, reply: str | None = None, guess=no_guess):
    """What becomes of one question whose right answer is A."""
    replies = {} if reply is None else {"1": reply}
    ensemble = combine([sample()], {"1": ours}, {"1": gpt4}, replies, guess)
    return ensemble.questions["1"]


@pytest.mark.parametrize(
    ("ours", "gpt4", "reply", "complement", "judge"),
    [
        (A, B, C, 1, 2),
        (A, B, None, 1, 0),
        (A, B, NONE, 1, 0),
        (A, B, "The answer is C", 1, 0),
        (A, NONE, None, 0, 0),
        (A, NONE, B, 0, 1),
        (NONE, B, None, 1, None),
        (NONE, NONE, None, None, None),
        (A, A, B, 0, 1),  # never checked that it was asked on a disagreement
        (A, E, None, None, 0),  # a letter beyond the choices is no failure, and is not complemented
        (A, Z, Z, None, None),  # nor does ours stand in for the judge's
        (Z, NONE, None, None, None),
    ],
)
def test_the_final_choice(ours, gpt4, reply, complement, judge):
    found = of_one(ours, gpt4, reply)
    assert (found.complement, found.judge) == (complement, judge)


@pytest.mark.parametrize(
    ("ours", "gpt4", "agreed"),
    [
        (A, A, True),
        (A, "Yes. The answer is A, I think", True),
        (A, B, False),
        (A, NONE, False),
        (NONE, A, False),
        (A, Z, False),
        (NONE, NONE, True),
        (Z, NONE, True),  # neither is a choice: a judge has nothing to choose between
    ],
)
def test_a_judge_is_asked_where_the_choices_differ(ours, gpt4, agreed):
    assert of_one(ours, gpt4).is_agreed is agreed
    ensemble = combine([sample()], {"1": ours}, {"1": gpt4}, None)
    assert ensemble.disagreements == (() if agreed else ("1",))
    assert of_one(ours, gpt4, guess=lambda _: 0).is_agreed is agreed


def test_guesses_are_drawn_in_the_order_of_each_script():
    drawn = []

    def guess(choices):
        drawn.append(len(choices))
        return len(drawn) - 1

    problems = [sample("1", choices=3), sample("2", choices=5)]
    texts = {"1": NONE, "2": NONE}
    judged = combine(problems, texts, texts, {}, guess)
    assert drawn == [3, 3, 3, 5, 5, 5]
    assert [(q.ours, q.gpt4, q.judge) for q in judged.questions.values()] == [(0, 1, 0), (3, 4, 3)]
    drawn.clear()
    complement = combine(problems, texts, texts, None, guess)
    assert drawn == [3, 3, 5, 5]
    assert [q.complement for q in complement.questions.values()] == [0, 2]
    assert all(q.judge is None for q in complement.questions.values())


def test_gpt4s_guess_is_in_the_judges_upper_and_not_in_the_complements():
    guesses = iter((1, 0, 2))
    given = ([sample()], {"1": NONE}, {"1": NONE})
    judged = combine(*given, {}, lambda _: next(guesses))
    assert judged.printed["Correct upper"] == judged.printed["GPT-4-Correct"] == 1
    guesses = iter((1, 0))
    assert combine(*given, None, lambda _: next(guesses)).printed["Correct (upper)"] == 0


def test_a_seed_is_that_of_the_random_module():
    random.seed(7)
    theirs = [random.choice(range(5)) for _ in range(50)]
    guess = seeded_guess(7)
    assert [guess(range(5)) for _ in range(50)] == theirs


def test_a_letter_after_e_is_never_read():
    six = Sample(id="1", question="?", choices=tuple("uvwxyz"), targets=("F",), cluster="1")
    found = combine([six], {"1": "The answer is F."}, {"1": B}, {})
    assert found.questions["1"].ours is None
    assert found.tallies["ours"].unanswered == 1


def test_the_complement_leaves_out_what_a_model_lacks_and_the_judge_refuses_it():
    problems = [sample(str(n)) for n in range(1, 16)]
    whole, some = ({p.id: A for p in held} for held in (problems, problems[:3]))
    found = combine(problems, some, whole, None)
    assert list(found.questions) == ["1", "2", "3"]
    assert found.printed == {"Correct": 3, "Correct (upper)": 3, "GPT-4 NO-ANS (RANDOM)": 0}
    with pytest.raises(UsageError, match=r"our answers lacks 12 of 15 .*pid 4, .*13 and 2 more"):
        combine(problems, some, whole, {})
    with pytest.raises(UsageError, match="GPT-4's answers lacks 12 of 15"):
        combine(problems, whole, some, {})
    with pytest.raises(UsageError, match="No question is answered in both"):
        combine(problems, {"x": A}, whole, None)


def test_replies_that_are_needless_or_missing_are_named():
    problems = [sample(str(n)) for n in range(1, 5)]
    ours = {p.id: A for p in problems}
    found = combine(problems, ours, {**ours, "3": B, "4": B}, {"1": B, "4": C, "9": A})
    assert found.needless_requery == ("1",)
    assert found.missing_requery == ("3",)
    unread = combine(problems, ours, {**ours, "3": B, "4": B}, {"3": NONE, "4": C})
    assert unread.missing_requery == ("3",)
    tally = unread.tallies["judge"]
    assert (tally.certain, tally.right, tally.possible) == (2, 3, 3)
    assert [q.judge for q in found.questions.values()] == [1, 0, 0, 2]


def test_slices_are_those_of_the_official_table():
    problems = [
        sample("1", subject="natural science", context=("TXT", "IMG"), grade="G1-6"),
        sample("2", subject="social science", context=("NO",), grade="G7-12"),
        sample("3", context=("IMG",)),
    ]
    found = combine(problems, {"1": A, "2": B, "3": A}, {"1": B, "2": A, "3": NONE}, {}).slices
    assert list(found) == ["NAT", "SOC", "TXT", "IMG", "NO", "G1-6", "G7-12"]
    assert (found["IMG"]["ours"].right, found["IMG"]["complement"].right) == (2, 1)
    assert (found["SOC"]["gpt4"].percent, found["SOC"]["judge"].percent) == (100.0, 0.0)
    assert found["IMG"]["gpt4"].total == 2
    assert (found["IMG"]["gpt4"].unanswered, found["IMG"]["gpt4"].most) == (1, 50.0)


# Laws

TEXTS = st.sampled_from((A, B, C, E, Z, NONE, "", "The answer is B", f"{A} {B}"))
QUESTIONS = st.lists(
    st.tuples(st.integers(2, 5), st.integers(0, 1), TEXTS, TEXTS, st.none() | TEXTS),
    min_size=1,
    max_size=12,
)


def files(asked):
    problems = [sample(str(n), "AB"[gold], choices) for n, (choices, gold, *_) in enumerate(asked)]
    ours, gpt4, replies = (
        {str(n): row[place] for n, row in enumerate(asked) if row[place] is not None}
        for place in (2, 3, 4)
    )
    return problems, ours, gpt4, replies


@given(QUESTIONS, st.integers(0, 1000))
def test_whatever_is_guessed_lies_within_the_bounds(asked, seed):
    problems, ours, gpt4, replies = files(asked)
    own = combine(problems, ours, gpt4, replies).tallies
    drawn = combine(problems, ours, gpt4, replies, seeded_guess(seed))
    guessed = drawn.tallies
    assert list(own) == list(guessed) == list(COLUMNS)
    for name, tally in own.items():
        assert tally.certain <= tally.right <= guessed[name].right <= tally.possible <= tally.total
        missing = len(drawn.missing_requery) if name == "judge" else 0
        assert guessed[name].unanswered == missing, "what is guessed is no verdict that is missing"
    complement = combine(problems, ours, gpt4, None, seeded_guess(seed)).tallies
    for name, tally in complement.items():
        assert own[name].right <= tally.right <= own[name].possible


@given(QUESTIONS)
def test_the_bounds_are_reached_by_guessing_right_and_wrong(asked):
    """A guess is one number for all: two of the choices are right somewhere, so each is tried.

    Missing replies of the judge are given, all of them right or all wrong.
    """
    for gold in (0, 1):
        problems, ours, gpt4, replies = files([(n, gold, *texts) for n, _, *texts in asked])
        found = combine(problems, ours, gpt4, replies)
        own = found.tallies
        right, wrong = (
            {**replies, **dict.fromkeys(found.missing_requery, text)}
            for text in ((A, B) if gold == 0 else (B, A))
        )
        best = combine(problems, ours, gpt4, right, lambda _, gold=gold: gold).tallies
        worst = combine(problems, ours, gpt4, wrong, lambda _: -1).tallies
        assert {n: t.possible for n, t in own.items()} == {n: t.right for n, t in best.items()}
        assert {n: t.certain for n, t in own.items()} == {n: t.right for n, t in worst.items()}


@given(QUESTIONS, st.randoms())
def test_order_matters_to_guesses_alone(asked, dice):
    problems, ours, gpt4, replies = files(asked)
    shuffled = dice.sample(problems, k=len(problems))
    one, other = (combine(p, ours, gpt4, replies) for p in (problems, shuffled))
    assert one.tallies == other.tallies
    assert dict(one.questions) == dict(other.questions)


@given(QUESTIONS)
def test_upper_bounds_both_models_and_their_complement(asked):
    for requery in (None, {}):
        problems, ours, gpt4, _ = files(asked)
        held = combine(problems, ours, gpt4, requery).tallies
        assert held["upper"].right >= max(held[n].right for n in ("ours", "gpt4", "complement"))
