"""MMVP: one question on two images that CLIP takes for one; both answers must be right.

Tong et al., CVPR 2024 (arXiv:2401.06209). 300 questions in 150 pairs, rows (1, 2), (3, 4), ... The
official evaluator, tsb0601/MMVP `scripts/gpt_grader.py` (7635005), asks GPT-4 whether an answer is
right and counts the pairs with two yes. This task follows another protocol, "letter": the answer is
read as (a) or (b) by a rule (`evalkit.answers.letter`), without a judge, so its numbers and the
published ones are not of one kind. The headline is the share of pairs, as a fraction, in both.

Quirk: two pairs of the original key are disputed, 99/100 (the elephant's tusks) and 279/280
(standing or sitting). lmms-lab-eval/MMVP has them swapped (its notes disagree on the direction).
Here the original key is the default, with which published numbers were made, and the variant
`corrected` is the swapped one. Either is laid over whatever label the row carries, for these four
rows of these questions alone.

Prompts: `llava` asks for the letter; `official` is the official text alone, without such a request.
PaliGemma's is its ScienceQA prompt, which it answers with a letter. 128 new tokens, for answers in
sentences.
"""

import re
from functools import partial

from evalkit.answers.letter import mmvp_letter
from evalkit.metrics import accuracy, group_accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Row, Task

_TUSKS = "Does the elephant have long or short tusks?"
_POSTURE = "Is the elderly person standing or sitting in the picture?"
_ORIGINAL = {(99, _TUSKS): "A", (100, _TUSKS): "B", (279, _POSTURE): "A", (280, _POSTURE): "B"}
_CORRECTED = {row: "BA"["AB".index(letter)] for row, letter in _ORIGINAL.items()}


def to_sample(row: Row, *, disputed: dict[tuple[int, str], str] = _ORIGINAL) -> Sample:
    """One question of a pair.

    Args:
        row: Index (from 1), Question, Options such as "(a) Open (b) Closed", Correct Answer.
        disputed: Index and question of disputed rows -> the letter that shall be gold.
    """
    index, question, options = int(row["Index"]), row["Question"], row["Options"]
    given = str(row["Correct Answer"]).strip("() ").upper()
    parts = re.fullmatch(r"\(a\) (.*) \(b\) (.*)", options.strip())
    pair = str((index + 1) // 2)
    return Sample(
        id=str(index),
        question=question,
        images=(row["image"],),
        choices=parts.groups() if parts else (),
        targets=(disputed.get((index, question.strip()), given),),
        group=pair,
        cluster=pair,
        inputs={"options": options},
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Whether the letter that the text decides for is the gold one."""
    answer = None if text is None else mmvp_letter(text, sample.choices)
    return Outcome(answer=answer, values={"correct": float(answer == sample.targets[0])})


TASK = Task(
    name="mmvp",
    version=1,
    dataset=DatasetRef(
        repositories=("lmms-lab-eval/MMVP",),
        split="train",
        columns=("Index", "Question", "Options", "Correct Answer", "image"),
        image_columns=("image",),
        rows=300,
    ),
    to_sample=to_sample,
    prompts={
        "llava": Prompt(
            template="{{ question }} {{ options }}\n"
            "Answer with the option's letter from the given choices directly."
        ),
        "official": Prompt(template="{{ question }} {{ options }}"),
        "qwen": Prompt(template="Question: {{ question }}\nOptions: {{ options }}\nAnswer:"),
        "paligemma": Prompt(
            template="Question: {{ question }}\nContext: N/A\nOptions: "
            "{% for choice in choices %}({{ letters[loop.index0] }}) {{ choice }}"
            "{{ '' if loop.last else ', ' }}{% endfor %}\nAnswer:"
        ),
    },
    generation=Generation(max_new_tokens=128),
    score=score,
    metrics=(group_accuracy("pair_accuracy"), accuracy()),
    headline=("pair_accuracy",),
    protocol="letter",
    variants={"corrected": {"to_sample": partial(to_sample, disputed=_CORRECTED)}},
)
