"""MME's recorded predictions, scored from the files, beside the official numbers."""

from __future__ import annotations

import pytest

from evalkit.answer_files.mme_folder import SUBTASKS
from evalkit.rescore import Order, score_file

FOLDERS = ("pred/LaVIN", "pred/llava-v1.5-7b")
SHORT = "Answer the question using a single word or phrase."
LLAVA = "pred/llava-v1.5-7b.jsonl.gz"


def scored(reference, predictions, references: str | None = "gt", **options):
    folder = reference.root / "mme"
    return score_file(
        Order(
            task="mme",
            predictions=folder / predictions,
            references=None if references is None else folder / references,
            **options,
        )
    ).result


def totals(found) -> tuple[float, float]:
    return found.metrics["perception"].value, found.metrics["cognition"].value


@pytest.mark.parametrize("references", ["gt", None])
@pytest.mark.parametrize("folder", FOLDERS)
def test_official(reference, folder, references):
    expected = reference.json("mme/expected.json")["files"][f"{folder}/"]["expected"]
    found = scored(reference, folder, references)
    assert totals(found) == (expected["total"]["Perception"], expected["total"]["Cognition"])
    assert found.breakdowns["subtask"] == {
        name: {
            "accuracy": entry["acc"],
            "accuracy_plus": entry["acc_plus"],
            "score": entry["score"],
        }
        for name, entry in expected["subtasks"].items()
    }
    others = sum(entry["other_num"] for entry in expected["subtasks"].values())
    assert found.coverage.unparsed == others


@pytest.mark.parametrize("references", ["gt", None])
@pytest.mark.parametrize("folder", FOLDERS)
def test_other_protocols(reference, folder, references):
    """Both harnesses were run on the questions that the files have."""
    theirs = reference.json("mme/expected.json")["files"][f"{folder}/"]["other_implementations"]
    rules = {"references": references, "missing": "exclude"}
    lmms_eval = scored(reference, folder, protocol="lmms-eval", **rules)
    assert dict(zip(("perception", "cognition"), totals(lmms_eval), strict=True)) == {
        "perception": theirs["lmms_eval"]["mme_perception_score"],
        "cognition": theirs["lmms_eval"]["mme_cognition_score"],
    }
    vlmevalkit = scored(reference, folder, protocol="vlmevalkit", **rules)
    assert (
        dict(zip(("perception", "reasoning"), totals(vlmevalkit), strict=True))
        == (theirs["vlmevalkit_exact_matching"])
    )


def test_llava_answers_against_the_official_questions(reference):
    """LLaVA's own answers hold nine images more than the files that were made of them."""
    found = scored(reference, LLAVA)
    assert found.metrics["perception"].n + found.metrics["cognition"].n == 1187 - 3
    assert (found.coverage.asked, found.coverage.failed) == (2374, 6)
    assert totals(found) == official_totals(reference)


def test_llava_answers_that_the_official_files_hold_too(reference):
    """Against the answer folder as references: the published numbers."""
    found = scored(reference, LLAVA, "pred/llava-v1.5-7b")
    assert totals(found) == (1508.6726137691257, 355.7142857142857)
    assert any("18 answers belong to no question" in note for note in found.notes)


def official_totals(reference) -> tuple[float, float]:
    """LLaVA's conversion and the official arithmetic, written out for this file."""
    gold = {}
    for subtask in SUBTASKS:
        for line in reference.text(f"mme/gt/{subtask}.txt").splitlines():
            image, question, answer = line.split("\t")
            gold[subtask, image.split(".")[0], question] = answer.lower()
    right = {}
    for line in reference.lines(f"mme/{LLAVA}"):
        subtask, *_, image = line["question_id"].split("/")
        asked = line["prompt"].replace(SHORT, "").strip() + " Please answer yes or no."
        key = (subtask, image.split(".")[0], asked)
        if key not in gold:
            key = (*key[:2], asked.replace(" Please answer", "  Please answer"))
        start = line["text"].lower()[:4]
        said = "yes" if "yes" in start else "no" if "no" in start else "other"
        right.setdefault(subtask, {}).setdefault(image, []).append(said == gold[key])
    scores = {}
    for subtask, images in right.items():
        accuracy = sum(map(sum, images.values())) / sum(map(len, images.values()))
        scores[subtask] = accuracy * 100 + sum(map(all, images.values())) / len(images) * 100
    totals = [0.0, 0.0]
    for place, subtask in enumerate(SUBTASKS):
        totals[place >= 10] += scores[subtask]
    return tuple(totals)
