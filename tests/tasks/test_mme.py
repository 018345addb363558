import math

import numpy as np
import pytest

from evalkit.metrics import mme_total
from evalkit.stats import interval
from evalkit.tasks.mme import TASK, to_sample


@pytest.fixture
def row(picture):
    return {
        "question_id": "count/0001.jpg",
        "image": picture,
        "question": "Is there one dog?  Please answer yes or no.",
        "answer": "Yes",
        "category": "count",
    }


def test_sample(row):
    sample = to_sample(row)
    assert sample.id == "count/0001.jpg#Yes"
    assert sample.group == sample.cluster == "count/0001.jpg"
    assert sample.question == "Is there one dog?"
    assert sample.targets == ("yes",)
    assert sample.tags == {"subtask": "count"}


def test_prompts(row, prompts_of):
    assert prompts_of(TASK, row) == {
        "llava": "Is there one dog?\nAnswer the question using a single word or phrase.",
        "qwen": "Is there one dog? Answer:",
        "paligemma": "answer en Is there one dog?",
    }


@pytest.mark.parametrize(
    ("text", "answer", "correct"),
    [("Yes, it is", "yes", 1.0), ("no", "no", 0.0), ("It is", None, 0.0), (None, None, 0.0)],
)
def test_score(row, score_of, text, answer, correct):
    score = score_of(TASK, row, text)
    assert (score.answer, score.values) == (answer, {"correct": correct})


def test_totals(row, score_of, numbers_of):
    no = row | {"answer": "No"}
    code = {"category": "code_reasoning", "question_id": "code_reasoning/1.png"}
    both = [score_of(TASK, row, "yes"), score_of(TASK, no, "no")]
    half = [score_of(TASK, row, "yes"), score_of(TASK, no, "yes")]
    none = [score_of(TASK, row | code, None), score_of(TASK, no | code, None)]
    assert numbers_of(TASK, both, half) == {
        "perception": pytest.approx(125),
        "cognition": pytest.approx(math.nan, nan_ok=True),
    }
    assert numbers_of(TASK, both, half, none)["cognition"] == 0.0


@pytest.mark.parametrize(
    ("protocol", "text", "answer"),
    [("lmms-eval", "Y", "yes"), ("vlmevalkit", "It is a yes", "yes"), ("vlmevalkit", "eyes", None)],
)
def test_the_harnesses_read_otherwise(row, score_of, protocol, text, answer):
    assert score_of(TASK.under(protocol), row, text).answer == answer
    assert score_of(TASK.under(protocol), row, None).values["correct"] == 0.0


@pytest.mark.parametrize("protocol", ["official", "lmms-eval", "vlmevalkit"])
def test_totals_are_the_same_under_every_protocol(row, score_of, numbers_of, protocol):
    task, no = TASK.under(protocol), row | {"answer": "No"}
    both = [score_of(task, row, "yes"), score_of(task, no, "no")]
    half = [score_of(task, row, "yes"), score_of(task, no, "yes")]
    assert numbers_of(task, both, half)["perception"] == pytest.approx(125)
    assert math.isnan(numbers_of(task, both, half)["cognition"])


def test_a_slice_has_accuracy_accuracy_plus_and_their_sum(row, score_of, numbers_of):
    no = row | {"answer": "No"}
    both = [score_of(TASK, row, "yes"), score_of(TASK, no, "no")]
    half = [score_of(TASK, row, "yes"), score_of(TASK, no, "yes")]
    named = {metric.name: metric for metric in TASK.slice_metrics}
    sums = np.sum([named["score"].row(unit) for unit in (both, half)], axis=0)
    assert list(named) == ["accuracy", "accuracy_plus", "score"]
    assert named["score"].value(sums) == 125
    assert named["accuracy_plus"].value(np.array([1.0, 2.0])) == 0.5


def test_a_total_of_many_sums_at_once():
    metric = mme_total("total", ("count", "color"))
    assert (metric.columns, metric.high) == (8, 400.0)
    sums = np.array([[[2, 2, 1, 1, 1, 2, 0, 1], [2, 2, 1, 1, 0, 0, 0, 0]]], dtype=float)
    assert metric.value(sums).tolist() == [[250.0, 200.0]]


def test_a_total_is_of_the_subtasks_that_were_asked(row, score_of):
    no = row | {"answer": "No"}
    other = row | {"question_id": "another", "category": "color"}
    scores = [score_of(TASK, one, "yes") for one in (row, no, other, other | {"answer": "No"})]
    for protocol in ("official", "lmms-eval", "vlmevalkit"):
        (metric, _) = TASK.under(protocol).metrics
        found = interval(metric, scores)
        assert (found.value, found.maximum) == (pytest.approx(100.0), 400.0)
        assert found.high is None or found.high <= 400.0
        assert interval(metric, scores[:2]).maximum == 200.0
