import pytest

from evalkit.tasks.textvqa import TASK, to_sample

SHORT = "\nAnswer the question using a single word or phrase."


@pytest.fixture
def row(picture):
    return {
        "question_id": 34602,
        "question": "what is the brand of this NIKON?",
        "answers": ["nikon"] * 4 + ["Nikon's"] * 6,
        "ocr_tokens": ["Nikon", "D90"],
        "image_id": "003a8ae2ef43b901",
        "image": picture,
    }


def test_sample(row):
    sample = to_sample(row)
    assert (sample.id, sample.cluster) == ("34602", "003a8ae2ef43b901")
    assert sample.targets == ("nikon",) * 4 + ("Nikon's",) * 6
    assert sample.inputs == {"ocr_tokens": ("Nikon", "D90")}


def test_prompts(row, prompts_of):
    asked = "What is the brand of this NIKON?"
    assert prompts_of(TASK, row) == {
        "llava": asked + SHORT,
        "llava-ocr": f"{asked}\nReference OCR token: Nikon, D90{SHORT}",
        "qwen": f"{asked} Answer:",
        "paligemma": "answer en what is the brand of this NIKON?",
    }
    assert prompts_of(TASK, row | {"ocr_tokens": []})["llava-ocr"] == (
        f"{asked}\nReference OCR token: {SHORT}"
    )


@pytest.mark.parametrize(
    ("text", "answer", "score"),
    [("NIKON", "nikon", 1.0), ("nikon's", "nikon 's", 1.0), ("sony", "sony", 0), (None, None, 0)],
)
def test_score(row, score_of, text, answer, score):
    found = score_of(TASK, row, text)
    assert (found.answer, found.values) == (answer, {"score": score})
