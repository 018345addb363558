"""ScienceQA: school questions with two to five choices; half of them have an image.

Lu et al., NeurIPS 2022 (arXiv:2209.09513). Test split: 4,241 questions, 2,017 of them with an
image. Official evaluators: lupantech/ScienceQA `tools/evaluate_acc.py` (2cbf831) for the slices,
LLaVA's `eval_science_qa.py` (c121f043) for how a letter is read (`evalkit.answers.letter`).

Quirks: "a", "A." and "(A)" are no answers, "The answer is A." is one. A letter beyond the choices
is wrong. The slices of `context` overlap: TXT has a hint, IMG an image, NO neither. The GPT-3 rows
of the paper guess where no letter is found; nothing is guessed here.

The dataset has no id, so a sample is named by its row. Variant `img` is the dataset's own table of
the 2,017 questions. 16 new tokens, as in lmms-eval: the letter, or "The answer is A.".
"""

from functools import partial

from evalkit.answers.letter import lmms_eval_scienceqa_letter, scienceqa_letter
from evalkit.answers.option import option
from evalkit.metrics import accuracy, exact_match
from evalkit.records import Generation, Sample
from evalkit.task import DatasetRef, Prompt, Protocol, Row, Task

_COLUMNS = ("image", "question", "choices", "answer", "hint", "grade", "subject", "topic")
_LAST_LOWER_GRADE = 6
_LETTER_LINES = "{% for choice in choices %}{{ letters[loop.index0] }}. {{ choice }}\n{% endfor %}"


def to_sample(row: Row) -> Sample:
    """One question; `hint` may be empty, so may the images, and so may what is only a slice."""
    index, image, hint = str(row["__index__"]), row["image"], row["hint"] or ""
    grade = str(row.get("grade") or "").removeprefix("grade")
    tags = {
        "subject": row.get("subject"),
        "context": ("TXT",) * bool(hint) + ("IMG",) * (image is not None) or ("NO",),
        "grade": grade and ("G1-6" if int(grade) <= _LAST_LOWER_GRADE else "G7-12"),
        "topic": row.get("topic"),
    }
    return Sample(
        id=index,
        question=row["question"],
        images=() if image is None else (image,),
        choices=tuple(row["choices"]),
        targets=("ABCDEFGHIJ"[row["answer"]],),
        cluster=index,
        tags={tag: value for tag, value in tags.items() if value},
        inputs={"hint": hint},
    )


_METRICS = (
    accuracy(),
    accuracy("image_accuracy", only=lambda score: "IMG" in score.tags.get("context", ())),
)


_protocol = partial(Protocol, metrics=_METRICS, headline=("accuracy",), slice_metrics=(accuracy(),))


def _dataset(config: str, rows: int) -> DatasetRef:
    return DatasetRef(
        repositories=("lmms-lab-encoder/ScienceQA", "lmms-lab/ScienceQA"),
        config=config,
        split="test",
        columns=_COLUMNS,
        image_columns=("image",),
        rows=rows,
    )


TASK = Task(
    name="scienceqa",
    version=2,
    dataset=_dataset("ScienceQA-FULL", 4_241),
    to_sample=to_sample,
    prompts={
        "llava": Prompt(
            template="{% if hint %}Context: {{ hint }}\n{% endif %}{{ question }}\n"
            f"{_LETTER_LINES}Answer with the option's letter from the given choices directly."
        ),
        "qwen": Prompt(
            template="Context: {{ hint or 'N/A' }}\nQuestion: {{ question }}\nOptions: "
            f"{_LETTER_LINES}Answer:"
        ),
        "paligemma": Prompt(
            template="Question: {{ question }}\nContext: {{ hint or 'N/A' }}\nOptions: "
            "{% for choice in choices %}({{ letters[loop.index0] }}) {{ choice }}"
            "{{ '' if loop.last else ', ' }}{% endfor %}\nAnswer:"
        ),
    },
    generation=Generation(max_new_tokens=16),
    score=exact_match(lambda _, text: scienceqa_letter(text)),
    protocol="official",
    source="lupantech/ScienceQA evaluate_acc.py (2cbf831), LLaVA eval_science_qa.py (c121f043)",
    metrics=_METRICS,
    headline=("accuracy",),
    breakdowns=("subject", "context", "grade", "topic"),
    slice_metrics=(accuracy(),),
    protocols={
        # Two tasks there: scienceqa is `accuracy`, scienceqa_img is `image_accuracy`.
        "lmms-eval": _protocol(
            source="lmms-eval 0.7.3 (75571cfe), lmms_eval/tasks/scienceqa/utils.py",
            score=exact_match(lambda _, text: lmms_eval_scienceqa_letter(text)),
        ),
        # Its ScienceQA_TEST is the 2,017 questions with an image: `image_accuracy`.
        "vlmevalkit": _protocol(
            source="VLMEvalKit e8e78f05, vlmeval/utils/matching_util.py, policy exact_matching",
            score=exact_match(lambda sample, text: option(text, sample.choices)),
        ),
    },
    files="evalkit.official.scienceqa:ScienceqaFiles",
    variants={"img": {"dataset": _dataset("ScienceQA-IMG", 2_017), "metrics": (accuracy(),)}},
)
