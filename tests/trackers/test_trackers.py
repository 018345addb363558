"""Trackers by name: what is not there is refused before a run begins."""

import pytest

from evalkit.errors import ExitCode, UsageError
from evalkit.trackers import TRACKERS, trackers_of
from evalkit.trackers.interface import Tracker, require


@pytest.mark.parametrize("name", ["wandbb", "tensorbord", "MLflow", ""])
def test_an_unknown_name_is_refused_with_those_that_are_known(name):
    with pytest.raises(UsageError, match="known are wandb, mlflow, tensorboard") as caught:
        trackers_of([name])
    assert caught.value.exit_code == ExitCode.USAGE


def test_what_was_probably_meant_is_said():
    with pytest.raises(UsageError, match="Did you mean 'tensorboard'"):
        trackers_of(["tensorbord"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.such.module:Thing", "cannot be imported"),
        ("pathlib:NoSuchClass", "cannot be imported"),
        ("pathlib:Path", r"no methods check\(\) and log\(entry\)"),
    ],
)
def test_what_is_no_tracker_is_refused(name, said):
    with pytest.raises(UsageError, match=said):
        trackers_of([name])


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(UsageError, match="extra 'trackers'"):
        require("evalkit_no_such_package")


def test_a_folder_that_a_tracker_left_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "evalkit_no_such_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="is not installed"):
        require("evalkit_no_such_package")


@pytest.mark.parametrize("place", TRACKERS.values(), ids=TRACKERS)
def test_the_modules_of_trackers_are_imported_without_their_packages(place):
    import importlib

    module, _, name = place.partition(":")
    assert isinstance(getattr(importlib.import_module(module), name)(), Tracker)
