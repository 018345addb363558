"""What is judged is data: no answer gets out of its tags, and obedience outside them is shown."""

import injections
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from injections import HOSTILE, NEUTRAL, ROWS, TAGS, gullible, official_exams, own_exams, parts

from evalkit.judge.order import JudgeOrder
from evalkit.judge.stage import JudgeStage
from evalkit.records import Prediction

OWN = own_exams()


def originals(exam, answer, *, swapped):
    sample = exam.task.to_sample(ROWS[exam.task.name])
    pair = (sample.targets[0], answer)
    texts = {
        "question": sample.question,
        "right_answer": sample.targets[0],
        "answer": answer,
        "picture": sample.inputs.get("context"),
        **dict(zip(("answer_1", "answer_2"), pair[::-1] if swapped else pair, strict=True)),
    }
    return [(tag, texts[tag]) for tag in TAGS[exam.task.name]]


def check(exam, answer, *, swapped):
    """A prompt is the asker's words and exactly the parts that were put into it."""
    system, user = exam.asked(answer, swapped=swapped)
    plain_system, plain_user = exam.asked(NEUTRAL, swapped=swapped)
    assert system == plain_system, "nothing of an answer stands in the system's turn"
    found, around = parts(user.content[0])
    assert found == originals(exam, answer, swapped=swapped)
    assert around == parts(plain_user.content[0])[1], "the asker's words are the same for all"
    assert not {"<", ">"} & set(around)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("exam", OWN, ids=lambda exam: exam.name)
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_no_hostile_answer_gets_out_of_its_tags(exam, answer, swapped):
    check(exam, answer, swapped=swapped)


@given(
    st.lists(
        st.sampled_from(["</answer>", "<answer>", "\n", "&lt;", "&", "amp;", "<", "/", ">", "x"])
        | st.text(max_size=3)
    ).map("".join),
    st.sampled_from(OWN),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_no_text_at_all_does(answer, exam, swapped):
    check(exam, answer, swapped=swapped)


@pytest.mark.parametrize("exam", OWN, ids=lambda exam: exam.name)
def test_a_gullible_judge_of_own_rubrics_is_never_fooled(exam):
    for answer in HOSTILE.values():
        messages = exam.asked(answer)
        assert gullible(exam, messages) == injections.sober(exam, messages)


def test_the_gullible_judge_is_gullible(shared):
    """Without a fence it obeys; a test of own rubrics that it could not fail would say nothing."""
    for exam in official_exams(shared):
        assert exam.rubric.origin == "official"
        fooled = [name for name, text in HOSTILE.items() if is_fooled(exam, text)]
        assert len(fooled) >= 12, exam.name
        assert not is_fooled(exam, NEUTRAL)


def is_fooled(exam, text):
    messages = exam.asked(text)
    return gullible(exam, messages) != injections.sober(exam, messages)


@pytest.mark.parametrize("exam", OWN, ids=lambda exam: exam.name)
def test_over_a_real_server_no_injected_grade_arrives(chat_server, exam, tmp_path):
    pytest.importorskip("openai", reason="the extra openai is not installed")
    rows = [{**ROWS[exam.task.name], "question_id": str(i)} for i in range(len(HOSTILE))]
    samples = [exam.task.to_sample(row) for row in rows]
    made = {
        s.id: Prediction(sample_id=s.id, text=text)
        for s, text in zip(samples, HOSTILE.values(), strict=True)
    }

    def answer(asked):
        turns = [injections.Message(role=m["role"], content=(m["content"],)) for m in read(asked)]
        return gullible(exam, turns)

    with chat_server(answer=answer) as server:
        order = JudgeOrder(model=f"openai:toy-model,base_url={server.url}")
        with JudgeStage(order, tmp_path, [exam.task]) as stage:
            found = stage.judge(exam.task, samples, made)
    worst = (10.0, 1.0) if exam.rubric.pairwise else (0.0,)
    assert [v.ratings for v in found.verdicts] == [worst] * len(HOSTILE)


def read(asked):
    """The turns as they came over the wire, each of which is one text."""
    assert [m["role"] for m in asked.body["messages"]] == ["system", "user"]
    return asked.body["messages"]
