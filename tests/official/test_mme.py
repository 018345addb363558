"""MME's files as a user has them: folders, LLaVA's lines, tables, odd and damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.errors import EvalkitError
from evalkit.rescore import Order, Scored, score_file

SHORT = "\nAnswer the question using a single word or phrase."
ASK = " Please answer yes or no."


class Bench:
    """A folder of references with three images, and predictions."""

    def __init__(self, root: Path):
        self.root = root
        self.gt = root / "gt"
        self.pred = root / "pred"
        self.gt.mkdir()
        self.pred.mkdir()
        self.write(
            self.gt,
            count=[
                ("1.jpg", f"Is there one dog?{ASK}", "Yes"),
                ("1.jpg", f"Are there two dogs? {ASK}", "No"),
                ("2.jpg", f"Is there one dog?{ASK}", "No"),
                ("2.jpg", f"Are there two dogs?{ASK}", "Yes"),
            ],
            landmark=[
                ("01ab.jpg", f"Is this a photo of A?{ASK}", "Yes"),
                ("01ab.jpg", f"Is this a photo of B?{ASK}", "No"),
            ],
        )

    def write(self, folder: Path, **tables) -> Path:
        for name, rows in tables.items():
            lines = ("\t".join(row) + "\n" for row in rows)
            (folder / f"{name}.txt").write_text("".join(lines))
        return folder

    def score(self, predictions, references: Path | None = None, **options) -> Scored:
        if not isinstance(predictions, Path):
            path = self.root / "answers.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in predictions))
            predictions = path
        order = Order(task="mme", predictions=predictions, references=references, **options)
        return score_file(order)


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def llava(image: str, question: str, text: str) -> dict:
    return {"question_id": image, "prompt": question + SHORT, "text": text}


ANSWERS = [
    llava("count/1.jpg", "Is there one dog?", "Yes"),
    llava("count/1.jpg", "Are there two dogs?", "No"),
    llava("count/2.jpg", "Is there one dog?", "No"),
    llava("count/2.jpg", "Are there two dogs?", "No"),
    llava("landmark/images/01ab.jpg", "Is this a photo of A?", "yes"),
    llava("landmark/images/01ab.jpg", "Is this a photo of B?", "no."),
]


def scores(scored: Scored) -> dict[str, float]:
    return {name: held["score"] for name, held in scored.result.breakdowns["subtask"].items()}


def noted(scored: Scored, words: str) -> bool:
    return any(words in note for note in scored.result.notes)


@pytest.mark.parametrize("step", [1, -1])
def test_llava_lines_in_any_order(bench, step):
    found = bench.score(ANSWERS[::step], bench.gt)
    assert scores(found) == {"count": 125.0, "landmark": 200.0}
    assert found.result.metrics["perception"].value == 325
    assert "cognition" not in found.result.metrics
    assert noted(found, "The references lack: existence, position")


def test_packed_references_and_the_file_of_one_subtask(bench):
    file = bench.gt / "count.txt"
    packed = bench.root / "count.txt.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    for references in (file, packed):
        assert scores(bench.score(ANSWERS, references)) == {"count": 125.0}


def test_the_benchmark_as_it_is_published(bench):
    release = bench.root / "MME_Benchmark_release_version"
    (release / "count").mkdir(parents=True)
    (release / "count" / "1.jpg").write_bytes(b"")
    (release / "count" / "1.txt").write_text(
        f"Is there one dog?{ASK}\tYes\nAre there two dogs?{ASK}\tNo\n"
    )
    deep = release / "landmark" / "questions_answers_YN"
    deep.mkdir(parents=True)
    (deep / "01ab.txt").write_text(f"Is this a photo of A?{ASK}\tYes\n")
    assert scores(bench.score(ANSWERS, release)) == {"count": 200.0, "landmark": 100.0}


def test_llava_converted_files_name_text_files(bench):
    bench.write(
        bench.pred,
        count=[
            ("2.txt", f"Are there two dogs?{ASK}", "Yes", "Yes"),
            ("2.txt", f"Is there one dog?{ASK}", "No", "No"),
        ],
    )
    for references in (bench.gt, None):
        found = bench.score(bench.pred, references)
        assert scores(found) == {"count": 200.0}
    assert bench.score(bench.pred, bench.gt).result.coverage.failed == 4


def test_missing_questions_do_not_count_under_the_official_rules(bench):
    found = bench.score(ANSWERS[:5], bench.gt)
    assert scores(found) == {"count": 125.0, "landmark": 100.0}
    assert noted(found, "an answer to one of their two questions")
    assert scores(bench.score(ANSWERS[:5], bench.gt, missing="wrong"))["landmark"] == 50.0


def test_lines_that_are_no_neighbours_are_paired_by_image(bench):
    rows = [
        ("1.jpg", f"Is there one dog?{ASK}", "Yes", "Yes"),
        ("2.jpg", f"Is there one dog?{ASK}", "No", "Yes"),
        ("1.jpg", f"Are there two dogs?{ASK}", "No", "No"),
        ("2.jpg", f"Are there two dogs?{ASK}", "Yes", "No"),
    ]
    found = bench.score(bench.write(bench.pred, count=rows))
    assert scores(found) == {"count": 100.0}
    assert noted(found, "paired by image")


def test_an_odd_number_of_lines(bench):
    rows = [("1.jpg", "A?", "Yes", "Yes"), ("1.jpg", "B?", "No", "No"), ("2.jpg", "A?", "No", "No")]
    found = bench.score(bench.write(bench.pred, count=rows))
    assert scores(found) == {"count": 200.0}
    assert noted(found, "1 images have one question without the other")


def test_four_lines_of_an_image_are_two_pairs(bench):
    rows = [("1.jpg", f"{name}?", gold, "Yes") for name, gold in zip("ABCD", "YYNY", strict=True)]
    rows = [(a, b, {"Y": "Yes", "N": "No"}[gold], text) for a, b, gold, text in rows]
    found = bench.score(bench.write(bench.pred, count=rows))
    assert scores(found) == {"count": 75.0 + 50.0}
    assert len(found.scores) == 4


def test_a_subtask_without_a_readable_answer_adds_0_and_is_named(bench):
    rows = [row | {"text": "It is."} for row in ANSWERS[:4]]
    found = bench.score([*rows, *ANSWERS[4:]], bench.gt)
    assert scores(found) == {"count": 0.0, "landmark": 200.0}
    assert noted(found, "No answer in count is a yes or a no")


def test_a_question_in_other_words_is_found_by_what_it_contains(bench):
    rows = [row | {"prompt": f"Look. {row['prompt']} Only yes or no."} for row in ANSWERS]
    assert scores(bench.score(rows, bench.gt)) == {"count": 125.0, "landmark": 200.0}


def test_what_is_unknown_or_repeated_is_counted_and_said(bench):
    rows = [*ANSWERS, llava("count/9.jpg", "Is it?", "Yes"), llava("x", "Is it?", "No"), ANSWERS[0]]
    found = bench.score(rows, bench.gt)
    assert scores(found) == {"count": 125.0, "landmark": 200.0}
    assert noted(found, "2 answers belong to no question")
    assert noted(found, "1 answers are followed by another")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1.jpg\tIs it?\n", r"count\.txt, line 1, has 2 of the three columns"),
        ("1.jpg\tIs it?\tPerhaps\n", r"count\.txt, line 1, has the gold answer 'Perhaps'"),
    ],
)
def test_damaged_references_are_an_error(bench, line, message):
    (bench.gt / "count.txt").write_text(line)
    with pytest.raises(EvalkitError, match=message):
        bench.score(ANSWERS, bench.gt)


def test_nothing_that_fits_is_an_error(bench):
    with pytest.raises(EvalkitError, match="belongs to a question"):
        bench.score([llava("7", "Is it?", "Yes")], bench.gt)


# Other harnesses' files carry their own gold answers


def sample(doc: int, image: str, question: str, gold: str, text: str) -> dict:
    category = image.partition("/")[0]
    total = "mme_cognition_score" if category == "code_reasoning" else "mme_perception_score"
    return {
        "doc_id": doc,
        "target": gold,
        "filtered_resps": text,
        "input": question + SHORT,
        total: {"question_id": image, "category": category, "score": float(gold == text)},
    }


def test_lmms_eval_samples(bench):
    rows = [
        sample(0, "landmark/01ab.jpg", "Is this a photo of A?", "Yes", "y"),
        sample(1, "landmark/01ab.jpg", "Is this a photo of B?", "No", "  no."),
        sample(2, "count/1.jpg", "Is there one dog?", "Yes", "Yes"),
        sample(3, "count/1.jpg", "Are there two dogs?", "No", "yes"),
    ]
    found = bench.score(rows, protocol="lmms-eval")
    assert scores(found) == {"count": 50.0, "landmark": 200.0}
    assert found.result.metrics["perception"].value == 250
    assert scores(bench.score(rows)) == {"count": 50.0, "landmark": 50.0}  # "y" is neither
    beside = bench.score(rows, bench.gt, protocol="lmms-eval", missing="exclude")
    assert scores(beside) == scores(found)


def test_a_table_of_vlmevalkit(bench):
    rows = [
        ("index", "image_path", "question", "answer", "category", "prediction"),
        ("0", "count/1.jpg", f"Is there one dog?{ASK}", "Yes", "count", "It is a yes"),
        ("1", "count/1.jpg", f"Are there two dogs?{ASK}", "No", "count", "snow"),
    ]
    table = bench.root / "answers.tsv"
    table.write_text("".join("\t".join(row) + "\n" for row in rows))
    assert scores(bench.score(table, protocol="vlmevalkit")) == {"count": 50.0}
    assert scores(bench.score(table)) == {"count": 50.0}
    assert scores(bench.score(table, bench.gt, missing="exclude")) == {"count": 50.0}
