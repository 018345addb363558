"""TextVQA's recorded answers, scored from the files, beside the official script's numbers."""

from __future__ import annotations

import pytest

from evalkit.rescore import Order, Scored, score_file

REAL = ("llava-v1.5-13b", "llava_real_drop_10", "llava_real_drop_200")
NAMES = (*REAL, "synthetic")


def scored(reference, name: str, protocol: str = "official", **more) -> Scored:
    folder = reference.root / "textvqa"
    real = name in REAL
    return score_file(
        Order(
            task="textvqa",
            predictions=folder / (f"pred/{name}.jsonl.gz" if real else "synthetic/answers.jsonl"),
            references=folder
            / ("" if real else "synthetic")
            / f"TextVQA_0.5.1_val.json{'.gz' * real}",
            protocol=protocol,
            **more,
        )
    )


@pytest.mark.parametrize("name", NAMES)
def test_official(reference, name):
    expected = reference.json("textvqa/expected.json")[name]
    found = scored(reference, name)
    accuracy = found.result.metrics["accuracy"]
    assert (accuracy.value, accuracy.n) == (expected["accuracy"], expected["samples"])
    per_line = reference.json(f"textvqa/expected_per_line/{name}.json.gz")
    assert [(s.sample_id, s.values["score"]) for s in found.scores] == [
        (str(line["question_id"]), line["score"]) for line in per_line
    ]


@pytest.mark.parametrize("name", NAMES)
def test_other_protocols(reference, name):
    others = reference.json("textvqa/expected.json")[name]["other_protocols"]
    for protocol, key in (
        ("lmms-eval", "lmms_eval_75571cfe"),
        ("vlmevalkit", "vlmevalkit_e8e78f05_vqa_score"),
    ):
        found = scored(reference, name, protocol, missing="exclude").result
        assert 100 * found.metrics["accuracy"].value == others[key]["mean_x100"]


def test_an_unfinished_run_is_said_to_be_one(reference):
    found = scored(reference, "llava_real_drop_200").result
    assert (found.coverage.asked, found.coverage.failed) == (5000, 4874)
    assert any("4874 of 5000 questions have no answer" in note for note in found.notes)
    wrong = scored(reference, "llava_real_drop_200", missing="wrong").result
    assert wrong.metrics["accuracy"].n == 5000


def test_ocr_tokens_are_recognised(reference):
    notes = {name: scored(reference, name).result.notes for name in NAMES}
    assert "The prompts hold OCR tokens" in notes["llava-v1.5-13b"][0]
    assert "227 of 300 prompts hold OCR tokens" in notes["synthetic"][0]
