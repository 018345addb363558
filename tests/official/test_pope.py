"""POPE's files as a user has them: whole, in parts, odd and damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.errors import EvalkitError
from evalkit.rescore import Order, Scored, score_file

SPLITS = ("random", "popular", "adversarial")
SHORT = "\nAnswer the question using a single word or phrase."
ABSENT = {
    "random": ("car", "tie", "cow"),
    "popular": ("table", "cup", "chair"),
    "adversarial": ("bag", "bottle", "fork"),
}


def truth(split: str) -> list[dict]:
    """Six questions: about each of three images what is there, and what is not."""
    return [
        {
            "question_id": number + 1,
            "image": f"COCO_{number // 2}.jpg",
            "text": f"Is there a {'dog' if number % 2 == 0 else ABSENT[split][number // 2]} here?",
            "label": "no" if number % 2 else "yes",
        }
        for number in range(6)
    ]


ALL = {name: truth(name) for name in SPLITS}


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


class Bench:
    """A folder of split files, and a file of answers."""

    def __init__(self, root: Path):
        self.references = root / "coco"
        self.answers = root / "answers.jsonl"
        self.references.mkdir()
        for name, rows in ALL.items():
            (self.references / f"coco_pope_{name}.json").write_text(lines(rows))

    def question_file(self, folder: Path, start: dict[str, int]) -> Path:
        path = folder / "llava_pope_test.jsonl.gz"
        rows = [
            {
                "question_id": start[name] + number,
                "image": row["image"],
                "text": row["text"] + SHORT,
                "category": name,
            }
            for name in start
            for number, row in enumerate(ALL[name])
        ]
        path.write_bytes(gzip.compress(lines(rows).encode()))
        return path

    def score(self, rows: list[dict], references: Path | None = None, **options) -> Scored:
        self.answers.write_text(lines(rows))
        place = references or self.references
        return score_file(Order(task="pope", predictions=self.answers, references=place, **options))


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def answered(split: str, start: int = 1, **fields) -> list[dict]:
    """Right answers in LLaVA's form."""
    return [
        {
            "question_id": start + number,
            "prompt": row["text"] + SHORT,
            "text": row["label"].capitalize(),
            **fields,
        }
        for number, row in enumerate(ALL[split])
    ]


def given(scored: Scored) -> dict[str, str | None]:
    return {name: prediction.text for name, prediction in scored.predictions.items()}


def right(scored: Scored) -> bool:
    return all(score.values["correct"] for score in scored.scores)


def whole(order=SPLITS, step: int = 10_000_000) -> list[dict]:
    return [row for place, name in enumerate(order) for row in answered(name, 1 + place * step)]


@pytest.mark.parametrize("order", [SPLITS, ("popular", "adversarial", "random")])
@pytest.mark.parametrize("step", [10_000_000, 6, 0])
def test_splits_are_told_by_ids_or_by_the_order_of_questions(bench, order, step):
    found = bench.score(whole(order, step))
    assert right(found)
    assert len(found.scores) == 18
    assert found.result.metrics["macro_f1"].value == 1
    assert set(found.result.breakdowns["category"]["popular"]) == {
        "accuracy", "precision", "recall", "f1", "yes_ratio"
    }  # fmt: skip


@pytest.mark.parametrize("cut", [8, 11, 15])
def test_a_file_that_was_cut_off(bench, cut):
    found = bench.score(whole(step=6)[:cut])
    assert right(found)
    assert len(found.scores) == cut


def test_a_few_answers_to_each_split(bench):
    rows = [row for name in SPLITS for row in answered(name)[:4]]
    assert right(bench.score(rows))


@pytest.mark.parametrize("place", ["beside", "above", "itself"])
def test_the_question_file_decides(bench, place):
    start = dict(zip(SPLITS, (100, 300, 200), strict=True))
    folder = bench.references.parent if place == "above" else bench.references
    path = bench.question_file(folder, start)
    rows = [row for name in SPLITS for row in answered(name, start[name])]
    found = bench.score(rows[::2] + rows[1::2], path if place == "itself" else None)
    assert right(found)
    assert len(found.scores) == 18
    assert any("matched by question" in note for note in found.result.notes)
    assert not any("matched" in note for note in bench.score(rows).result.notes)


def test_the_question_file_is_not_used_where_it_has_other_questions(bench):
    bench.question_file(bench.references, dict(zip(SPLITS, (1, 7, 13), strict=True)))
    found = bench.score(answered("popular"))
    assert right(found)
    assert {name.partition("/")[0] for name in given(found)} == {"popular"}
    assert any("was not used" in note for note in found.result.notes)


def test_a_gap_is_left_out_under_the_official_rules_and_wrong_under_others(bench):
    rows = answered("random")
    del rows[2]
    file = bench.references / "coco_pope_random.json"
    found = bench.score(rows, file)
    assert right(found)
    assert len(found.scores) == 5
    assert (found.result.coverage.asked, found.result.coverage.failed) == (6, 1)
    other = bench.score(rows, file, protocol="lmms-eval")
    assert other.result.metrics["accuracy"].value == 5 / 6


@pytest.mark.parametrize("fields", [{"category": "popular"}, {"image": "x"}])
def test_fields_of_the_line_tell_what_the_questions_do_not(bench, fields):
    rows = [
        {"question_id": f"q{n}", "text": row["label"], "prompt": row["text"]}
        | ({"image": row["image"]} if "image" in fields else {"category": name})
        for name in SPLITS
        for n, row in enumerate(ALL[name])
        if "category" in fields or row["label"] == "no"
    ]
    assert right(bench.score(rows[::-1] if "image" in fields else rows))


def test_pairs_without_ids(bench):
    rows = [{"question": row["text"], "answer": row["label"]} for row in ALL["adversarial"]]
    assert right(bench.score(rows))
    assert right(bench.score(rows, bench.references / "coco_pope_adversarial.json"))


def test_questions_in_other_words_are_paired_by_position_and_that_is_said(bench):
    rows = [{"question": f"Q{n}", "answer": row["label"]} for n, row in enumerate(ALL["random"])]
    found = bench.score(rows, bench.references / "coco_pope_random.json")
    assert right(found)
    assert any("nothing could be checked" in note for note in found.result.notes)


def test_a_repeated_answer_counts_once(bench):
    rows = answered("random", image="")
    for row, asked in zip(rows, ALL["random"], strict=True):
        row["image"] = asked["image"]
    found = bench.score(
        [*rows, rows[0] | {"text": "No"}], bench.references / "coco_pope_random.json"
    )
    assert len(found.scores) == 6
    assert given(found)["random/1"] == "Yes"  # the first six are the split, in its order


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"question_id": 9, "text": "no"}], "llava_pope_test"),
        (whole(step=6)[:1], "llava_pope_test"),
        (list(reversed(whole(step=6))), "llava_pope_test"),
        ([{"question_id": "a", "prompt": "What is it?", "text": "no"}], "llava_pope_test"),
    ],
)
def test_what_cannot_be_told_apart_is_one_clear_error(bench, rows, message):
    with pytest.raises(EvalkitError, match=message):
        bench.score(rows)


def test_answers_to_another_split_are_an_error_with_the_place(bench):
    rows = [row | {"question_id": f"q{n}"} for n, row in enumerate(answered("popular"))]
    with pytest.raises(EvalkitError, match="line 2, asks 'is there a table here"):
        bench.score(rows, bench.references / "coco_pope_random.json")


@pytest.mark.parametrize(
    "content",
    [
        '{"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "perhaps"}',
        '{"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "yes"}\nnot JSON',
        '{"question_id": 1, "image": 3, "text": "Is there a dog?", "label": "yes"}',
        '{"question_id": 1, "image": "a", "text": "Is there a dog?", "label": "yes"}\n' * 2,
        '{"question_id": 1, "image": "a", "text": "Is there a dog?", "label": "yes"}\n[]',
        "",
    ],
)
def test_damaged_references_are_an_error(bench, content):
    file = bench.references / "coco_pope_random.json"
    file.write_text(content)
    with pytest.raises(EvalkitError, match=r"coco_pope_random\.json"):
        bench.score(answered("random"), file)


def test_two_sets_of_split_files_are_an_error(bench):
    other = bench.references.parent / "other"
    other.mkdir()
    (other / "coco_pope_random.json").write_text(lines(ALL["random"]))
    with pytest.raises(EvalkitError, match=r"coco, other\): name one"):
        bench.score(answered("random"), bench.references.parent)


def test_a_split_without_a_hit_has_an_f1_of_0_and_a_note(bench):
    rows = [row | {"text": "No"} for row in answered("random")]
    found = bench.score(rows)
    assert found.result.metrics["f1"].value == 0
    assert "precision" not in found.result.metrics
    assert any("divides by zero" in note for note in found.result.notes)


def test_odd_ids_do_not_crash(bench):
    rows = answered("random")
    for row, name in zip(rows, (None, 1.5, [], "9" * 5000, True, {"a": 1}), strict=True):
        row["question_id"] = name
    assert right(bench.score(rows))


# Other harnesses' files carry their own gold answers


def lmms_samples(split: str) -> list[dict]:
    return [
        {
            "doc_id": n,
            "target": row["label"],
            "filtered_resps": row["label"].upper(),
            "input": row["text"] + SHORT,
            "pope_accuracy": {
                "question_id": str(row["question_id"]),
                "score": 1.0,
                "prediction": row["label"],
                "ground_truth": row["label"],
            },
        }
        for n, row in enumerate(ALL[split])
    ]


def test_lmms_eval_samples_are_their_own_references(bench):
    bench.answers.write_text(lines(lmms_samples("popular")))
    order = Order(task="pope", predictions=bench.answers, protocol="lmms-eval")
    assert score_file(order).result.metrics["accuracy"].value == 1
    official = score_file(Order(task="pope", predictions=bench.answers))
    assert official.result.metrics["accuracy"].value == 0.5  # "NO" is a yes
    assert "macro_f1" not in official.result.metrics
    assert official.result.breakdowns == {"category": {}}


def test_lmms_eval_samples_beside_the_split_files(bench):
    samples = lmms_samples("popular")[::-1]
    found = bench.score(samples, protocol="lmms-eval", missing="exclude")
    assert right(found)
    assert set(given(found)) == {f"popular/{n}" for n in range(1, 7)}


def test_a_table_counts_a_row_in_each_of_its_splits(bench):
    bench.answers = bench.answers.with_suffix(".tsv")
    rows = [
        ("0", "Is there a dog here?", "Yes", "random,popular", "Yes, it is", "COCO_0.jpg"),
        ("1", "Is there a cup here?", "No", "popular", "no", "COCO_1.jpg"),
        ("2", "Is there a cow here?", "No", "random", "perhaps", "COCO_2.jpg"),
    ]
    header = ("index", "question", "answer", "category", "prediction", "image_path")
    bench.answers.write_text("".join("\t".join(row) + "\n" for row in (header, *rows)))
    found = score_file(Order(task="pope", predictions=bench.answers, protocol="vlmevalkit"))
    assert found.result.metrics["accuracy"].value == 3 / 4
    assert found.result.metrics["f1"].value == 1
    assert found.result.breakdowns["category"]["random"]["accuracy"] == 1 / 2
    official = score_file(Order(task="pope", predictions=bench.answers))
    assert official.result.metrics["accuracy"].n == 4


def test_a_gold_answer_that_is_neither_is_an_error(bench):
    bench.answers = bench.answers.with_suffix(".tsv")
    bench.answers.write_text("index\tquestion\tanswer\tprediction\n0\tIs it?\tA\tyes\n")
    with pytest.raises(EvalkitError, match="gold answer 'A'"):
        score_file(Order(task="pope", predictions=bench.answers))
