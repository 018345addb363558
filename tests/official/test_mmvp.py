"""MMVP's questions, whose answer is whose, and where a judge's replies stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.errors import UsageError
from evalkit.official.interface import References
from evalkit.official.mmvp import MmvpFiles
from evalkit.tasks.mmvp import TASK

FILES = MmvpFiles()
HEADER = "Index,Question,Options,Correct Answer"
OPTIONS = "(a) Open (b) Closed"
TABLE = (
    HEADER,
    f"1,Is it open?,{OPTIONS},(a)",
    f"2,Is it open?,{OPTIONS},(b)",
    f"3,Is it shut?,{OPTIONS},(b)",
    f"4,Is it shut?,{OPTIONS},(a)",
)
TUSKS = "Does the elephant have long or short tusks?"


@pytest.fixture
def write(tmp_path):
    def write(*lines, name: str = "Questions.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def references(write) -> References:
    return FILES.references(TASK, write(*TABLE))


def answers(*given, form: str = "mmvp") -> AnswerFile:
    """Answers of (id, text) with further fields; `prompt` is what was asked."""
    made = [
        Answer(place=place, id=id_, text=text, prompt=fields.get("prompt"), fields=fields)
        for place, (id_, text, fields) in enumerate(given, start=1)
    ]
    return AnswerFile(format=form, path=Path("answers.jsonl"), answers=tuple(made))


def line(id_: str, text: str | None = "(a)", **fields) -> tuple:
    return id_, text, fields


def gold(id_: str, letter: str, question: str = "Is it open?", **fields) -> tuple:
    return line(id_, prompt=f"{question} {OPTIONS}", answer=f"({letter})", **fields)


def texts(found) -> dict:
    return {sample_id: answer.text for sample_id, answer in found.answers.items()}


# Questions


def test_the_table(write, tmp_path):
    for path in (write(*TABLE), tmp_path):
        found = FILES.references(TASK, path).samples
        assert [(s.id, s.group, s.targets) for s in found] == [
            ("1", "1", ("A",)),
            ("2", "1", ("B",)),
            ("3", "2", ("B",)),
            ("4", "2", ("A",)),
        ]
        assert found[0].choices == ("Open", "Closed")


def test_the_table_may_have_categories(write):
    path = write(f"Category,{HEADER}", f"sc,1,Is it open?,{OPTIONS},(a)")
    (sample,) = FILES.references(TASK, path).samples
    assert sample.tags == {"category": "sc"}


@pytest.mark.parametrize("name", ["rows.json", "other.csv"])
def test_another_file_is_left_to_the_caller(write, tmp_path, name):
    assert FILES.references(TASK, write("name,value", "a,1", name=name)) is None
    assert FILES.references(TASK, tmp_path) is None


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["Index,Question,Options"], "lacks the column 'Correct Answer'"),
        ([HEADER], "has no questions"),
        ([HEADER, f"x,Is it?,{OPTIONS},(a)"], "row 1: the Index 'x'"),
        ([HEADER, *TABLE[1:2] * 2], "row 2: the Index '1'"),
        ([HEADER, f"1,Is it?,{OPTIONS},(c)"], "neither (a) nor (b)"),
        ([HEADER, f"1,Is it?,{OPTIONS}"], "neither (a) nor (b)"),
        ([HEADER, f"1,{'x' * 200_000},{OPTIONS},(a)"], "cannot be read as a table"),
    ],
)
def test_a_damaged_table_is_refused_in_a_sentence(write, lines, complaint):
    with pytest.raises(UsageError) as caught:
        FILES.references(TASK, write(*lines))
    assert complaint in str(caught.value)
    assert "Questions.csv" in str(caught.value)


def test_answer_files_carry_their_questions():
    file = answers(gold("1", "a"), gold("2", "b"))
    own = FILES.own_references(TASK, file)
    assert [(s.id, s.question, s.choices, s.targets) for s in own.samples] == [
        ("1", "Is it open?", ("Open", "Closed"), ("A",)),
        ("2", "Is it open?", ("Open", "Closed"), ("B",)),
    ]


@pytest.mark.parametrize(("task", "letter"), [(TASK, "A"), (TASK.variant("corrected"), "B")])
def test_labels_are_laid_over_what_the_file_says(task, letter):
    file = answers(gold("99", "b", TUSKS), gold("100", "a", TUSKS))
    assert FILES.own_references(task, file).samples[0].targets == (letter,)


def test_harnesses_count_rows_from_0():
    theirs = {"target": "B", "prompt": "Is it open?\nA. Open\nB. Closed\nAnswer with"}
    (sample,) = FILES.own_references(TASK, answers(line("5", **theirs), form="lmms-eval")).samples
    assert (sample.id, sample.choices, sample.targets) == ("6", ("Open", "Closed"), ("B",))
    row = {"question": "Is it open?", "A": "Open", "B": "Closed", "answer": "A", "category": "x"}
    table = answers(line("0", **row), line("1", **row), form="vlmevalkit")
    first, second = FILES.own_references(TASK, table).samples
    assert (first.group, second.group, first.tags) == ("1", "1", {"category": "x"})
    late = answers(line("1000", **row), line("1001", **row), form="vlmevalkit")
    assert [s.id for s in FILES.own_references(TASK, late).samples] == ["1", "2"]


def test_without_gold_answers_there_are_no_questions():
    assert FILES.own_references(TASK, answers(line("1"))) is None
    assert FILES.own_references(TASK, answers(line("1"), form="evalkit")) is None
    with pytest.raises(UsageError, match="number 2: the gold answer None"):
        FILES.own_references(TASK, answers(gold("1", "a"), line("2")))


# Answers


@pytest.mark.parametrize("ids", [("1", "2", "3", "4"), ("0", "1", "2", "3"), ("x", "x", "y", None)])
def test_answers_by_index_or_by_place(references, ids):
    found = FILES.match(TASK, references, answers(*map(line, ids, "abcd")))
    assert texts(found) == {"1": "a", "2": "b", "3": "c", "4": "d"}
    assert found.notes == ()


def test_order_and_torn_pairs_are_said(references):
    found = FILES.match(TASK, references, answers(line("2"), line("1"), line("3"), line("77")))
    assert sorted(found.answers) == ["1", "2", "3"]
    assert "not in the order of Index" in found.notes[0]
    assert found.notes[1].startswith("1 pairs have one answer alone")


def test_a_last_line_without_its_pair_is_not_in_pair_accuracy():
    file = answers(gold("1", "a"), gold("2", "b"), gold("3", "a"))
    found = FILES.match(TASK, FILES.own_references(TASK, file), file)
    assert found.notes == ("1 pairs have one question alone and are not in pair_accuracy.",)


def test_pairs_of_two_questions_are_said():
    file = answers(gold("1", "a"), gold("2", "b", "Is it shut?"))
    found = FILES.match(TASK, FILES.own_references(TASK, file), file)
    assert "The two questions of 1 pairs differ" in found.notes[0]


def test_ids_that_say_nothing_are_refused(references):
    with pytest.raises(UsageError, match="3 answers cannot be given to 4 questions"):
        FILES.match(TASK, references, answers(*[line("x")] * 3))


def test_other_questions_are_refused(references):
    given = [line(str(n), prompt=f"Is it red? {OPTIONS}") for n in (1, 2, 3, 4)]
    with pytest.raises(UsageError, match="asks other questions than the references"):
        FILES.match(TASK, references, answers(*given))


def test_lmms_eval_has_the_corrected_key(write):
    rows = [f"{n},{TUSKS},{OPTIONS},({x})" for n, x in ((99, "a"), (100, "b"))]
    known = FILES.references(TASK, write(HEADER, *rows))
    file = answers(line("99"), line("100"))
    assert [s.targets for s in FILES.match(TASK, known, file).samples] == [("A",), ("B",)]
    found = FILES.match(TASK.under("lmms-eval"), known, file)
    assert [s.targets for s in found.samples] == [("B",), ("A",)]
    assert "used for 99, 100" in found.notes[0]


# The judge


@pytest.mark.parametrize(
    ("lines", "protocol", "note"),
    [
        ([line("1", gpt_grade="yes"), line("2", gpt_grade="")], "official", "'gpt_grade'"),
        ([line("1", judge_reply="No.", judge="gpt-4")], "official", "'judge_reply'"),
        ([line("1", judge="gpt-4-0314", grade="yes")], "official", "'grade'"),
        ([line("1", judge="gpt-4-0314")], "letter", "here is none"),
        ([line("1", grade=1)], "letter", "here is none"),
        ([line("1", judge="yes"), line("2", judge=None)], "letter", "only 1 of 2 answers"),
        ([], "letter", "here is none"),
    ],
)
def test_replies_are_used_where_all_are_there(lines, protocol, note):
    for asked in (None, "official"):
        name, said = FILES.protocol(TASK, asked, answers(*lines))
        assert (name, note in said) == (protocol, True)


@pytest.mark.parametrize("asked", ["letter", "lmms-eval", "vlmevalkit"])
def test_other_protocols_are_as_asked(asked):
    file = answers(line("1", judge_reply="yes"))
    assert FILES.protocol(TASK, asked, file) == (asked, "")


def test_the_scorer_is_given_the_reply(references):
    file = answers(line("1", "(b)", gpt_answer="Yes"), line("2", "(b)", gpt_answer="yes."))
    assert texts(FILES.match(TASK.under("official"), references, file)) == {"1": "Yes", "2": "yes."}
    assert texts(FILES.match(TASK, references, file)) == {"1": "(b)", "2": "(b)"}
