"""What the tests of cards share: the repository, and records like the demo's."""

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.integrity import sealed
from evalkit.store import RunFolder, load_run

ROOT = Path(__file__).parents[2]


def whole(result):
    """The result as if the data had no more rows, from the hub."""
    data = result.fingerprint.dataset
    told = replace(
        data, expected_rows=data.rows, repository=f"lmms-lab/{result.task}", revision="a" * 40
    )
    fingerprint = replace(result.fingerprint, dataset=told)
    return replace(result, fingerprint=fingerprint, notes=(), scores=None)


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def demo():
    """The demo's record."""
    return load_run(ROOT / "results" / "demo" / "baseline")


@pytest.fixture(scope="session")
def early():
    """The record of the demo's early checkpoint."""
    return load_run(ROOT / "results" / "demo-early" / "baseline")


@pytest.fixture(scope="session")
def complete(demo):
    """The demo's record as if its data were all there is."""
    return sealed(replace(demo, results=tuple(map(whole, demo.results))))


@pytest.fixture
def write(tmp_path):
    """Writes a record to results/NAME/run below the test's folder, and gives the folder."""

    def written(record, name="model"):
        folder = tmp_path / "results" / name / "run"
        RunFolder(folder).write_record(record)
        return folder

    return written


@pytest.fixture
def run(write, complete):
    """The folder of a complete run, results/model/run below the test's folder."""
    return write(complete)
