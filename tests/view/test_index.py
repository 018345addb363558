"""What filters look at: whether points say what is right is the metric's to say, not the data's."""

import pytest
from made_records import result, value

from evalkit.records import SampleScore
from evalkit.store import RunFolder
from evalkit.view.index import read_index


def points(*held, name="score"):
    """Samples whose value is so much."""
    return [
        SampleScore(
            sample_id=str(number),
            answer="a",
            rule="",
            targets=(),
            values={name: point},
            cluster=str(number),
            failed=False,
            ambiguous=False,
            tags={},
            group=None,
        )
        for number, point in enumerate(held)
    ]


def index(folder, scores, **metrics):
    """An index of samples of which a task made these numbers."""
    store = RunFolder(folder)
    store.write_scores("t", scores)
    return read_index(store.scores_path("t"), result("t", metrics))


SHARE, POINTS, PERCENT, OPEN = (value(1.0, maximum=most) for most in (1.0, 10.0, 100.0, None))


@pytest.mark.parametrize(
    ("held", "name", "metric", "is_share"),
    [
        ((0.0, 0.3, 1.0), "score", SHARE, True),
        ((1.0, 1.0), "score", POINTS, False),
        ((0.0, 1.0), "rating", PERCENT, False),
        ((1.0, 1.0), "answer", OPEN, False),
        ((0.0, 1.0), "correct", value(1600.0, maximum=2000.0), True),
        ((0.5, 1.0), "official", PERCENT, True),
        ((1.0, 7.0), "score", SHARE, False),
        ((-1.0, 1.0), "correct", SHARE, False),
    ],
)
def test_points_are_shares_where_their_number_can_be_no_more_than_1(
    tmp_path, held, name, metric, is_share
):
    assert index(tmp_path, points(*held, name=name), number=metric).is_share == is_share


def test_of_several_headline_numbers_each_counts(tmp_path):
    assert not index(tmp_path, points(0.0, 1.0), one=SHARE, two=POINTS).is_share
    assert index(tmp_path, points(0.0, 1.0), one=SHARE, two=OPEN).is_share
