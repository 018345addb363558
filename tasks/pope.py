"""POPE: is an object in the image? Half of the objects are not, drawn in three ways.

Li et al., EMNLP 2023 (arXiv:2305.10355). 9,000 questions on 500 COCO images: 3,000 each with absent
objects drawn at random, among the popular, and among those that go with what is there. Official
evaluator: RUCAIBox/POPE `evaluate.py` (3df3ba1); LLaVA's `eval_pope.py` (c121f043) agrees with it.

Quirks: whatever is not a clear "no" in the first sentence counts as yes (`evalkit.answers.yes_no`),
so no text is ever unparsed. "macro_f1" is LLaVA's published number, the mean of the three splits'
F1; the other metrics pool the 9,000 questions. LLaVA-1.5's 85.9 is on an older version of the data
with 8,910 questions, of which 2,910 are random. A failed prediction is the error that its question
allows: a false negative where the object is there, a false positive where it is not.

128 new tokens, as in LLaVA's loader: the official rule reads the whole first sentence.
"""

from evalkit.answers.yes_no import lmms_pope_reading, pope_reading, vlmevalkit_reading
from evalkit.metrics import (
    accuracy,
    guarded_precision_recall_f1,
    macro_f1,
    precision_recall_f1,
    yes_ratio,
)
from evalkit.records import Generation, Outcome, Reading, Sample
from evalkit.task import SHORT_ANSWER_PROMPTS, DatasetRef, Protocol, Row, Task

SPLIT_METRICS = (accuracy(), *precision_recall_f1())
HARNESS_METRICS = (accuracy(), *guarded_precision_recall_f1())


def to_sample(row: Row) -> Sample:
    """One question; ids start again in each category, which some files do not tell ("")."""
    category = row["category"]
    return Sample(
        id=f"{category}/{row['question_id']}" if category else str(row["question_id"]),
        question=row["question"].strip(),
        images=(row["image"],),
        targets=(row["answer"].strip().lower(),),
        cluster=str(row["image_source"]),
        tags={"category": category} if category else {},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Right or wrong, and in which of the four ways."""
    reading = None if text is None else pope_reading(text)
    return _outcome(sample, reading, otherwise="yes" if sample.targets[0] == "no" else "no")


def lmms_score(sample: Sample, text: str | None) -> Outcome:
    """As lmms-eval: only the bare word counts; and its yes-ratio is that of the gold answers."""
    if text is None:
        return score(sample, None)
    return _outcome(sample, lmms_pope_reading(text), otherwise=None)


def vlmevalkit_score(sample: Sample, text: str | None) -> Outcome:
    """As VLMEvalKit: the unknown is wrong, and a no for precision, recall and F1."""
    return _outcome(sample, None if text is None else vlmevalkit_reading(text), otherwise="no")


def _outcome(sample: Sample, reading: Reading | None, otherwise: str | None) -> Outcome:
    """The counts; `otherwise` is what stands in them for an answer that there is not."""
    found = Reading(None, "") if reading is None else reading
    is_there = sample.targets[0] != "no"
    counted = otherwise if found.answer is None else found.answer
    return Outcome(
        answer=found.answer,
        values={
            "correct": float(found.answer == ("yes" if is_there else "no")),
            "tp": float(is_there and counted == "yes"),
            "fp": float(not is_there and counted == "yes"),
            "tn": float(not is_there and counted == "no"),
            "fn": float(is_there and counted == "no"),
            "yes": float(found.answer == "yes"),
            "gold_yes": float(is_there),
        },
        rule=found.rule,
        ambiguous=found.ambiguous,
    )


TASK = Task(
    name="pope",
    version=2,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/POPE", "lmms-lab/POPE"),
        split="test",
        columns=("question_id", "question", "answer", "image_source", "image", "category"),
        image_columns=("image",),
        rows=9_000,
    ),
    to_sample=to_sample,
    prompts=SHORT_ANSWER_PROMPTS,
    generation=Generation(max_new_tokens=128),
    score=score,
    protocol="official",
    source="RUCAIBox/POPE evaluate.py (3df3ba1)",
    metrics=(*SPLIT_METRICS, macro_f1(tag="category", slices=("random", "popular", "adversarial"))),
    headline=("macro_f1",),
    breakdowns=("category",),
    parts={"category": ("random", "popular", "adversarial")},
    slice_metrics=SPLIT_METRICS,
    files="evalkit.official.pope:PopeFiles",
    protocols={
        "lmms-eval": Protocol(
            source="lmms-eval 0.7.3 (75571cfe) tasks/pope/utils.py",
            score=lmms_score,
            metrics=(*HARNESS_METRICS, yes_ratio(of="gold_yes")),
            headline=("accuracy", "f1"),
            breakdowns=(),
        ),
        "vlmevalkit": Protocol(
            source="VLMEvalKit e8e78f05 vlmeval/dataset/utils/yorn.py (POPE_rating), no judge",
            score=vlmevalkit_score,
            metrics=HARNESS_METRICS,
            headline=("f1",),
        ),
    },
)
