"""Calibration: what it counts, what it cannot say and why, and what it refuses."""

import json
import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.judge.agreement import Figure, Pair, calibrate
from evalkit.records import plain


def pair(name, judge, human=None, length=10, cluster=None):
    return Pair(
        sample_id=str(name),
        judge=judge,
        human=human,
        length=length,
        cluster=str(name) if cluster is None else cluster,
    )


def drawn(n=60, seed=0, labelled=0.5):
    dice = random.Random(seed)
    pairs = []
    for i in range(n):
        human = dice.choice(("yes", "no"))
        judge = human if dice.random() < 0.8 else dice.choice(("yes", "no"))
        known = human if dice.random() < labelled else None
        pairs.append(pair(i, judge, known, dice.randrange(5, 500), f"image {i // 2}"))
    return pairs


def test_what_is_counted_and_what_agrees():
    pairs = [
        *(pair(f"a{i}", "yes", "yes") for i in range(20)),
        *(pair(f"b{i}", "yes", "no") for i in range(5)),
        *(pair(f"c{i}", "no", "yes") for i in range(10)),
        *(pair(f"d{i}", "no", "no") for i in range(15)),
        *(pair(f"e{i}", "yes") for i in range(50)),
        pair("f", None, "yes"),
    ]
    found = calibrate(pairs, positive="yes")
    assert (found.answers, found.judged, found.labelled, found.n) == (101, 100, 51, 50)
    assert found.agreement.value.value == 0.7
    assert found.kappa.value.value == pytest.approx(0.4)
    assert found.difference.value.value == pytest.approx(-0.1)
    assert found.confusion.labels == ("no", "yes")
    assert found.confusion.counts == ((15, 10), (5, 20))
    assert found.judge_mean.value.value == 0.75
    assert found.human_mean.value.value == pytest.approx(31 / 51)
    assert found.corrected.value.value == pytest.approx(0.75 + 0.1)
    assert any("1 of 101 answers have no verdict" in note for note in found.notes)


def test_a_tolerance_holds_where_binary_fractions_do_not():
    pairs = [pair(1, 0.4, 0.3), pair(2, 0.3, 0.3), pair(3, 0.5, 0.3), pair(4, 0.2, 0.3)]
    assert calibrate(pairs, tolerance=0.1).agreement.value.value == 0.75
    assert calibrate(pairs).agreement.value.value == 0.25


def test_the_confusion_has_what_is_shown_alike_once():
    pairs = [pair(1, 0.6 + 0.1, 0.7), pair(2, 0.7 - 1e-12, 0.7), pair(3, 0.2, 0.7)]
    found = calibrate(pairs).confusion
    assert (found.labels, found.counts) == ((0.2, 0.7), ((0, 1), (0, 2)))


@given(st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=25, deadline=None)
def test_order_does_not_matter(dice, as_ratings):
    pairs = drawn()
    if as_ratings:
        numbers = {"yes": 0.1, "no": 0.7, None: None}
        pairs = [pair(p.sample_id, numbers[p.judge], numbers[p.human], p.length) for p in pairs]
    shuffled = dice.sample(pairs, len(pairs))
    positive = None if as_ratings else "yes"
    assert calibrate(shuffled, positive=positive) == calibrate(pairs, positive=positive)


def test_a_judge_that_is_mild_on_long_answers_is_found_out():
    dice = random.Random(1)
    pairs = []
    for i in range(80):
        length, human = dice.randrange(10, 1000), dice.uniform(3, 7)
        pairs.append(pair(i, human + length / 500 + dice.gauss(0, 0.3), human, length))
    bias = calibrate(pairs, scale=(0, 10)).length
    assert bias.rho > 0.7
    assert bias.p < 1e-6
    assert bias.shorter.value.high < bias.longer.value.low
    assert bias.shorter.value.n == bias.longer.value.n == 40


def test_the_median_answer_is_one_of_the_shorter():
    found = calibrate([pair(i, i, 2, length) for i, length in enumerate((5, 7, 7, 30, 90))]).length
    assert (found.median, found.shorter.value.n, found.longer.value.n) == (7, 3, 2)
    assert (found.shorter.value.value, found.longer.value.value) == (-1.0, 1.5)


def test_without_a_bias_the_length_explains_nothing():
    dice = random.Random(2)
    pairs = [
        pair(i, dice.gauss(5, 1), dice.gauss(5, 1), dice.randrange(10, 999)) for i in range(80)
    ]
    bias = calibrate(pairs).length
    assert bias.p > 0.05
    assert bias.shorter.value.low < 0 < bias.shorter.value.high


def reasons(found):
    figures = {
        name: value
        for name in ("agreement", "kappa", "difference", "corrected", "human_mean", "judge_mean")
        if isinstance(value := getattr(found, name), Figure) and value.value is None
    }
    assert all(figure.reason.endswith(".") for figure in figures.values())
    return set(figures)


NINE = range(9)
MEANS = {"difference", "corrected", "human_mean", "judge_mean"}
ALL = {"agreement", "kappa", *MEANS}


@pytest.mark.parametrize(
    ("pairs", "options", "missing"),
    [
        ([], {}, ALL),
        ([pair(i, "yes") for i in NINE], {"positive": "yes"}, ALL - {"judge_mean"}),
        ([pair(i, None, "yes") for i in NINE], {"positive": "yes"}, ALL - {"human_mean"}),
        ([pair(i, "yes", "yes") for i in NINE], {"positive": "yes"}, {"kappa"}),
        ([pair(i, "ny"[i % 2], "y") for i in NINE], {"positive": "y"}, {"kappa"}),
        ([pair(i, "ny"[i % 2], "ny"[i % 2]) for i in NINE], {}, MEANS),
        ([pair(i, "ny"[i % 2], "ny"[i % 2]) for i in NINE], {"positive": "y"}, set()),
        ([pair(i, 5, 5) for i in NINE], {}, {"kappa", *MEANS}),
        ([pair(i, 5, 5) for i in NINE], {"scale": (0, 10)}, {"kappa"}),
        ([pair(i, i, 9 - i, cluster="one") for i in range(9)], {}, set()),
        ([pair(1, 3, 4)], {}, {"kappa"}),
    ],
)  # fmt: skip
def test_what_cannot_be_said_has_a_reason(pairs, options, missing):
    found = calibrate(pairs, **options)
    assert reasons(found) == missing
    assert found.length.rho is None
    assert found.length.reason.endswith(".")
    json.dumps(plain(found), allow_nan=False)


def test_labels_that_all_agree_do_not_make_the_correction_certain():
    pairs = [pair(i, "ny"[i % 2], "ny"[i % 2] if i < 5 else None) for i in range(500)]
    found = calibrate(pairs, positive="y").corrected.value
    assert found.value == 0.5
    assert (found.low, found.high) == (None, None)
    assert found.method == "none (all labels differ alike from the judge)"


def test_labels_of_one_cluster_give_the_correction_no_interval():
    pairs = [pair(i, i % 7, (i + 1) % 5 if i < 6 else None, cluster=str(i // 6)) for i in range(60)]
    found = calibrate(pairs).corrected.value
    assert (found.low, found.method) == (None, "none (labels in one cluster)")


FEW = "The corrected mean rests on"


@pytest.mark.parametrize(("labelled", "warned"), [(20, True), (40, False)])
def test_few_labels_carry_a_warning(labelled, warned):
    pairs = [pair(i, i % 5, i % 4 if i < labelled else None) for i in range(100)]
    assert any(FEW in note for note in calibrate(pairs).notes) == warned


@pytest.mark.parametrize(("apart", "warned"), [(9, True), (10, False)])
def test_many_labels_that_hardly_ever_differ_carry_it_too(apart, warned):
    pairs = [pair(i, "ny"[i % 2], "ny"[(i + (i < apart)) % 2]) for i in range(100)]
    notes = calibrate([*pairs, pair("alone", "y")], positive="y").notes
    assert any(f"the {apart} of them that differ" in note for note in notes) == warned


YES = [pair(1, "yes", "yes"), pair(2, "no", "no")]


@pytest.mark.parametrize(
    ("pairs", "options", "said"),
    [
        ([*YES, pair(1, "no")], {}, "The sample '1' is given twice"),
        ([*YES, pair(3, 0.5)], {}, "mixed: the judge's verdict of sample '1' is one of the labels"),
        ([pair(1, float("nan"), 1.0)], {}, "the judge's verdict of sample '1' is nan"),
        ([pair(1, 1.0, float("inf"))], {}, "the human label of sample '1' is inf"),
        ([pair(1, judge=True)], {}, "is True"),
        (YES, {"positive": "Yes"}, "positive label 'Yes' is none of those given: no, yes"),
        (YES, {"labels": ("yes", "maybe")}, "is 'no', which is none of: yes, maybe"),
        (YES, {"tolerance": -1.0}, "tolerance must be"),
        (YES, {"tolerance": float("nan")}, "tolerance must be"),
        ([pair(1, 11, 3)], {"scale": (1, 10)}, "from 1 to 10 the judge's verdict of sample '1'"),
        ([pair(1, 3, 3)], {"scale": (10, 1)}, "not 10 and 1"),
        ([pair(1, 3, 3)], {"positive": "yes"}, "The verdicts are ratings"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(pairs, options, said):
    with pytest.raises(UsageError) as caught:
        calibrate(pairs, **options)
    assert said in str(caught.value)


def test_a_rubric_may_know_labels_that_do_not_occur():
    pairs = [pair(i, "no", "no") for i in range(5)]
    found = calibrate(pairs, positive="yes", labels=("yes", "no"))
    assert found.human_mean.value.value == 0.0


rating = st.one_of(st.none(), st.integers(-3, 3), st.floats(-1e6, 1e6))
label = st.sampled_from([None, "a", "b", "c"])


@given(
    st.one_of(
        st.lists(st.tuples(verdict, verdict, st.integers(0, 3), st.integers(0, 4)), max_size=25)
        for verdict in (rating, label)
    )
)
@settings(deadline=None)
def test_nothing_is_ever_no_number(drawn):
    pairs = [
        pair(place, judge, human, length, str(cluster))
        for place, (judge, human, length, cluster) in enumerate(drawn)
    ]
    labelled = {v for p, side in product(pairs, ("judge", "human")) if (v := getattr(p, side))}
    positive = next((v for v in sorted(labelled, key=str) if isinstance(v, str)), None)
    found = calibrate(pairs, positive=positive)
    json.dumps(plain(found), allow_nan=False)
    reasons(found)
