"""Judged tasks where the model itself failed: no verdict is wanted, and the answer is the worst."""

import dataclasses
import math

import pytest

from evalkit import registry
from evalkit.errors import UsageError
from evalkit.finish import finish
from evalkit.judge.order import JudgeOrder
from evalkit.judge.stage import JudgeStage
from evalkit.prepare import prepare
from evalkit.progress import Observer
from evalkit.records import Failure, Prediction
from evalkit.run_record import RunConfig, TaskChoice
from evalkit.store import RunFolder

REPLIES = {
    "mmvet": "0.5",
    "llava_bench_wild": "8 4",
    "llava_bench_coco": "8 4",
    "mmvp:judged": "yes",
}
"""What the judge says of every answer, by task."""


def judged_tasks():
    names = [
        f"{name}{variant}"
        for name, file in registry.task_files().items()
        for variant in ("", *(f":{v}" for v in registry.read_task(file).variants))
    ]
    return sorted(name for name in names if registry.load_task(name).judging is not None)


def test_every_judged_task_is_here():
    assert sorted(REPLIES) == judged_tasks()


@pytest.fixture
def judged(tmp_path):
    """Judges demo answers, some of which failed: judged("mmvet", {0}) -> TaskResult."""

    def made(name, failed, change=lambda task: task, votes=2):
        task = change(registry.load_task(name))
        choice = TaskChoice(name=name)
        config = RunConfig(model="dummy:echo", tasks=(choice,), data="demo", limit=8)
        ready = prepare(task, choice, config, Observer())
        gone = Failure(kind="backend", message="gone")
        answers = {
            sample.id: Prediction(sample_id=sample.id, failure=gone)
            if place in failed
            else Prediction(sample_id=sample.id, text="a dog")
            for place, sample in enumerate(ready.samples)
        }
        order = JudgeOrder(model=f"dummy:constant,text={REPLIES[name]}", votes=votes)
        with JudgeStage(order, tmp_path / str(len(failed)), [task]) as stage:
            said = stage.judge(task, ready.samples, answers)
        return finish(RunFolder(tmp_path / "run"), ready, answers, said)

    return made


@pytest.mark.parametrize("failed", [{0}, {7}, {0, 3}, set(range(7)), set(range(8))])
@pytest.mark.parametrize("name", REPLIES)
def test_answers_that_failed_lower_the_numbers(judged, name, failed):
    whole, result = judged(name, set()), judged(name, failed)
    values = {metric: one.value for metric, one in result.metrics.items()}
    assert all(map(math.isfinite, values.values()))
    assert result.coverage.failed == len(failed)
    for metric in whole.headline:
        assert values[metric] < whole.metrics[metric].value
    if len(failed) < 8:
        assert values.keys() == whole.metrics.keys()


def test_a_repetition_of_mm_vet_counts_failed_answers_as_0(judged):
    values = {name: one.value for name, one in judged("mmvet", {0, 1}).metrics.items()}
    assert (values["total"], values["total_run1"], values["total_run2"]) == (37.5, 37.5, 37.5)
    assert values["total_std"] == 0


def test_a_task_whose_further_numbers_break_is_named(judged):
    def broken(task):
        def further(scores):
            return {"x": ({}["run1"], "none")}

        return dataclasses.replace(task, judging=dataclasses.replace(task.judging, further=further))

    with pytest.raises(UsageError, match="The function further of the task 'mmvet' does not fit"):
        judged("mmvet", set(), broken)


def test_a_run_with_a_failed_answer_is_judged(evalkit, tmp_path):
    done = evalkit(
        *("run", "mmvet", "--model", "dummy:echo,fail=v1_9", "--data", "demo", "--limit", "6"),
        *("--judge", "dummy:constant,text=0.5", "--judge-cache", "none", "--json"),
        *("--out", tmp_path),
    )
    assert done.code == 12, done.err
    (result,) = done.record["results"]
    assert result["metrics"]["total"]["value"] == pytest.approx(250 / 6)
