import pytest

from evalkit.answers.letter import (
    lmms_eval_mmvp_letter,
    lmms_eval_scienceqa_letter,
    mmvp_letter,
    scienceqa_letter,
)
from evalkit.records import Reading


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"),
        ("E", "E"),
        ("F", None),
        ("a", None),
        ("A.", None),
        ("A. ", "A"),
        ("A. a tree", "A"),
        ("A.tree", None),
        ("(A)", None),
        ("A\n", None),
        ("The answer is B.", "B"),
        ("So: The answer is B. BECAUSE of it", "B"),
        ("The answer is Both", "B"),
        ("The answer is B", None),
        ("The answer is B\n", None),
        ("The answer is A. The answer is A.", None),
        ("", None),
    ],
)
def test_scienceqa_takes_three_forms(text, letter):
    assert scienceqa_letter(text).answer == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("(a)", "A"),
        (" b\n", "B"),
        ("B.", "B"),
        ("(B) Closed", "B"),
        ("a) Open", "A"),
        ("The answer is (b).", "B"),
        ("The answer is: B", "B"),
        ("Option a", "A"),
        ("They are closed, so (b)", "B"),
        ("open.", "A"),
        ("CLOSED", "B"),
        ("A butterfly with its wings open", None),
        ("The answer is a butterfly", None),
        ("banana is yellow", None),
        ("(a) or (b)", None),
        ("(a) Open (b) Closed", None),
        ("Neither", None),
        ("", None),
    ],
)
def test_mmvp_takes_a_letter_or_the_words_of_an_option(text, letter):
    assert mmvp_letter(text, ("Open", "Closed")).answer == letter


def test_mmvp_options_with_the_same_words_decide_nothing():
    assert mmvp_letter("yes", ("Yes", "yes")).answer is None
    assert mmvp_letter("yes").answer is None


@pytest.mark.parametrize(
    ("text", "rule", "ambiguous"),
    [
        ("A", "letter alone", False),
        ("A. x", "letter and full stop", False),
        ("The answer is A.", "The answer is X", False),
        ("The answer is Able", "The answer is X", True),
        ("The answer is A. The answer is B.", "several sentences", True),
        ("(A)", "no letter", True),
        ("-1", "-1, no choice", False),
        (" ", "empty", False),
    ],
)
def test_scienceqa_names_its_rule(text, rule, ambiguous):
    found = scienceqa_letter(text)
    assert (found.rule, found.ambiguous) == (rule, ambiguous)


@pytest.mark.parametrize(
    ("text", "rule", "ambiguous"),
    [
        ("(a)", "letter at the start", False),
        ("(a) Closed", "letter at the start", True),
        ("It is (b)", "letter within", False),
        ("closed", "words of a choice", False),
        ("(a) or (b)", "both letters", True),
        ("maybe", "no letter", True),
        ("", "empty", False),
    ],
)
def test_mmvp_names_its_rule(text, rule, ambiguous):
    found = mmvp_letter(text, ("Open", "Closed"))
    assert (found.rule, found.ambiguous) == (rule, ambiguous)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" b\n", Reading("B", "letter alone")),
        ("C.anything", Reading("C", "letter and full stop")),
        ("c. anything", Reading(None, "no letter", ambiguous=True)),
        ("(C)", Reading(None, "no letter", ambiguous=True)),
        ("\u00df", Reading(None, "no letter", ambiguous=True)),
        ("7", Reading(None, "no letter", ambiguous=True)),
        ("", Reading(None, "empty")),
    ],
)
def test_lmms_eval_takes_two_forms_of_scienceqa(text, found):
    assert lmms_eval_scienceqa_letter(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(a).", Reading("A", "letter alone")),
        ("(B) Closed", Reading("B", "letter at the start")),
        ("A butterfly", Reading("A", "letter at the start", ambiguous=True)),
        ("(a) or (b)", Reading("A", "letter at the start", ambiguous=True)),
        ("The answer  is (b)!", Reading("B", "letter after 'answer is'")),
        ("the answer is banana", Reading("B", "letter after 'answer is'", ambiguous=True)),
        ("option b", Reading("B", "letter after 'option'")),
        ("I take b", Reading("B", "letter before a space")),
        ("banana is", Reading("A", "letter before a space", ambiguous=True)),
        ("B:", Reading("B", "first character")),
        ("Both!", Reading("B", "first character", ambiguous=True)),
        ("Yes", Reading(None, "no letter", ambiguous=True)),
        (" ", Reading(None, "empty")),
    ],
)
def test_lmms_eval_tries_six_patterns_on_mmvp(text, found):
    assert lmms_eval_mmvp_letter(text) == found
