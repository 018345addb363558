"""ScienceQA's ensemble with a judge on the loopback address."""

import hashlib
import json
import re

import pytest


def even(asked):
    """A judge that takes the first choice, and cannot be read on some questions."""
    digest = hashlib.sha256(asked.text.encode()).digest()[0]
    return "no idea" if digest < 16 else "Because.\nThe answer is A."


@pytest.fixture
def files(shared):
    return (
        *("--ours", shared / "scienceqa-gpt4-ensemble/our_llava-v1.5-13b_as_sentences.jsonl.gz"),
        *("--gpt4", shared / "scienceqa/pred/gpt3_QCM-ALE_2_seed_3.json.gz"),
        *("--references", shared / "scienceqa"),
    )


def test_a_judge_is_asked_where_the_models_differ(evalkit, chat_server, files, tmp_path):
    said = tmp_path / "requery.jsonl"
    judge = ("--judge-cache", tmp_path / "cache.sqlite", "--json", "--out", tmp_path / "out")
    with chat_server(answer=even) as server:
        spec = f"openai:toy-model,base_url={server.url}"
        words = ("judge", "scienceqa", *files, "--judge", spec, *judge)
        done = evalkit(*words, "--write-requery", said)
        assert done.code == 14, "one verdict in sixteen cannot be read"
        asked = len(server.asked)
        texts = {a.text for a in server.asked}
        again = evalkit(*words)
        assert json.loads(again.out)["evalkit"] == json.loads(done.out)["evalkit"]
        new = [a.text for a in server.asked[asked:]]
    assert 1253 <= asked <= 1253 * 2
    assert all(even_text(text) == "no idea" for text in new), "only what could not be read"
    assert all(len(re.findall("<answer_1>", text)) == 1 for text in texts)
    replies = evalkit("judge", "scienceqa", *files, "--requery", said, "--json")
    assert json.loads(replies.out)["evalkit"] == json.loads(done.out)["evalkit"]


def even_text(text):
    return "no idea" if hashlib.sha256(text.encode()).digest()[0] < 16 else "read"


def test_a_judge_and_its_replies_exclude_each_other(evalkit, files):
    done = evalkit("judge", "scienceqa", *files, "--requery", files[1], "--judge", "dummy:echo")
    assert done.code == 2
    assert "--judge and --requery exclude each other" in done.err
