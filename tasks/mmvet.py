"""MM-Vet: open questions that need several skills at once; a judge grades the answers.

Yu et al., ICML 2024 (arXiv:2308.02490). 218 questions; grades from 0 to 1 are averaged over all, by
capability, and by the exact set of capabilities that a question needs (an integration). Official
evaluator: yuweihao/MM-Vet acde843, `mm-vet_evaluator.py`: GPT-4 completes a table of graded
examples (`evalkit.mmvet_review`).

The examples are their authors': give them with `--rubric FILE` (the text in the official script),
and the number is `official`. Without them evalkit's own words are asked, and the number is
comparable with none that was published. `--votes N` is the official number of runs; `total_std` is
the spread of their totals.

The questions are about 200 pictures, which are the clusters. The authors' file names them
(`imagename`), the hub's rows do not: there the same bytes are the same picture, for which all 218
are read once. One picture that the rows hold in two encodings is taken for two. Names count where
every row has one: a picture that one row names and another does not would be two.
"""

import hashlib

from evalkit.mmvet_review import JUDGING
from evalkit.records import Generation, Sample
from evalkit.rubric import unjudged
from evalkit.task import DatasetRef, Prompt, Row, Task


def to_sample(row: Row) -> Sample:
    """One question; its slices are its capabilities, and their set as "ocr_math" in sorted order.

    Args:
        row: question_id, image, question, answer (with <AND> and <OR>), capability ("ocr,math"),
            and imagename where the file has it. Capabilities are told apart in lower case, and each
            counts once.

    Raises:
        ValueError: There is no picture or capability, or no imagename where there is that column.
    """
    needed = _capabilities(row)
    return Sample(
        id=str(row["question_id"]),
        question=row["question"],
        images=(row["image"],),
        targets=(row["answer"],),
        cluster=_picture(row),
        tags={"capability": needed, "integration": "_".join(needed)},
    )


def _capabilities(row: Row) -> tuple[str, ...]:
    """What a question needs, each once, in sorted order."""
    told = row["capability"]
    parts = told.lower().split(",") if isinstance(told, str) else ()
    if not (needed := {part.strip() for part in parts} - {""}):
        message = f'question {row["question_id"]!r} needs a capability, as in "ocr,math"'
        raise ValueError(message)
    return tuple(sorted(needed))


def _picture(row: Row) -> str:
    """What tells a question's picture from others: its name, else the SHA-256 of its bytes."""
    if row["image"] is None:
        message = f"question {row['question_id']!r} has no picture (image)"
        raise ValueError(message)
    if "imagename" not in row:
        return hashlib.sha256(row["image"].read()).hexdigest()
    name = row["imagename"]
    if not isinstance(name, str) or not name.strip():
        message = (
            f"question {row['question_id']!r} has the imagename {name!r}, which names no picture; "
            "name one in each row, or leave the column out"
        )
        raise ValueError(message)
    return name.strip()


TASK = Task(
    name="mmvet",
    version=2,
    dataset=DatasetRef(
        repositories=("lmms-lab-encoder/MMVet", "lmms-lab/MMVet"),
        split="test",
        columns=("question_id", "image", "question", "answer", "capability"),
        optional_columns=("imagename",),
        image_columns=("image",),
        rows=218,
    ),
    to_sample=to_sample,
    prompts={"plain": Prompt(template="{{ question }}")},
    generation=Generation(max_new_tokens=1024),
    score=unjudged,
    metrics=(),
    headline=(),
    protocol="unjudged",
    source="no number without a judge",
    judging=JUDGING,
)
