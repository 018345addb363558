"""ScienceQA's recorded predictions, scored from the files, beside the official numbers."""

from __future__ import annotations

import json

import pytest

from evalkit.rescore import Order, score_file

LLAVA = "pred/llava-v1.5-13b.answers.jsonl.gz"
RESULT = "pred/llava-v1.5-13b_result.json.gz"
GPT3 = "pred/gpt3_QCM-ALE_2_seed_3.json.gz"
DERIVED = "gt_test_derived.json.gz"
CONTEXTS = {"TXT": "has_text", "IMG": "has_image", "NO": "no_context"}
GRADES = {"G1-6": "grade1-6", "G7-12": "grade7-12"}


def scored(reference, predictions, references: str = "", **order):
    folder = reference.root / "scienceqa"
    return score_file(
        Order(
            task="scienceqa",
            predictions=folder / predictions,
            references=folder / references,
            **order,
        )
    ).result


def values(found) -> dict[str, float]:
    return {name: metric.value for name, metric in found.metrics.items()}


def percent(found) -> dict[str, float]:
    return {name: 100 * value for name, value in values(found).items()}


def expected_of(reference, name: str) -> dict:
    return reference.json("scienceqa/expected.json")["files"][name]


def assert_counts(found, counts: dict) -> None:
    """Every slice of the official evaluator: the value, and none that it does not have."""
    assert percent(found) == {
        "accuracy": counts["average"]["accuracy_x100"],
        "image_accuracy": counts["has_image"]["accuracy_x100"],
    }
    theirs = {key: held["accuracy_x100"] for key, held in counts.items()}
    expected = {
        "context": {name: theirs[key] for name, key in CONTEXTS.items()},
        "grade": {name: theirs[f"subset361:{key}"] for name, key in GRADES.items()},
        "subject": of(theirs, "subset361:subject="),
        "topic": of(theirs, "subset361:topic="),
    }
    assert {
        tag: {name: 100 * held["accuracy"] for name, held in slices.items()}
        for tag, slices in found.breakdowns.items()
    } == expected


def of(theirs: dict[str, float], prefix: str) -> dict[str, float]:
    return {k.removeprefix(prefix): v for k, v in theirs.items() if k.startswith(prefix)}


def test_gpt3(reference):
    expected = expected_of(reference, GPT3)["expected"]
    found = scored(reference, GPT3)
    assert percent(found)["accuracy"] == expected["stored_acc_field"]
    assert_counts(found, expected["counts"])
    assert any("gt_test_derived" in note for note in found.notes)


def test_gpt3_by_its_texts(reference):
    expected = expected_of(reference, GPT3)["expected"]["llava_extractor_on_outputs"]
    found = scored(reference, GPT3, format="scienceqa-outputs")
    assert percent(found) == {"accuracy": expected["acc"], "image_accuracy": expected["img_acc"]}
    assert found.coverage.unparsed == 249


@pytest.mark.parametrize("references", [DERIVED, "llava_test_CQM-A.json.gz"])
def test_llava(reference, references):
    expected = expected_of(reference, LLAVA)["expected"]
    found = scored(reference, LLAVA, references)
    assert percent(found) == {"accuracy": expected["acc"], "image_accuracy": expected["img_acc"]}
    assert [found.metrics[name].n for name in ("accuracy", "image_accuracy")] == [4241, 2017]


@pytest.mark.parametrize("predictions", [LLAVA, RESULT])
def test_llava_by_the_official_slices(reference, predictions):
    expected = expected_of(reference, LLAVA)["via_official_evaluate_acc"]
    assert_counts(scored(reference, predictions), expected["counts"])


def test_llava_on_the_questions_whose_metadata_are_known(reference):
    counts = expected_of(reference, LLAVA)["via_official_evaluate_acc"]["counts"]
    found = scored(reference, LLAVA, "problems_first1773_think_scienceqa.json.gz")
    assert percent(found)["accuracy"] == counts["subset361:all"]["accuracy_x100"]
    assert any("lacks 3880 of the split's 4241" in note for note in found.notes)


def test_the_other_implementations(reference):
    others = expected_of(reference, LLAVA)["other_implementations"]
    theirs = others["lmms_eval"]
    assert values(scored(reference, LLAVA, protocol="lmms-eval")) == {
        "accuracy": theirs["scienceqa exact_match (full)"],
        "image_accuracy": theirs["scienceqa_img exact_match"],
    }
    (theirs,) = (held for name, held in others.items() if name.startswith("vlmevalkit"))
    assert list(values(scored(reference, LLAVA, protocol="vlmevalkit")).values()) == [
        theirs["full"],
        theirs["img (their ScienceQA_TEST tsv is the 2017-image split)"],
    ]


def test_a_missing_answer_is_wrong_and_not_in_img(reference, tmp_path):
    lines = reference.lines(f"scienceqa/{LLAVA}")
    (tmp_path / "half.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines[:2000]))
    found = scored(reference, tmp_path / "half.jsonl")
    shown = sum("<image>" in line["prompt"] for line in lines[:2000])
    assert [found.metrics[name].n for name in ("accuracy", "image_accuracy")] == [4241, shown]
    assert (found.coverage.asked, found.coverage.failed) == (4241, 2241)


def test_a_table_of_vlmevalkit_and_samples_of_lmms_eval_are_whole_in_themselves(
    reference, tmp_path
):
    """The same answers in the harnesses' files give the same numbers as in LLaVA's."""
    gold = reference.json(f"scienceqa/{DERIVED}")
    lines = reference.lines(f"scienceqa/{LLAVA}")
    samples, table = [], ["\t".join(["index", "question", *"ABCDE", "answer", "prediction"])]
    for row, line in enumerate(lines):
        held = gold[line["question_id"]]
        letter, asked = "ABCDE"[held["answer"]], line["prompt"].removeprefix("<image>\n")
        sample = {"doc_id": row, "input": asked, "target": letter}
        samples.append(json.dumps(sample | {"filtered_resps": [line["text"]]}) + "\n")
        if held["image"]:
            choices = [*held["choices"], *[""] * (5 - len(held["choices"]))]
            cells = [str(row), held["question_and_context"], *choices, letter, line["text"]]
            table.append("\t".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    (tmp_path / "m_ScienceQA_TEST.tsv").write_text("\n".join(table) + "\n")
    (tmp_path / "x_samples_scienceqa.jsonl").write_text("".join(samples))
    for name, references in (("m_ScienceQA_TEST.tsv", None), ("m_ScienceQA_TEST.tsv", DERIVED)):
        order = {"references": references and reference.root / "scienceqa" / references}
        found = score_file(
            Order(task="scienceqa", predictions=tmp_path / name, protocol="vlmevalkit", **order)
        ).result
        assert values(found) == dict.fromkeys(("accuracy", "image_accuracy"), 0.7164105106593951)
    alone = tmp_path / "x_samples_scienceqa.jsonl"
    found = score_file(Order(task="scienceqa", predictions=alone, protocol="lmms-eval")).result
    assert values(found) == {"accuracy": 0.7439283187927376}
    found = scored(reference, alone, DERIVED, protocol="lmms-eval")
    assert values(found) == {"accuracy": 0.7439283187927376, "image_accuracy": 0.7164105106593951}
