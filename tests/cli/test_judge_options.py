"""The options of a judge without a judge: each is named as it was given."""

import re

import pytest

OPTIONS = {
    "--judge-base-url": "http://127.0.0.1:9/v1",
    "--rubric": "rule.json",
    "--votes": "3",
    "--swap": None,
    "--judge-prices": "prices.toml",
    "--judge-budget": "2",
    "--judge-batch": None,
    "--max-judge-failures": "0.5",
    "--judge-cache": "none",
}
NOUGHT = {"--votes": "0", "--judge-budget": "0", "--max-judge-failures": "0"}


@pytest.mark.parametrize(("option", "value"), [*OPTIONS.items(), *NOUGHT.items()])
def test_an_option_without_a_judge_is_named(evalkit, tmp_path, option, value):
    words = (option,) if value is None else (option, value)
    done = evalkit("judge", "drift", "--anchors", tmp_path, "--now", tmp_path, *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"evalkit: {option} was given, but no --judge.\n"


def test_both_orders_of_one_answer_are_refused(evalkit, tmp_path):
    words = ("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--out", tmp_path)
    judge = ("--judge", "dummy:constant,text=0.5", "--judge-cache", "none", "--swap")
    done = evalkit(*words, *judge)
    assert (done.code, done.out) == (2, "")
    assert "the judge of mmvet sees one; leave it away" in done.err


NOTE = "--swap does not apply to mmvet, mmvp:judged: there the judge sees one answer."


@pytest.mark.parametrize("served", [False, True], ids=["here", "behind a server"])
def test_tasks_that_are_not_swapped_are_named_once(evalkit, chat_server, tmp_path, served):
    """A judge that is here is asked after the model, one behind a server beside it."""
    if served:
        pytest.importorskip("openai", reason="the extra openai is not installed")
    tasks = ("mmvet", "llava_bench_wild", "mmvp:judged")
    words = ("--model", "dummy:echo", "--data", "demo", "--limit", "2", "--out", tmp_path)
    more = ("--judge-cache", "none", "--max-judge-failures", "1", "--swap")
    with chat_server(answer=lambda asked: "8 4") as server:
        spec = f"openai:toy-model,base_url={server.url}" if served else "dummy:constant,text=8 4"
        done = evalkit("run", *tasks, *words, "--judge", spec, *more)
    assert done.code == 0, done.err
    assert done.err.splitlines().count(NOTE) == 1
    assert "both orders agree" in " ".join(done.out.split())


def test_where_all_are_swapped_there_is_no_note(evalkit, tmp_path):
    words = ("--model", "dummy:echo", "--data", "demo", "--limit", "2", "--out", tmp_path)
    judge = ("--judge", "dummy:constant,text=8 4", "--judge-cache", "none")
    done = evalkit("run", "llava_bench_wild", *words, *judge, "--swap")
    assert (done.code, "does not apply" in done.err) == (0, False), done.err
    plain = evalkit("run", "mmvet", *words, *judge, "--max-judge-failures", "1")
    assert (plain.code, "does not apply" in plain.err) == (0, False), plain.err


def test_the_environment_may_say_that_nothing_is_kept(evalkit, tmp_path):
    words = ("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--limit", "2")
    judge = ("--judge", "dummy:constant,text=0.5")
    environment = {"EVALKIT_JUDGE_CACHE": "none"}
    done = evalkit(*words, *judge, cwd=tmp_path, **environment)
    assert done.code == 0, done.err
    assert not (tmp_path / "none").exists()
    stats = evalkit("judge", "cache", "stats", **environment)
    assert (stats.code, stats.out, stats.err.count("\n")) == (2, "", 1)
    assert "EVALKIT_JUDGE_CACHE is none" in stats.err


def test_a_judge_without_a_backend_is_hinted_at_where_judges_are(evalkit, tmp_path):
    words = ("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--out", tmp_path)
    done = evalkit(*words, "--judge", "gpt-4o")
    assert done.code == 2
    assert "write backend:name, such as openai:gpt-4o (" in done.err
    local = evalkit(*words, "--judge", "Qwen/Qwen2.5-VL-7B-Instruct")
    assert "such as hf:Qwen/Qwen2.5-VL-7B-Instruct (" in local.err


def test_a_second_judge_says_whose_verdicts_it_replaces(evalkit, tmp_path):
    done = evalkit(
        *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--out", tmp_path),
        *("--name", "r", "--judge", "dummy:constant,text=0.5", "--judge-cache", "none"),
    )
    said = "mmvet: replaces the verdicts of dummy:constant,text=0.5 (50.00)."
    assert (done.code, "replaces" in done.err) == (0, False)
    words = ("judge", tmp_path / "echo" / "r", "--judge-cache", "none", "--judge")
    assert "replaces" not in evalkit(*words, "dummy:constant,text=0.5").err
    assert said in " ".join(evalkit(*words, "dummy:constant,text=0.7").err.split())


def test_what_judging_will_take_is_summed_and_held_against_the_budget(
    evalkit, chat_server, tmp_path
):
    pytest.importorskip("openai", reason="the extra openai is not installed")
    words = ("run", "mmvet", "llava_bench_coco", "--model", "dummy:echo", "--data", "demo")
    out = ("--out", tmp_path, "--name", "r", "--limit", 4)
    assert evalkit(*words, *out, "--no-judge").code == 0
    table = tmp_path / "prices.toml"
    table.write_text('date = "2026-11-01"\n[models.toy-model]\ninput = 1\noutput = 1\n')
    with chat_server() as server:
        done = evalkit(
            *(
                "judge",
                tmp_path / "echo" / "r",
                "--judge-cache",
                "none",
                "--judge-budget",
                "0.0001",
            ),
            *("--judge", f"openai:toy-model,base_url={server.url},prices={table}"),
        )
    told = " ".join(done.err.split())
    costs = [float(cost) for cost in re.findall(r"about ([0-9]+\.[0-9]{4}) USD", told)]
    assert len(costs) == 3, told
    assert costs[2] == pytest.approx(costs[0] + costs[1], abs=2e-4)
    assert "Judging all 2 tasks: 8 questions; about" in told
    said = "The judge's budget is 0.0001 USD, all sessions together, which is less"
    assert said in told
