"""MME: fourteen subtasks of perception and cognition; each image has one yes- and one no-question.

Fu et al. 2023 (arXiv:2306.13394). 2,374 questions on 1,187 images. Official evaluator:
`calculation.py` in `eval_tool.zip` (BradyFU/Awesome-Multimodal-Large-Language-Models, branch
Evaluation, dd29509): per subtask 100 x accuracy + 100 x share of images with both questions right;
perception is the sum of ten subtasks (at most 2000), cognition that of four (at most 800).

Quirks: the answer is looked for in the first four characters only (`evalkit.answers.yes_no`). The
official sums divide by what is there: a missing image costs nothing. An image of which only one
question is there is no pair; the official script, which takes two lines for an image, cannot tell.

The dataset's questions end in " Please answer yes or no.", seven of 2,374 after two spaces. LLaVA
asks without that sentence, and so do all prompts here. 16 new tokens, as in lmms-eval; the rule
reads four characters.
"""

from evalkit.answers.yes_no import lmms_mme_reading, mme_reading, vlmevalkit_reading
from evalkit.metrics import accuracy, group_accuracy, mme_mean_total, mme_score, mme_total
from evalkit.records import Generation, Outcome, Reading, Sample
from evalkit.task import SHORT_ANSWER_PROMPTS, DatasetRef, Protocol, Row, Task

PERCEPTION = (
    *("existence", "count", "position", "color", "posters"),
    *("celebrity", "scene", "landmark", "artwork", "OCR"),
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
SLICE_METRICS = (accuracy(), group_accuracy("accuracy_plus", size=2), mme_score())


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
        inputs={"place": str(row.get("__index__", 0))},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Right or wrong; what is neither yes nor no is wrong."""
    return _outcome(sample, None if text is None else mme_reading(text))


def lmms_score(sample: Sample, text: str | None) -> Outcome:
    """As lmms-eval reads the answer; the place tells in which order it adds the subtasks."""
    reading = None if text is None else lmms_mme_reading(text)
    return _outcome(sample, reading, place=float(str(sample.inputs["place"])))


def vlmevalkit_score(sample: Sample, text: str | None) -> Outcome:
    """As VLMEvalKit reads the answer."""
    return _outcome(sample, None if text is None else vlmevalkit_reading(text))


def _outcome(sample: Sample, reading: Reading | None, **further: float) -> Outcome:
    found = Reading(None, "") if reading is None else reading
    return Outcome(
        answer=found.answer,
        values={"correct": float(found.answer == sample.targets[0]), **further},
        rule=found.rule,
        ambiguous=found.ambiguous,
    )


TASK = Task(
    name="mme",
    version=2,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/MME", "lmms-lab/MME"),
        split="test",
        columns=("question_id", "image", "question", "answer", "category"),
        image_columns=("image",),
        rows=2_374,
    ),
    to_sample=to_sample,
    prompts=SHORT_ANSWER_PROMPTS,
    generation=Generation(max_new_tokens=16),
    score=score,
    protocol="official",
    source="MME eval_tool.zip calculation.py (dd29509)",
    metrics=(mme_total("perception", PERCEPTION), mme_total("cognition", COGNITION)),
    headline=("perception", "cognition"),
    breakdowns=("subtask",),
    parts={"subtask": (*PERCEPTION, *COGNITION)},
    slice_metrics=SLICE_METRICS,
    files="evalkit.official.mme:MmeFiles",
    protocols={
        "lmms-eval": Protocol(
            source="lmms-eval 0.7.3 (75571cfe) tasks/mme/utils.py",
            score=lmms_score,
            metrics=(
                mme_mean_total("perception", PERCEPTION),
                mme_mean_total("cognition", COGNITION),
            ),
            headline=("perception", "cognition"),
            slice_metrics=SLICE_METRICS,
        ),
        "vlmevalkit": Protocol(
            # It calls cognition "reasoning", and adds the subtasks in alphabetical order.
            source="VLMEvalKit e8e78f05 vlmeval/dataset/utils/yorn.py (MME_rating), no judge",
            score=vlmevalkit_score,
            metrics=(
                mme_total("perception", sorted(PERCEPTION)),
                mme_total("cognition", sorted(COGNITION)),
            ),
            headline=("perception", "cognition"),
            slice_metrics=SLICE_METRICS,
        ),
    },
)
