"""VQAv2: open questions about COCO images, scored by agreement with ten people.

Goyal et al., CVPR 2017 (arXiv:1612.00837). Validation: 214,354 questions. Official evaluator:
GT-Vision-Lab/VQA `vqaEval.py` (a013f004), rules in `evalkit.answers.vqa`, Python 2.7's where Python
3 differs.

Quirks: nothing is normalised where the ten people agree, so "Yes" scores 0 against ten times "yes";
published numbers hide it, because LLaVA and others run EvalAI's answer processor over the answers
before they upload them. The official report rounds to two decimals; numbers here are not rounded.

Variant `testdev`: 107,394 questions without gold answers, scored by the EvalAI server. Its
submission file holds the answers after EvalAI's processor, as LLaVA's
`scripts/convert_vqav2_for_submission.py` (a689fd8c) makes it. That script also lists each other
question of test2015 with an empty answer; this file lists the questions that were asked.

16 new tokens, as in lmms-eval: answers are a word or a phrase.
"""

from collections.abc import Sequence
from typing import Any

from evalkit.answers.evalai import evalai_answer
from evalkit.answers.vqa import as_compared, soft_score
from evalkit.metrics import mean
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Row, Task

_REPOSITORIES = ("lmms-lab-encoder/VQAv2", "lmms-lab/VQAv2")


def to_sample(row: Row) -> Sample:
    """One question with the ten answers as people gave them; test-dev has none, and no types."""
    return Sample(
        id=str(row["question_id"]),
        question=row["question"],
        images=(row["image"],),
        targets=tuple(given["answer"] for given in row.get("answers") or ()),
        cluster=str(row["image_id"]),
        tags={tag: row[tag] for tag in ("answer_type", "question_type") if row.get(tag)},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """The soft score: how far the ten people agree with the answer."""
    if text is None:
        return Outcome(answer=None, values={"score": 0.0})
    answer, gold = as_compared(text, sample.targets)
    return Outcome(answer=answer, values={"score": soft_score(answer, gold)})


def convert(sample: Sample, text: str | None) -> Outcome:
    """The answer as it is submitted; the server has the gold answers."""
    del sample
    return Outcome(answer=None if text is None else evalai_answer(text), values={})


def submission(answered: Sequence[tuple[Sample, str]]) -> tuple[str, Any]:
    """The file that EvalAI takes: a list of question ids and converted answers."""
    entries = [
        {"question_id": int(sample.id), "answer": evalai_answer(text)} for sample, text in answered
    ]
    return "vqav2_testdev_submission.json", entries


TASK = Task(
    name="vqav2",
    version=1,
    dataset=DatasetRef(
        repositories=_REPOSITORIES,
        split="validation",
        columns=(
            "question_id",
            "question",
            "answers",
            "answer_type",
            "question_type",
            "image_id",
            "image",
        ),
        image_columns=("image",),
        rows=214_354,
    ),
    to_sample=to_sample,
    prompts={
        "llava": Prompt(
            template="{{ question }}\nAnswer the question using a single word or phrase."
        ),
        "qwen": Prompt(template="{{ question }} Answer:"),
        "paligemma": Prompt(template="answer en {{ question }}"),
    },
    generation=Generation(max_new_tokens=16),
    score=score,
    metrics=(mean(),),
    headline=("accuracy",),
    breakdowns=("answer_type", "question_type"),
    variants={
        "testdev": {
            "dataset": DatasetRef(
                repositories=_REPOSITORIES,
                split="testdev",
                columns=("question_id", "question", "image_id", "image"),
                image_columns=("image",),
                rows=107_394,
            ),
            "score": convert,
            "metrics": (),
            "headline": (),
            "breakdowns": (),
            "submission": submission,
        }
    },
)
