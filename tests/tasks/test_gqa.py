from dataclasses import replace
from math import isnan

import pytest

from evalkit.tasks.gqa import TASK, to_sample


@pytest.fixture
def row(picture):
    return {
        "id": "201",
        "imageId": "n23",
        "image": picture,
        "question": "Who is wearing the dress?",
        "answer": "woman",
        "types": {"structural": "query", "semantic": "rel", "detailed": "relS"},
        "semantic": [
            {"operation": "select", "argument": "dress (12)", "dependencies": []},
            {"operation": "relate", "argument": "person,wearing,s (7)", "dependencies": [0]},
            {"operation": "query", "argument": "name", "dependencies": [1]},
        ],
    }


def test_sample(row, picture):
    sample = to_sample(row)
    assert (sample.id, sample.cluster, sample.group) == ("201", "n23", None)
    assert (sample.images, sample.targets) == ((picture,), ("woman",))
    assert sample.tags == {"structural": "query", "semantic": "rel", "steps": "2", "words": "5"}


def test_prompts(row, prompts_of):
    assert prompts_of(TASK, row) == {
        "llava": "Who is wearing the dress?\nAnswer the question using a single word or phrase.",
        "qwen": "Who is wearing the dress? Answer:",
        "paligemma": "answer en Who is wearing the dress?",
    }


@pytest.mark.parametrize(
    ("text", "answer", "correct"),
    [("Woman.", "woman", 1.0), ("a woman", "a woman", 0.0), ("", "", 0.0), (None, None, 0.0)],
)
def test_score(row, score_of, text, answer, correct):
    score = score_of(TASK, row, text)
    assert (score.answer, score.values) == (answer, {"correct": correct})


def test_open_and_binary_questions_are_counted_apart(row, score_of, numbers_of):
    binary = row | {"types": row["types"] | {"structural": "verify"}, "answer": "yes"}
    units = [[score_of(TASK, row, "woman")], [score_of(TASK, binary, "no")]]
    assert numbers_of(TASK, *units) == {"accuracy": 0.5, "binary": 0.0, "open": 1.0}


def test_a_result_list_is_compared_as_it_is(row):
    sample = to_sample(row)
    converted = replace(sample, inputs={"converted": "yes"})
    assert TASK.score(sample, "Woman.").values == {"correct": 1.0}
    assert TASK.score(converted, "Woman.").values == {"correct": 0.0}
    assert TASK.score(converted, "Woman.").ambiguous


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Woman", [1.0, 1.0, 1.0]),
        ("woman.", [1.0, 1.0, 0.0]),
        (" woman", [0.0, 1.0, 1.0]),
        ("woman!", [0.0, 1.0, 0.0]),
        ("wo-man", [0.0, 1.0, 0.0]),
        ("a woman", [0.0, 0.0, 0.0]),
        ("", [0.0, 0.0, 0.0]),
        (None, [0.0, 0.0, 0.0]),
    ],
)
def test_protocols(row, score_of, text, expected):
    found = [
        score_of(TASK.under(name), row, text).values["correct"]
        for name in ("official", "lmms-eval", "vlmevalkit")
    ]
    assert found == expected


def test_samples_without_types_are_in_accuracy_alone(row, score_of, numbers_of):
    score = replace(score_of(TASK, row, "woman"), tags={})
    found = numbers_of(TASK, [score])
    assert found["accuracy"] == 1.0
    assert isnan(found["binary"])
    assert isnan(found["open"])
