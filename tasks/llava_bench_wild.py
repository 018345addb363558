"""LLaVA-Bench (In-the-Wild): open questions, rated beside GPT-4's answers by a judge.

Liu et al., NeurIPS 2023 (arXiv:2304.08485). 60 questions on 24 pictures, in three categories
(conversation, detail, complex reasoning). A judge that sees captions of the picture, not the
picture, rates a reference answer and the model's from 1 to 10; the number is the model's points as
a percentage of the reference's, over all rows. The official script leaves failed reviews in the
means as -1 (59 failures of 60 give "98.9"), rounds both means to three decimals before it divides
(`printed`, where `relative` is not rounded), and its judge was gpt-4-0314, which is gone: published
numbers cannot be had again with another.

The official instructions are read with `--rubric rule.json`; without it evalkit's own words are
asked, and the number is comparable with none that was published.
"""

from evalkit.pair_review import pair_judging
from evalkit.records import Generation, Sample
from evalkit.rubric import unjudged
from evalkit.task import DatasetRef, Prompt, Row, Task


def to_sample(row: Row) -> Sample:
    """One question.

    Args:
        row: question_id, question, image, image_id, category, caption (a text, or several),
            gpt_answer.
    """
    caption = row["caption"]
    category = row["category"].removeprefix("llava_bench_")
    return Sample(
        id=str(row["question_id"]),
        question=row["question"],
        images=(row["image"],),
        targets=(row["gpt_answer"],),
        cluster=str(row["image_id"]),
        tags={"category": category},
        inputs={
            "context": caption if isinstance(caption, str) else "\n".join(caption),
            "rule": f"llava_bench_{category}",
        },
    )


TASK = Task(
    name="llava_bench_wild",
    version=2,
    dataset=DatasetRef(
        repositories=(
            "lmms-lab-encoder/llava-bench-in-the-wild",
            "lmms-lab/llava-bench-in-the-wild",
        ),
        split="train",
        columns=(
            *("question_id", "question", "image", "image_id"),
            *("category", "caption", "gpt_answer"),
        ),
        image_columns=("image",),
        rows=60,
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
