"""Predictions to sample scores to a result: failures, coverage, slices, and what is refused."""

from dataclasses import replace

import pytest
from made_records import fingerprint

from evalkit.errors import UsageError
from evalkit.metrics import accuracy, group_accuracy
from evalkit.records import Coverage, Failure, Generation, Outcome, Prediction, Sample
from evalkit.score import score_predictions, summarise
from evalkit.task import DatasetRef, Prompt, Task

FINGERPRINT = fingerprint("toy", version=3)


def judged(sample, text):
    answer = text if text in ("yes", "no") else None
    return Outcome(answer=answer, values={"correct": float(answer == sample.targets[0])})


def toy(**changes):
    task = Task(
        name="toy",
        version=3,
        dataset=DatasetRef(repositories=(), split="test", columns=(), rows=4),
        to_sample=lambda row: row,
        prompts={"plain": Prompt(template="{{ question }}")},
        generation=Generation(max_new_tokens=4),
        score=judged,
        metrics=(
            accuracy(),
            group_accuracy("pairs"),
            accuracy("hard", only=lambda score: score.tags["grade"] == "grade 10"),
        ),
        headline=("accuracy",),
        breakdowns=("grade", "kind"),
    )
    return replace(task, **changes)


def sample(number, grade, **more):
    return Sample(
        id=f"s{number}",
        question="?",
        targets=("yes",),
        group=f"g{number // 2}",
        cluster=f"g{number // 2}",
        tags={"grade": f"grade {grade}", **more},
    )


SAMPLES = (sample(0, 10), sample(1, 9, kind="odd"), sample(2, 2), sample(3, 9, kind="odd"))
PREDICTIONS = {
    "s0": Prediction(sample_id="s0", text="yes", finish="stop"),
    "s1": Prediction(sample_id="s1", text="perhaps", finish="stop"),
    "s2": Prediction(sample_id="s2", failure=Failure(kind="memory", message="too large")),
}


def test_scores_stand_in_the_order_of_the_samples():
    scores = score_predictions(toy(), SAMPLES, dict(reversed(PREDICTIONS.items())))
    assert [s.sample_id for s in scores] == ["s0", "s1", "s2", "s3"]
    assert [s.answer for s in scores] == ["yes", None, None, None]
    assert [s.values["correct"] for s in scores] == [1, 0, 0, 0]


def test_failed_and_missing_predictions_have_failed():
    scores = score_predictions(toy(), SAMPLES, PREDICTIONS)
    assert [s.failed for s in scores] == [False, False, True, True]


def test_a_failure_has_no_answer_whatever_the_scorer_says():
    always = toy(score=lambda sample, text: Outcome(answer="yes", values={"correct": 0.0}))
    assert [s.answer for s in score_predictions(always, SAMPLES[2:], PREDICTIONS)] == [None, None]


def test_predictions_of_other_samples_are_not_looked_at():
    assert len(score_predictions(toy(), SAMPLES[:1], PREDICTIONS)) == 1


def summary(task=None, samples=SAMPLES, predictions=PREDICTIONS):
    task = task or toy()
    return summarise(task, score_predictions(task, samples, predictions), FINGERPRINT, ("seen",))


def test_coverage_counts_each_sample_once():
    assert summary().coverage == Coverage(asked=4, answered=1, failed=2, unparsed=1)


def test_metrics_stand_in_the_order_of_the_task():
    found = summary()
    assert {name: m.value for name, m in found.metrics.items()} == {
        "accuracy": 0.25,
        "pairs": 0.0,
        "hard": 1.0,
    }
    assert list(found.metrics) == ["accuracy", "pairs", "hard"]
    assert (found.metrics["pairs"].n, found.metrics["pairs"].clusters) == (2, 2)
    assert (found.task, found.version, found.headline) == ("toy", 3, ("accuracy",))
    assert (found.notes, found.fingerprint) == (("seen",), FINGERPRINT)


def test_an_undefined_metric_is_absent():
    assert "hard" not in summary(samples=SAMPLES[1:]).metrics


def test_slices_are_sorted_as_people_sort():
    grades = summary().breakdowns["grade"]
    assert list(grades) == ["grade 2", "grade 9", "grade 10"]
    assert grades["grade 9"] == {"accuracy": 0.0, "pairs": 0.0}
    assert grades["grade 10"] == {"accuracy": 1.0, "pairs": 1.0, "hard": 1.0}


def test_samples_without_the_tag_are_in_no_slice():
    assert list(summary().breakdowns["kind"]) == ["odd"]


def test_no_sample_is_no_metric():
    found = summary(samples=())
    assert found.metrics == {}
    assert found.breakdowns == {"grade": {}, "kind": {}}
    assert found.coverage == Coverage(asked=0, answered=0, failed=0, unparsed=0)


def broken(sample, text):
    return Outcome(answer=text, values={"correct": float(text.strip() == "yes")})


def test_a_scorer_that_breaks_is_named():
    with pytest.raises(UsageError, match="task 'toy' broke on the sample 's2': AttributeError"):
        summary(toy(score=broken))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_named(value):
    task = toy(score=lambda sample, text: Outcome(answer=text, values={"correct": value}))
    with pytest.raises(
        UsageError, match=f"'toy' gave the sample 's0' the value 'correct' = {value}"
    ):
        summary(task)


def test_a_metric_without_its_values_is_named():
    task = toy(score=lambda sample, text: Outcome(answer=text, values={"score": 1.0}))
    with pytest.raises(UsageError, match=r"'accuracy' of the task 'toy' does not fit .* KeyError"):
        summary(task)
