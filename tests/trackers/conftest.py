"""A run on disk, and its record, for the writers of trackers."""

from pathlib import Path

import pytest

import evalkit as package
from evalkit.run_record import RunRecord
from evalkit.trackers.entry import Entry, entry_of


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> tuple[RunRecord, Path]:
    """A record, and the folder in which it is."""
    out = tmp_path_factory.mktemp("out")
    record = package.evaluate(
        model="dummy:hash", tasks=["mme", "pope"], data="demo", out=out, name="first"
    )
    return record, out / "hash" / "first"


@pytest.fixture(scope="session")
def record(run) -> RunRecord:
    return run[0]


@pytest.fixture
def entry(run, tmp_path) -> Entry:
    """The run as trackers are told of it, in a folder of its own."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_bytes((run[1] / "run.json").read_bytes())
    return entry_of(run[0], folder)
