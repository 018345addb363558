"""A thousand odd answers under every task and every protocol: read, counted, and never a crash."""

import json
import math
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

from evalkit import tasks
from evalkit.audit import Texts, audit
from evalkit.records import Image, Prediction
from evalkit.score import coverage, score_predictions, total

ROWS = json.loads(Path(__file__).with_name("rows.json").read_text(encoding="utf-8"))
NAMES = sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))
BASES = [import_module(f"evalkit.tasks.{name}").TASK for name in NAMES]
RULED = [base.under(name) for base in BASES for name in (base.protocol, *base.protocols)]


@pytest.mark.parametrize("task", RULED, ids=[f"{task.name}-{task.protocol}" for task in RULED])
def test_odd_answers_are_scored_and_accounted_for(task, odd_texts):
    texts = odd_texts(7, 1000)
    assert len(texts) == 1000
    rows = [entry["row"] for entry in ROWS[task.folder]]
    picture = Image(key="picture", read=lambda: b"")
    samples = [task.to_sample(row | {"image": row["image"] and picture}) for row in rows]
    seen = {"answered": 0, "unparsed": 0, "failed": 0}
    for start in range(0, len(texts), len(samples)):
        predictions = {
            sample.id: Prediction(sample_id=sample.id, text=text)
            for sample, text in zip(samples, texts[start : start + len(samples)], strict=False)
        }
        scores = score_predictions(task, samples, predictions)
        counted = coverage(scores)
        for name in seen:
            seen[name] += getattr(counted, name)
        for metric in task.metrics:
            value = total(task, metric, scores)
            assert math.isnan(value) or metric.low <= value <= metric.high
        read = audit(task, samples, Texts.of(predictions.values()), scores)
        assert sum(read.rules.values()) == len(predictions)
        assert read.unparsed == counted.unparsed
        for low, high in read.bounds.values():
            assert low <= high
    assert seen["answered"] + seen["unparsed"] == len(texts)
