import pytest

from evalkit.answers.gqa import gqa_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes.", "yes"),
        ("yes...", "yes"),
        ("T-Shirt", "t-shirt"),
        (" yes", " yes"),
        ("yes. ", "yes. "),
        ("yes!", "yes!"),
        ("", ""),
    ],
)
def test_only_full_stops_at_the_end_and_capitals_go(text, answer):
    assert gqa_answer(text) == answer
