import pytest

from evalkit.answers.refusal import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, I cannot see the image.",
        "Sorry, I can't process this file.",
        "Unfortunately, I am unable to view images.",
        "I cannot determine the answer.",
        "I can't assist with this.",
        "As an AI language model, I",
        " I am not able to answer.",
        "I apologize, but",
    ],
)
def test_a_refusal(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    ["", "no", "Not visible", "unknown", "sorry sight", "The man is sorry.", "I see a dog", "as a"],
)
def test_an_answer(text):
    assert not is_refusal(text)
