"""Kappa and the prediction-powered mean, against the formulas of the papers written out plainly."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.judge.measures import (
    kappa_of_labels,
    kappa_of_ratings,
    mean_difference,
    prediction_powered,
)
from evalkit.records import SampleScore
from evalkit.stats import delta_interval, interval
from evalkit.sums import statistics, total

LABELS = ("a", "b", "c", "d")
VALUES = (0.0, 1.0, 2.5, 7.0)


def score(name, judge=None, human=None, cluster=None):
    given = {who: v for who, v in (("judge", judge), ("human", human)) if v is not None}
    return SampleScore(
        sample_id=str(name),
        answer=None,
        targets=(),
        values={who: v for who, v in given.items() if not isinstance(v, str)},
        group=None,
        cluster=str(name if cluster is None else cluster),
        tags={who: v for who, v in given.items() if isinstance(v, str)},
        failed=judge is None,
    )


def scores_of(table, names):
    cells = [
        (judge, human)
        for judge, row in zip(names, table, strict=True)
        for human, n in zip(names, row, strict=True)
        for _ in range(n)
    ]
    return [score(place, judge, human) for place, (judge, human) in enumerate(cells)]


def naive_kappa(table, weight):
    """1 - observed by expected disagreement, cell by cell; None where none is expected."""
    n, size = sum(map(sum, table)), range(len(table))
    rows = [sum(table[i]) for i in size]
    columns = [sum(table[i][j] for i in size) for j in size]
    observed = sum(weight(i, j) * table[i][j] / n for i in size for j in size)
    expected = sum(weight(i, j) * rows[i] * columns[j] / n**2 for i in size for j in size)
    return 1 - observed / expected if expected else None


def tables(size):
    row = st.lists(st.integers(0, 8), min_size=size, max_size=size)
    return st.lists(row, min_size=size, max_size=size)


@settings(deadline=None)
@given(st.integers(2, 4).flatmap(tables))
def test_kappa_of_labels_is_the_sum_over_cells(table):
    assume(any(map(any, table)))
    labels = LABELS[: len(table)]
    expected = naive_kappa(table, lambda i, j: float(i != j))
    found = total(kappa_of_labels(labels), scores_of(table, labels))
    if expected is None:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(st.integers(2, 4).flatmap(tables))
def test_kappa_of_ratings_is_the_sum_over_cells(table):
    assume(any(map(any, table)))
    values = VALUES[: len(table)]
    expected = naive_kappa(table, lambda i, j: (values[i] - values[j]) ** 2)
    found = total(kappa_of_ratings(values[0], values[-1]), scores_of(table, values))
    if expected is None:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(tables(3), st.sampled_from([0.01, 3.0, 1000.0]), st.sampled_from([-50.0, 0.0, 8.0]))
def test_kappa_of_ratings_does_not_depend_on_the_unit(table, unit, origin):
    assume(naive_kappa(table, lambda i, j: float((i - j) ** 2)) if any(map(any, table)) else None)
    moved = [origin + unit * value for value in VALUES[:3]]
    one = total(kappa_of_ratings(0.0, 2.5), scores_of(table, VALUES[:3]))
    two = total(kappa_of_ratings(moved[0], moved[-1]), scores_of(table, moved))
    assert one == pytest.approx(two, abs=1e-6)


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.23 / 0.34),  # two psychiatrists, Fleiss
        ([[0, 5], [5, 0]], -1.0),
        ([[25, 25], [25, 25]], 0.0),
    ],
)
def test_textbook_values(table, kappa):
    labels = LABELS[: len(table)]
    assert total(kappa_of_labels(labels), scores_of(table, labels)) == pytest.approx(kappa)


@pytest.mark.parametrize(
    "table",
    [[[20, 5], [10, 15]], [[75, 1, 4], [5, 4, 1], [0, 0, 10]], [[9, 3, 2], [4, 8, 1], [2, 5, 7]]],
)
def test_the_interval_of_kappa_is_that_of_fleiss_cohen_and_everitt(table):
    """Psychological Bulletin 72 (1969), 323-327: the large-sample variance of kappa."""
    from scipy.stats import t

    cells = np.array(table, float) / np.sum(table)
    n, observed = np.sum(table), np.trace(cells)
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    chance = float(rows @ columns)
    diagonal = sum(
        cells[i, i] * ((1 - chance) - (rows[i] + columns[i]) * (1 - observed)) ** 2
        for i in range(len(cells))
    )
    beside = (1 - observed) ** 2 * sum(
        cells[i, j] * (columns[i] + rows[j]) ** 2
        for i in range(len(cells))
        for j in range(len(cells))
        if i != j
    )
    last = (observed * chance - 2 * chance + observed) ** 2
    variance = (diagonal + beside - last) / (n * (1 - chance) ** 4)
    reach = t.ppf(0.975, n - 1) * np.sqrt(variance * n / (n - 1))
    kappa = (observed - chance) / (1 - chance)

    labels = LABELS[: len(table)]
    metric = kappa_of_labels(labels)
    found = delta_interval(metric, statistics(metric, scores_of(table, labels)))
    assert found == pytest.approx((kappa - reach, kappa + reach), abs=1e-6)


def test_a_cluster_of_copies_counts_once():
    table = [[20, 5], [10, 15]]
    metric = kappa_of_labels(LABELS[:2])
    single = interval(metric, scores_of(table, LABELS[:2]))
    copies = [
        score(f"{one.sample_id}-{copy}", one.tags["judge"], one.tags["human"], one.cluster)
        for one in scores_of(table, LABELS[:2])
        for copy in range(3)
    ]
    threefold = interval(metric, copies)
    assert (threefold.n, threefold.clusters) == (150, 50)
    assert (threefold.low, threefold.high) == pytest.approx((single.low, single.high), abs=1e-6)


def test_a_mean_difference_is_judge_less_human():
    scores = [score(1, 5.0, 3.0), score(2, 4.0, 3.0), score(3, 9.0), score(4, None, 1.0)]
    assert total(mean_difference(10.0), scores) == 1.5


def test_the_corrected_mean_is_the_formula_of_the_paper():
    """The judge's mean and the mean correction, with the variance written out by cluster."""
    from scipy.stats import t

    random = np.random.default_rng(5)
    judge, human = random.random(60), random.random(60)
    labelled, clusters = random.random(60) < 0.6, np.arange(60) // 3
    scores = [score(i, judge[i], human[i] if labelled[i] else None, clusters[i]) for i in range(60)]
    gaps = (human - judge)[labelled]
    estimate = judge.mean() + gaps.mean()
    moved = (judge - judge.mean()) / 60
    moved[labelled] += (gaps - gaps.mean()) / len(gaps)
    by_cluster = np.bincount(clusters, weights=moved)
    reach = t.ppf(0.975, 19) * np.sqrt(20 / 19 * (by_cluster**2).sum())

    found = interval(prediction_powered(-9.0, 9.0), [*scores, score("unjudged", None, 1.0)])
    assert found.value == pytest.approx(estimate)
    assert (found.low, found.high) == pytest.approx((estimate - reach, estimate + reach), abs=1e-6)
    assert (found.n, found.clusters) == (60, 20)


def test_the_corrected_interval_covers_the_truth_where_the_judge_is_far_off():
    """A judge that is milder than people by 0.12, on images whose questions are alike."""
    random, truth, draws = np.random.default_rng(0), 0.6, 300
    corrected, alone, width = 0, 0, []
    for _ in range(draws):
        skill = np.repeat(random.beta(3, 2, size=150), 2)
        human = (random.random(300) < skill).astype(float)
        judge = np.where(random.random(300) < 0.3 * (1 - human), 1.0, human)
        labelled = random.random(300) < 0.3
        scores = [score(i, judge[i], human[i] if labelled[i] else None, i // 2) for i in range(300)]
        found = interval(prediction_powered(0.0, 1.0), scores)
        corrected += found.low <= truth <= found.high
        people = interval(
            prediction_powered(0.0, 1.0),
            [score(i, human[i], human[i], i // 2) for i in range(300) if labelled[i]],
        )
        width.append((found.high - found.low) / (people.high - people.low))
        low = judge.mean() - 2 * judge.std() / 300**0.5
        alone += low <= truth
    assert 0.91 <= corrected / draws <= 0.98
    assert alone / draws < 0.1
    assert np.mean(width) < 0.9
