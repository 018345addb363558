"""MMVP's questions with made-up answers: the numbers that the official files say, and the keys."""

from __future__ import annotations

import csv
import json

import pytest

from evalkit.rescore import Order, score_file

DISPUTED = {"99", "100", "279", "280"}


@pytest.fixture
def rows(reference) -> list[dict]:
    return list(csv.DictReader(reference.text("mmvp/Questions.csv").splitlines()))


@pytest.fixture
def answers(rows, tmp_path):
    """An official answer file; `said` makes the response of a row, `more` adds fields."""

    def answers(said, more=lambda row: {}):
        lines = [
            {
                "question_id": int(row["Index"]),
                "prompt": f"{row['Question']} {row['Options']}",
                "answer": row["Correct Answer"],
                "response": said(row),
            }
            | more(row)
            for row in rows
        ]
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return answers


def scored(predictions, references=None, task="mmvp", protocol=None):
    order = Order(task=task, predictions=predictions, references=references, protocol=protocol)
    return score_file(order).result


def values(found) -> dict[str, float]:
    return {name: metric.value for name, metric in found.metrics.items()}


@pytest.mark.parametrize("name", [None, "", "Questions.csv"])
def test_trivial_predictors(reference, answers, name):
    expected = reference.json("mmvp/edge_cases.json")["trivial"]
    references = None if name is None else reference.root / "mmvp" / name
    found = scored(answers(lambda _: "(a)"), references)
    assert values(found) == expected['all "(a)"']
    assert (
        values(scored(answers(lambda row: row["Correct Answer"]), references))
        == (expected["all correct"])
    )
    assert found.protocol == "letter"
    assert any("judge" in note for note in found.notes)


def test_the_categories_of_the_table_are_slices(reference, rows, answers):
    found = scored(answers(lambda row: row["Correct Answer"]), reference.root / "mmvp")
    assert set(found.breakdowns["category"]) == {row["Category"] for row in rows}
    assert all(held["pair_accuracy"] == 1.0 for held in found.breakdowns["category"].values())


def test_judge_replies_count_as_in_the_official_script(reference, rows, answers):
    cases = reference.json("mmvp/edge_cases.json")["official_judge"]["cases"]
    reply = {row["Index"]: cases[int(row["Index"]) % len(cases)] for row in rows}
    right = [reply[row["Index"]]["counts_as_correct"] for row in rows]
    pairs = [a and b for a, b in zip(right[::2], right[1::2], strict=True)]
    path = answers(
        lambda _: "anything", lambda row: {"gpt_grade": reply[row["Index"]]["judge_reply"]}
    )
    for references in (None, reference.root / "mmvp"):
        found = scored(path, references)
        assert found.protocol == "official"
        assert values(found) == {"pair_accuracy": sum(pairs) / 150, "accuracy": sum(right) / 300}


@pytest.mark.parametrize("references", [None, "mmvp"])
@pytest.mark.parametrize(
    ("rules", "wrong"),
    [
        (("mmvp", "letter"), 0),
        (("mmvp:corrected", "letter"), 4),
        (("mmvp", "lmms-eval"), 4),
        (("mmvp:corrected", "lmms-eval"), 4),
    ],
)
def test_labels(reference, answers, references, rules, wrong):
    """The original key is answered: whatever has the corrected one finds four rows wrong."""
    references = references and reference.root / references
    found = scored(answers(lambda row: row["Correct Answer"]), references, *rules)
    assert values(found) == {"pair_accuracy": 1 - wrong / 300, "accuracy": 1 - wrong / 300}


def test_vlmevalkit_reads_the_words_of_an_option(reference, rows, answers):
    path = answers(lambda row: {"(a)": "A", "(b)": "B"}[row["Correct Answer"]])
    assert values(scored(path, reference.root / "mmvp", protocol="vlmevalkit")) == {
        "pair_accuracy": 1.0,
        "accuracy": 1.0,
    }
    small = scored(answers(lambda row: row["Correct Answer"]), protocol="vlmevalkit")
    assert values(small)["accuracy"] < 0.1  # "(b)" in small letters names none of its options
