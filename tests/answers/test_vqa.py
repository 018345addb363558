import pytest

from evalkit.answers.vqa import as_compared, soft_score, stripped, vqa_answer


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


def test_unanimous_answers_are_not_normalised():
    assert as_compared("Yes", ["yes"] * 10) == ("Yes", ("yes",) * 10)
    assert as_compared("Yes", ["yes"] * 9 + ["Two"]) == ("yes", ("yes",) * 9 + ("2",))


@pytest.mark.parametrize(
    ("matches", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)]
)
def test_agreement_with_ten_people(matches, score):
    targets = ["yes"] * matches + ["no"] * (10 - matches)
    assert soft_score("yes", targets) == pytest.approx(score, rel=1e-15)
    assert soft_score("yes", targets[::-1]) == pytest.approx(score, rel=1e-15)
