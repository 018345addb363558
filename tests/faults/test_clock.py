"""A clock that goes backwards: every look at it shows an earlier hour."""

import time

import pytest

BACKWARDS = """
import datetime
import time

_start = 1_900_000_000.0
_looks = [0]


def _earlier():
    _looks[0] += 1
    return _start - 3600.0 * _looks[0]


class Backwards(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(_earlier(), tz)


time.time = _earlier
time.time_ns = lambda: int(_earlier() * 1e9)
datetime.datetime = Backwards
"""


@pytest.fixture
def backwards(tmp_path):
    """What makes a process's clock go backwards: Python imports this module when it starts."""
    place = tmp_path / "clock"
    place.mkdir()
    (place / "sitecustomize.py").write_text(BACKWARDS)
    return {"PYTHONPATH": str(place)}


def test_a_clock_that_goes_backwards_changes_no_number_and_loses_nothing(
    start, evalkit, toy, tmp_path, backwards
):
    told = ("run", "toy", *toy.options, "--batch-size", "4", "--json")
    good = evalkit(*told, "--model", "dummy:hash", "--out", tmp_path / "good")
    log = tmp_path / "log"
    told += ("--model", f"dummy:hash,sleep=0.02,log={log}", "--out", tmp_path / "out")
    killed = start(*told, **backwards)
    while not log.exists() or log.read_text().count("\n") < 12:
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    asked = log.read_text().splitlines()
    done = evalkit(*told, **backwards)
    assert done.code == 0, done.err
    again = log.read_text().splitlines()[len(asked) :]
    assert len(set(asked) & set(again)) <= 4, "only the batch that was out is asked again"
    assert len(set(asked) | set(again)) == toy.rows
    assert [numbers(result) for result in done.record["results"]] == [
        numbers(result) for result in good.record["results"]
    ]
    assert done.record["finished"] < done.record["created"], "the clock did go backwards"
    assert all(task["seconds"] >= 0 for task in done.record["telemetry"]["tasks"])
    shown = evalkit("show", next((tmp_path / "out").glob("*/*")))
    assert shown.code == 0, shown.err


def numbers(result):
    return result["metrics"], result["coverage"], result["breakdowns"]
