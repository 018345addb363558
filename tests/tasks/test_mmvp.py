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
