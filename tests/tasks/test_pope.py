import numpy as np
import pytest

from evalkit.metrics import guarded_precision_recall_f1, macro_f1, precision_recall_f1
from evalkit.tasks.pope import TASK, to_sample


@pytest.fixture
def row(picture):
    return {
        "question_id": "7",
        "question": "Is there a dog in the image?",
        "answer": "yes",
        "image_source": "COCO_val2014_000000310196",
        "image": picture,
        "category": "popular",
    }


def test_sample(row):
    sample = to_sample(row)
    assert (sample.id, sample.cluster) == ("popular/7", "COCO_val2014_000000310196")
    assert (sample.targets, sample.tags) == (("yes",), {"category": "popular"})


def test_prompts(row, prompts_of):
    assert prompts_of(TASK, row) == {
        "llava": "Is there a dog in the image?\nAnswer the question using a single word or phrase.",
        "qwen": "Is there a dog in the image? Answer:",
        "paligemma": "answer en Is there a dog in the image?",
    }


def test_a_sample_of_an_unknown_split_has_no_category(row):
    sample = to_sample(row | {"category": ""})
    assert (sample.id, sample.tags) == ("7", {})


@pytest.mark.parametrize(
    ("gold", "text", "held"),
    [
        ("yes", "Yes.", {"correct", "tp", "yes"}),
        ("yes", "No", {"fn"}),
        ("yes", None, {"fn"}),
        ("no", "NO", {"fp", "yes"}),
        ("no", "There is no dog", {"correct", "tn"}),
        ("no", None, {"fp"}),
    ],
)
def test_score(row, score_of, gold, text, held):
    score = score_of(TASK, row | {"answer": gold}, text)
    held = held | ({"gold_yes"} if gold == "yes" else set())
    assert {key for key, value in score.values.items() if value} == held
    assert set(score.values) == {"correct", "tp", "fp", "tn", "fn", "yes", "gold_yes"}
    assert score.answer == (None if text is None else "yes" if "yes" in held else "no")


def test_numbers(row, score_of, numbers_of):
    no = row | {"answer": "no", "category": "random"}
    asked = [(row, "yes"), (row, "no"), (no, "yes"), (no, "no"), (no, None)]
    found = numbers_of(TASK, *([score_of(TASK, *pair)] for pair in asked))
    assert found == pytest.approx(
        {
            "accuracy": 2 / 5,
            "precision": 1 / 3,
            "recall": 1 / 2,
            "f1": 2 / 5,
            "yes_ratio": 2 / 5,
            "macro_f1": (0 + 2 / 3) / 2,
        }
    )


def test_lmms_eval_counts_the_bare_word_only_and_the_gold_answers_as_yes_ratio(
    row, score_of, numbers_of
):
    task, no = TASK.under("lmms-eval"), row | {"answer": "no"}
    asked = [(row, "yes"), (row, "no"), (row, "Yes."), (no, "yes"), (no, None), (no, "Nothing")]
    found = numbers_of(task, *([score_of(task, *pair)] for pair in asked))
    assert found == pytest.approx(
        {"accuracy": 1 / 6, "precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "yes_ratio": 1 / 2}
    )


def test_vlmevalkit_counts_the_unknown_as_wrong_and_as_no(row, score_of, numbers_of):
    task, no = TASK.under("vlmevalkit"), row | {"answer": "no"}
    asked = [(row, "yes"), (row, "perhaps"), (no, "It is a yes"), (no, None), (no, "no")]
    found = numbers_of(task, *([score_of(task, *pair)] for pair in asked))
    assert found == pytest.approx(
        {"accuracy": 2 / 5, "precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2}
    )


def test_the_harnesses_have_0_where_the_official_script_divides_by_zero():
    precision, recall, f1 = guarded_precision_recall_f1()
    assert precision.value(np.array([0.0, 0.0, 3.0])) == 0
    assert recall.value(np.array([0.0, 0.0, 3.0])) == 0
    assert f1.value(np.array([[0.0, 0.0, 0.0, 3.0], [1.0, 0.0, 0.0, 3.0]])).tolist() == [0.0, 1.0]
    assert np.isnan(f1.value(np.zeros(4)))


def test_undefined_numbers_are_nan_and_f1_without_hits_is_0():
    precision, recall, f1, yes_ratio = precision_recall_f1()
    empty = np.zeros((2, 3))
    assert np.isnan(precision.value(empty[:, :2])).all()
    assert np.isnan(recall.value(empty[:, :2])).all()
    assert np.isnan(yes_ratio.value(empty[:, :2])).all()
    assert np.isnan(f1.value(empty)).all()
    assert f1.value(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])).tolist() == [0.0, 1.0]


def test_macro_f1_leaves_out_slices_that_are_not_there():
    metric = macro_f1(tag="category", slices=("a", "b"))
    sums = np.array([[2.0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0]])
    found = metric.value(sums)
    assert found[:2].tolist() == [2 / 3, 0.5]
    assert np.isnan(found[2])
