"""LLaVA-Bench (COCO): questions on COCO pictures, rated beside a text-only GPT-4 by a judge.

Liu et al., NeurIPS 2023 (arXiv:2304.08485). 30 pictures of COCO val2014 with three questions each
(conversation, detail, complex reasoning). The reference answers are a GPT-4's that saw captions and
boxes alone; the judge sees the same. The rest is as in LLaVA-Bench (In-the-Wild).
"""

from evalkit.pair_review import pair_judging
from evalkit.records import Generation, Sample
from evalkit.rubric import unjudged
from evalkit.task import DatasetRef, Prompt, Row, Task


def to_sample(row: Row) -> Sample:
    """One question; questions on one picture are one cluster, known by the picture's description.

    Args:
        row: question_id, question, image, caption (captions, then boxes), category, answer.
    """
    caption = row["caption"] if isinstance(row["caption"], str) else "\n".join(row["caption"])
    return Sample(
        id=str(row["question_id"]),
        question=row["question"],
        images=(row["image"],),
        targets=(row["answer"],),
        cluster=caption,
        tags={"category": row["category"]},
        inputs={"context": caption, "rule": row["category"]},
    )


TASK = Task(
    name="llava_bench_coco",
    version=2,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/llava-bench-coco", "lmms-lab/llava-bench-coco"),
        split="train",
        columns=("question_id", "question", "image", "caption", "category", "answer"),
        image_columns=("image",),
        rows=90,
    ),
    to_sample=to_sample,
    prompts={"plain": Prompt(template="{{ question }}")},
    generation=Generation(max_new_tokens=1024),
    score=unjudged,
    metrics=(),
    headline=(),
    protocol="unjudged",
    source="no number without a judge",
    judging=pair_judging(),
)
