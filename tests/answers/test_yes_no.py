import pytest

from evalkit.answers.yes_no import (
    lmms_mme_reading,
    lmms_pope_reading,
    mme_reading,
    pope_reading,
    vlmevalkit_reading,
)
from evalkit.records import Reading

ALL = (pope_reading, mme_reading, lmms_pope_reading, lmms_mme_reading, vlmevalkit_reading)


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
    assert pope_reading(text).answer == answer


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
    assert mme_reading(text).answer == answer


@pytest.mark.parametrize(
    ("text", "answer"), [(" YES\n", "yes"), ("No", "no"), ("Yes.", None), ("yes, a dog", None)]
)
def test_lmms_eval_wants_the_bare_word_for_pope(text, answer):
    assert lmms_pope_reading(text).answer == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("  yes", "yes"),
        ("N.", "no"),
        ("y", "yes"),
        ("x", None),
        (".y.e.s", "yes"),
        ("snow", "no"),
        ("I think yes", None),
        ("", None),
    ],
)
def test_lmms_eval_strips_and_drops_full_stops_for_mme(text, answer):
    assert lmms_mme_reading(text).answer == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is NO.", "no"),
        ("Yes, there is a dog", "yes"),
        ("Yes/No", None),
        ("**Yes**", None),
        ("Yes, there is no doubt", None),
        ("nope", None),
        ("", None),
    ],
)
def test_vlmevalkit_wants_one_of_the_words(text, answer):
    assert vlmevalkit_reading(text).answer == answer


@pytest.mark.parametrize(
    ("read", "text", "rule", "ambiguous"),
    [
        (pope_reading, "No.", "no in the first sentence", False),
        (pope_reading, "Yes, there is no doubt", "no in the first sentence", True),
        (pope_reading, "Yes. There is no cat", "yes in the first sentence", False),
        (pope_reading, "YES", "yes in the first sentence", False),
        (pope_reading, "NO", "yes by default", True),
        (pope_reading, " \n", "yes by default", False),
        (mme_reading, "Yes, it is", "yes in the first four characters", False),
        (mme_reading, "not sure", "no in the first four characters", True),
        (mme_reading, "Yes/No", "yes in the first four characters", True),
        (mme_reading, "The answer is no", "neither in the first four characters", True),
        (mme_reading, "", "neither in the first four characters", False),
        (lmms_pope_reading, "yes.", "not the bare word", True),
        (lmms_pope_reading, "", "not the bare word", False),
        (lmms_mme_reading, "y", "the letter y or n", False),
        (vlmevalkit_reading, "yes or no", "both words", True),
        (vlmevalkit_reading, "a dog", "neither word", True),
        (vlmevalkit_reading, "Yes", "one of the two words", False),
    ],
)
def test_the_rule_is_named_and_doubt_is_said(read, text, rule, ambiguous):
    found = read(text)
    assert (found.rule, found.ambiguous) == (rule, ambiguous)


@pytest.mark.parametrize("read", ALL)
@pytest.mark.parametrize(
    "text", ["\ud800", "\u0130no", "no\u00a0x", "yes" * 100_000, "\x00", "ß.no"]
)
def test_any_text_is_read(read, text):
    assert isinstance(read(text), Reading)
