"""VQAv2: open questions about COCO images, scored by agreement with ten people.

Goyal et al., CVPR 2017 (arXiv:1612.00837). Validation: 214,354 questions. Official evaluator:
GT-Vision-Lab/VQA `vqaEval.py` (a013f004), rules in `evalkit.answers.vqa`, Python 2.7's where Python
3 differs.

Quirks: nothing is normalised where the ten people agree, so "Yes" scores 0 against ten times "yes";
published numbers hide it, because LLaVA and others run EvalAI's answer processor over the answers
before they upload them (the conversion `llava`). Numbers here are not rounded; the official report,
to two decimals, is a note beside them. lmms-eval and VLMEvalKit always normalise.

Variant `testdev`: 107,394 questions without gold answers, scored by the EvalAI server. Its
submission holds the answers after EvalAI's processor, as `scripts/convert_vqav2_for_submission.py`
of LLaVA (a689fd8c) makes it; not the other questions of test2015, which that lists as empty.

16 new tokens, as in lmms-eval: answers are a word or a phrase.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from sys import intern
from typing import Any

from evalkit.answers.agreement import LMMS_EVAL_VQA, VLMEVALKIT_VQA, vqa_best, vqa_score
from evalkit.answers.evalai import evalai_answer
from evalkit.metrics import mean
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import SHORT_ANSWER_PROMPTS, DatasetRef, Protocol, Row, Task

_REPOSITORIES = ("lmms-lab-encoder/VQAv2", "lmms-lab/VQAv2")
_ASKED = ("question_id", "question", "image_id", "image")
_ANSWER = itemgetter("answer")
_TAGS = ("answer_type", "question_type")


def to_sample(row: Row) -> Sample:
    """One question with the ten answers as people gave them; test-dev has none, and no types."""
    return Sample(
        id=str(row["question_id"]),
        question=row["question"],
        images=(row["image"],),
        # Two million answers have few texts: one object for each.
        targets=tuple(map(intern, map(_ANSWER, row.get("answers") or ()))),
        cluster=intern(str(row["image_id"])),
        tags=_tags(row.get("answer_type"), row.get("question_type")),
    )


@lru_cache(maxsize=4096)
def _tags(*values: str | None) -> Mapping[str, str]:
    return {tag: value for tag, value in zip(_TAGS, values, strict=True) if value}


def convert(sample: Sample, text: str | None) -> Outcome:
    """The answer as it is submitted; the server has the gold answers."""
    del sample
    return Outcome(answer=None if text is None else evalai_answer(text), values={})


def submission(answered: Sequence[tuple[Sample, str]]) -> tuple[str, Any]:
    """The file that EvalAI takes: a list of question ids and converted answers."""
    entries = [{"question_id": int(s.id), "answer": evalai_answer(text)} for s, text in answered]
    return "vqav2_testdev_submission.json", entries


TASK = Task(
    name="vqav2",
    version=1,
    dataset=DatasetRef(
        repositories=_REPOSITORIES,
        split="validation",
        columns=(*_ASKED, "answers", *_TAGS),
        image_columns=("image",),
        rows=214_354,
    ),
    to_sample=to_sample,
    prompts=SHORT_ANSWER_PROMPTS,
    generation=Generation(max_new_tokens=16),
    score=vqa_score,
    protocol="official",
    source="GT-Vision-Lab/VQA vqaEval.py (a013f004), Python 2.7",
    metrics=(mean(),),
    headline=("accuracy",),
    breakdowns=_TAGS,
    best=vqa_best,
    files="evalkit.official.vqav2:Vqav2Files",
    conversions={"llava": evalai_answer},
    protocols={
        name: Protocol(
            source=its.source,
            score=its.score,
            best=its.best,
            metrics=(mean(pairwise=its is VLMEVALKIT_VQA),),
            headline=("accuracy",),
        )
        for name, its in (("lmms-eval", LMMS_EVAL_VQA), ("vlmevalkit", VLMEVALKIT_VQA))
    },
    variants={
        "testdev": {
            "dataset": DatasetRef(
                repositories=_REPOSITORIES,
                split="testdev",
                columns=_ASKED,
                image_columns=("image",),
                rows=107_394,
            ),
            "score": convert,
            "metrics": (),
            "headline": (),
            "breakdowns": (),
            "submission": submission,
            "best": None,
            "protocols": {},
        }
    },
)
