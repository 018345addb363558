"""Means and accuracies: what a row is, and where there is no number."""

import numpy as np

from evalkit.metrics import accuracy, group_accuracy, mean
from evalkit.metrics.basic import divide
from evalkit.records import SampleScore


def scored(**values):
    return SampleScore(
        sample_id="s",
        answer="yes",
        targets=(),
        values=values,
        group=None,
        cluster="c",
        tags={},
        failed=False,
    )


def test_divide_works_on_many_sums_at_once():
    found = divide(np.array([[[1.0, 4.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 5.0]]]))
    np.testing.assert_array_equal(found, [[0.25, np.nan], [np.nan, 0.0]])


def test_divide_takes_a_single_sum():
    assert divide(np.array([1.0, 8.0])) == 0.125


def test_rows_are_values_and_a_count():
    assert mean().row([scored(score=0.3)]) == (0.3, 1.0)
    assert mean("soft", of="points").row([scored(points=0.9)]) == (0.9, 1.0)
    assert accuracy().row([scored(correct=1.0)]) == (1.0, 1.0)


def test_a_group_is_right_when_all_of_it_is():
    pairs = group_accuracy("pairs")
    assert pairs.row([scored(correct=1.0), scored(correct=1.0)]) == (1.0, 1.0)
    assert pairs.row([scored(correct=1.0), scored(correct=0.0)]) == (0.0, 1.0)


def test_only_plain_proportions_say_so():
    assert accuracy().proportion
    assert group_accuracy("pairs").proportion
    assert not mean().proportion
