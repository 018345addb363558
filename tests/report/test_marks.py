"""Marks of a number's own data: a part of them, the demo's, or a local folder's."""

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.report.marks import Mark, footnotes, is_partial, own_marks
from evalkit.store import load_run

ROOT = Path(__file__).parents[2]


def of(**data):
    """A whole result of the demo whose data are told otherwise."""
    result = load_run(ROOT / "results" / "demo" / "baseline").results[0]
    told = replace(result.fingerprint.dataset, **data)
    return replace(result, fingerprint=replace(result.fingerprint, dataset=told))


HUB = {"repository": "lmms-lab/GQA"}


@pytest.mark.parametrize(
    ("rows", "expected", "samples", "partial"),
    [
        (100, 100, 100, False),
        (100, 100, 40, True),
        (100, None, 40, True),
        (None, 100, 40, True),
        (100, None, 100, False),
        (None, None, 40, False),
        (40, 100, 40, True),
        (100, 40, 40, True),
        (100, 100, None, False),
        (None, None, None, False),
    ],
)
def test_a_part_is_known_from_either_count(rows, expected, samples, partial):
    result = of(**HUB, rows=rows, expected_rows=expected, samples=samples)
    assert is_partial(result) is partial


@pytest.mark.parametrize(
    ("data", "marks"),
    [
        ({"repository": "demo", "rows": 132, "samples": 132}, (Mark.DEMO,)),
        ({"repository": "demo", "rows": 132, "samples": 40}, (Mark.PARTIAL, Mark.DEMO)),
        ({"repository": "demo", "rows": 12578, "samples": 12578}, (Mark.DEMO,)),
        ({"repository": "local", "rows": 40, "samples": 40}, (Mark.LOCAL,)),
        ({"repository": "local", "rows": 20000, "samples": 20000}, (Mark.LOCAL,)),
        ({"repository": "local", "rows": None, "samples": 40}, (Mark.LOCAL,)),
        ({"repository": "local", "rows": 12578, "samples": 12578}, ()),
        ({"repository": "local", "rows": 12578, "samples": 40}, (Mark.PARTIAL,)),
        ({**HUB, "rows": 12578, "samples": 12578}, ()),
        ({**HUB, "rows": 132, "samples": 132}, (Mark.PARTIAL,)),
    ],
)
def test_data_that_are_not_the_benchmarks_have_a_mark_of_their_own(data, marks):
    assert own_marks(None, of(**data, expected_rows=12578)) == marks


def test_footnotes_say_whose_data_they_are():
    told = {note.mark: note.text for note in footnotes([Mark.LOCAL, Mark.DEMO])}
    assert told == {
        Mark.DEMO: "of the demo's own made-up data, not of the benchmark's.",
        Mark.LOCAL: "of local data that may not be the benchmark's.",
    }
