import pytest

from evalkit.answers.yes_no import mme_answer, pope_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", "yes"),
        ("no", "no"),
        ("No, there is no dog.", "no"),
        ("There is not a dog", "no"),
        ("Yes. There is no cat", "yes"),
        ("Yes, there is no doubt", "no"),
        ("NO", "yes"),
        ("No!", "yes"),
        ("Not", "yes"),
        ("no,there", "yes"),
        ("no\tdog", "yes"),
        ("maybe", "yes"),
        ("", "yes"),
        ("3.5 no", "yes"),
    ],
)
def test_pope_hears_yes_unless_the_first_sentence_says_no(text, answer):
    assert pope_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", "yes"),
        ("NO.", "no"),
        (" yes", "yes"),
        ("  yes", None),
        ("eyes", "yes"),
        ("know", "no"),
        ("Noyes", "no"),
        ("The answer is no", None),
        ("y", None),
        ("", None),
    ],
)
def test_mme_looks_at_four_characters(text, answer):
    assert mme_answer(text) == answer
