"""MME: fourteen subtasks of perception and cognition; each image has one yes- and one no-question.

Fu et al. 2023 (arXiv:2306.13394). 2,374 questions on 1,187 images. Official evaluator:
`calculation.py` in `eval_tool.zip` (BradyFU/Awesome-Multimodal-Large-Language-Models, branch
Evaluation, dd29509): per subtask 100 x accuracy + 100 x share of images with both questions right;
perception is the sum of ten subtasks (at most 2000), cognition that of four (at most 800).

Quirks: the answer is looked for in the first four characters only (`evalkit.answers.yes_no`). The
official sums divide by what is there: a missing image costs nothing. An image of which only one
question is there counts as right if that one is; the official script cannot read such a file.

The dataset's questions end in " Please answer yes or no.", seven of 2,374 after two spaces. LLaVA
asks without that sentence, and so do all prompts here. 16 new tokens, as in lmms-eval; the rule
reads four characters.
"""

from evalkit.answers.yes_no import mme_answer
from evalkit.metrics import mme_total
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Row, Task

PERCEPTION = (
    "existence",
    "count",
    "position",
    "color",
    "posters",
    "celebrity",
    "scene",
    "landmark",
    "artwork",
    "OCR",
)
COGNITION = (
    "commonsense_reasoning",
    "numerical_calculation",
    "text_translation",
    "code_reasoning",
)


def to_sample(row: Row) -> Sample:
    """One question; the gold answer completes the id, as each image has one yes and one no."""
    image = str(row["question_id"])
    return Sample(
        id=f"{image}#{row['answer']}",
        question=row["question"].strip().removesuffix("Please answer yes or no.").rstrip(),
        images=(row["image"],),
        targets=(row["answer"].strip().lower(),),
        group=image,
        cluster=image,
        tags={"subtask": row["category"]},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Right or wrong; what is neither yes nor no is wrong."""
    answer = None if text is None else mme_answer(text)
    return Outcome(answer=answer, values={"correct": float(answer == sample.targets[0])})


TASK = Task(
    name="mme",
    version=1,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/MME", "lmms-lab/MME"),
        split="test",
        columns=("question_id", "image", "question", "answer", "category"),
        image_columns=("image",),
        rows=2_374,
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
    metrics=(mme_total("perception", PERCEPTION), mme_total("cognition", COGNITION)),
    headline=("perception", "cognition"),
    breakdowns=("subtask",),
)
