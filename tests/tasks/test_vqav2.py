import pytest

from evalkit.tasks.vqav2 import TASK, submission, to_sample


@pytest.fixture
def row(picture):
    said = ["Net"] * 2 + ["the net"] + ["netting"] * 7
    return {
        "question_id": 262148000,
        "question": "What is this?",
        "answers": [
            {"answer": x, "answer_id": i, "answer_confidence": "yes"} for i, x in enumerate(said)
        ],
        "answer_type": "other",
        "question_type": "what is this",
        "image_id": 262148,
        "image": picture,
    }


def test_sample(row):
    sample = to_sample(row)
    assert (sample.id, sample.cluster) == ("262148000", "262148")
    assert sample.targets == ("Net",) * 2 + ("the net",) + ("netting",) * 7
    assert sample.tags == {"answer_type": "other", "question_type": "what is this"}


def test_prompts(row, prompts_of):
    assert prompts_of(TASK, row) == {
        "llava": "What is this?\nAnswer the question using a single word or phrase.",
        "qwen": "What is this? Answer:",
        "paligemma": "answer en What is this?",
    }


@pytest.mark.parametrize(
    ("text", "answer", "score"),
    [
        ("A net.", "net", 0.9),
        ("Netting", "netting", 1.0),
        ("rope", "rope", 0.0),
        (None, None, 0.0),
    ],
)
def test_score(row, score_of, text, answer, score):
    found = score_of(TASK, row, text)
    assert (found.answer, found.values) == (answer, {"score": pytest.approx(score, rel=1e-15)})


def test_testdev_has_no_numbers_and_a_submission(row, score_of):
    task = TASK.variant("testdev")
    asked = {key: row[key] for key in task.dataset.columns}
    assert (task.metrics, task.headline, task.breakdowns) == ((), (), ())
    assert score_of(task, asked, "The Net.").values == {}
    assert score_of(task, asked, None).answer is None
    sample = to_sample(asked)
    assert (sample.targets, sample.tags) == ((), {})
    name, entries = submission([(sample, "The Net.")])
    assert name == "vqav2_testdev_submission.json"
    assert entries == [{"question_id": 262148000, "answer": "net"}]
