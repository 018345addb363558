import pytest

from evalkit.answers.gqa import (
    could_mean,
    exact_match,
    gqa_answer,
    gqa_reading,
    lmms_eval_reading,
    result_list_reading,
    vlmevalkit_reading,
)


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
        ("İ", "i̇"),
    ],
)
def test_only_full_stops_at_the_end_and_capitals_go(text, answer):
    assert gqa_answer(text) == answer
    assert gqa_reading(text).answer == answer


def test_a_result_list_is_taken_as_it_is():
    assert result_list_reading("Yes. ").answer == "Yes. "


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" T-Shirt!\n", "tshirt"),
        ("Yes.", "yes"),
        ("yes .", "yes "),  # stripped before the full stop goes
        ("yes\0", "yes"),  # numpy drops it
        ("yes\0!", "yes"),
        ("İstanbul", "i̇stanbu"),  # lower case is longer, and the array is not
        ("“yes”", "“yes”"),  # not in string.punctuation
        ("", ""),
    ],
)
def test_lmms_eval_drops_ends_case_and_punctuation(text, answer):
    assert lmms_eval_reading(text).answer == answer


def test_lmms_eval_reads_as_its_numpy_arrays_do():
    import string

    import numpy as np

    marks = str.maketrans("", "", string.punctuation)
    for text in ("yes\0\0", "a\0b", "İİ.", "!", "Ǆ", "ẞ", "\0", "ΑΣ", " \0 yes"):
        theirs = np.char.translate(np.char.lower(np.asarray([text.strip()])), table=marks)
        assert lmms_eval_reading(text).answer == theirs[0]


@pytest.mark.parametrize(
    ("text", "answer"), [(" Yes\n", "yes"), ("Yes.", "yes."), ("T-shirt", "t-shirt")]
)
def test_vlmevalkit_drops_ends_and_case(text, answer):
    assert vlmevalkit_reading(text).answer == answer


@pytest.mark.parametrize(
    ("read", "text", "rule"),
    [
        (gqa_reading, "yes", "as written"),
        (gqa_reading, "yes.", "full stop dropped"),
        (gqa_reading, "Yes.", "full stop dropped, lower case"),
        (lmms_eval_reading, " Yes!", "ends stripped, lower case, punctuation dropped"),
        (vlmevalkit_reading, "Yes!", "lower case"),
        (result_list_reading, "Yes!", "as written"),
    ],
)
def test_the_rule_names_the_steps_that_changed_the_text(read, text, rule):
    assert read(text).rule == rule


@pytest.mark.parametrize(
    ("text", "gold", "could"),
    [
        ("It is a t-shirt.", "t-shirt", True),
        ("tshirt", "t-shirt", True),
        ("a dog", "dog", True),
        ("Polar  bear!", "polar bear", True),
        ("no, yes", "yes", True),
        ("The woman", "man", False),
        ("polar", "polar bear", False),
        ("", "yes", False),
        ("the", "the", True),
        ("anything", "", False),
        ("anything", "?", False),
    ],
)
def test_could_mean(text, gold, could):
    assert could_mean(text, gold) is could


def test_only_wrong_texts_are_ambiguous():
    assert not exact_match("yes", "yes", gqa_reading).ambiguous
    assert exact_match("yes!", "yes", gqa_reading).ambiguous
    assert not exact_match("no", "yes", gqa_reading).ambiguous
    assert not exact_match("", "yes", gqa_reading).ambiguous
    assert not exact_match(None, "yes", gqa_reading).ambiguous
    assert exact_match(None, "?", lmms_eval_reading, both=True).values == {"correct": 0.0}
