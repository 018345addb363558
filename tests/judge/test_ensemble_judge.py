"""`evalkit judge scienceqa --judge`: the same rules for failures and money as in a judged run."""

import json
import signal
import time
from collections import Counter

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

COUNT = 40
PRICES = 'date = "2026-11-01"\n[models.toy-model]\ninput = 90\noutput = 500\n'
"""By them a verdict (100 tokens read, 2 written) costs 0.01."""


@pytest.fixture
def words(tmp_path):
    """The command on 40 questions, on all of which the models differ: words(server, *more)."""
    problem = {"choices": ["u", "v", "w"], "answer": 0, "hint": "", "image": None}
    problem |= {"grade": "grade2", "subject": "natural science", "topic": "x", "split": "test"}
    pids = [str(number) for number in range(1, COUNT + 1)]
    held = {pid: {**problem, "question": f"No. {pid} asks?"} for pid in pids}
    (tmp_path / "problems.json").write_text(json.dumps(held))
    (tmp_path / "pid_splits.json").write_text(json.dumps({"test": pids}))
    for name, letter in (("ours", "A"), ("gpt4", "B")):
        rows = ({"question_id": pid, "text": f"The answer is {letter}."} for pid in pids)
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "prices.toml").write_text(PRICES)

    def made(server, *more, options="", cache="none"):
        return (
            *("judge", "scienceqa", "--ours", tmp_path / "ours", "--gpt4", tmp_path / "gpt4"),
            *("--references", tmp_path, "--out", tmp_path / "results", "--json"),
            *("--judge", f"openai:toy-model,base_url={server.url}{options}"),
            *("--judge-cache", cache, *more),
        )

    return made


def right(asked):
    return "Because. The answer is A."


def number(asked):
    return int(asked.text.partition("No. ")[2].partition(" ")[0])


def test_a_judge_that_refuses_gives_no_score(chat_server, evalkit, words):
    with chat_server(
        lambda asked: "refusal" if number(asked) > 2 else None, answer=right
    ) as server:
        done = evalkit(*words(server))
        page = evalkit(*(word for word in words(server) if word != "--json"))
    assert (done.code, page.code) == (14, 14), done.err
    report = done.record["judge"]
    assert report["failed"] == {"content_filter": COUNT - 2}
    assert (report["verdicts"], report["healthy"]) == (COUNT, False)
    assert len(done.record["missing_requery"]) == COUNT - 2
    assert "UNHEALTHY: too many verdicts are missing" in page.out
    assert f"{COUNT} verdicts, {COUNT - 2} missing (content_filter {COUNT - 2})" in page.out


def test_the_bounds_are_over_all_verdicts_that_are_missing(chat_server, evalkit, words):
    with chat_server(answer=lambda asked: "I cannot tell.") as server:
        done = evalkit(*words(server))
        page = evalkit(*(word for word in words(server) if word != "--json"))
    judged = done.record["evalkit"]["columns"]["judge"]
    assert (done.code, judged["percent"], judged["unanswered"]) == (14, 100, COUNT)
    assert (judged["percent_least"], judged["percent_most"]) == (0, 100)
    told = " ".join(page.out.split())
    assert f"{COUNT} of these have no reply of the judge that can be read" in told
    assert "0.00 to 100.00" in told


def test_failures_that_are_allowed_are_asked_again(chat_server, evalkit, words):
    wrong = {7}
    with chat_server(
        lambda asked: "refusal" if number(asked) in wrong else None, answer=right
    ) as server:
        allowed = evalkit(*words(server, "--max-judge-failures", "0.03"))
        assert (allowed.code, allowed.record["judge"]["failed"]) == (0, {"content_filter": 1})
        wrong.clear()
        again = evalkit(*words(server))
    assert (again.code, again.record["judge"]["failed"]) == (0, {})
    assert Counter(map(number, server.asked)) == {n: 1 + (n == 7) for n in range(1, COUNT + 1)}
    assert again.record["evalkit"]["columns"]["judge"]["percent"] == 100


@pytest.mark.parametrize(
    ("option", "said"),
    [(("--votes", "3"), "leave --votes away"), (("--swap",), "leave --swap away")],
)
def test_what_has_no_effect_is_refused(chat_server, evalkit, words, option, said):
    with chat_server(answer=right) as server:
        done = evalkit(*words(server, *option))
        assert (done.code, server.asked) == (2, [])
    assert said in done.err


def test_a_judge_without_a_batch_service_leaves_nothing_behind(evalkit, words, tmp_path):
    class Nobody:
        url = "nowhere"

    done = evalkit(*words(Nobody, "--judge", "dummy:echo", "--judge-batch"))
    assert (done.code, "Only openai: judges have a batch service" in done.err) == (2, True)
    assert not (tmp_path / "results").exists()


def test_a_budget_is_one_budget_over_all_sessions(chat_server, evalkit, words, tmp_path):
    money = ("--judge-prices", tmp_path / "prices.toml", "--judge-budget")
    with chat_server(answer=right) as server:
        shown = evalkit(*(word for word in words(server, *money, "0.5") if word != "--json"))
        assert shown.code == 12, shown.err
        assert f"Judging scienceqa: {COUNT} questions" in shown.err
        asked = len(server.asked)
        assert 0.2 <= 0.01 * asked <= 0.5, "the cap is kept, and used"
        again = evalkit(*words(server, *money, "0.5"))
        assert (again.code, len(server.asked)) == (12, asked), "what is left pays for none"
        assert again.record["judge"]["failed"] == {"unasked": COUNT - asked}
        assert again.record["judge"]["cost_usd"] == pytest.approx(0.01 * asked)
        more = evalkit(*words(server, *money, "50"))
        assert (more.code, len(server.asked)) == (0, COUNT)
    assert more.record["judge"]["cost_usd"] == pytest.approx(0.01 * COUNT)


def test_a_judge_that_is_killed_goes_on_without_a_cache(chat_server, evalkit, start, words):
    with chat_server(answer=right, seconds=0.1) as server:
        process = start(*words(server, options=",concurrency=2"))
        end = time.monotonic() + 60
        while len(server.asked) < 12:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.communicate()
        time.sleep(0.3)
        done = evalkit(*words(server, options=",concurrency=2"))
    assert done.code == 0, done.err
    assert COUNT <= len(server.asked) <= COUNT + 2, "lost: at most what was out"
    assert {number(asked) for asked in server.asked} == set(range(1, COUNT + 1))


def test_two_servers_are_two_judges(chat_server, evalkit, words, tmp_path):
    with (
        chat_server(answer=right) as one,
        chat_server(answer=lambda asked: "The answer is B.") as two,
    ):
        done = [evalkit(*words(s, cache=tmp_path / "cache.sqlite")) for s in (one, two, one)]
        assert [len(server.asked) for server in (one, two)] == [COUNT, COUNT]
    assert [d.record["evalkit"]["columns"]["judge"]["percent"] for d in done] == [100, 0, 100]
    hosts = [d.record["fingerprint"]["server"] for d in done]
    assert hosts[0] == hosts[2] != hosts[1]


def test_a_batch_that_was_interrupted_twice_is_one_batch(batch_server, evalkit, start, words):
    with batch_server(answer=right, steps=None) as server:
        for _ in range(2):
            seen = server.count("poll")
            process = start(*words(server, "--judge-batch"))
            end = time.monotonic() + 60
            while server.count("poll") == seen:
                assert time.monotonic() < end
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            assert "the same command waits for it again" in " ".join(err.split())
        server.steps = 1
        done = evalkit(*words(server, "--judge-batch"))
        assert (server.count("upload"), len(server.batches)) == (1, 1)
    assert done.code == 0, done.err
    assert done.record["judge"]["requests"] == COUNT
