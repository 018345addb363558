"""`--log-to`: trackers are told after the run, and can neither lose it nor change its exit code."""

import json
import os

import pytest

TRACKER = '''
import json
from pathlib import Path


class Lines:
    """Writes a line a run."""

    def check(self):
        Path("checked").touch()

    def log(self, entry):
        print("a line on standard output")
        assert json.loads(entry.record.read_text())["digest"] == entry.facts["record.digest"]
        with Path("told.jsonl").open("a") as file:
            file.write(json.dumps([entry.key, dict(entry.numbers)]) + "\\n")
        return "told.jsonl"


class Broken(Lines):
    """Fails as a server does."""

    def log(self, entry):
        raise ConnectionError("https://me:secret@host/ does not answer\\nat all")


class Leaving(Lines):
    """Ends the program."""

    def log(self, entry):
        raise SystemExit(7)


class Talking(Lines):
    """Says more than it should."""

    def log(self, entry):
        return "https://me:secret@host/run?key=secret"


class Unmade(Lines):
    """Cannot be made."""

    def __init__(self):
        raise RuntimeError("no server at https://me:secret@host/\\nin /home/joe/x")


class Quitting(Lines):
    """Ends the program before the run."""

    def check(self):
        raise SystemExit(0)


class Told(Lines):
    """Repeats its key."""

    def check(self):
        from evalkit.errors import EvalkitError

        raise EvalkitError("The key sk-secretsecretsecret is wrong.")


class Unready(Lines):
    """Is not set up."""

    def check(self):
        from evalkit.errors import UsageError

        raise UsageError("Nobody is logged in.")


class Upset(Lines):
    """Has settings that it cannot read."""

    def check(self):
        raise ValueError("the mode of https://me:secret@host/ is\\nodd")
'''


@pytest.fixture
def place(tmp_path):
    (tmp_path / "own_tracker.py").write_text(TRACKER)
    return tmp_path


@pytest.fixture
def command(place, evalkit):
    """Runs a verb in the folder of the tracker, which Python finds there."""
    paths = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH")]))
    return lambda *words: evalkit(*words, cwd=place, PYTHONPATH=paths)


def told(place):
    lines = (place / "told.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


RUN = ("run", "pope", "--model", "dummy:hash", "--data", "demo")


def test_a_run_is_told_with_its_numbers_and_again_as_the_same(place, command):
    first = command(*RUN, "--log-to", "own_tracker:Lines", "--json")
    assert first.code == 0, first.err
    assert "logged to own_tracker:Lines: told.jsonl" in first.err
    metrics = first.record["results"][0]["metrics"]  # the tracker's own line is on standard error
    again = command(*RUN, "--log-to", "own_tracker:Lines", "--log-to", "own_tracker:Lines")
    assert again.code == 0
    (key, numbers), (second, same) = told(place)
    assert numbers["pope/macro_f1"] == metrics["macro_f1"]["value"]
    assert (second, same) == (key, numbers)


def test_a_run_that_is_started_anew_is_another(place, command):
    words = (*RUN, "--limit", "8", "--log-to", "own_tracker:Lines")
    command(*words)
    created = json.loads(next(place.glob("results/*/*/run.json")).read_text())["created"]
    while True:  # a run's start is told to the second
        command(*words, "--fresh")
        now = json.loads(max(place.glob("results/*/*/run.json")).read_text())["created"]
        if now != created:
            break
    assert told(place)[0][0] != told(place)[-1][0]


def test_a_tracker_that_fails_changes_no_exit_code_and_loses_nothing(place, command):
    trackers = ("--log-to", "own_tracker:Broken", "--log-to", "own_tracker:Lines")
    done = command(*RUN, *trackers)
    assert done.code == 0
    assert "macro_f1" in done.out
    (line,) = [line for line in done.err.splitlines() if "Broken" in line]
    assert "ConnectionError: https://host/ does not answer at all. The same command" in line
    assert "secret" not in done.err
    assert len(told(place)) == 1
    assert list(place.glob("results/*/*/run.json"))


def test_neither_an_exit_nor_an_address_of_a_tracker_is_the_runs(place, command):
    done = command(*RUN, "--log-to", "own_tracker:Leaving", "--log-to", "own_tracker:Talking")
    assert done.code == 0
    assert "Leaving was not told of it: SystemExit: 7. The same" in done.err
    assert "logged to own_tracker:Talking: https://host/run\n" in done.err


@pytest.mark.parametrize(
    "name",
    [
        *("nothing", "own_tracker:Unready", "own_tracker:Upset", "own_tracker:Missing"),
        *("own_tracker:Unmade", "own_tracker:Quitting", "own_tracker:Told", "odd:X", "upset:X"),
    ],
)
def test_what_cannot_be_told_is_refused_before_the_run(place, command, name):
    (place / "odd.py").write_text("class X(\n")
    (place / "upset.py").write_text("raise RuntimeError('api_key=secretsecret of /home/joe/x')\n")
    done = command(*RUN, "--log-to", name)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "secret" not in done.err
    assert "joe" not in done.err
    assert not (place / "results").exists()


def test_a_judged_run_is_told_as_the_same_run(place, command):
    asked = command(
        *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--no-judge", "--json"),
        *("--log-to", "own_tracker:Lines", "--name", "r", "--limit", "4"),
    )
    assert asked.code == 0, asked.err
    judged = command(
        *("judge", "results/echo/r", "--judge", "dummy:constant", "--judge-cache", "none"),
        *("--log-to", "own_tracker:Lines"),
    )
    (key, before), (second, after) = told(place)
    assert second == key, judged.err
    assert before["mmvet/coverage/asked"] == after["mmvet/coverage/asked"] == 4


def test_a_scored_file_is_told_where_it_becomes_a_run(place, command):
    command(*RUN)
    (answers,) = place.glob("results/*/*/predictions/pope.jsonl")
    words = ("score", "pope", "-p", answers, "-r", "demo", "--log-to", "own_tracker:Lines")
    refused = command(*words)
    assert refused.code == 2
    assert "--out" in refused.err
    done = command(*words, "--out", "scored")
    assert done.code == 0, done.err
    ((_, numbers),) = told(place)
    assert numbers["pope/coverage/asked"] == 120


def test_what_goes_wrong_with_the_record_is_not_the_runs(capsys, tmp_path):
    from evalkit.cli.log_to import send
    from evalkit.trackers.tensorboard import TensorBoard

    send({"tensorboard": TensorBoard()}, object(), tmp_path)
    said = capsys.readouterr().err
    assert said.startswith("evalkit: the run is finished and on disk, but tensorboard was not told")
    assert len(said.splitlines()) == 1
