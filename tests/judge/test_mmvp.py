"""MMVP by a judge: the official question, word for word, and pairs that count."""

import json
import re

from evalkit import registry
from evalkit.mmvp_review import KNOWN, read_yes_or_no
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


def test_pairs_of_a_judged_run(evalkit, chat_server, tmp_path):
    def answer(asked):
        return {"0": "yes", "1": "Perhaps"}.get(str(len(asked.text) % 7), "no")

    with chat_server(answer=answer) as server:
        done = evalkit(
            *("run", "mmvp:judged", "--model", "dummy:hash", "--data", "demo"),
            *("--judge", f"openai:toy-model,base_url={server.url}", "--judge-cache", "none"),
            *("--max-judge-failures", "1", "--out", tmp_path, "--json"),
        )
    assert done.code == 0, done.err
    (result,) = done.record["results"]
    numbers = {name: value["value"] for name, value in result["metrics"].items()}
    assert numbers["judged_low"] <= numbers["judged_high"]
    assert numbers["pair_accuracy"] == numbers["judged_low"]
    assert result["judge"]["failed"] == {"unreadable": result["judge"]["failed"]["unreadable"]}
    (path,) = tmp_path.glob("*/*/verdicts/mmvp-judged.jsonl")
    verdicts = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(verdicts) == 60
    assert all((v["failure"] is None) == (v["ratings"] is not None) for v in verdicts)
