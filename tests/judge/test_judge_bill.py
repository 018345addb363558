"""What a judge costs: whatever the server bills is in the record, and counts for the budget."""

import pytest
from waiting import ANSWERS, report

pytest.importorskip("openai", reason="the extra openai is not installed")

PRICES = """\
date = "2026-11-01"
[models.toy-model]
input = 90
output = 500
"""


@pytest.fixture
def judge(judge_at):
    """Judges the answers: judge(server, "--votes", 2, prices="cached = 0") -> Done."""

    def made(server, *more, prices="", **given):
        return judge_at(PRICES + prices, server, *more, **given)

    return made


BILLED = ["null content", "refusal", "content filter", "cut", "empty choices", "empty text"]


@pytest.mark.parametrize("fault", BILLED)
def test_what_failed_was_paid_for(chat_server, judge, fault):
    """Whatever is asked costs 0.01: 100 tokens read, 2 written."""
    with chat_server(lambda asked: fault, answer=lambda asked: "0.4") as server:
        done = judge(server, "--json")
        assert done.code == 14, done.err
        asked = len(server.asked)
        assert asked >= ANSWERS
        told = report(done)
        assert (told["requests"], told["prompt_tokens"]) == (asked, 100 * asked)
        assert told["cost_usd"] == pytest.approx(0.01 * asked)
        spent = judge(server, "--json", "--judge-budget", 0.01 * asked + 0.001)
        assert (spent.code, len(server.asked)) == (12, asked), "the budget was spent before"
        assert report(spent)["cost_usd"] == pytest.approx(0.01 * asked)


def test_what_failed_in_a_batch_was_paid_for(batch_server, judge):
    with batch_server(lines=lambda asked: "refusal", steps=1) as server:
        done = judge(server, "--json", "--judge-batch")
        assert (done.code, report(done)["requests"]) == (14, ANSWERS), done.err
        assert report(done)["cost_usd"] == pytest.approx(0.005 * ANSWERS)
        spent = judge(server, "--json", "--judge-batch", "--judge-budget", 0.005 * ANSWERS + 0.001)
        assert (spent.code, server.count("upload")) == (12, 1)


def test_what_was_no_answer_at_first_was_paid_for(chat_server, judge):
    """A reply of a wrong shape is billed like any other, and asked for again."""
    with chat_server(
        lambda asked: "wrong types" if asked.times == 1 else None, answer=lambda asked: "0.4"
    ) as server:
        done = judge(server, "--json")
        assert (done.code, len(server.asked)) == (0, 2 * ANSWERS), done.err
    assert report(done)["cost_usd"] == pytest.approx(0.02 * ANSWERS)
    assert report(done)["requests"] == ANSWERS


def test_what_the_server_does_not_count_costs_nothing(chat_server, judge):
    with chat_server(lambda asked: "400", answer=lambda asked: "0.4") as server:
        done = judge(server, "--json", "--judge-budget", "50")
    assert done.code in (14, 20), done.err
    if done.code == 14:
        assert (report(done)["requests"], report(done)["cost_usd"]) == (0, 0)


def test_cached_tokens_have_their_price(chat_server, judge):
    """Of 100 tokens 40 were cached, at no price: in the bill and in the next session's budget."""
    with chat_server(answer=lambda asked: "0.4") as server:
        done = judge(server, "--json", prices="cached = 0")
        cost = ANSWERS * (60 * 90 + 2 * 500) / 1e6
        assert report(done)["cost_usd"] == pytest.approx(cost)
        more = judge(server, "--json", "--votes", "2", "--judge-budget", "5", prices="cached = 0")
        assert more.code == 0, more.err
    assert report(more)["cost_usd"] == pytest.approx(2 * cost)


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("openai:toy-model", ("--judge-batch",)),
        ("openai-batch:toy-model", ()),
        ("openai-batch:toy-model", ("--judge-batch",)),
    ],
)
def test_a_batch_is_half_the_price_however_it_is_asked_for(batch_server, judge, model, more):
    with batch_server(answer=lambda asked: "0.4", steps=1) as server:
        done = judge(server, *more, "--judge-budget", "50", model=model)
        assert done.code == 0, done.err
        again = judge(server, *more, "--json", model=model)
        assert (server.count("upload"), server.asked) == (1, [])
    assert report(again)["cost_usd"] == pytest.approx(0.005 * ANSWERS)
    told = next(line for line in done.err.splitlines() if line.startswith("Judging mmvet"))
    tokens = int(told.partition("about ")[2].partition(" tokens")[0].replace(",", ""))
    full = (tokens * 90 + ANSWERS * 16 * 500) / 1e6
    assert f"about {full / 2:.4f} USD" in told


def test_live_or_in_a_batch_it_is_one_judge(batch_server, judge):
    """Further votes come by the other way: known ones are not asked, and each has its price."""
    with batch_server(answer=lambda asked: "0.4", steps=1) as server:
        live = judge(server, "--json")
        assert (live.code, len(server.asked)) == (0, ANSWERS), live.err
        batch = judge(server, "--json", "--judge-batch", "--votes", "2")
        assert [len(rows) for rows in server.uploaded] == [ANSWERS]
        again = judge(server, "--json", "--votes", "2")
        assert len(server.asked) == ANSWERS
    for done in (batch, again):
        assert done.code == 0, done.err
        assert report(done)["cost_usd"] == pytest.approx(0.015 * ANSWERS)
    parts = [done.record["results"][0]["fingerprint"]["judge"] for done in (live, batch, again)]
    assert parts[1] == parts[2] == {**parts[0], "votes": "2"}


def test_a_batch_takes_its_own_options(batch_server, judge, tmp_path):
    """And its state is in the run: other files of JSON where one stands are none of it."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "package.json").write_text("[]")
    with batch_server(answer=lambda asked: "0.4", steps=3) as server:
        options = ",poll=0.05,window=48h"
        done = judge(server, "--json", "--judge-batch", options=options, cwd=tmp_path / "here")
        assert done.code == 0, done.err
        assert {b["completion_window"] for b in server.batches.values()} == {"48h"}
        odd = judge(server, "--judge-batch", options=",pol=0.05")
    assert odd.code == 2
    assert "Did you mean 'poll'?" in odd.err
