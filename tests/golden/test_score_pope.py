"""POPE's recorded predictions, scored from the files, beside the official numbers."""

from __future__ import annotations

import json

import pytest

from evalkit.rescore import Order, score_file

SPLITS = ("random", "popular", "adversarial")
KEYS = ("accuracy", "precision", "recall", "f1", "yes_ratio")
WHOLE = "pred/llava-v1.5-13b.jsonl.gz"
CUT = "pred/llava-v1.5-7b.partial5712.jsonl.gz"
VERBOSE = "pred/llava1_popular_verbose.jsonl.gz"
OLD, CURRENT = "gt_coco_llava15", "gt_coco_current"


def scored(reference, predictions, references: str, protocol: str = "official"):
    folder = reference.root / "pope"
    return score_file(
        Order(
            task="pope",
            predictions=folder / predictions,
            references=folder / references,
            protocol=protocol,
        )
    ).result


def values(found) -> dict[str, float]:
    return {name: metric.value for name, metric in found.metrics.items()}


def expected_of(reference, name: str) -> dict:
    return reference.json("pope/expected.json")["files"][name]


def assert_splits(found, expected: dict) -> None:
    answered = [name for name in SPLITS if expected[name]["n_answers"]]
    assert found.breakdowns["category"] == {
        name: {key: expected[name][key] for key in KEYS} for name in sorted(answered)
    }


@pytest.mark.parametrize("references", [OLD, "llava_pope_test_8910.jsonl.gz"])
def test_llava_13b(reference, references, tmp_path):
    if references != OLD:  # the question file itself, with the split files beside it
        for source in (reference.root / "pope" / OLD).iterdir():
            (tmp_path / source.name).write_bytes(source.read_bytes())
        whole = reference.root / "pope" / references
        references = str(tmp_path / references)
        (tmp_path / whole.name).write_bytes(whole.read_bytes())
    expected = expected_of(reference, WHOLE)["expected"]
    found = scored(reference, WHOLE, references)
    assert_splits(found, expected)
    numbers = values(found)
    assert {key: numbers[key] for key in KEYS} == {
        key: expected["pooled_over_categories"][key] for key in KEYS
    }
    assert numbers["macro_f1"] == expected["mean_over_categories"]["f1"]
    assert round(100 * numbers["macro_f1"], 1) == 85.9  # published
    assert (found.coverage.asked, found.coverage.failed) == (8910, 0)
    assert found.notes == (
        "The references hold 8,910 questions; the benchmark's dataset has 9,000.",
    )


def test_llava_13b_without_the_question_file(reference, tmp_path):
    for source in (reference.root / "pope" / OLD).iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    found = scored(reference, WHOLE, str(tmp_path))
    assert_splits(found, expected_of(reference, WHOLE)["expected"])
    lines = reference.lines(f"pope/{WHOLE}")
    for number, line in enumerate(lines):  # ids of another making: the order of questions tells
        line["question_id"] = f"q{number}"
    other = tmp_path / "answers.jsonl"
    other.write_text("\n".join(map(json.dumps, lines)))
    assert scored(reference, other, str(tmp_path)).metrics == found.metrics


@pytest.mark.parametrize("has_questions", [True, False])
def test_an_interrupted_run(reference, has_questions, tmp_path):
    references = OLD
    if not has_questions:
        references = str(tmp_path)
        for source in (reference.root / "pope" / OLD).iterdir():
            (tmp_path / source.name).write_bytes(source.read_bytes())
    found = scored(reference, CUT, references)
    assert_splits(found, expected_of(reference, CUT)["expected"])
    assert found.metrics["accuracy"].n == 5712
    assert found.coverage.asked == 5910
    assert any("No answer belongs to popular" in note for note in found.notes)


@pytest.mark.parametrize("references", [CURRENT, f"{CURRENT}/coco_pope_popular.json.gz"])
def test_free_form_answers(reference, references):
    entry = expected_of(reference, VERBOSE)
    found = scored(reference, VERBOSE, references)
    expected = entry["expected"]["popular"]
    assert found.breakdowns["category"] == {"popular": {key: expected[key] for key in KEYS}}
    assert values(found) == {key: expected[key] for key in KEYS} | {"macro_f1": expected["f1"]}
    assert (found.coverage.asked, found.coverage.failed) == (3000, 0)

    lmms_eval = scored(reference, VERBOSE, references, "lmms-eval")
    assert values(lmms_eval) == entry["other_implementations"]["lmms_eval"]
    assert lmms_eval.coverage.unparsed == 2725

    vlmevalkit = values(scored(reference, VERBOSE, references, "vlmevalkit"))
    theirs = entry["other_implementations"]["vlmevalkit_exact_matching"]
    assert {f"{key}_x100": 100 * value for key, value in vlmevalkit.items()} == {
        "accuracy_x100": theirs["acc_x100"],
        "precision_x100": theirs["precision_x100"],
        "recall_x100": theirs["recall_x100"],
        "f1_x100": theirs["f1_x100"],
    }


def test_pairs_of_question_and_answer(reference, tmp_path):
    """The form of RUCAIBox/POPE: no ids, and all three splits one after the other."""
    lines = reference.lines(f"pope/{WHOLE}")
    pairs = [{"question": line["prompt"].split("\n")[0], "answer": line["text"]} for line in lines]
    path = tmp_path / "answers.json"
    path.write_text("\n".join(map(json.dumps, pairs)))
    found = scored(reference, path, OLD)
    expected = expected_of(reference, WHOLE)["expected"]
    assert_splits(found, expected)
    path.write_text("\n".join(map(json.dumps, pairs[:3000])))
    found = scored(reference, path, f"{OLD}/coco_pope_adversarial.json.gz")
    assert found.metrics["f1"].value == expected["adversarial"]["f1"]


def test_newer_questions_than_those_that_were_asked(reference):
    """Some questions of the current files are others: answers are matched by question."""
    found = scored(reference, WHOLE, CURRENT)
    assert any("matched by question" in note for note in found.notes)
    assert any("belong to no question" in note for note in found.notes)
    assert found.metrics["accuracy"].n < 8910
