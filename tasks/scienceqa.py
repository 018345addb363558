"""ScienceQA: school questions with two to five choices; half of them have an image.

Lu et al., NeurIPS 2022 (arXiv:2209.09513). Test split: 4,241 questions, 2,017 of them with an
image. Official evaluators: lupantech/ScienceQA `tools/evaluate_acc.py` (2cbf831) for the slices,
LLaVA's `eval_science_qa.py` (c121f043) for how a letter is read (`evalkit.answers.letter`).

Quirks: "a", "A." and "(A)" are no answers, "The answer is A." is one. A letter beyond the choices
is wrong. The paper's columns TXT, IMG and NO overlap (a question can have a hint and an image), so
they are metrics, not slices: `text_accuracy`, `image_accuracy`, `no_context_accuracy`. NAT, SOC and
LAN are the slices by `subject`, G1-6 and G7-12 those by `grade`. LLaVA's IMG counts the questions
whose answer file shows an image; here it is those that have one, the same on complete files. The
GPT-3 rows of the paper guess where no letter is found; nothing is guessed here.

The dataset has no id, so a sample is named by its row. Variant `img` is the dataset's own table of
the 2,017 questions. 16 new tokens, as in lmms-eval: the letter, or "The answer is A.".
"""

from evalkit.answers.letter import scienceqa_letter
from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample, SampleScore
from evalkit.task import DatasetRef, Prompt, Row, Task

_REPOSITORIES = ("lmms-lab-encoder/ScienceQA", "lmms-lab/ScienceQA")
_COLUMNS = ("image", "question", "choices", "answer", "hint", "grade", "subject", "topic")
_LAST_LOWER_GRADE = 6
_LETTER_LINES = "{% for choice in choices %}{{ letters[loop.index0] }}. {{ choice }}\n{% endfor %}"


def to_sample(row: Row) -> Sample:
    """One question; `hint` may be empty, and so may the images."""
    index, image, hint = str(row["__index__"]), row["image"], row["hint"] or ""
    grade = int(row["grade"].removeprefix("grade"))
    return Sample(
        id=index,
        question=row["question"],
        images=() if image is None else (image,),
        choices=tuple(row["choices"]),
        targets=("ABCDEFGHIJ"[row["answer"]],),
        cluster=index,
        tags={
            "subject": row["subject"],
            "grade": "G1-6" if grade <= _LAST_LOWER_GRADE else "G7-12",
            "topic": row["topic"],
            "text_context": "yes" if hint else "no",
            "image_context": "no" if image is None else "yes",
        },
        inputs={"hint": hint},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Whether the extracted letter is the gold one."""
    answer = None if text is None else scienceqa_letter(text)
    return Outcome(answer=answer, values={"correct": float(answer == sample.targets[0])})


def _has_no_context(score: SampleScore) -> bool:
    return score.tags["text_context"] == score.tags["image_context"] == "no"


TASK = Task(
    name="scienceqa",
    version=1,
    dataset=DatasetRef(
        repositories=_REPOSITORIES,
        config="ScienceQA-FULL",
        split="test",
        columns=_COLUMNS,
        image_columns=("image",),
        rows=4_241,
    ),
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
    score=score,
    metrics=(
        accuracy(),
        accuracy("image_accuracy", only=lambda score: score.tags["image_context"] == "yes"),
        accuracy("text_accuracy", only=lambda score: score.tags["text_context"] == "yes"),
        accuracy("no_context_accuracy", only=_has_no_context),
    ),
    headline=("accuracy",),
    breakdowns=("subject", "grade", "topic"),
    variants={
        "img": {
            "dataset": DatasetRef(
                repositories=_REPOSITORIES,
                config="ScienceQA-IMG",
                split="test",
                columns=_COLUMNS,
                image_columns=("image",),
                rows=2_017,
            ),
            "metrics": (accuracy(),),
            "headline": ("accuracy",),
        }
    },
)
