import math

import pytest

from evalkit.tasks.mmvp import TASK, to_sample

TUSKS = "Does the elephant have long or short tusks?"


@pytest.fixture
def row(picture):
    return {
        "Index": 2,
        "Question": "Are the wings open or closed?",
        "Options": "(a) Open (b) Closed",
        "Correct Answer": "(b)",
        "image": picture,
    }


def test_sample(row):
    sample = to_sample(row)
    assert (sample.id, sample.group, sample.cluster) == ("2", "1", "1")
    assert (sample.choices, sample.targets) == (("Open", "Closed"), ("B",))


def test_prompts(row, prompts_of):
    assert prompts_of(TASK, row) == {
        "llava": "Are the wings open or closed? (a) Open (b) Closed\n"
        "Answer with the option's letter from the given choices directly.",
        "official": "Are the wings open or closed? (a) Open (b) Closed",
        "qwen": "Question: Are the wings open or closed?\nOptions: (a) Open (b) Closed\nAnswer:",
        "paligemma": "Question: Are the wings open or closed?\nContext: N/A\n"
        "Options: (A) Open, (B) Closed\nAnswer:",
    }


@pytest.mark.parametrize(
    ("text", "answer", "correct"),
    [("(b)", "B", 1.0), ("closed", "B", 1.0), ("A", "A", 0.0), ("?", None, 0.0), (None, None, 0.0)],
)
def test_score(row, score_of, text, answer, correct):
    score = score_of(TASK, row, text)
    assert (score.answer, score.values) == (answer, {"correct": correct})


def test_a_pair_needs_both(row, score_of, numbers_of):
    first = row | {"Index": 1, "Correct Answer": "(a)"}
    right = [score_of(TASK, first, "a"), score_of(TASK, row, "b")]
    half = [score_of(TASK, first, "a"), score_of(TASK, row, "a")]
    units = [right, half]
    assert numbers_of(TASK, *units)["pair_accuracy"] == 0.5


@pytest.mark.parametrize("label", ["(a)", "(b)"])
@pytest.mark.parametrize(("index", "original", "corrected"), [(99, "A", "B"), (100, "B", "A")])
def test_both_keys_whatever_the_row_says(row, label, index, original, corrected):
    disputed = row | {"Index": index, "Question": TUSKS, "Correct Answer": label}
    assert TASK.to_sample(disputed).targets == (original,)
    assert TASK.variant("corrected").to_sample(disputed).targets == (corrected,)


def test_another_question_in_a_disputed_row_keeps_its_answer(row):
    other = row | {"Index": 99}
    assert TASK.to_sample(other).targets == ("B",)
    assert TASK.variant("corrected").to_sample(other).targets == ("B",)


def test_a_torn_pair_does_not_count(row, score_of, numbers_of):
    assert math.isnan(numbers_of(TASK, [score_of(TASK, row, "b")])["pair_accuracy"])


def test_a_category_is_a_slice_where_the_file_has_one(row):
    assert to_sample(row).tags == {}
    assert to_sample(row | {"Category": "sc"}).tags == {"category": "sc"}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("(b)", [1, 1, 0]),
        ("B", [1, 1, 1]),
        ("They are closed", [0, 0, 1]),
        ("Nab is it", [0, 1, 0]),
        (None, [0, 0, 0]),
    ],
)
def test_protocols_differ(row, score_of, text, right):
    found = [
        score_of(TASK.under(name), row, text).values["correct"]
        for name in ("letter", "lmms-eval", "vlmevalkit")
    ]
    assert found == right


@pytest.mark.parametrize(("reply", "right"), [("Yes", 1.0), ("yes.", 0.0), ("no", 0.0), (None, 0)])
def test_the_judge_says_what_is_right(row, score_of, reply, right):
    official = TASK.under("official")
    assert score_of(official, row, reply).values == {"correct": right}
    assert score_of(official, row, official.best(to_sample(row))).values == {"correct": 1.0}
