import statistics
from itertools import combinations

import numpy as np
import pytest

from evalkit.answers.agreement import (
    AS_WRITTEN,
    LMMS_EVAL_VQA,
    M4C,
    NORMALISED,
    VLMEVALKIT_VQA,
    exact_soft_score,
    holds_words,
    pairwise_soft_score,
    running_sum,
    soft_score,
    two_decimals,
    vqa_best,
    vqa_score,
)
from evalkit.records import Sample

ORDERS = [(), (0,), (0, 9), (3, 4), (0, 1, 2), (7, 8, 9), (1, 4, 8), (0, 3, 6, 9), tuple(range(10))]


def sample(*targets: str) -> Sample:
    return Sample(id="1", question="?", cluster="1", targets=targets)


def people(places) -> list[str]:
    return ["yes" if place in places else "no" for place in range(10)]


def agreements(targets) -> list[float]:
    """For each person, how far the other nine agree with "yes": the rule as it is written."""
    others = [targets[:k] + targets[k + 1 :] for k in range(len(targets))]
    return [min(1, float(nine.count("yes")) / 3) for nine in others]


@pytest.mark.parametrize("places", ORDERS)
def test_each_evaluator_s_arithmetic(places):
    targets = people(places)
    total = 0.0
    for agreement in agreements(targets):
        total += agreement
    assert soft_score("yes", targets) == total / 10
    assert exact_soft_score("yes", targets) == statistics.mean(agreements(targets))
    assert pairwise_soft_score("yes", targets) == np.mean(agreements(targets))


def test_the_last_digit_depends_on_the_order():
    scores = {soft_score("yes", people(places)) for places in combinations(range(10), 3)}
    assert len(scores) > 1
    assert {exact_soft_score("yes", people(p)) for p in combinations(range(10), 3)} == {0.9}


@pytest.mark.parametrize(("people", "score"), [(["yes"], 0.0), (["yes"] * 3, 2 / 3), ([], 0.0)])
def test_other_than_ten_people(people, score):
    assert soft_score("yes", people) == pytest.approx(score)


def test_sums_are_those_of_python_2():
    assert running_sum([0.1] * 10) == 0.9999999999999999


@pytest.mark.parametrize(
    ("scores", "printed"),
    [([0.03125], 3.13), ([0.30125, 0.0], 15.06), ([1.0], 100.0), ([0.0], 0.0), ([1, 0, 0], 33.33)],
)
def test_ties_go_away_from_zero(scores, printed):
    assert two_decimals(scores) == printed


@pytest.mark.parametrize(
    ("answer", "targets", "holds"),
    [
        ("it is dog", ["dog"], True),
        ("it is dogs", ["dog"], False),
        ("dog", ["dog"], False),
        ("black dog", ["cat", "black dog"], True),
        ("it is", [""], False),
        ("", [""], False),
    ],
)
def test_an_answer_in_a_sentence(answer, targets, holds):
    assert holds_words(answer, targets) is holds


@pytest.mark.parametrize(
    ("text", "targets", "score", "rule", "ambiguous"),
    [
        ("yes", ["yes"] * 10, 1.0, AS_WRITTEN, False),
        ("Yes", ["yes"] * 10, 0.0, AS_WRITTEN, True),
        ("Yes, it is.", ["yes"] * 10, 0.0, AS_WRITTEN, True),
        ("no", ["yes"] * 10, 0.0, AS_WRITTEN, False),
        ("the", ["a"] * 10, 0.0, AS_WRITTEN, False),
        ("Yes", ["yes"] * 9 + ["no"], 1.0, NORMALISED, False),
        ("it is a dog", ["dog"] * 9 + ["cat"], 0.0, NORMALISED, True),
        ("it is a cow", ["dog"] * 9 + ["cat"], 0.0, NORMALISED, False),
        ("", ["dog"] * 9 + ["the"], 0.3, NORMALISED, False),
        (" ", ["dog"] * 9 + ["cat"], 0.0, NORMALISED, False),
    ],
)
def test_the_official_rules_and_their_doubts(text, targets, score, rule, ambiguous):
    found = vqa_score(sample(*targets), text)
    assert found.values == {"score": pytest.approx(score)}
    assert (found.rule, found.ambiguous) == (rule, ambiguous)


@pytest.mark.parametrize("score", [vqa_score, M4C.score, LMMS_EVAL_VQA.score, VLMEVALKIT_VQA.score])
def test_a_failure_is_wrong_and_not_in_doubt(score):
    found = score(sample(*["yes"] * 10), None)
    assert (found.answer, found.values, found.ambiguous) == (None, {"score": 0.0}, False)


@pytest.mark.parametrize(
    ("text", "official", "lmms_eval", "vlmevalkit"),
    [
        ("Yes", 0.0, 1.0, 1.0),
        ("yes", 1.0, 1.0, 1.0),
    ],
)
def test_others_normalise_unanimous_answers(text, official, lmms_eval, vlmevalkit):
    asked = sample(*["yes"] * 10)
    scores = [vqa_score, LMMS_EVAL_VQA.score, VLMEVALKIT_VQA.score]
    found = [score(asked, text).values["score"] for score in scores]
    assert found == [official, lmms_eval, vlmevalkit]


def test_full_stops_after_digits_stay_in_vlmevalkit():
    asked = sample(*["5"] * 9, "6")
    assert vqa_score(asked, "5.").values["score"] == 1.0
    assert VLMEVALKIT_VQA.score(asked, "5.").values["score"] == 0.0


def test_a_wrong_answer_that_holds_a_right_one_is_in_doubt():
    asked = sample(*["Dakota"] * 6, *["nikon"] * 4)
    assert M4C.score(asked, "the brand is dakota").ambiguous
    assert not M4C.score(asked, "dakota").ambiguous
    assert not M4C.score(asked, "the brand is sony").ambiguous


@pytest.mark.parametrize("best", [vqa_best, M4C.best, LMMS_EVAL_VQA.best, VLMEVALKIT_VQA.best])
def test_the_best_text_is_what_most_people_said(best):
    assert best(sample("A cat", *["dog"] * 3, "the cat", "cat", "cat", "cow", "x", "y")) == "A cat"


def test_the_best_text_of_unanimous_people_scores_full_marks():
    asked = sample(*["the Cat "] * 9, "the Cat")
    assert vqa_score(asked, vqa_best(asked)).values["score"] == 1.0
