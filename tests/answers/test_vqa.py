import pytest

from evalkit.answers.vqa import (
    as_compared,
    lmms_eval_answer,
    stripped,
    vlmevalkit_answer,
    vqa_answer,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes.", "yes"),
        (" 2\n", "2"),
        ("two dogs", "2 dogs"),
        ("none", "0"),
        ("a dog and the cat", "dog and cat"),
        ("dont", "don't"),
        ("somebody'd", "somebodyd"),
        ("red/white", "red white"),
        ("red / white", "red white"),
        ("t-shirt", "t shirt"),
        ("1,000", "1000"),
        ("t-shirt 1,2", "tshirt 12"),
        ("U.S.", "us"),
        ("a.5", "a.5"),
        ("5.", "5"),
        ("." * 40, "." * 8),
        ("", ""),
    ],
)
def test_marks_numbers_articles_and_contractions(text, answer):
    assert vqa_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\u0130", "i"),
        ("\u039f\u03a3", "\u03bf\u03c3"),
        ("x\u180ey", "x y"),
        ("\u180ex", "x"),
        ("5.\u0665", "5\u0665"),
    ],
    ids=["dotted capital I", "sigma at the end", "U+180E inside", "U+180E outside", "other digits"],
)
def test_python_2_is_followed_where_it_differs(text, answer):
    assert vqa_answer(text) == answer


def test_a_text_is_put_on_one_line():
    assert stripped("\tyes\nno\n") == "yes no"


@pytest.mark.parametrize(
    ("said", "unanimous"),
    [(["yes"] * 10, True), (["yes"] * 9 + ["yes \n"], True), (["yes"] * 9 + ["Yes"], False)],
)
def test_unanimous_answers_are_not_normalised(said, unanimous):
    answer = "Yes" if unanimous else "yes"
    assert as_compared("Yes", said) == (answer, ("yes",) * 10, unanimous)


def test_others_are():
    said = ["yes"] * 9 + ["Two"]
    assert as_compared("Yes", said) == ("yes", ("yes",) * 9 + ("2",), False)
    assert as_compared("Yes", ()) == ("yes", (), False)


@pytest.mark.parametrize(
    ("text", "official", "lmms_eval", "vlmevalkit"),
    [
        ("5.", "5", "5", "5."),
        ("a.b", "ab", "ab", "ab"),
        ("t-shirt 1,,2", "t shirt 1 2", "tshirt 12", "t shirt 1 2"),
        ("t-shirt 1,2", "tshirt 12", "tshirt 12", "tshirt 12"),
        ("\u039f\u03a3", "\u03bf\u03c3", "\u03bf\u03c2", "\u03bf\u03c2"),
        (" Two\tdogs\n", "2 dogs", "2 dogs", "2 dogs"),
    ],
    ids=["full stop", "inner full stop", "two commas", "one comma", "sigma", "white space"],
)
def test_copies_differ(text, official, lmms_eval, vlmevalkit):
    found = (vqa_answer(text), lmms_eval_answer(text), vlmevalkit_answer(text))
    assert found == (official, lmms_eval, vlmevalkit)
