"""Scored samples as columns: what went in comes out, and pandas is not woken."""

import subprocess
import sys

from evalkit.columns import score_table
from evalkit.records import SampleScore


def score(number: int, **changes) -> SampleScore:
    fields = {
        "sample_id": f"s{number}",
        "answer": "sí 😀",
        "targets": ("a", "", "答"),
        "values": {"correct": 0.5},
        "group": None,
        "cluster": "c",
        "tags": {"kind": "low"},
        "failed": False,
    }
    return SampleScore(**fields | changes)


def test_what_goes_in_comes_out():
    table = score_table(
        [
            score(1),
            score(2, answer=None, group="g", failed=True, targets=(), tags={}),
            score(3, values={"other": 2.0}, tags={"kind": ("low", "high")}, rule="r"),
        ]
    )
    table.validate(full=True)
    assert table.to_pydict() == {
        "sample_id": ["s1", "s2", "s3"],
        "answer": ["sí 😀", None, "sí 😀"],
        "targets": [["a", "", "答"], [], ["a", "", "答"]],
        "failed": [False, True, False],
        "group": [None, "g", None],
        "cluster": ["c", "c", "c"],
        "rule": ["", "", "r"],
        "ambiguous": [False, False, False],
        "value.correct": [0.5, 0.5, None],
        "value.other": [None, None, 2.0],
        "tag.kind": [["low"], [], ["low", "high"]],
    }


def test_no_scores_are_a_table_without_rows():
    assert score_table([]).num_rows == 0


def test_pandas_is_not_woken():
    code = (
        "import sys; from evalkit.columns import score_table; from evalkit.records import "
        "SampleScore as S; score_table([S(sample_id='a', answer=None, targets=('x',), "
        "values={'v': 1.0}, group=None, cluster='c', tags={}, failed=False)]); "
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
