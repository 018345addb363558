"""A field that is given twice: two readers see two files, so nobody here reads it."""

import json

import pytest

from evalkit.errors import EvalkitError, StaleError
from evalkit.integrity import TwiceError, once
from evalkit.judge.labels import read_labels
from evalkit.judge.recording import read_recording
from evalkit.judge.review import read_review
from evalkit.judge.review_questions import read_questions
from evalkit.prediction_files import Predictions
from evalkit.records import Prediction, Verdict
from evalkit.store import RunFolder, prediction_lines, read_json, verdict_lines

PREDICTIONS = prediction_lines([Prediction(sample_id=i, text="yes", finish="stop") for i in "ab"])
VERDICTS = verdict_lines([Verdict(sample_id=i, ratings=(1.0,), reply="1") for i in "ab"])
REVIEW = '{"question_id": 1, "content": "8 4", "tuple": [8, 4], "category": "conv"}\n'
QUESTION = '{"question_id": 1, "text": "What?", "image": "a.jpg"}\n'
LABEL = '{"sample_id": "a", "rating": 1}\n'


def folder_of(path, part):
    (path.parent / part).mkdir()
    path.rename(path.parent / part / "toy.jsonl")
    return RunFolder(path.parent)


READERS = {
    "predictions": (PREDICTIONS, lambda p: folder_of(p, "predictions").read_predictions("toy")),
    "stored predictions": (PREDICTIONS, Predictions.stored),
    "verdicts": (VERDICTS, lambda p: folder_of(p, "verdicts").read_verdicts("toy")),
    "replayed verdicts": (VERDICTS, lambda p: read_recording(p.read_bytes(), p)),
    "a review": (REVIEW * 2, read_review),
    "questions": (QUESTION * 2, read_questions),
    "labels": (LABEL + LABEL.replace('"a"', '"b"'), lambda p: read_labels(p, p.read_text())),
}


@pytest.mark.parametrize("what", READERS)
def test_a_line_that_gives_a_field_twice_is_refused_by_its_number(tmp_path, what):
    text, read = READERS[what]
    path = tmp_path / "given.jsonl"
    first, second = text.splitlines(keepends=True)
    name, value = next(iter(json.loads(second).items()))
    path.write_text(first + second.rstrip("}\n") + f", {json.dumps(name)}: {json.dumps(value)}}}\n")
    with pytest.raises(EvalkitError, match=r"gives .* twice") as told:
        read(path)
    if what != "questions":
        assert "ine 2" in str(told.value)


def test_a_record_that_gives_a_field_twice_is_stale(tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"results": {"a": 1, "b": 2, "a": 3}}')
    with pytest.raises(StaleError, match="not what was written: it gives 'a' twice"):
        read_json(path)


def test_fields_that_are_given_once_are_all_there():
    pairs = [("a", 1), ("b", 2)]
    assert once(pairs) == dict(pairs)
    with pytest.raises(TwiceError):
        once([*pairs, ("b", 2)])
