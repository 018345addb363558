"""Many questions: a server is asked the first while others are written, and nothing is lost."""

import dataclasses
from collections import Counter

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

from evalkit import registry
from evalkit.errors import BackendError, UsageError
from evalkit.judge.asking import PORTION
from evalkit.judge.order import JudgeOrder
from evalkit.judge.stage import JudgeStage
from evalkit.official.interface import no_picture
from evalkit.records import Prediction

COUNT = 4 * PORTION + 20
TASK = registry.load_task("mmvet")


def asking(watch):
    """The task with a rubric that tells `watch` of every sample before its question is written."""
    own = TASK.judging.own

    def ask(sample, answer, swapped):
        watch(sample)
        return own.ask(sample, answer, swapped)

    judging = dataclasses.replace(TASK.judging, own=dataclasses.replace(own, ask=ask))
    return dataclasses.replace(TASK, judging=judging)


@pytest.fixture
def judge(tmp_path):
    """Judges COUNT answers in one run folder: judge(server, task, answer) -> Judged."""

    def made(server, task=TASK, answer=lambda i: f"answer {i}", cache=None, **order):
        row = {
            "image": no_picture("one.png"),
            "imagename": "one.png",
            "answer": "a dog",
            "capability": "rec",
            "question": "?",
        }
        samples = [task.to_sample({**row, "question_id": f"q{i:03}"}) for i in range(COUNT)]
        answers = {s.id: Prediction(sample_id=s.id, text=answer(i)) for i, s in enumerate(samples)}
        spec = f"openai:toy-model,base_url={server.url},retries=0"
        told = JudgeOrder(model=spec, cache=cache, **order)
        with JudgeStage(told, tmp_path, [task]) as stage:
            return stage.judge(task, samples, answers)

    return made


def test_the_first_questions_are_out_before_the_last_are_written(chat_server, judge):
    asked = []
    with chat_server(answer=lambda _: "0.4") as server:
        found = judge(server, asking(lambda sample: asked.append(len(server.asked))))
        assert asked[PORTION - 1] == 0, "a portion is written at once"
        assert asked[-1] > 0
        assert len(server.asked) == COUNT
    assert {v.ratings for v in found.verdicts} == {(0.4,)}


def test_a_question_that_cannot_be_written_costs_no_reply(chat_server, judge):
    def refuse(sample):
        if sample.id == f"q{COUNT - 5:03}":
            message = "no question fits it"
            raise UsageError(message)

    with chat_server(answer=lambda _: "0.4", seconds=0.05) as server:
        with pytest.raises(UsageError, match="no question fits it"):
            judge(server, asking(refuse))
        assert len(server.asked) == 4 * PORTION, "the last portion is not asked"
        whole = judge(server)
        assert len(server.asked) == COUNT, "what was asked before is known"
    assert (whole.report.requests, whole.report.failed) == (COUNT, {})


@pytest.mark.parametrize("cached", [True, False])
def test_equal_questions_of_different_portions_are_asked_once(chat_server, judge, tmp_path, cached):
    cache = tmp_path / "cache.sqlite" if cached else None
    with chat_server(answer=lambda _: "0.4") as server:
        found = judge(server, answer=lambda i: f"answer {i % 7}", cache=cache)
        assert set(Counter(a.text for a in server.asked).values()) == {1}
        assert len(server.asked) == 7
    assert {v.ratings for v in found.verdicts} == {(0.4,)}
    assert (found.report.verdicts, found.report.requests) == (COUNT, 7)


def test_a_judge_that_never_answers_is_given_up_at_once(chat_server, judge):
    with chat_server(lambda _: "500") as server:
        with pytest.raises(BackendError, match="first samples"):
            judge(server)
        assert len(server.asked) < 2 * PORTION
