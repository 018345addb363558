"""How often equal runs are called different, and how often a difference's interval is right.

Small enough to run with the tests; tests/benchmarks/gate_calibration.py does it at full size.
"""

import numpy as np
import pytest
from scipy.special import bdtr, expit

from evalkit.metrics import accuracy, precision_recall_f1
from evalkit.paired import Paired, estimate

REPETITIONS = 500
ACCURACY, F1 = accuracy(), precision_recall_f1()[2]


def answers(random, images=80, questions=18):
    """What two equal models answer, image by image: shape (2, images, questions)."""
    own = 0.6 * random.standard_normal((2, images, 1))
    return (random.random((2, images, questions)) < expit(1.6 + own)).astype(float)


def with_ones(right):
    return np.stack([right.ravel(), np.ones(right.size)], axis=1)


def counts(right):
    right, there = right.ravel(), np.tile([1.0, 0.0], right.size // 2)
    return np.stack([right * there, (1 - right) * (1 - there), (1 - right) * there], axis=1)


def estimates(metric, rows):
    random = np.random.default_rng(11)
    for seed in range(REPETITIONS):
        first, second = answers(random)
        both = Paired(
            first=rows(first),
            second=rows(second),
            codes=np.repeat(np.arange(80), 18),
            clusters=80,
            strata=np.zeros(80, int),
        )
        yield estimate(metric, both, draws=199, seed=seed)


@pytest.mark.parametrize(("metric", "rows"), [(ACCURACY, with_ones), (F1, counts)])
def test_equal_runs_are_called_different_as_often_as_said(metric, rows):
    found = [*estimates(metric, rows)]
    alarms = np.mean([one.p <= 0.05 for one in found])
    covered = np.mean([one.interval()[0] <= 0 <= one.interval()[1] for one in found])
    assert 0.03 <= alarms <= 0.075
    assert 0.925 <= covered <= 0.975


def test_mcnemars_test_calls_them_different_far_more_often():
    random, alarms = np.random.default_rng(11), 0
    for _ in range(REPETITIONS):
        first, second = answers(random)
        won, lost = int((second > first).sum()), int((second < first).sum())
        alarms += 2 * bdtr(min(won, lost), won + lost, 0.5) <= 0.05
    assert alarms / REPETITIONS > 0.1


@pytest.mark.parametrize(("won", "lost"), [(1, 1), (2.5, 2.5), (1, 4), (0.5, 7), (2, 8)])
def test_few_discordant_clusters_are_covered(won, lost):
    """Of 150 pairs a few differ; each estimate depends on the two counts alone."""
    random, known = np.random.default_rng(5), {}
    truth, held = (won - lost) / 150, 0
    chances = [won / 150, lost / 150, 1 - (won + lost) / 150]
    for drawn in random.multinomial(150, chances, size=4000)[:, :2]:
        b, c = map(int, drawn)
        if (b, c) not in known:
            first, second = np.zeros((2, 150))
            first[:c], second[c : b + c] = 1, 1
            known[b, c] = estimate(
                ACCURACY,
                Paired(
                    first=with_ones(first),
                    second=with_ones(second),
                    codes=np.arange(150),
                    clusters=150,
                    strata=np.zeros(150, int),
                ),
                draws=1,
            ).interval()
        low, high = known[b, c]
        held += low <= truth <= high
    assert held / 4000 >= 0.935
