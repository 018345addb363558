"""Intervals of a calibration cover what they say, also with few labels and rare verdicts."""

import numpy as np
import pytest
from scipy.stats import t

from evalkit.judge.agreement import Pair, calibrate
from evalkit.judge.figures import corrected, kappa
from evalkit.judge.pairs import score_of
from evalkit.leverage import degrees

DRAWS = 400


def pairs(judges, humans):
    return [
        Pair(sample_id=f"{i:04}", judge=judge, human=human, length=None, cluster=f"{i:04}")
        for i, (judge, human) in enumerate(zip(judges, humans, strict=True))
    ]


def drawn(dice, labelled, noise, n=60):
    """Ratings of people around 0, and a judge's; the first are labelled."""
    human = dice.normal(0, 1, n)
    judge = human + dice.normal(0, noise, n) if noise else dice.normal(0, 1, n)
    known = [float(rating) if i < labelled else None for i, rating in enumerate(human)]
    return [score_of(pair, "ratings", None, 0.0) for pair in pairs(map(float, judge), known)]


@pytest.mark.parametrize("noise", [0.5, None])
@pytest.mark.parametrize("labelled", [3, 5, 10])
def test_the_corrected_mean_covers_with_few_labels(labelled, noise):
    """Degrees of freedom of all 60 clusters would cover 79 % with three labels, 88 % with five."""
    dice = np.random.default_rng(labelled)
    found = [corrected(drawn(dice, labelled, noise), (-9.0, 9.0)).value for _ in range(DRAWS)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) > 0.93


def test_the_degrees_of_freedom_are_those_of_the_labelled_clusters():
    judges, humans = [1.0, 2.0, 4.0, 3.0, 5.0, 2.0], [1.5, 1.0, 4.5, None, None, None]
    found = calibrate(pairs(judges, humans), scale=(-50, 50)).corrected.value
    gap = np.array([h - j for j, h in zip(judges, humans, strict=True) if h is not None])
    share = (np.array(judges) - np.mean(judges)) / 6
    share[:3] += (gap - gap.mean()) / 3
    reach = t.ppf(0.975, 2) * np.sqrt(3 / 2 * share @ share)
    assert found.value == pytest.approx(np.mean(judges) + gap.mean())
    assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach))
    assert (found.n, found.clusters) == (6, 6)
    assert found.method == "cluster-robust t on 3 labelled clusters"


def test_a_corrected_mean_beside_a_heavy_cluster_has_the_jackknifes_error():
    """Thirty verdicts about one picture and one about each of thirty more, all of them labelled."""
    dice = np.random.default_rng(0)
    clusters = ["big"] * 30 + [f"c{i}" for i in range(30)]
    humans = list(map(float, dice.normal(0, 1, 60) + np.repeat([0.6, 0.0], 30)))
    both = [
        Pair(sample_id=f"{i:04}", judge=1.0 * (i % 3), human=human, length=None, cluster=cluster)
        for i, (human, cluster) in enumerate(zip(humans, clusters, strict=True))
    ]
    found = calibrate(both, scale=(-50, 50)).corrected.value
    codes = np.array([0] * 30 + list(range(1, 31)))
    values = np.array(humans)  # where all are labelled the judge's part goes out
    without = np.array([values[codes != cluster].mean() for cluster in range(31)])
    error = float(((values.mean() - without) ** 2).sum() ** 0.5)
    df = degrees(np.bincount(codes) / 60)
    assert found.value == pytest.approx(values.mean())
    assert df < 4  # of 30
    assert found.high - found.value == pytest.approx(t.ppf(0.975, df) * error, rel=1e-6)


def test_a_judge_adds_nothing_where_the_labels_alone_are_as_narrow():
    """Three labels and a judge of chance: no more degrees of freedom make it look useful."""
    dice = np.random.default_rng(4)
    said = 0
    for _ in range(40):
        humans = [float(h) if i < 3 else None for i, h in enumerate(dice.normal(0, 1, 60))]
        found = calibrate(pairs(map(float, dice.normal(0, 1, 60)), humans), scale=(-9, 9))
        said += any("The judge adds nothing" in note for note in found.notes)
    assert said >= 20


@pytest.mark.parametrize(
    ("table", "n", "least"),
    [
        ([[0.9, 0.02], [0.02, 0.06]], 100, 0.91),
        ([[0.9, 0.02], [0.02, 0.06]], 200, 0.93),
        ([[0.85, 0.05], [0.05, 0.05]], 100, 0.91),
        ([[0.45, 0.05], [0.05, 0.45]], 50, 0.93),
    ],
)
def test_kappa_covers_also_where_one_label_is_rare(table, n, least):
    dice, cells = np.random.default_rng(n), np.array(table)
    chance = cells.sum(axis=0) @ cells.sum(axis=1)
    true = (np.trace(cells) - chance) / (1 - chance)
    covered = []
    for _ in range(DRAWS):
        drawn_cells = dice.choice(4, size=n, p=cells.ravel())
        both = pairs(*(["ny"[c] for c in which] for which in np.divmod(drawn_cells, 2)))
        found = kappa(both, [score_of(pair, "labels", None, 0.0) for pair in both], "labels").value
        if found is not None and found.low is not None:
            covered.append(found.low <= true <= found.high)
    assert np.mean(covered) > least


@pytest.mark.parametrize(("others", "warned"), [(9, True), (10, False)])
def test_kappa_of_a_rare_label_carries_a_note(others, warned):
    both = pairs("n" * 90 + "n" + "y" * (others - 1), "n" * 90 + "y" * others)
    few = f"Kappa rests on the {others} of {90 + others} samples on which not both say 'n'"
    assert any(note.startswith(few) for note in calibrate(both).notes) == warned
