"""What a prediction file is taken for, and what is read of it."""

import gzip
import json
import os
import zipfile

import openpyxl
import pytest

from evalkit.answer_files import FORMATS, read_answers
from evalkit.answer_files.detect import detected
from evalkit.errors import UsageError

LLAVA = {"question_id": 7, "prompt": "Is it?", "text": "Yes", "model_id": "m-7b", "metadata": {}}
SAMPLES = {
    "llava": [LLAVA, LLAVA | {"question_id": 8, "text": "No"}],
    "pope": [{"question": "Is it?", "answer": "Yes"}, {"question": "Is it?", "answer": "No"}],
    "vqa": [{"question_id": 7, "answer": "yes"}, {"answer": "no", "question_id": 8}],
    "gqa": [{"questionId": "7", "prediction": "yes"}, {"questionId": "8", "prediction": "no"}],
    "mmvp": [
        {"question_id": 7, "prompt": "Is it?", "answer": "(a)", "response": "yes"},
        {"question_id": 8, "prompt": "Is it?", "answer": "(b)", "response": "no"},
    ],
    "evalkit": [
        {"sample_id": "7", "text": "yes", "failure": None, "finish": "stop"},
        {"sample_id": "8", "text": "no", "failure": None, "finish": "length"},
    ],
    "lmms-eval": [
        {"doc_id": 7, "target": "yes", "filtered_resps": "yes", "input": "Is it?"},
        {"doc_id": 8, "target": "yes", "filtered_resps": ["no"], "input": "Is it?"},
    ],
}


def lines(rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("layout", ["lines", "list", "gzip", "windows"])
def test_a_format_is_known_by_its_fields(tmp_path, name, layout):
    raw = {
        "lines": lines(SAMPLES[name]),
        "list": json.dumps(SAMPLES[name], indent=1).encode(),
        "gzip": gzip.compress(lines(SAMPLES[name])),
        "windows": b"\xef\xbb\xbf" + lines(SAMPLES[name]).replace(b"\n", b"\r\n") + b"\r\n",
    }[layout]
    path = tmp_path / "answers"
    path.write_bytes(raw)
    found = read_answers(path)
    assert found.format == name
    assert [answer.text.lower() for answer in found.answers] == ["yes", "no"]
    assert [answer.id for answer in found.answers] == ([None] * 2 if name == "pope" else ["7", "8"])


def test_what_a_llava_line_says_is_kept(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(lines(SAMPLES["llava"]))
    found = read_answers(path)
    assert found.model == "m-7b"
    assert (found.answers[1].place, found.answers[1].prompt) == (2, "Is it?")
    assert found.answers[0].fields == LLAVA


def test_how_an_answer_ended_is_kept(tmp_path):
    path = tmp_path / "toy.jsonl"
    path.write_bytes(lines(SAMPLES["evalkit"]))
    assert [answer.finish for answer in read_answers(path).answers] == ["stop", "length"]


def test_a_format_is_known_where_the_first_entry_lacks_its_answer(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([{"question_id": 6}, *SAMPLES["vqa"]]))
    found = read_answers(path)
    assert (found.format, found.answers[0].text) == ("vqa", None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.5, "7.5"),
        (True, "True"),
        (["x", "y"], "x"),
        ([], None),
        ({}, None),
        (None, None),
    ],
)
def test_an_answer_of_another_type_is_its_text_or_none(tmp_path, value, text):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([{"question_id": 7, "answer": value}, *SAMPLES["vqa"]]))
    assert read_answers(path).answers[0].text == text


@pytest.mark.parametrize(("value", "id_"), [(7, "7"), (7.0, "7"), ("7", "7"), (None, None)])
def test_ids_are_compared_as_text(tmp_path, value, id_):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([{"question_id": value, "answer": "x"}]))
    assert read_answers(path).answers[0].id == id_


def test_lone_surrogates_are_replaced(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text('[{"question_id": 7, "answer": "no\\ud800"}]')
    assert read_answers(path).answers[0].text == "no?"


def test_scienceqa_results_are_indices(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"results": {"4": 1, "5": -1}, "outputs": {"4": "B", "5": "?"}}))
    found = read_answers(path)
    assert [(a.id, a.text, a.fields["output"]) for a in found.answers] == [
        ("4", "B", "B"),
        ("5", "-1", "?"),
    ]
    assert "scienceqa-outputs" in found.notes[0]
    texts = read_answers(path, "scienceqa-outputs")
    assert [(a.id, a.text) for a in texts.answers] == [("4", "B"), ("5", "?")]


def test_mme_s_folder(tmp_path):
    (tmp_path / "count.txt").write_text(
        "1.jpg\tAre there two?\tYes\tyes\tsir\n\n1.jpg\tAny?\tNo\t\n"
    )
    found = read_answers(tmp_path)
    assert found.format == "mme"
    assert [(a.id, a.text, a.place) for a in found.answers] == [
        ("count/1.jpg", "yes\tsir", 1),
        ("count/1.jpg", "", 3),
    ]
    assert found.answers[0].fields["gold"] == "Yes"
    assert "existence" in found.notes[0]


def test_a_line_of_mme_without_its_response_is_named(tmp_path):
    (tmp_path / "count.txt").write_text("1.jpg\tAre there two?\tYes\tyes\nsir\n")
    with pytest.raises(UsageError, match=r"count\.txt, line 2, has 1 of the four columns"):
        read_answers(tmp_path)


def write_table(path, rows):
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
        return
    sign = "," if path.suffix == ".csv" else "\t"
    path.write_text(
        "".join(
            sign.join(f'"{"" if cell is None else cell}"' for cell in row) + "\n" for row in rows
        )
    )


@pytest.mark.parametrize("name", ["a.xlsx", "a.tsv", "a.csv"])
def test_vlmevalkit_s_tables(tmp_path, name):
    rows = [("index", "answer", "prediction"), (0, "Yes", "Yes\nit is"), (1, "No", None)]
    write_table(tmp_path / name, rows)
    found = read_answers(tmp_path / name)
    assert found.format == "vlmevalkit"
    assert [(a.id, a.text, a.fields["answer"]) for a in found.answers] == [
        ("0", "Yes\nit is", "Yes"),
        ("1", None, "No"),
    ]


def test_answers_that_a_cell_cut_off_are_counted(tmp_path):
    write_table(tmp_path / "a.xlsx", [("index", "prediction"), (0, "x" * 32_767), (1, "y")])
    assert "1 answers are as long as a cell can be" in read_answers(tmp_path / "a.xlsx").notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no answers"),
        (b"[]", "holds no answers"),
        (b"[1, 2]", "holds no answers"),
        (b'{"7": "yes", "8": "no"}', "the fields '7', '8'"),
        (b'{"question_id": 7, "text": "yes"}\n{"question_id"', "line 2, is not JSON"),
        (b'{"question_id": 7, "text": "yes"}\n[7]\n', "line 2, is not a JSON object"),
        (b"not at all", "is not JSON"),
        (b"\x1f\x8b\x08\x00broken", "cannot be read"),
        (b'{"question_id": 7, "text": "\xff"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path, content, words):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        read_answers(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    with pytest.raises(UsageError, match="no prediction file"):
        read_answers(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="is a folder"):
        detected(tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_named_format_that_does_not_fit_is_refused(tmp_path, name):
    path = tmp_path / "answers.json"
    path.write_text('[{"other": 1}]')
    with pytest.raises(UsageError):
        read_answers(path, name)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04broken", b"a\tb\n1\t2\n", b"index\tprediction\n1\n"]
)
def test_a_damaged_table_is_refused(tmp_path, content):
    path = tmp_path / "a.tsv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.tsv"):
        read_answers(path)


def changed(source, target, name, change):
    """A copy of a workbook with one of its parts changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            raw = old.read(entry)
            new.writestr(entry, change(raw) if entry.endswith(name) else raw)


@pytest.mark.parametrize("name", ["sheet1.xml", "workbook.xml", "[Content_Types].xml"])
@pytest.mark.parametrize("change", [lambda raw: raw[: len(raw) // 2], lambda raw: b"<x/>"])
def test_a_damaged_workbook_is_refused_in_one_sentence(tmp_path, name, change):
    write_table(tmp_path / "a.xlsx", [("index", "prediction"), (0, "x"), (1, "y")])
    changed(tmp_path / "a.xlsx", tmp_path / "b.xlsx", name, change)
    with pytest.raises(UsageError, match=r"b\.xlsx"):
        read_answers(tmp_path / "b.xlsx")


def test_a_failed_request_and_a_short_row_are_no_answers(tmp_path):
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (("index", "prediction"), (0, "Failed to obtain answer via API."), (1,), (2, "y")):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    found = read_answers(tmp_path / "a.xlsx")
    assert [answer.text for answer in found.answers] == [None, None, "y"]
    assert "1 cells say" in found.notes[0]


def test_a_row_of_a_table_may_be_longer_than_a_block(tmp_path):
    write_table(tmp_path / "a.tsv", [("index", "prediction", "image"), (0, "x", "A" * 3_000_000)])
    assert read_answers(tmp_path / "a.tsv").answers[0].text == "x"


@pytest.mark.parametrize("index", [1, 1.0, "1"])
def test_scienceqa_indices_are_read_as_int_reads_them(tmp_path, index):
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"results": {"4": index}}))
    assert read_answers(path).answers[0].text == "B"


@pytest.mark.parametrize("field", ["label", "category"])
def test_questions_are_not_taken_for_answers(tmp_path, field):
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps({"question_id": 1, "text": "Is it?", field: "yes"}))
    with pytest.raises(UsageError, match="holds questions, not answers"):
        read_answers(path)


def test_types_that_the_official_tool_does_not_take_are_said(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([*SAMPLES["vqa"], {"question_id": "9", "answer": 3}]))
    assert "1 entries have an id or an answer of another type" in read_answers(path).notes[0]


def test_mme_s_files_may_be_gzip_and_an_empty_one_is_absent(tmp_path):
    line = b"1.jpg\tAre there two?\tYes\tyes\n"
    (tmp_path / "count.txt.gz").write_bytes(gzip.compress(line))
    (tmp_path / "color.txt").write_bytes(b"")
    found = read_answers(tmp_path)
    assert [answer.id for answer in found.answers] == ["count/1.jpg"]
    assert "color" in found.notes[0]
    assert not found.is_whole


def test_one_of_mme_s_files_and_a_pipe_are_refused(tmp_path):
    (tmp_path / "count.txt").write_text("1.jpg\tAre there two?\tYes\tyes\n")
    with pytest.raises(UsageError, match="name the folder"):
        read_answers(tmp_path / "count.txt")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="only once"):
        read_answers(tmp_path / "pipe")
