"""MMVP: one question on two images that CLIP takes for one; both answers must be right.

Tong et al., CVPR 2024 (arXiv:2401.06209). 300 questions in 150 pairs, rows (1, 2), (3, 4), ... The
official evaluator, tsb0601/MMVP `scripts/gpt_grader.py` (7635005), asks GPT-4 whether an answer is
right and counts the pairs with two yes: the variant `judged` with a judge, and the protocol
`official` for files with the judge's replies. The task's own protocol is another, "letter": the
answer is read as (a) or (b) by a rule (`evalkit.answers.letter`), without a judge, so its numbers
and the published ones are not of one kind. The headline is the share of whole pairs, as a fraction.

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

from evalkit.answers.letter import lmms_eval_mmvp_letter, mmvp_letter
from evalkit.answers.option import option
from evalkit.answers.verdict import mmvp_verdict
from evalkit.metrics import accuracy, exact_match, group_accuracy
from evalkit.mmvp_review import JUDGED
from evalkit.records import Generation, Sample
from evalkit.task import DatasetRef, Prompt, Protocol, Row, Task

_TUSKS = "Does the elephant have long or short tusks?"
_POSTURE = "Is the elderly person standing or sitting in the picture?"
_ORIGINAL = {(99, _TUSKS): "A", (100, _TUSKS): "B", (279, _POSTURE): "A", (280, _POSTURE): "B"}
_CORRECTED = {row: "BA"["AB".index(letter)] for row, letter in _ORIGINAL.items()}


def to_sample(row: Row, *, disputed: dict[tuple[int, str], str] = _ORIGINAL) -> Sample:
    """One question of a pair; its input `corrected` is the letter of the corrected key.

    Args:
        row: Index (from 1), Question, Options such as "(a) Open (b) Closed", Correct Answer; a
            Category where the file has one.
        disputed: Index and question of disputed rows -> the letter that shall be gold.
    """
    index, question, options = int(row["Index"]), row["Question"], row["Options"]
    given = str(row["Correct Answer"]).strip("() ").upper()
    place = (index, question.strip())
    parts = re.fullmatch(r"\(a\) (.*) \(b\) (.*)", options.strip())
    pair = str((index + 1) // 2)
    return Sample(
        id=str(index),
        question=question,
        images=(row["image"],),
        choices=parts.groups() if parts else (),
        targets=(disputed.get(place, given),),
        group=pair,
        cluster=pair,
        tags={"category": row["Category"]} if row.get("Category") else {},
        inputs={"options": options, "corrected": _CORRECTED.get(place, given)},
    )


_OFFICIAL = Prompt(template="{{ question }} {{ options }}")
_METRICS = (group_accuracy("pair_accuracy", size=2), accuracy())
_protocol = partial(Protocol, metrics=_METRICS, headline=("pair_accuracy",))

TASK = Task(
    name="mmvp",
    version=2,
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
        "official": _OFFICIAL,
        "qwen": Prompt(template="Question: {{ question }}\nOptions: {{ options }}\nAnswer:"),
        "paligemma": Prompt(
            template="Question: {{ question }}\nContext: N/A\nOptions: "
            "{% for choice in choices %}({{ letters[loop.index0] }}) {{ choice }}"
            "{{ '' if loop.last else ', ' }}{% endfor %}\nAnswer:"
        ),
    },
    generation=Generation(max_new_tokens=128),
    score=exact_match(lambda sample, text: mmvp_letter(text, sample.choices)),
    source="evalkit's own rule: no official tool reads letters",
    metrics=_METRICS,
    headline=("pair_accuracy",),
    protocol="letter",
    breakdowns=("category",),
    protocols={
        "official": _protocol(
            source="tsb0601/MMVP 7635005, scripts/gpt_grader.py, on the judge's replies",
            score=exact_match(lambda _, reply: mmvp_verdict(reply), gold="yes"),
            best=lambda _: "yes",
        ),
        "lmms-eval": _protocol(
            source="lmms-eval 0.7.3 (75571cfe), lmms_eval/tasks/mmvp/utils.py",
            score=exact_match(lambda _, text: lmms_eval_mmvp_letter(text)),
        ),
        # `accuracy` is its Average, `pair_accuracy` its Overall.
        "vlmevalkit": _protocol(
            source="VLMEvalKit e8e78f05, vlmeval/utils/matching_util.py, policy exact_matching",
            score=exact_match(lambda sample, text: option(text, sample.choices)),
        ),
    },
    files="evalkit.official.mmvp:MmvpFiles",
    variants={
        "corrected": {"to_sample": partial(to_sample, disputed=_CORRECTED)},
        "judged": {**JUDGED, "prompts": {"official": _OFFICIAL}},
    },
)
