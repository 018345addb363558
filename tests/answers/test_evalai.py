import pytest

from evalkit.answers.evalai import evalai_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Dakota Digital", "dakota digital"),
        ("1,000", "1000"),
        ("red,blue", "redblue"),
        ("what?", "what"),
        ("dog's", "dog 's"),
        ("let's", "let 's"),
        ("The Two", "2"),
        ("10.5", "10.5"),
        ("coca-cola", "coca cola"),
        ("\u039f\u03a3", "\u03bf\u03c2"),
        ("", ""),
    ],
)
def test_commas_go_first_and_possessives_are_set_apart(text, answer):
    assert evalai_answer(text) == answer
