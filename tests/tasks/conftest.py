"""What the task tests share: a picture, and a task's scorer as a function of rows."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.records import Image, SampleScore


@pytest.fixture
def picture() -> Image:
    return Image(key="picture", read=lambda: b"")


@pytest.fixture
def score_of():
    """Scores one row and text with a task."""

    def score_of(task, row, text) -> SampleScore:
        sample = task.to_sample(row)
        outcome = task.score(sample, text)
        return SampleScore(
            sample_id=sample.id,
            answer=outcome.answer,
            targets=sample.targets,
            values=outcome.values,
            group=sample.group,
            cluster=sample.cluster,
            tags=sample.tags,
            failed=text is None,
        )

    return score_of


@pytest.fixture
def numbers_of():
    """All metrics of a task over units (lists of scores)."""

    def numbers_of(task, *units) -> dict[str, float]:
        found = {}
        for metric in task.metrics:
            counted = [u for u in units if metric.only is None or metric.only(u[0])]
            rows = [metric.row(unit) for unit in counted]
            sums = np.array(rows, dtype=float).reshape(-1, metric.columns).sum(axis=0)
            found[metric.name] = float(metric.value(sums))
        return found

    return numbers_of


@pytest.fixture
def prompts_of():
    """The text of each prompt variant for a row."""

    def prompts_of(task, row) -> dict[str, str]:
        sample = task.to_sample(row)
        return {name: prompt.render(sample) for name, prompt in task.prompts.items()}

    return prompts_of
