"""A file made by hand: lines of a sample's id and a text do for every task."""

import json
import random
from pathlib import Path

import pytest

from evalkit import data
from evalkit.audit import best_text
from evalkit.prepare import demo_source
from evalkit.registry import load_task
from evalkit.rescore import Order, score_file

TASKS = ("gqa", "mme", "pope", "vqav2", "textvqa", "scienceqa", "mmvp")


def answered(task):
    """Sample id -> a text, right for two of three samples, in an order of its own."""
    samples = data.load(task, demo_source()).samples
    texts = {s.id: best_text(task, s) if i % 3 else "what?" for i, s in enumerate(samples)}
    ids = list(texts)
    random.Random(3).shuffle(ids)
    return {name: texts[name] for name in ids}


def score(path, name, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return score_file(Order(task=name, predictions=path, references=Path("demo")))


@pytest.mark.parametrize("name", TASKS)
def test_a_file_by_hand_names_samples_and_is_scored_as_evalkits_own(tmp_path, name):
    texts = answered(load_task(name))
    by_hand = [{"question_id": one, "text": text} for one, text in texts.items()]
    ours = [{"sample_id": one, "text": text} for one, text in texts.items()]
    found = score(tmp_path / "byhand.jsonl", name, by_hand)
    assert found.answers.format == "llava"
    assert found.is_whole
    assert {p.sample_id: p.text for p in found.predictions.values()} == texts
    known = score(tmp_path / "ours.jsonl", name, ours)
    assert known.answers.format == "evalkit"
    assert found.result.metrics == known.result.metrics


@pytest.mark.parametrize("name", TASKS)
def test_some_answers_by_hand_are_given_to_their_samples(tmp_path, name):
    texts = dict(list(answered(load_task(name)).items())[:7])
    rows = [{"question_id": one, "text": text} for one, text in texts.items()]
    found = score(tmp_path / "byhand.jsonl", name, rows)
    assert {p.sample_id: p.text for p in found.predictions.values()} == texts
