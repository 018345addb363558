"""GQA's recorded predictions, scored from the files, beside the official numbers."""

from __future__ import annotations

import json

import pytest

from evalkit.answers.gqa import gqa_reading
from evalkit.rescore import Order, score_file

FILES = ("gt_xgqa_en_dev.json.gz", "gt_xgqa_en_train_48.json.gz", "both")
PREDICTIONS = "gqa/pred/llava-v1.5-13b.xgqa_subset.jsonl.gz"
TABLES = {
    "structural": "accuracyPerStructuralType",
    "semantic": "accuracyPerSemanticType",
    "steps": "accuracyPerSteps",
    "words": "accuracyPerLength",
}


def scored(reference, name: str, protocol: str = "official"):
    folder = reference.root / "gqa"
    return score_file(
        Order(
            task="gqa",
            predictions=reference.root / PREDICTIONS,
            references=folder if name == "both" else folder / name,
            protocol=protocol,
        )
    ).result


@pytest.mark.parametrize("name", FILES)
def test_official(reference, name):
    expected = reference.json("gqa/expected.json")["files"][name]["expected"]
    found = scored(reference, name)
    assert found.coverage.asked == found.metrics["accuracy"].n == expected["n"]
    for metric in ("accuracy", "binary", "open"):
        assert 100 * found.metrics[metric].value == expected[metric]
    assert found.metrics["distribution"].value == expected["distribution"]
    for tag, table in TABLES.items():
        slices = found.breakdowns[tag].items()
        assert {key: 100 * numbers["accuracy"] for key, numbers in slices} == {
            key: entry["accuracy"] for key, entry in expected[table].items()
        }


@pytest.mark.parametrize("name", FILES)
def test_other_protocols(reference, name):
    others = reference.json("gqa/expected.json")["files"][name]["other_implementations"]
    lmms_eval = scored(reference, name, "lmms-eval").metrics["accuracy"]
    assert lmms_eval.value == others["lmms_eval"]["exact_match"]
    vlmevalkit = scored(reference, name, "vlmevalkit").metrics["accuracy"]
    assert 100 * vlmevalkit.value == others["vlmevalkit"]["Overall_x100"]


def test_what_needs_further_files_is_absent_and_said_to_be(reference):
    found = scored(reference, FILES[0])
    assert set(found.metrics) == {"accuracy", "binary", "open", "distribution"}
    assert any("validity and plausibility (there is no choices" in note for note in found.notes)


def test_conversion(reference):
    cases = reference.json("gqa/edge_cases.json")["cases"]
    assert len(cases) == 17
    for case in cases:
        assert gqa_reading(case["text"]).answer == case["converted"]


def test_a_result_list_made_by_the_converter_scores_the_same(reference, tmp_path):
    converted = [
        {"questionId": line["question_id"], "prediction": line["text"].rstrip(".").lower()}
        for line in reference.lines(PREDICTIONS)
    ]
    path = tmp_path / "testdev_balanced_predictions.json"
    path.write_text(json.dumps(converted))
    folder = reference.root / "gqa"
    result = score_file(Order(task="gqa", predictions=path, references=folder)).result
    assert 100 * result.metrics["accuracy"].value == 65.00686813186813
