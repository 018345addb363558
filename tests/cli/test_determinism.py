"""`evalkit doctor --determinism`: what changes answers that must not, as counted and as printed."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from evalkit.cli.determinism import BATCHES, demo_requests, lines, measure
from evalkit.errors import BackendError
from evalkit.records import Failure, Generation, Message, Prediction, Request


class Fickle:
    """Answers with a request's name; some answers change with the setting, as told."""

    def __init__(self, dtype, shares, changes):
        self.way = "shared" if shares else "plain"
        self.dtype, self.changes, self.closed = dtype, changes, False

    def note(self):
        return f"{self.way}: because"

    def generate(self, requests):
        assert not self.closed
        assert len({(one.task, one.generation) for one in requests}) == 1
        return [
            Prediction(
                sample_id=one.sample_id, text=one.sample_id + self.changes(self, requests, i)
            )
            for i, one in enumerate(requests)
        ]

    def close(self):
        self.closed = True


def requests(count=32, tasks=("a", "b")):
    return [
        Request(
            task=task,
            sample_id=f"{task}/{i}",
            messages=(Message(role="user", content=("What?",)),),
            generation=Generation(max_new_tokens=3),
        )
        for task in tasks
        for i in range(count)
    ]


def found(changes, dtypes=("float32", "bfloat16")):
    return measure("hf:x", lambda *told: Fickle(*told, changes), requests(), dtypes)


def shares(measured):
    return {
        (one.dtype, one.way, one.batch, one.order): (one.differing, one.differing_in_format)
        for one in measured.settings
    }


def test_every_setting_is_tried_in_every_format_and_nothing_differs():
    measured = found(lambda *_: "")
    assert len(measured.settings) == 2 * 2 * (len(BATCHES) + 1)
    assert set(shares(measured).values()) == {(0.0, 0.0)}
    assert measured.sharing == "shared: because"


def test_what_differs_is_counted_against_float32_and_within_the_format():
    def changes(model, batch, place):
        rounded = "r" if model.dtype == "bfloat16" and batch[place].task == "a" else ""
        shared = "s" if model.way == "shared" and len(batch) == 16 and place < 4 else ""
        return rounded + shared

    told = shares(found(changes))
    assert told["float32", "plain", 16, "shuffled"] == (0, 0)
    assert told["float32", "shared", 4, "as given"] == (0, 0)
    assert told["float32", "shared", 16, "as given"] == (0.25, 0.25)
    assert told["bfloat16", "plain", 1, "as given"] == (0.5, 0)
    assert told["bfloat16", "shared", 16, "as given"] == (0.625, 0.25)


def test_a_model_that_cannot_share_has_no_such_rows():
    class Plain(Fickle):
        def note(self):
            return "plain: it cannot"

    measured = measure("x", lambda *told: Plain(*told, lambda *_: ""), requests(), ["float32"])
    assert {one.way for one in measured.settings} == {"plain"}
    assert measured.sharing == "plain: it cannot"


@pytest.mark.parametrize("how", ["fails", "raises", "refuses"])
def test_a_model_that_fails_is_an_error_and_is_closed(how):
    class Failing(Fickle):
        def generate(self, requests):
            if how == "raises":
                message = "out of memory\nand so on"
                raise RuntimeError(message)
            if how == "refuses":
                message = "out of memory"
                raise ValueError(message)
            made = super().generate(requests)
            failure = Failure(kind="image_unreadable", message="out of memory")
            return [*made[:-1], replace(made[-1], text=None, failure=failure)]

    loaded = []

    def load(*told):
        loaded.append(Failing(*told, lambda *_: ""))
        return loaded[-1]

    kind = ValueError if how == "refuses" else BackendError
    with pytest.raises(kind, match=r"out of memory$"):
        measure("x", load, requests(), ["float32"])
    assert [one.closed for one in loaded] == [True]


def test_the_table_has_a_line_for_every_setting():
    measured = found(lambda *_: "")
    head, names, _, *rows = lines(measured)
    assert head == "hf:x: 64 questions of the demo; shared: because"
    assert names.split()[0] == "format"
    assert len(rows) == len(measured.settings)
    assert all(row.endswith("0.0%") for row in rows)


def test_the_questions_are_of_all_tasks_of_the_demo():
    asked = demo_requests()
    assert len({one.task for one in asked}) == 7
    assert len({one.sample_id for one in asked}) == len(asked) >= 60
    shown = [one.kin for one in asked if one.images]
    assert len(set(shown)) < len(shown)  # there is something to share


def test_the_demo_answers_alike_in_float32():
    from evalkit.cli.determinism import loader

    load, dtypes = loader("demo")
    assert dtypes[:2] == ["float32", "bfloat16"]
    asked = [replace(one) for one in demo_requests()[::4]]
    measured = measure("demo", load, asked, ["float32"])
    assert {one.way for one in measured.settings} == {"plain", "shared"}
    assert {one.differing for one in measured.settings} == {0.0}


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "evalkit", "doctor", *words],
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_verb_measures_the_demo():
    done = run("--determinism", "demo", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)["settings"]
    half = [one for one in told if one["dtype"] == "bfloat16"]
    assert {one["differing"] for one in told if one["dtype"] == "float32"} == {0.0}
    assert half
    assert all(one["differing"] < 0.2 for one in half)


def test_a_model_that_does_not_run_here_is_refused():
    done = run("--determinism", "dummy:yes")
    assert done.returncode == 2
    assert "give hf:... or demo." in done.stderr
    assert "Traceback" not in done.stderr
