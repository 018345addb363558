import pytest

from evalkit.tasks.scienceqa import TASK, to_sample


@pytest.fixture
def row(picture):
    return {
        "__index__": 12,
        "image": picture,
        "question": "Which is heavier?",
        "choices": ["a feather", "a stone"],
        "answer": 1,
        "hint": "Both are on Earth.",
        "grade": "grade7",
        "subject": "natural science",
        "topic": "physics",
    }


def test_sample(row, picture):
    sample = to_sample(row)
    assert (sample.id, sample.cluster) == ("12", "12")
    assert (sample.images, sample.targets) == ((picture,), ("B",))
    assert sample.choices == ("a feather", "a stone")
    assert sample.tags == {
        "subject": "natural science",
        "context": ("TXT", "IMG"),
        "grade": "G7-12",
        "topic": "physics",
    }


def test_sample_without_context(row):
    sample = to_sample(row | {"image": None, "hint": None, "grade": "grade6"})
    assert sample.images == ()
    assert (sample.tags["context"], sample.tags["grade"]) == (("NO",), "G1-6")


def test_a_slice_that_is_not_known_is_left_away(row):
    known = {name: row[name] for name in ("__index__", "image", "question", "choices", "answer")}
    assert to_sample(known | {"hint": ""}).tags == {"context": ("IMG",)}
    empty = row | {"subject": "", "grade": "", "topic": None}
    assert to_sample(empty).tags == {"context": ("TXT", "IMG")}


def test_prompts(row, prompts_of):
    assert prompts_of(TASK, row) == {
        "llava": "Context: Both are on Earth.\nWhich is heavier?\nA. a feather\nB. a stone\n"
        "Answer with the option's letter from the given choices directly.",
        "qwen": "Context: Both are on Earth.\nQuestion: Which is heavier?\n"
        "Options: A. a feather\nB. a stone\nAnswer:",
        "paligemma": "Question: Which is heavier?\nContext: Both are on Earth.\n"
        "Options: (A) a feather, (B) a stone\nAnswer:",
    }


def test_prompts_without_a_hint(row, prompts_of):
    prompts = prompts_of(TASK, row | {"hint": ""})
    assert prompts["llava"].startswith("Which is heavier?\nA. a feather\n")
    assert prompts["qwen"].startswith("Context: N/A\nQuestion: Which")
    assert "\nContext: N/A\n" in prompts["paligemma"]


@pytest.mark.parametrize(
    ("text", "answer", "correct"),
    [
        ("B", "B", 1.0),
        ("The answer is B.", "B", 1.0),
        ("A", "A", 0.0),
        ("D", "D", 0.0),
        ("b", None, 0.0),
        (None, None, 0.0),
    ],
)
def test_score(row, score_of, text, answer, correct):
    score = score_of(TASK, row, text)
    assert (score.answer, score.values) == (answer, {"correct": correct})


def test_image_accuracy_counts_questions_with_an_image(row, score_of, numbers_of):
    rows = [row, row | {"hint": ""}, row | {"image": None}, row | {"image": None, "hint": ""}]
    units = [[score_of(TASK, asked, text)] for asked, text in zip(rows, "BABB", strict=True)]
    assert numbers_of(TASK, *units) == {"accuracy": 0.75, "image_accuracy": 0.5}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("B", [1, 1, 1]),
        ("b", [0, 1, 0]),
        ("B.", [0, 1, 1]),
        ("(B)", [0, 0, 1]),
        ("The answer is B.", [1, 0, 1]),
        ("a stone", [0, 0, 1]),
        (None, [0, 0, 0]),
    ],
)
def test_protocols_differ(row, score_of, text, right):
    found = [
        score_of(TASK.under(name), row, text).values["correct"]
        for name in ("official", "lmms-eval", "vlmevalkit")
    ]
    assert found == right


def test_the_image_table_is_a_variant():
    task = TASK.variant("img")
    assert (task.dataset.config, task.dataset.rows) == ("ScienceQA-IMG", 2017)
    assert [metric.name for metric in task.metrics] == list(task.headline) == ["accuracy"]
