"""A judge's budget is kept: over all a run's commands, and whatever its server says or bills."""

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import ANSWERS, report

pytest.importorskip("openai", reason="the extra openai is not installed")

from evalkit import registry
from evalkit.backends.openai_limiter import FIRST
from evalkit.judge.order import JudgeOrder
from evalkit.judge.stage import JudgeStage
from evalkit.official.interface import no_picture
from evalkit.prices import most_billed
from evalkit.records import Generation, Message, Prediction, Request

COST = 0.00901
"""USD of a question that is billed as the server does it by itself: 100 tokens and 2."""

TABLE = """\
date = "2026-11-01"
[models.toy-model]
input = 90
output = 5
[models.other-model]
input = 90
output = 5
"""

WORDS = """\
Grade the answer.
---
{{ question | data("question") }} {{ targets[0] | data("truth") }} {{ answer | data("answer") }}
"""


@pytest.fixture
def judge(judge_at):
    """Judges one task of the run: judge(server, "--judge-budget", 2, task="mmvet") -> Done."""
    return partial(judge_at, TABLE)


def rating(asked):
    """A readable reply to either task's question."""
    return "0.4"


def test_tasks_one_after_the_other_have_one_budget(chat_server, judge):
    with chat_server(answer=rating) as server:
        assert judge(server, "--judge-budget", 5).code == 0
        budget = ANSWERS * COST + 0.005
        done = judge(server, "--judge-budget", budget, "--json", task="llava_bench_wild")
        assert (done.code, len(server.asked)) == (12, ANSWERS), done.err
        assert set(report(done, "llava_bench_wild")["failed"]) == {"unasked"}
        judge(server, "--judge-budget", 5, task="llava_bench_wild")
        assert len(server.asked) > ANSWERS, "with more it goes on"


def test_other_words_and_another_address_are_paid_from_one_budget(chat_server, judge, tmp_path):
    (tmp_path / "words.txt").write_text(WORDS)
    with chat_server(answer=rating) as server:
        assert judge(server, "--judge-budget", 5).code == 0
        money = ("--judge-budget", ANSWERS * COST + 0.005)
        done = judge(server, "--rubric", tmp_path / "words.txt", *money)
        assert (done.code, len(server.asked)) == (12, ANSWERS), done.err
        done = judge(server, *money, url=server.url.replace("127.0.0.1", "localhost"))
        assert (done.code, len(server.asked)) == (12, ANSWERS), done.err


def test_another_judge_has_a_budget_of_its_own(chat_server, judge):
    with chat_server(answer=rating, models=("toy-model", "other-model")) as server:
        assert judge(server, "--judge-budget", 5).code == 0
        done = judge(server, "--judge-budget", ANSWERS * COST + 0.1, model="openai:other-model")
        assert (done.code, len(server.asked)) == (0, 2 * ANSWERS), done.err


NONSENSE = [
    None,
    {},
    {"prompt_tokens": None, "completion_tokens": None},
    {"prompt_tokens": -100, "completion_tokens": -2},
    {"prompt_tokens": float("inf"), "completion_tokens": float("nan")},
    {"prompt_tokens": 0, "completion_tokens": 0},
]


@pytest.mark.parametrize("usage", NONSENSE)
def test_what_is_not_told_counts_as_the_most_that_it_can_be(chat_server, judge, usage):
    with chat_server(answer=rating, usage=lambda asked: usage) as server:
        done = judge(server, "--judge-budget", 0.3, "--json")
        asked = len(server.asked)
        assert (done.code, report(done)["untold"]) == (12, asked), done.err
        assert 1 <= asked <= 5
        tokens = sum(len(a.text.encode()) for a in server.asked)
        assert report(done)["prompt_tokens"] >= tokens
        assert tokens * 90e-6 <= report(done)["cost_usd"] <= 0.3
        again = judge(server, "--judge-budget", 0.3)
        assert (again.code, len(server.asked)) == (12, asked), "it counts in the next session"
    assert f"at most {report(done)['cost_usd']:.4f} USD" in again.out
    assert f"did not tell the tokens of {asked} questions" in again.out


def test_a_part_that_is_told_counts_as_told(chat_server, judge):
    with chat_server(answer=rating, usage=lambda asked: {"prompt_tokens": 100}) as server:
        told = report(judge(server, "--json"))
    assert (told["untold"], told["prompt_tokens"]) == (ANSWERS, 100 * ANSWERS)
    assert told["output_tokens"] == 16 * ANSWERS


def test_what_a_batch_does_not_tell_is_bounded_too(batch_server, judge):
    with batch_server(lines=lambda asked: "wrong usage", steps=1) as server:
        told = report(judge(server, "--judge-batch", "--json"))
    assert told["untold"] == told["requests"] >= ANSWERS
    assert told["prompt_tokens"] > 500 * told["requests"]


def test_an_answer_that_is_none_is_not_asked_for_again_without_money(chat_server, judge):
    """A page in place of an answer may have been billed: each sending is paid from the budget."""
    with chat_server(lambda asked: "html page") as server:
        done = judge(server, "--judge-budget", 0.1, options=",retries=5")
        assert len(server.asked) == 1
    assert done.code in (12, 20), done.err


def test_after_a_bill_above_its_bound_nothing_leaves_that_waits(chat_server, judge):
    def usage(asked):
        return {"prompt_tokens": 100, "completion_tokens": 10**6}

    with chat_server(answer=rating, usage=usage, seconds=0.3) as server:
        done = judge(server, "--votes", 6, "--judge-budget", 10, "--json")
        assert (done.code, len(server.asked)) == (12, FIRST), done.err
        told = report(done)
        assert told["failed"] == {"unasked": 6 * ANSWERS - FIRST}
        assert told["cost_usd"] == pytest.approx(5.009 * FIRST)


def test_a_server_that_bills_too_much_is_believed_to_do_so_again(chat_server, judge):
    """A bill of 0.499 leaves 0.471, which does not pay for a second one, however short."""
    with chat_server(
        answer=rating,
        usage=lambda asked: {"prompt_tokens": 100, "completion_tokens": 98_000},
    ) as server:
        done = judge(server, "--judge-budget", 0.97, options=",concurrency=1")
        assert (done.code, len(server.asked)) == (12, 1), done.err


def test_a_model_that_is_not_listed_is_asked_nothing_beside_the_bill(chat_server, judge, tmp_path):
    with chat_server(answer=rating, models=None) as server:
        none = judge(server, "--judge-budget", 0)
        assert (none.code, server.asked) == (12, []), none.err
        cache = tmp_path / "cache.sqlite"
        done = judge(server, "--json", cache=cache)
        assert (done.code, len(server.asked)) == (0, ANSWERS), done.err
        assert report(done)["requests"] == ANSWERS
        assert judge(server, cache=cache).code == 0
        assert len(server.asked) == ANSWERS, "all is known"


def test_a_judge_that_the_server_does_not_have_is_one_sentence(chat_server, judge):
    with chat_server(lambda asked: "404", models=("small",)) as server:
        done = judge(server)
    assert (done.code, "no such model" in done.err) == (20, True)


@given(st.lists(st.text(max_size=80), min_size=1, max_size=3), st.integers(1, 500))
def test_a_vocabulary_of_bytes_makes_no_more_tokens_than_the_bound(texts, length):
    turns = tuple(Message(role="user", content=(text,)) for text in texts)
    generation = Generation(max_new_tokens=length)
    asked = Request(task="t", sample_id="s", messages=turns, generation=generation)
    most = most_billed(asked)
    assert most.prompt_tokens >= sum(len(text.encode("utf-8", "replace")) for text in texts)
    assert (most.output_tokens, most.bound) == (length, True)


def test_a_server_that_counts_bytes_keeps_the_budget(chat_server, tmp_path):
    """4,000 consonants are no words of any vocabulary."""
    dice, task = random.Random(3), registry.load_task("mmvet")
    row = {
        "image": no_picture("one.png"),
        "imagename": "one.png",
        "answer": "a dog",
        "capability": "rec",
        "question": "?",
    }
    samples = [task.to_sample({**row, "question_id": f"q{i}"}) for i in range(6)]
    text = {s.id: "".join(dice.choices("bcdfghjklmnpqrstvwxz", k=4000)) for s in samples}
    answers = {s.id: Prediction(sample_id=s.id, text=text[s.id]) for s in samples}
    (tmp_path / "prices.toml").write_text(TABLE)

    def usage(asked):
        return {"prompt_tokens": len(asked.text.encode()), "completion_tokens": 16}

    with chat_server(answer=rating, usage=usage) as server:
        spec = f"openai:toy-model,base_url={server.url},prices={tmp_path / 'prices.toml'}"
        with JudgeStage(JudgeOrder(model=spec, budget=1.0), tmp_path, [task]) as stage:
            told = stage.judge(task, samples, answers).report
        assert 1 <= len(server.asked) <= 2
    assert 0.4 < told.cost_usd <= 1.0
