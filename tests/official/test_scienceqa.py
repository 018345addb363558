"""ScienceQA's ground truth in its shapes, and whose answer is whose."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.errors import UsageError
from evalkit.official.interface import References
from evalkit.official.scienceqa import ScienceqaFiles
from evalkit.official.scienceqa_problems import question_and_choices
from evalkit.tasks.scienceqa import TASK

FILES = ScienceqaFiles()


def problem(**changes) -> dict:
    return {
        "question": "Which is heavier?",
        "choices": ["a feather", "a stone"],
        "answer": 1,
        "hint": "",
        "image": None,
        "grade": "grade2",
        "subject": "natural science",
        "topic": "physics",
        "split": "test",
    } | changes


PROBLEMS = {
    "4": problem(),
    "5": problem(image="image.png", hint="Both fall."),
    "6": problem(split="train"),
    "11": problem(question="Which is red?", image="image.png", answer=0, grade="grade8"),
}
CONVERSATIONS = [
    {
        "id": "4",
        "conversations": [
            {"from": "human", "value": "Which is heavier?\nA. a feather\nB. a stone"},
            {"from": "gpt", "value": "B"},
        ],
    },
    {
        "id": "5",
        "image": "5/image.png",
        "conversations": [
            {
                "from": "human",
                "value": "<image>\nContext: Both fall.\nWhich?\nA. Yours,\nTom\nB. yours,\nTom",
            },
            {"from": "gpt", "value": "The answer is A."},
        ],
    },
]


@pytest.fixture
def write(tmp_path):
    def write(value, name: str = "problems.json") -> Path:
        text = value if isinstance(value, str) else json.dumps(value)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


def answers(*given, form: str = "llava", path: str = "answers.jsonl") -> AnswerFile:
    """Answers of (id, text) or (id, text, prompt or fields)."""
    made = [
        Answer(
            place=place,
            id=id_,
            text=text,
            prompt=more[0] if more and isinstance(more[0], str) else None,
            fields=more[0] if more and isinstance(more[0], dict) else {},
        )
        for place, (id_, text, *more) in enumerate(given, start=1)
    ]
    return AnswerFile(format=form, path=Path(path), answers=tuple(made))


def texts(found) -> dict:
    return {sample_id: answer.text for sample_id, answer in found.answers.items()}


def contexts(samples) -> dict:
    return {sample.id: sample.tags.get("context") for sample in samples}


@pytest.fixture
def references(write):
    def references(value=PROBLEMS, task=TASK) -> References:
        return FILES.references(task, write(value))

    return references


@pytest.fixture
def dataset():
    """The same questions as rows of the dataset on the hub, which has no pids."""
    rows = [entry for entry in PROBLEMS.values() if entry["split"] == "test"]
    samples = tuple(
        TASK.to_sample(row | {"__index__": place, "image": row["image"] and object()})
        for place, row in enumerate(rows)
    )
    return References(samples=samples, label="lmms-lab/ScienceQA")


# Ground truth


@pytest.mark.parametrize("name", ["problems.json", "problems.json.gz", "p.gz"])
def test_the_test_questions_of_problems(write, name):
    found = FILES.references(TASK, write(PROBLEMS, name))
    assert contexts(found.samples) == {"4": ("NO",), "5": ("TXT", "IMG"), "11": ("IMG",)}
    assert [sample.targets for sample in found.samples] == [("B",), ("B",), ("A",)]
    assert found.samples[2].tags["grade"] == "G7-12"
    assert found.notes == ()


def test_splits_beside_the_problems_decide(write):
    write({"train": ["6"], "test": ["11", "4", "99"]}, "pid_splits.json")
    found = FILES.references(TASK, write(PROBLEMS))
    assert [sample.id for sample in found.samples] == ["11", "4"]
    assert found.notes == ("problems.json lacks 1 of the split's 3 questions.",)


def test_llava_s_rendering(write):
    first, second = FILES.references(TASK, write(CONVERSATIONS, "llava_test.json")).samples
    assert (first.id, first.question, first.targets) == ("4", "Which is heavier?", ("B",))
    assert second.choices == ("Yours,\nTom", "yours,\nTom")
    assert (second.targets, second.tags) == (("A",), {"context": ("TXT", "IMG")})


def test_of_a_folder_the_file_with_the_most_test_questions_is_used(write, tmp_path):
    write(PROBLEMS)
    write(CONVERSATIONS, "llava_test_CQM-A.json")
    write([{**CONVERSATIONS[0], "id": str(n)} for n in range(9)], "llava_train_CQM-A.json")
    write({"captions": {}}, "captions.json")
    write("{", "broken.json")
    found = FILES.references(TASK, tmp_path)
    assert len(found.samples) == 3
    assert found.notes == ("Questions are from problems.json, 3 of the test split.",)


def test_the_image_table_has_the_questions_with_an_image(references):
    assert [s.id for s in references(task=TASK.variant("img")).samples] == ["5", "11"]


@pytest.mark.parametrize(
    "value", [{}, [], {"results": {"1": 0}}, ["x"], [{"question_id": 1}], "plain text", "7"]
)
def test_another_file_is_left_to_the_caller(write, value):
    assert FILES.references(TASK, write(value)) is None


def test_a_folder_without_such_a_file_is_left_to_the_caller(tmp_path):
    assert FILES.references(TASK, tmp_path) is None


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ('{"4": {"choices"', "is not JSON"),
        ({"4": problem(split="train")}, "no question of ScienceQA's test split"),
        ({"4": problem(answer=2)}, "pid '4', has no answer among its 2 choices"),
        ({"4": problem(answer=True)}, "pid '4', has no answer"),
        ({"4": problem(answer=10**30)}, "pid '4', has no answer"),
        ({"4": problem(choices="AB")}, "pid '4', has no question, or no choices"),
        ({"4": problem(choices=[])}, "pid '4', has no question, or no choices"),
        ({"4": problem(choices=["a", 7])}, "pid '4', has no question, or no choices"),
        ({"4": problem(question=None)}, "pid '4', has no question"),
        ({"4": problem(), "5": 7}, "without a pid, or without fields"),
        ([CONVERSATIONS[0]] * 2, "two with one pid"),
        ([{"id": "4", "conversations": []}], "id '4', has no conversation"),
        ([{"id": "4", "conversations": [{"value": "?"}, {"value": "C"}]}], "has no question, or"),
        ([{**CONVERSATIONS[0], "id": None}], "without a pid"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(write, value, complaint):
    with pytest.raises(UsageError) as caught:
        FILES.references(TASK, write(value))
    assert complaint in str(caught.value)
    assert "problems.json" in str(caught.value)


def test_splits_alone_are_no_questions(write):
    with pytest.raises(UsageError, match=r"give the problems\.json"):
        FILES.references(TASK, write({"test": ["4"]}, "pid_splits.json"))


def test_choices_end_where_the_prompt_asks_for_a_letter():
    asked = "Which?\nA. one\nB. two\nAnswer with the option's letter from the given choices."
    assert question_and_choices(asked) == ("Which?", ["one", "two"])
    assert question_and_choices("A. is\nit?\nA. one\nB. two") == ("A. is\nit?", ["one", "two"])
    assert question_and_choices("Which?") == ("Which?", [])
    many = "\n".join(f"{letter}. x" for letter in "ABCDEFGHIJK")
    assert len(question_and_choices(many)[1]) == 10


# Answers


def test_answers_by_pid(references):
    found = FILES.match(
        TASK, references(), answers(("4", "B"), ("5", "A"), ("77", "A"), ("5", "C"))
    )
    assert texts(found) == {"4": "B", "5": "C"}
    assert ([a.id for a in found.unknown], found.repeated) == (["77"], 1)


def test_img_is_by_llava_s_prompts(references):
    given = answers(("4", "B", "<image>\nWhich?"), ("5", "A", "Which?"), ("11", "A", "<image>"))
    found = FILES.match(TASK, references(), given)
    assert contexts(found.samples) == {"4": ("NO", "IMG"), "5": ("TXT",), "11": ("IMG",)}
    assert "2 answers were asked otherwise" in found.notes[0]
    theirs = FILES.match(TASK.under("lmms-eval"), references(), given)
    assert contexts(theirs.samples) == {"4": ("NO",), "5": ("TXT", "IMG"), "11": ("IMG",)}


def test_without_any_image_in_the_prompts_img_is_by_the_questions(references):
    found = FILES.match(TASK, references(), answers(("4", "B", "Which?"), ("5", "A")))
    assert contexts(found.samples)["5"] == ("TXT", "IMG")
    assert "No prompt in the file" in found.notes[0]


def test_an_unanswered_question_leaves_img(references):
    left = [FILES.unanswered(sample) for sample in references().samples]
    assert contexts(left) == {"4": ("NO",), "5": ("TXT",), "11": None}


def test_result_files_need_pids(dataset, references):
    given = answers(("4", "B"), form="scienceqa")
    assert texts(FILES.match(TASK, references(), given)) == {"4": "B"}
    with pytest.raises(UsageError, match=r"give the official problems\.json"):
        FILES.match(TASK, dataset, given)


HEAVY = "<image>\nContext: Both fall.\nWhich is heavier?\nA. a feather\nB. a stone\nAnswer."


def test_pids_are_found_in_the_dataset_by_the_words_of_the_prompt(dataset):
    plain = HEAVY.replace("<image>\nContext: Both fall.\n", "")
    red = plain.replace("heavier", "red").replace("?\n", "?  \n")
    given = answers(("11", "A", red), ("4", "B", plain), ("5", "C", HEAVY), ("9", "A", "Who?"))
    found = FILES.match(TASK, dataset, given)
    assert texts(found) == {"0": "B", "1": "C", "2": "A"}
    assert [answer.id for answer in found.unknown] == ["9"]


def test_questions_that_read_the_same_are_paired_in_order_or_refused():
    rows = [problem(image=object(), answer=n) for n in (0, 1)]
    samples = tuple(TASK.to_sample(row | {"__index__": n}) for n, row in enumerate(rows))
    alike, asked = References(samples=samples), HEAVY.replace("Context: Both fall.\n", "")
    both = FILES.match(TASK, alike, answers(("5", "A", asked), ("9", "B", asked)))
    assert texts(both) == {"0": "A", "1": "B"}
    with pytest.raises(UsageError, match="2 questions read 'Which is heavier"):
        FILES.match(TASK, alike, answers(("9", "B", asked)))


def test_prompts_that_are_other_questions_are_refused(dataset):
    with pytest.raises(UsageError, match="nor are its prompts"):
        FILES.match(TASK, dataset, answers(("4", "B", "Who?"), ("5", "A")))


def test_evalkit_s_own_files_name_rows(write, dataset):
    given = answers(("0", "B"), ("2", "A"), form="evalkit")
    assert texts(FILES.match(TASK, dataset, given)) == {"0": "B", "2": "A"}
    path = write(PROBLEMS)
    with pytest.raises(UsageError, match=r"put pid_splits\.json beside"):
        FILES.match(TASK, FILES.references(TASK, path), given)
    write({"test": ["4", "5", "11"]}, "pid_splits.json")
    known = FILES.references(TASK, path)
    assert texts(FILES.match(TASK, known, given)) == {"4": "B", "11": "A"}


# The harnesses' files


def sample_line(row: int, text: str, target: str, prompt: str = "") -> tuple:
    return (str(row), text, {"target": target, "input": prompt})


def test_lmms_eval_s_rows_are_all_questions_or_those_with_an_image(dataset):
    every = answers(*(sample_line(n, "A", gold) for n, gold in enumerate("BBA")), form="lmms-eval")
    assert texts(FILES.match(TASK, dataset, every)) == dict.fromkeys("012", "A")
    images = answers(sample_line(0, "A", "B"), sample_line(1, "B", "A"), form="lmms-eval")
    found = FILES.match(TASK, dataset, images)
    assert (texts(found), [s.id for s in found.samples]) == ({"1": "A", "2": "B"}, ["1", "2"])
    other = answers(*(sample_line(n, "A", "E") for n in range(3)), form="lmms-eval")
    with pytest.raises(UsageError, match="not those of the references"):
        FILES.match(TASK, dataset, other)


def test_lmms_eval_s_file_carries_its_questions():
    given = [Answer(place=1, id="7", text="B", prompt=HEAVY, fields={"target": "B"})]
    file = AnswerFile(format="lmms-eval", path=Path("x.jsonl"), answers=tuple(given))
    (sample,) = FILES.own_references(TASK, file).samples
    assert (sample.id, sample.choices, sample.targets) == ("7", ("a feather", "a stone"), ("B",))
    assert sample.tags == {"context": ("TXT", "IMG")}
    unknown = answers(sample_line(1, "A", "B"), form="lmms-eval", path="x.jsonl")
    own = FILES.own_references(TASK, unknown)
    assert own.samples[0].tags == {}
    assert "does not say which questions have an image" in own.notes[1]
    named = answers(sample_line(1, "A", "B"), form="lmms-eval", path="x_scienceqa_img.jsonl")
    assert contexts(FILES.own_references(TASK, named).samples) == {"1": ("IMG",)}


def cells(**changes) -> dict:
    return {
        "question": "Which is heavier?",
        "hint": "Both fall.",
        "A": "a feather",
        "B": "a stone",
        "C": None,
        "answer": "B",
    } | changes


def test_vlmevalkit_s_table_carries_its_questions(dataset):
    file = answers(("3", "B", cells()), ("8", "A", cells(C=12, answer="C")), form="vlmevalkit")
    own = FILES.own_references(TASK, file)
    assert [s.choices for s in own.samples] == [
        ("a feather", "a stone"),
        ("a feather", "a stone", "12"),
    ]
    assert [s.targets for s in own.samples] == [("B",), ("C",)]
    assert contexts(own.samples) == dict.fromkeys("38", ("TXT", "IMG"))
    assert texts(FILES.match(TASK, own, file)) == {"3": "B", "8": "A"}
    found = FILES.match(TASK, dataset, file)
    assert (texts(found), [s.id for s in found.samples]) == ({"1": "B"}, ["1", "2"])


@pytest.mark.parametrize("gold", ["C", "", "AB", "7"])
def test_a_gold_answer_that_is_no_choice_is_refused(gold):
    file = answers(("3", "B", cells(answer=gold)), form="vlmevalkit")
    with pytest.raises(UsageError, match="number 1: the gold answer"):
        FILES.own_references(TASK, file)


def test_files_without_gold_answers_have_no_questions_of_their_own():
    assert FILES.own_references(TASK, answers(("4", "B"))) is None
    assert FILES.own_references(TASK, answers(("4", "B"), form="lmms-eval")) is None
    assert FILES.own_references(TASK, answers(("4", "B", {"A": "x"}), form="vlmevalkit")) is None
