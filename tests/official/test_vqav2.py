"""VQAv2's files as a user has them: whole, in parts, odd and damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.rescore import Order, Scored, score_file

TEN = ["yes"] * 10


def annotation(question_id, answers=TEN, **changes) -> dict:
    return {
        "question_id": question_id,
        "image_id": 1,
        "answers": [{"answer": a, "answer_id": n} for n, a in enumerate(answers, start=1)],
        "question_type": "is it",
        "answer_type": "yes/no",
        **changes,
    }


class Bench:
    """A folder of references and a result list."""

    def __init__(self, root: Path):
        self.references = root / "references"
        self.references.mkdir()
        self.results = root / "results.json"

    def annotate(self, *entries, name="annotations.json", packed=False) -> Path:
        return self.write(name, json.dumps({"info": {}, "annotations": entries}), packed=packed)

    def write(self, name: str, text: str, *, packed: bool = False) -> Path:
        path = self.references / name
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        return path

    def score(self, *results, references: Path | None = None, **more) -> Scored:
        self.results.write_text(json.dumps(list(results)), encoding="utf-8")
        place = references or self.references
        return score_file(Order(task="vqav2", predictions=self.results, references=place, **more))


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def result(question_id, answer="yes") -> dict:
    return {"question_id": question_id, "answer": answer}


def accuracy(scored: Scored) -> float:
    return scored.result.metrics["accuracy"].value


def test_annotations_and_questions_of_a_folder(bench):
    bench.annotate(annotation(7), annotation(8, ["no"] * 10, image_id=2))
    question = {"question_id": 7, "image_id": 1, "question": "Is it?"}
    bench.write("questions.json", json.dumps({"questions": [question]}))
    bench.write("results_of_somebody.json", "[]")
    scored = bench.score(result(8), result(7))
    assert accuracy(scored) == 0.5
    first, second = scored.samples
    assert (first.id, first.question, first.cluster, first.targets) == ("7", "Is it?", "1", (*TEN,))
    assert (second.question, second.cluster) == ("", "2")
    assert first.tags == {"answer_type": "yes/no", "question_type": "is it"}
    assert set(scored.result.breakdowns) == {"answer_type", "question_type"}


@pytest.mark.parametrize("packed", [True, False])
def test_annotations_alone_plain_or_packed(bench, packed):
    path = bench.annotate(annotation(7), name="a.json.gz" if packed else "a.json", packed=packed)
    assert accuracy(bench.score(result(7), references=path)) == 1.0


def test_answer_ids_are_not_needed(bench):
    bench.annotate(annotation(7, answers=[]) | {"answers": [{"answer": "yes"}] * 10})
    assert accuracy(bench.score(result(7))) == 1.0


@pytest.mark.parametrize(
    ("results", "value", "failed", "said"),
    [
        ([result("7"), result(8.0)], 1.0, 0, "another type"),
        ([result(7), result(7, "no"), result(8)], 0.5, 0, "the last"),
        ([result(7)], 0.5, 1, "stops unless"),
        ([result(7), result(8), result(9)], 1.0, 0, "stops at answers to questions"),
        ([result(7), result(8, None)], 0.5, 1, "stops at an entry without"),
        ([result(7), {"question_id": 8}], 0.5, 1, "stops at an entry without"),
        ([result(7), result(None), result(8)], 1.0, 0, "stops at answers to questions"),
        ([result(7), result(8, 1)], 0.5, 0, "another type"),
    ],
)
def test_odd_results(bench, results, value, failed, said):
    bench.annotate(annotation(7), annotation(8))
    scored = bench.score(*results)
    assert accuracy(scored) == value
    assert (scored.result.coverage.asked, scored.result.coverage.failed) == (2, failed)
    assert any(said in note for note in scored.result.notes)


def test_the_official_rounding_is_a_number_under_the_official_rules_only(bench):
    bench.annotate(annotation(7), annotation(8, answer_type="number"))
    found = bench.score(result(7), result(8, "Yes")).result
    assert found.metrics["accuracy_rounded"].value == 0.5
    slices = found.breakdowns["answer_type"]
    assert slices["yes/no"] == {"accuracy": 1.0, "accuracy_rounded": 1.0}
    assert slices["number"]["accuracy_rounded"] == 0.0
    other = bench.score(result(7), result(8), protocol="lmms-eval").result
    assert "accuracy_rounded" not in {**other.metrics, **other.breakdowns["answer_type"]["number"]}


def test_conversion_comes_first(bench):
    bench.annotate(annotation(7))
    assert accuracy(bench.score(result(7, "Yes."))) == 0.0
    scored = bench.score(result(7, "Yes."), convert="llava")
    assert accuracy(scored) == 1.0
    assert scored.result.fingerprint.scorer.conversion == "llava"


def test_other_than_ten_answers(bench):
    bench.annotate(annotation(7, ["yes", "yes", "no"]), annotation(8, []))
    scored = bench.score(result(7))
    assert accuracy(scored) == pytest.approx((1 / 3 + 1 / 3 + 2 / 3) / 3)
    notes = " ".join(scored.result.notes)
    assert "1 questions have other than ten human answers" in notes
    assert "1 questions have no human answers and are left out" in notes


def test_a_lone_surrogate_and_nan_are_read(bench):
    entry = json.dumps(annotation(7, ["\ud83d"] * 10, extra=float("nan")))
    bench.write("annotations.json", f'{{"annotations": [{entry}]}}')
    (sample,) = bench.score(result(7)).samples
    assert sample.targets == ("?",) * 10


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"question_id": 7}, "annotation 2 is not as the official files have it.*image_id"),
        (annotation([]), "annotation 2 .*question_id"),
        (annotation(8) | {"answers": [{"answer": 5}]}, "annotation 2 .*answers"),
        (annotation(8) | {"answers": ["yes"]}, "annotation 2 .*answers"),
        (5, "annotation 2 "),
        (annotation(7), "the question 7 more than once"),
    ],
)
def test_damaged_annotations(bench, entry, said):
    bench.annotate(annotation(7), entry)
    with pytest.raises(UsageError, match=said):
        bench.score(result(7))


@pytest.mark.parametrize("text", ['{"annotations": [{"question_id"', '{"annotations": [}', "{"])
def test_torn_files(bench, text):
    bench.write("annotations.json", text)
    with pytest.raises(UsageError, match=r"annotations.json is damaged"):
        bench.score(result(7))


def test_a_torn_archive(bench):
    path = bench.annotate(annotation(7), name="annotations.json.gz", packed=True)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UsageError, match=r"annotations.json.gz cannot be read"):
        bench.score(result(7))


def test_questions_without_annotations(bench):
    bench.write("questions.json", json.dumps({"questions": []}))
    with pytest.raises(UsageError, match="questions but no annotations"):
        bench.score(result(7))


def test_a_split_without_answers(bench):
    bench.annotate(annotation(7) | {"answers": None})
    with pytest.raises(UsageError, match="no question that people answered"):
        bench.score(result(7))


def test_the_validation_split_is_chosen_of_several(bench):
    bench.annotate(annotation(7), name="v2_mscoco_val2014_annotations.json")
    bench.annotate(annotation(8), name="v2_mscoco_train2014_annotations.json")
    assert [sample.id for sample in bench.score(result(7)).samples] == ["7"]
    bench.annotate(annotation(8), name="more_val_annotations.json")
    with pytest.raises(UsageError, match="several annotation files"):
        bench.score(result(7))


def test_other_files_are_no_references(bench):
    path = bench.write("other.json", json.dumps({"data": {}}))
    with pytest.raises(UsageError, match="no ground truth of"):
        bench.score(result(7), references=path)


def test_rows_of_lmms_eval_are_checked_by_their_question(bench, tmp_path):
    bench.annotate(annotation(70), annotation(80, ["no"] * 10))
    questions = [
        {"question_id": 70, "question": "Is it?"},
        {"question_id": 80, "question": "Are they?"},
    ]
    bench.write("questions.json", json.dumps({"questions": questions}))
    lines = [
        {"doc_id": 1, "input": "Are they?\nAnswer", "filtered_resps": ["no"], "exact_match": 1},
        {"doc_id": 0, "input": "is IT?\nAnswer", "filtered_resps": ["no"], "exact_match": 0},
    ]
    path = tmp_path / "x_samples_vqav2_val.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    order = Order(task="vqav2", predictions=path, references=bench.references)
    scored = score_file(order)
    assert [s.values["score"] for s in scored.scores] == [0.0, 1.0]
    lines[0]["doc_id"], lines[1]["doc_id"] = 0, 1
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UsageError, match="in another order"):
        score_file(order)


def test_the_rounding_is_a_fraction_of_four_decimals(bench):
    """55.4 / 100 is 0.5539999999999999 in floating point."""
    bench.annotate(*(annotation(n) for n in range(500)))
    answers = [result(n, "yes" if n < 277 else "no") for n in range(500)]
    assert bench.score(*answers).result.metrics["accuracy_rounded"].value == 0.554
