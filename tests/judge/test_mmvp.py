"""MMVP by a judge: the official question, word for word, and pairs that count."""

import json
import re
import zlib
from collections import defaultdict

import pytest

from evalkit import registry
from evalkit.mmvp_review import KNOWN, outcome, read_yes_or_no
from evalkit.records import Failure, Verdict
from evalkit.rubric import digest_of


def official(shared):
    """The official words of the reference's README, in evalkit's form of two turns."""
    text = (shared / "mmvp" / "README.md").read_text()
    system = re.search(r'system: "([^"]+)"', text)[1]
    user = re.search(r"gets `([^`]+)`", text)[1]
    for name, here in (
        ("{prompt}", "{{ question }} {{ options }}"),
        ("{answer}", "({{ targets[0] | lower }})"),
        ("{response}", "{{ answer }}"),
    ):
        user = user.replace(name, here)
    return f"{system}\n---\n{user}\n"


def test_the_official_words_are_known(shared):
    assert digest_of(official(shared)) in KNOWN


def test_the_official_question(shared):
    task = registry.load_task("mmvp:judged")
    rubric = task.judging.read(official(shared))
    assert rubric.origin == "official"
    sample = task.to_sample(
        {"Index": 1, "Question": "Open?", "Options": "(a) Yes (b) No", "Correct Answer": "(b)",
         "image": None}
    )  # fmt: skip
    system, user = rubric.ask(sample, "No, <it> is {{ not }}.", False)  # noqa: FBT003
    assert system.content[0].endswith("Please answer in only yes or no.")
    assert user.content[0].startswith("Given the following question Open? (a) Yes (b) No, the")
    assert user.content[0].endswith(
        "the correct answer is (b). Does the following answer "
        "correctly answers the question, answer:No, <it> is {{ not }}.?"
    )


def test_replies_are_read_as_the_official_script_reads_them(shared):
    assert [read_yes_or_no(r) for r in ("yes", "YES", "no", "Yes.", " yes", "yes\n", "")] == [
        *((1.0,), (1.0,), (0.0,)), None, None, None, None,
    ]  # fmt: skip


def verdict(said, repetition=1):
    """A verdict that is yes (1), no (0) or failed (None)."""
    failure = Failure(kind="timeout", message="late") if said is None else None
    ratings = None if said is None else (float(said),)
    return Verdict(sample_id="a", repetition=repetition, ratings=ratings, failure=failure)


@pytest.mark.parametrize(
    ("said", "answer", "values"),
    [
        ((1,), "yes", (1, 1, 1, 1, 1)),
        ((0,), "no", (0, 1, 0, 0, 0)),
        ((None,), None, (0, 0, 0, 0, 1)),
        ((1, None, None), "yes", (0, 1, 1, 0, 1)),
        ((0, None, None), "no", (0, 1, 0, 0, 1)),
        ((1, 1, None), "yes", (1, 1, 1, 1, 1)),
        ((1, 0, None), "no", (0, 1, 0, 0, 1)),
        ((1, 0), "no", (0, 1, 0, 0, 0)),
        ((0, 0, None), "no", (0, 1, 0, 0, 0)),
    ],
)
def test_the_majority_of_the_verdicts_that_are_there(said, answer, values):
    """Official: a failed verdict is no. Judged: it has no vote. Low and high: it is either."""
    found = outcome(None, "text", [verdict(one, place) for place, one in enumerate(said, 1)])
    assert found.answer == answer
    names = ("correct", "judged", "yes", "low", "high")
    assert tuple(found.values[name] for name in names) == values


def test_a_model_that_failed_is_wrong_in_every_reading():
    found = outcome(None, None, ())
    assert found.answer is None
    assert found.values == {"correct": 0, "judged": 1, "yes": 0, "low": 0, "high": 0}


def test_pairs_of_a_judged_run(evalkit, chat_server, tmp_path):
    """Every number against the verdicts themselves, of which some have failed."""

    def answer(asked):
        if zlib.crc32(asked.text.encode()) % 10 == 0:
            return "Perhaps"
        said = zlib.crc32(f"{asked.text}{asked.times}".encode()) % 11
        return "Perhaps" if said < 4 else "yes" if said < 10 else "no"

    with chat_server(answer=answer) as server:
        done = evalkit(
            *("run", "mmvp:judged", "--model", "dummy:hash", "--data", "demo", "--votes", "3"),
            *("--judge", f"openai:toy-model,base_url={server.url}", "--judge-cache", "none"),
            *("--max-judge-failures", "1", "--out", tmp_path, "--json"),
        )
    assert done.code == 0, done.err
    (result,) = done.record["results"]
    numbers = {name: value["value"] for name, value in result["metrics"].items()}
    (path,) = tmp_path.glob("*/*/verdicts/mmvp-judged.jsonl")
    verdicts = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(verdicts) == 3 * 60
    assert all((v["failure"] is None) == (v["ratings"] is not None) for v in verdicts)
    said = defaultdict(list)
    for one in verdicts:
        said[one["sample_id"]].append(one["ratings"] and one["ratings"][0])
    assert result["judge"]["failed"] == {
        "unreadable": sum(own.count(None) for own in said.values())
    }
    assert any(0 < own.count(None) < 3 for own in said.values())
    assert any(own.count(None) == 3 for own in said.values()), "and some pair is not judged"
    ids = list(said)
    pairs = [(said[one], said[two]) for one, two in zip(ids[::2], ids[1::2], strict=True)]
    low = [all(own.count(1.0) >= 2 for own in pair) for pair in pairs]
    high = [all(own.count(0.0) < 2 for own in pair) for pair in pairs]
    judged = [
        all(own.count(1.0) > own.count(0.0) for own in pair)
        for pair in pairs
        if all(own.count(None) < 3 for own in pair)
    ]
    assert numbers["pair_accuracy"] == numbers["judged_low"] == pytest.approx(sum(low) / 30)
    assert numbers["judged_high"] == pytest.approx(sum(high) / 30)
    assert len(judged) < 30
    assert numbers["judged"] == pytest.approx(sum(judged) / len(judged))

    assert numbers["judged_low"] < numbers["judged"] < numbers["judged_high"]
