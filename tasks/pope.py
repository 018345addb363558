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

from evalkit.answers.yes_no import pope_answer
from evalkit.metrics import accuracy, macro_f1, precision_recall_f1
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Row, Task


def to_sample(row: Row) -> Sample:
    """One question; question ids start again in each category."""
    return Sample(
        id=f"{row['category']}/{row['question_id']}",
        question=row["question"].strip(),
        images=(row["image"],),
        targets=(row["answer"].strip().lower(),),
        cluster=str(row["image_source"]),
        tags={"category": row["category"]},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Right or wrong, and in which of the four ways."""
    is_there = sample.targets[0] != "no"
    answer = None if text is None else pope_answer(text)
    is_right = answer == ("yes" if is_there else "no")
    return Outcome(
        answer=answer,
        values={
            "correct": float(is_right),
            "tp": float(is_there and is_right),
            "fp": float(not is_there and not is_right),
            "tn": float(not is_there and is_right),
            "fn": float(is_there and not is_right),
            "yes": float(answer == "yes"),
        },
    )


TASK = Task(
    name="pope",
    version=1,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/POPE", "lmms-lab/POPE"),
        split="test",
        columns=("question_id", "question", "answer", "image_source", "image", "category"),
        image_columns=("image",),
        rows=9_000,
    ),
    to_sample=to_sample,
    prompts={
        "llava": Prompt(
            template="{{ question }}\nAnswer the question using a single word or phrase."
        ),
        "qwen": Prompt(template="{{ question }} Answer:"),
        "paligemma": Prompt(template="answer en {{ question }}"),
    },
    generation=Generation(max_new_tokens=128),
    score=score,
    metrics=(
        accuracy(),
        *precision_recall_f1(),
        macro_f1(tag="category", slices=("random", "popular", "adversarial")),
    ),
    headline=("macro_f1",),
    breakdowns=("category",),
)
