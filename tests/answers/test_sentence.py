import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.answers.sentence import sentence_letter
from evalkit.records import Reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("The answer is B.", Reading("B", "The answer is X")),
        ("So: The answer is B. BECAUSE: it is.", Reading("B", "The answer is X")),
        ("The answer is Z ", Reading("Z", "The answer is X")),
        ("The answer is Both", Reading("B", "The answer is X", ambiguous=True)),
        ("The answer is B", Reading(None, "no letter", ambiguous=True)),
        ("The answer is B\n", Reading(None, "no letter", ambiguous=True)),
        ("The answer is b.", Reading(None, "no letter", ambiguous=True)),
        ("the answer is B.", Reading(None, "no letter", ambiguous=True)),
        ("The  answer is B.", Reading(None, "no letter", ambiguous=True)),
        ("B", Reading(None, "no letter", ambiguous=True)),
        ("The answer is A. The answer is A.", Reading(None, "several sentences", ambiguous=True)),
        ("The answer is A. The answer is B", Reading("A", "The answer is X")),
        ("", Reading(None, "empty")),
        (" \n", Reading(None, "empty")),
    ],
)
def test_one_sentence_with_one_more_character_is_an_answer(text, reading):
    assert sentence_letter(text) == reading


@given(st.characters(min_codepoint=65, max_codepoint=90), st.text(), st.text())
def test_a_second_sentence_takes_the_answer_away(letter, before, after):
    text = f"{before}The answer is {letter}.{after}"
    once = sentence_letter(text).answer
    assert once in (letter, None)
    assert sentence_letter(f"{text} The answer is {letter}.").answer is None
