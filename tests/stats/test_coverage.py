"""How often a 95 % interval holds the truth, when questions about one image are alike.

An image's chance of a right answer is drawn from a beta distribution; `alike` is the correlation of
two answers about one image. Counting every question as independent is what most tables do, and the
last test shows what that costs.
"""

import numpy as np
import pytest

from evalkit.metrics import accuracy, precision_recall_f1
from evalkit.stats import delta_interval, wilson_interval
from evalkit.sums import Statistics

REPETITIONS = 1000
ACCURACY, F1 = accuracy(), precision_recall_f1()[2]


def answers(random, images, questions, chance, alike):
    """Right (1) or wrong (0), shape (images * questions,)."""
    a, b = (p * (1 - alike) / alike for p in (chance, 1 - chance))
    skill = np.repeat(random.beta(a, b, size=images), questions)
    return (random.random(images * questions) < skill).astype(float)


def simulated(images, questions, chance=0.7, alike=0.3, seed=0):
    random = np.random.default_rng(seed)
    for _ in range(REPETITIONS):
        right = answers(random, images, questions, chance, alike)
        yield Statistics(
            rows=np.stack([right, np.ones_like(right)], axis=1),
            codes=np.repeat(np.arange(images), questions),
            clusters=images,
        )


def covered(intervals, truth):
    return np.mean([found is not None and found[0] <= truth <= found[1] for found in intervals])


@pytest.mark.parametrize(("images", "questions"), [(100, 10), (60, 18)])
def test_the_delta_interval_covers_95_percent(images, questions):
    share = covered((delta_interval(ACCURACY, s) for s in simulated(images, questions)), 0.7)
    assert 0.93 <= share <= 0.97


def test_the_delta_interval_of_f1_covers_95_percent():
    def counts():
        random = np.random.default_rng(1)
        there = np.tile([1.0, 0.0], 300)
        for _ in range(REPETITIONS):
            right = answers(random, 100, 6, chance=0.8, alike=0.2)
            rows = np.stack([right * there, (1 - right) * (1 - there), (1 - right) * there], axis=1)
            yield Statistics(rows=rows, codes=np.repeat(np.arange(100), 6), clusters=100)

    assert 0.93 <= covered((delta_interval(F1, s) for s in counts()), truth=0.8) <= 0.97


@pytest.mark.parametrize(("images", "chance"), [(20, 0.8), (10, 0.9), (6, 0.6)])
def test_wilson_covers_at_least_93_percent_of_few_images(images, chance):
    few = simulated(images, 6, chance=chance, alike=0.2)
    assert covered((wilson_interval(ACCURACY, s) for s in few), chance) >= 0.93


def test_questions_counted_as_independent_cover_far_less():
    def independent(counted):
        codes = np.arange(len(counted.rows))
        return Statistics(rows=counted.rows, codes=codes, clusters=len(codes))

    plain = (delta_interval(ACCURACY, independent(s)) for s in simulated(60, 18))
    assert covered(plain, 0.7) < 0.75
