"""GQA: compositional questions about real scenes, with one short answer each.

Hudson and Manning, CVPR 2019 (arXiv:1902.09506). The balanced test-dev split: 12,578 questions on
398 images. Official evaluator: `eval.py` of the GQA site, which compares with `==`, after LLaVA's
`scripts/convert_gqa_for_eval.py` (c121f043), which drops full stops at the end and capitals.

Quirks: there is no other normalisation, so " yes" and "a dog" are wrong where "yes" and "dog" are
gold. "open" is the structural type "query", "binary" is every other type. A program's length in
`steps` leaves out existence and name operations, as `eval.py` does. Of its further numbers,
consistency needs answers to all of test-dev, validity and plausibility need a file that is not
published for test-dev, and distribution is a distance of histograms: none of them is computed here.

The images stand in a second table of the dataset, joined by the image's id. 16 new tokens, as in
lmms-eval; a longer answer is wrong in any case.
"""

from evalkit.answers.gqa import gqa_answer
from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Join, Prompt, Row, Task

_UNCOUNTED_STEPS = ("exist", "query: name", "choose name")


def to_sample(row: Row) -> Sample:
    """One question; its tags are the slices of the official report."""
    types = row["types"]
    return Sample(
        id=str(row["id"]),
        question=row["question"],
        images=(row["image"],),
        targets=(row["answer"],),
        cluster=str(row["imageId"]),
        tags={
            "structural": types["structural"],
            "semantic": types["semantic"],
            "steps": str(sum(map(_is_counted, row["semantic"]))),
            "words": str(len(row["question"].split())),
        },
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Exact equality with the gold answer after LLaVA's conversion."""
    answer = None if text is None else gqa_answer(text)
    return Outcome(answer=answer, values={"correct": float(answer == sample.targets[0])})


def _is_counted(step: Row) -> bool:
    written = f"{step['operation']}: {step['argument']}"
    return not any(part in written for part in _UNCOUNTED_STEPS)


TASK = Task(
    name="gqa",
    version=1,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/GQA", "lmms-lab/GQA"),
        config="testdev_balanced_instructions",
        split="testdev",
        columns=("id", "imageId", "question", "answer", "types", "semantic"),
        image_columns=("image",),
        rows=12_578,
        join=Join(config="testdev_balanced_images", key="id", on="imageId", columns=("image",)),
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
    metrics=(
        accuracy(),
        accuracy("binary", only=lambda score: score.tags["structural"] != "query"),
        accuracy("open", only=lambda score: score.tags["structural"] == "query"),
    ),
    headline=("accuracy",),
    breakdowns=("structural", "semantic", "steps", "words"),
)
