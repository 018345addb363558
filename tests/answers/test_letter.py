import pytest

from evalkit.answers.letter import mmvp_letter, scienceqa_letter


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
    assert scienceqa_letter(text) == letter


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
    assert mmvp_letter(text, ("Open", "Closed")) == letter


def test_mmvp_options_with_the_same_words_decide_nothing():
    assert mmvp_letter("yes", ("Yes", "yes")) is None
    assert mmvp_letter("yes") is None
