"""GQA: compositional questions about real scenes, with one short answer each.

Hudson and Manning, CVPR 2019 (arXiv:1902.09506). The balanced test-dev split: 12,578 questions on
398 images. Official evaluator: `eval.py` of the GQA site, which compares with `==`, after LLaVA's
`scripts/convert_gqa_for_eval.py` (c121f043), which drops full stops at the end and capitals.

Quirks: there is no other normalisation, so " yes" and "a dog" are wrong where "yes" and "dog" are
gold. "open" is the structural type "query", "binary" is every other type. A program's length in
`steps` leaves out existence and name operations, as `eval.py` does. A result list in GQA's own
format is compared as it is: `eval.py` converts nothing. The evaluator's further numbers
(consistency, validity, plausibility, grounding, distribution) need more than answers; they are in
`evalkit.official.gqa_further` and come from `evalkit score`.

The images stand in a second table of the dataset, joined by the image's id. 16 new tokens, as in
lmms-eval; a longer answer is wrong in any case.
"""

from evalkit.answers.gqa import (
    exact_match,
    gqa_reading,
    lmms_eval_reading,
    result_list_reading,
    vlmevalkit_reading,
)
from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample, SampleScore
from evalkit.task import SHORT_ANSWER_PROMPTS, DatasetRef, Join, Protocol, Row, Task

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
    """Exact equality with the gold answer, after LLaVA's conversion if it is not made yet."""
    converted = sample.inputs.get("converted") == "yes"
    read = result_list_reading if converted else gqa_reading
    return exact_match(text, sample.targets[0], read)


def _is_binary(score: SampleScore) -> bool:
    return score.tags.get("structural", "query") != "query"


def _is_open(score: SampleScore) -> bool:
    return score.tags.get("structural") == "query"


def _is_counted(step: Row) -> bool:
    written = f"{step['operation']}: {step['argument']}"
    return not any(part in written for part in _UNCOUNTED_STEPS)


METRICS = (accuracy(), accuracy("binary", only=_is_binary), accuracy("open", only=_is_open))

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
    prompts=SHORT_ANSWER_PROMPTS,
    generation=Generation(max_new_tokens=16),
    score=score,
    protocol="official",
    source="GQA eval.py, after LLaVA scripts/convert_gqa_for_eval.py (c121f043)",
    metrics=METRICS,
    headline=("accuracy",),
    breakdowns=("structural", "semantic", "steps", "words"),
    protocols={
        "lmms-eval": Protocol(
            source="lmms-eval 0.7.3 (75571cfe), tasks/gqa/gqa.yaml: exact_match",
            score=lambda s, text: exact_match(text, s.targets[0], lmms_eval_reading, both=True),
            metrics=METRICS,
            headline=("accuracy",),
        ),
        "vlmevalkit": Protocol(
            source="VLMEvalKit (e8e78f05), dataset/utils/vqa_eval.py: accuracy (Overall, x100)",
            score=lambda s, text: exact_match(text, s.targets[0], vlmevalkit_reading, both=True),
            metrics=METRICS,
            headline=("accuracy",),
        ),
    },
    files="evalkit.official.gqa:GqaFiles",
)
