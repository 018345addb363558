"""TextVQA's files as a user has them: whole, in other layouts, odd and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.official.textvqa import listed, question_of
from evalkit.rescore import Order, Scored, score_file

SHORT = "\nAnswer the question using a single word or phrase."


def question(question_id, text, image="i1", answers=("yes",) * 10) -> dict:
    return {"question_id": question_id, "image_id": image, "question": text, "answers": answers}


class Bench:
    """A file of references and a prediction file."""

    def __init__(self, root: Path):
        self.root, self.references = root, root / "TextVQA_0.5.1_val.json"

    def ask(self, *entries) -> None:
        self.references.write_text(json.dumps({"dataset_name": "textvqa", "data": entries}))

    def score(self, *lines, name="answers.jsonl", references=True, **more) -> Scored:
        path = self.root / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        place = self.references if references else None
        return score_file(Order(task="textvqa", predictions=path, references=place, **more))

    def table(self, rows: list[dict], **more) -> Scored:
        path = self.root / "model_TextVQA_VAL.tsv"
        names = list(rows[0])
        lines = ["\t".join(names), *("\t".join(str(row[n]) for n in names) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return score_file(Order(task="textvqa", predictions=path, **more))


@pytest.fixture
def bench(tmp_path) -> Bench:
    made = Bench(tmp_path)
    made.ask(
        question(11, "Is it red?"),
        question(12, "Is it blue?", answers=["no"] * 10),
        question(13, "is it RED?", image="i2"),
    )
    return made


def line(image, prompt, text="yes") -> dict:
    return {"question_id": image, "prompt": prompt, "text": text}


def ids(scored: Scored) -> list[str]:
    return [score.sample_id for score in scored.scores]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        (f"Is it?{SHORT}", "is it?"),
        (f"Is it?\nReference OCR token: A, b{SHORT}", "is it?"),
        (f"Reference OCR token: A, b\nIs it?{SHORT}", "is it?"),
        ("OCR tokens: A, b. Question: Is it? Short answer:", "is it?"),
        ("OCR tokens: A. Question: Is\nit? Short answer: x Short answer:", "is\nit?"),
        ("Is it?", None),
        (f"Is it?\nReference OCR token: A\nB{SHORT}", None),
        (f"Is\nit?{SHORT}", None),
        ("OCR tokens: A, b. Is it?", None),
        ("", None),
    ],
)
def test_prompt_layouts(prompt, found):
    assert question_of(prompt) == found


def test_lines_are_joined_by_image_and_question_and_keep_their_order(bench):
    scored = bench.score(line("i2", f"Is it red?{SHORT}"), line("i1", f"IS IT BLUE?{SHORT}"))
    assert ids(scored) == ["13", "12"]
    assert scored.result.metrics["accuracy"].value == 0.5
    assert (scored.result.coverage.asked, scored.result.coverage.failed) == (3, 1)
    notes = " ".join(scored.result.notes)
    assert "1 of 3 questions have no answer; they are left out. The official script's mean" in notes
    assert "hold no OCR tokens" in notes


def test_a_question_that_two_lines_ask_counts_twice(bench):
    asked = f"Is it red?{SHORT}"
    scored = bench.score(line("i1", asked), line("i1", asked, "no"), line("i1", asked, "no"))
    assert ids(scored) == ["11", "11#2", "11#3"]
    assert scored.result.metrics["accuracy"].value == 1 / 3
    assert any("2 lines ask a question that an earlier line" in n for n in scored.result.notes)


def test_other_layouts_and_unknown_images_are_left_out_and_named(bench):
    scored = bench.score(
        line("i1", f"Is it red?{SHORT}"),
        line("i1", "Is it blue?"),
        line("i9", f"Is it red?{SHORT}"),
    )
    assert ids(scored) == ["11"]
    notes = " ".join(scored.result.notes)
    assert "1 prompts (line 2) have none of LLaVA's four layouts" in notes
    assert "2 answers belong to no question" in notes


def test_lines_that_name_question_ids_are_joined_by_them(bench):
    scored = bench.score(line(12, f"Is it blue?{SHORT}", "no"))
    assert ids(scored) == ["12"]
    assert scored.result.metrics["accuracy"].value == 1.0


def test_ocr_tokens_in_some_prompts(bench):
    scored = bench.score(
        line("i1", f"Is it red?\nReference OCR token: RED{SHORT}"),
        line("i1", "OCR tokens: BLUE. Question: Is it blue? Short answer:"),
        line("i2", f"Is it red?{SHORT}"),
    )
    assert any("2 of 3 prompts hold OCR tokens" in note for note in scored.result.notes)


def test_lmms_eval_names_question_ids_or_rows(bench):
    entry = {"doc_id": 1, "input": f"Is it blue?{SHORT}", "filtered_resps": ["no"]}
    named = entry | {"doc_id": 0, "submission": {"question_id": 12, "answer": "no"}}
    for given in (entry, named):
        scored = bench.score(given, name="x_samples_textvqa_val.jsonl", missing="exclude")
        assert ids(scored) == ["12"]


def test_evalkit_s_own_answers(bench):
    lines = [
        {"sample_id": "11", "text": "yes", "finish": "stop"},
        {"sample_id": "12", "text": None, "failure": {"kind": "x", "message": "y"}},
    ]
    scored = bench.score(*lines)
    assert scored.result.metrics["accuracy"].value == 0.5


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("['yes', 'no']", ("yes", "no")),
        ("[1, 'x']", ("1", "x")),
        ("yes", ("yes",)),
        ("['torn", ("['torn",)),
        ("__import__('os').getcwd()", ("__import__('os').getcwd()",)),
        ("(" * 300, ("(" * 300,)),
        ("", ("",)),
    ],
)
def test_lists_in_tables_are_read_and_never_run(text, answers):
    assert listed(text) == answers


def test_a_table_carries_its_own_references(bench):
    ten = str(["5"] * 10)
    rows = [
        {"index": 0, "question": "How many?", "answer": ten, "prediction": "5"},
        {"index": 1, "question": "How many?", "answer": ten, "prediction": "5."},
        {"index": 1, "question": "How many?", "answer": "5", "prediction": "5"},
    ]
    scored = bench.table(rows, protocol="vlmevalkit")
    assert [(s.sample_id, s.values["score"]) for s in scored.scores] == [
        ("0", 1.0),
        ("1", 0.0),
        ("1#2", 0.0),
    ]
    assert bench.table(rows[:2]).result.metrics["accuracy"].value == 1.0


def test_a_table_beside_the_official_file(bench):
    rows = [{"index": 1, "question": "Is it blue?", "prediction": "no"}]
    scored = bench.table(rows, references=bench.references, missing="exclude")
    assert ids(scored) == ["12"]
    rows[0]["index"] = 11
    scored = bench.table(rows, references=bench.references, missing="exclude")
    assert ids(scored) == ["11"]


def test_odd_numbers_of_answers(bench):
    bench.ask(
        question(11, "Is it red?", answers=["yes"] * 4), question(12, "Is it blue?", answers=[])
    )
    scored = bench.score(line("i1", f"Is it red?{SHORT}"))
    assert scored.result.metrics["accuracy"].value == 1.0
    notes = " ".join(scored.result.notes)
    assert "1 questions have other than ten human answers: the official evaluator stops" in notes
    assert "1 questions have no human answers and are left out" in notes


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"question_id": 1}, "question 2 is not as the official files have it"),
        (question(14, 5), "question 2 .*question"),
        (question(14, "x", answers=[1]), "question 2 .*answers"),
        (question(11, "x"), "the question 11 more than once"),
    ],
)
def test_damaged_references(bench, entry, said):
    bench.ask(question(11, "Is it red?"), entry)
    with pytest.raises(UsageError, match=said):
        bench.score(line("i1", f"Is it red?{SHORT}"))


def test_a_file_of_a_split_without_answers(bench):
    bench.ask({"question_id": 1, "image_id": "i1", "question": "Is it red?"})
    with pytest.raises(UsageError, match="no question that people answered"):
        bench.score(line("i1", f"Is it red?{SHORT}"))
