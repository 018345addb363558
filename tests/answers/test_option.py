import pytest

from evalkit.answers.option import option
from evalkit.records import Reading

CHOICES = ("red", "dark blue", "green", "light green", "none of them")


@pytest.mark.parametrize(
    ("text", "letter", "rule"),
    [
        ("A", "A", "letter as a word"),
        ("(B)", "B", "letter as a word"),
        ("**E**", "E", "letter as a word"),
        ("C: green", "C", "letter as a word"),
        ("A cat is black", "A", "letter as a word"),
        ("a", None, "no letter, no choice"),
        ("F", None, "no letter, no choice"),
        ("A cat sits on it", None, "no letter, no choice"),
        ("I say B and I mean it", None, "no letter, no choice"),
        ("A or B", None, "no letter, no choice"),
        ("A or B: the answer is **b**", "B", "answer is X"),
        ("the answer is both", "B", "answer is X"),
        ("The answer is e", None, "no letter, no choice"),
        ("Z", None, "letter Z"),
        ("Z, or A", "A", "letter as a word"),
        ("Cannot determine the answer, A", None, "refusal"),
        ("Failed to obtain answer via API: red", "A", "words of a choice"),
        ("Dark Blue.", "B", "words of a choice"),
        ("It is dark blue", "B", "words of a choice"),
        ("green", "C", "words of a choice"),
        ("light green", None, "words of several choices"),
        ("red " * 30, None, "no letter, long text"),
        ("", None, "empty"),
        ("\n", None, "empty"),
    ],
)
def test_option(text, letter, rule):
    found = option(text, CHOICES)
    assert (found.answer, found.rule) == (letter, rule)


def test_letters_are_those_of_the_question():
    assert option("C", ("red", "blue")) == Reading(None, "no letter, no choice", ambiguous=True)
    assert option("the answer is c", ("red", "blue")).answer is None
    assert option("A", ()).answer is None


@pytest.mark.parametrize(
    ("text", "ambiguous"),
    [
        ("A cat is black", True),
        ("B cat is black", False),
        ("the answer is both", True),
        ("It is dark blue", True),
        ("dark blue", False),
        ("I cannot tell", True),
        ("Z", False),
        ("", False),
    ],
)
def test_what_may_be_read_otherwise_is_said(text, ambiguous):
    assert option(text, CHOICES).ambiguous == ambiguous
