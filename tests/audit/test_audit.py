"""How answers were read: counts, and what hangs on the doubtful ones."""

import pytest

from evalkit.audit import Texts, audit
from evalkit.records import Image, Prediction
from evalkit.score import score_predictions, total
from evalkit.tasks import pope, vqav2

PICTURE = Image(key="none", read=lambda: b"")
ANSWERS = {
    "1": ("yes", "Yes, there is.", "stop"),
    "2": ("no", "No", "stop"),
    "3": ("no", "maybe", "length"),
    "4": ("yes", "", "stop"),
    "5": ("no", "I'm sorry, but I can't see it", "stop"),
    "6": ("yes", None, None),
}


@pytest.fixture
def read():
    samples = [
        pope.to_sample(
            {
                "question_id": id_,
                "question": "Is it?",
                "answer": gold,
                "image_source": id_,
                "image": PICTURE,
                "category": "random",
            }
        )
        for id_, (gold, *_) in ANSWERS.items()
    ]
    predictions = {
        sample.id: Prediction(sample_id=sample.id, text=text, finish=finish)
        for sample, (_, text, finish) in zip(samples, ANSWERS.values(), strict=True)
    }
    scores = score_predictions(pope.TASK, samples, predictions)
    return audit(pope.TASK, samples, Texts.of(predictions.values()), scores), scores


def test_every_text_is_counted_under_its_rule(read):
    found, _ = read
    assert sum(found.rules.values()) == 5
    assert found.rules["yes by default"] >= 2
    assert (found.empty, found.refused, found.truncated) == (1, 1, 1)


def test_bounds_are_what_the_doubtful_answers_can_do(read):
    found, scores = read
    assert found.ambiguous == sum(score.ambiguous for score in scores) > 0
    low, high = found.bounds["macro_f1"]
    value = total(pope.TASK, next(m for m in pope.TASK.metrics if m.name == "macro_f1"), scores)
    assert low <= value <= high
    assert low < high


def test_nothing_says_how_answers_ended():
    row = {"question_id": 1, "question": "?", "image_id": 1, "image": PICTURE}
    sample = vqav2.to_sample(row | {"answers": [{"answer": "yes"}] * 10})
    made = {"1": Prediction(sample_id="1", text="Yes")}
    scores = score_predictions(vqav2.TASK, [sample], made)
    found = audit(vqav2.TASK, [sample], Texts.of(made.values()), scores)
    assert found.truncated is None
    assert found.bounds == {"accuracy": (0.0, 1.0)}
    assert found.ambiguous == 1
