"""TextVQA: questions that need the text in the image, scored by agreement with ten people.

Singh et al., CVPR 2019 (arXiv:1904.08920). Validation split of version 0.5.1: 5,000 questions.
Official evaluator: `m4c_evaluators.py` (facebookresearch/mmf, b0ffc7fb); LLaVA's `eval_textvqa.py`
and `m4c_evaluator.py` (c121f043) compute the same. Rules in `evalkit.answers.evalai` and
`evalkit.answers.agreement`.

Quirks: unlike VQAv2's evaluator it always normalises, so "1,000" is 1000 and capitals never matter.
LLaVA-1.5's published 58.2 (7B) and 61.3 (13B) are with the OCR tokens of the dataset in the prompt,
here `llava-ocr`; without them, `llava`, the 7B model is near 46. An empty token list leaves the
line in place, as in LLaVA's question file.

LLaVA's file asks with a capital first letter, where the dataset's questions are in lower case. For
all 5,000 that is the same as Python's `capitalize`, which also lowers the rest; only the first
letter is touched here, so that names in other data keep their capitals.

128 new tokens, as in LLaVA's loader; a line of text in an image may be long.
"""

from evalkit.answers.agreement import LMMS_EVAL_TEXTVQA, M4C, VLMEVALKIT_VQA
from evalkit.metrics import mean
from evalkit.records import Generation, Sample
from evalkit.task import DatasetRef, Prompt, Protocol, Row, Task

_QUESTION = "{{ question[:1] | upper }}{{ question[1:] }}"
_SHORT = "\nAnswer the question using a single word or phrase."


def to_sample(row: Row) -> Sample:
    """One question with the ten answers as people gave them and what an OCR system read."""
    return Sample(
        id=str(row["question_id"]),
        question=row["question"],
        images=(row["image"],),
        targets=tuple(row["answers"]),
        cluster=str(row["image_id"]),
        inputs={"ocr_tokens": tuple(row["ocr_tokens"] or ())},
    )


TASK = Task(
    name="textvqa",
    version=1,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/textvqa", "lmms-lab/textvqa"),
        split="validation",
        columns=("question_id", "question", "answers", "ocr_tokens", "image_id", "image"),
        image_columns=("image",),
        rows=5_000,
    ),
    to_sample=to_sample,
    prompts={
        "llava": Prompt(template=_QUESTION + _SHORT),
        "llava-ocr": Prompt(
            template=_QUESTION + "\nReference OCR token: {{ ocr_tokens | join(', ') }}" + _SHORT
        ),
        "qwen": Prompt(template=_QUESTION + " Answer:"),
        "paligemma": Prompt(template="answer en {{ question }}"),
    },
    generation=Generation(max_new_tokens=128),
    score=M4C.score,
    protocol="official",
    source="facebookresearch/mmf m4c_evaluators.py (b0ffc7fb)",
    metrics=(mean(),),
    headline=("accuracy",),
    best=M4C.best,
    files="evalkit.official.textvqa:TextvqaFiles",
    protocols={
        name: Protocol(
            source=its.source,
            score=its.score,
            best=its.best,
            metrics=(mean(pairwise=its is VLMEVALKIT_VQA),),
            headline=("accuracy",),
        )
        for name, its in (("lmms-eval", LMMS_EVAL_TEXTVQA), ("vlmevalkit", VLMEVALKIT_VQA))
    },
)
