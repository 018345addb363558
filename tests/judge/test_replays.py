"""The official judge scripts against scripted judges: the same requests, the same scores.

A server on the loopback address gives each question the replies that the official script was given,
in order; what evalkit sends is compared by digest, and what it makes of the replies by score.
"""

import gzip
import hashlib
import json
from collections import defaultdict

import numpy as np
import pytest

from evalkit import registry
from evalkit.judge.order import JudgeOrder
from evalkit.judge.result import further, judged_task
from evalkit.judge.stage import JudgeStage
from evalkit.metrics import official_relative
from evalkit.official.interface import no_picture
from evalkit.records import Prediction
from evalkit.score import score_predictions, total


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def lines(path):
    content = path.read_bytes()
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    return [json.loads(line) for line in text.splitlines()]


def judged(exam, rubric, server, folder):
    """The verdicts, the samples and the predictions."""
    task, rows, answers = exam
    samples = [task.to_sample(row) for row in rows]
    predictions = {key: Prediction(sample_id=key, text=text) for key, text in answers.items()}
    order = JudgeOrder(
        model=f"openai:toy-model,base_url={server.url},concurrency=8",
        rubrics={"": rubric},
        cache=folder / "cache.sqlite",
    )
    with JudgeStage(order, folder, [task]) as stage:
        found = stage.judge(task, samples, predictions)
    return found, samples, predictions


def test_mm_vet(chat_server, shared, tmp_path):
    folder = shared / "mm-vet"
    replies = {r["id"]: r["replies"] for r in lines(folder / "replay" / "judge_replies.jsonl.gz")}
    wanted = lines(folder / "replay" / "requests_expected.jsonl.gz")
    owner = {r["sha256_of_content"]: (r["id"], r["attempt"] > 0) for r in wanted}
    seen = []

    def answer(asked):
        content = asked.body["messages"][0]["content"]
        sample_id, is_retry = owner[sha(content)]
        attempt = asked.times if is_retry else 0
        seen.append((sample_id, attempt, asked.body["temperature"], asked.body["max_tokens"]))
        assert [m["role"] for m in asked.body["messages"]] == ["user"]
        return replies[sample_id][attempt]

    raw = json.loads((folder / "mm-vet.json").read_text())
    rows = [
        {
            **own,
            "question_id": key,
            "image": no_picture(own["imagename"]),
            "capability": ",".join(own["capability"]),
        }
        for key, own in raw.items()
    ]
    answers = json.loads((folder / "pred" / "llava-v1.5-13b.json").read_text())
    task = registry.load_task("mmvet")
    with chat_server(answer=answer) as server:
        found, samples, predictions = judged(
            (task, rows, answers), folder / "grading_prompt.txt", server, tmp_path
        )
    assert sorted(seen) == sorted(
        (r["id"], r["attempt"], r["temperature"], r["max_tokens"]) for r in wanted
    )
    assert found.report.origin == "official"
    scores = score_predictions(judged_task(task, found), samples, predictions)
    (graded,) = (folder / "replay").glob("*grade-1runs.json.gz")
    with gzip.open(graded, "rt") as file:
        official = json.load(file)
    assert {s.sample_id: s.values["official"] for s in scores} == {
        key: own["score"][0] for key, own in official.items()
    }
    metric = task.judging.metrics[0]
    told = json.loads((folder / "replay" / "expected.json").read_text())
    assert np.round(total(task, metric, scores), 1) == told["capability_1_decimal"]["total"]


@pytest.mark.parametrize("kind", ["in-the-wild", "coco30x3"])
def test_llava_bench(chat_server, shared, tmp_path, kind):
    folder = shared / "llava-bench"
    replay = folder / f"replay_{kind}"
    replies = {r["question_id"]: r["reply"] for r in lines(replay / "judge_replies.jsonl")}
    wanted = lines(replay / "requests_expected.jsonl")
    owner = {(r["sha256_system"], r["sha256_user"]): r["question_id"] for r in wanted}
    seen = defaultdict(list)

    def answer(asked):
        told = tuple(sha(m["content"]) for m in asked.body["messages"])
        seen[owner[told]].append((asked.body["temperature"], asked.body["max_tokens"]))
        return replies[owner[told]]

    exam = (wild if kind == "in-the-wild" else coco)(folder / kind)
    task = exam[0]
    with chat_server(answer=answer) as server:
        found, samples, predictions = judged(exam, folder / "rule.json", server, tmp_path)
    assert seen == {r["question_id"]: [(r["temperature"], r["max_tokens"])] for r in wanted}
    assert found.report.origin == "official"
    scores = score_predictions(judged_task(task, found), samples, predictions)
    official = {str(r["question_id"]): r["tuple"] for r in lines(replay / "review_expected.jsonl")}
    assert {s.sample_id: [s.values["reference"], s.values["answer"]] for s in scores} == official
    told = json.loads((replay / "expected.json").read_text())["official_summary"]
    for name, figures in told.items():
        category = name.removeprefix("llava_bench_")
        own = [s for s in scores if category in ("all", s.tags["category"])]
        assert official_relative(own) == (
            figures["relative"],
            figures["reference_x10"],
            figures["candidate_x10"],
        )
        shown = "printed" if category == "all" else f"printed_{category}"
        assert further(task, scores)[shown].value == figures["relative"]


def wild(folder):
    captions = {r["image"]: r["caption"] for r in lines(folder / "context.jsonl")}
    reference = {r["question_id"]: r["text"] for r in lines(folder / "answers_gpt4.jsonl")}
    rows = [
        {
            "question_id": r["question_id"],
            "question": r["text"],
            "image": None,
            "image_id": r["image"],
            "category": r["category"],
            "caption": captions[r["image"]],
            "gpt_answer": reference[r["question_id"]],
        }
        for r in lines(folder / "questions.jsonl")
    ]
    answers = lines(folder / "pred" / "llava-v1.5-13b.jsonl")
    return (
        registry.load_task("llava_bench_wild"),
        rows,
        {str(r["question_id"]): r["text"] for r in answers},
    )


def coco(folder):
    context = {r["image"]: described(r) for r in lines(folder / "caps_boxes_coco2014_val_80.jsonl")}
    reference = {r["question_id"]: r["text"] for r in lines(folder / "qa90_gpt4_answer.jsonl")}
    rows = [
        {
            "question_id": r["question_id"],
            "question": r["text"],
            "image": None,
            "caption": context[r["image"]],
            "category": r["category"],
            "answer": reference[r["question_id"]],
        }
        for r in lines(folder / "qa90_questions.jsonl")
    ]
    answers = lines(folder / "qa90_candidate.jsonl")
    return (
        registry.load_task("llava_bench_coco"),
        rows,
        {str(r["question_id"]): r["text"] for r in answers},
    )


def described(row):
    """Captions, and below them the boxes, as the official script shows them."""
    boxes = [f"{one['category']}: {one['bbox']}" for one in row["instances"]]
    return "\n".join([*row["captions"], "", *boxes])
