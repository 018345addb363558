"""What the tests of cards share: the repository, and records like the demo's."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_records import dataset, judge_report, publication

from evalkit.integrity import sealed
from evalkit.records import Coverage
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


def unknown(result):
    """The result as a publication has it: a number, and nothing of how it was made."""
    fingerprint = replace(
        result.fingerprint,
        dataset=dataset(None),
        prompt=None,
        generation=None,
        preprocessing={},
    )
    metrics = {
        name: replace(value, low=None, high=None, n=None, clusters=None, maximum=None)
        for name, value in result.metrics.items()
    }
    covered = Coverage(asked=0, answered=0, failed=0, unparsed=0)
    return replace(
        result, metrics=metrics, fingerprint=fingerprint, coverage=covered, breakdowns={},
        notes=(), audit=None, scores=None, predictions=None, protocol="unknown",
    )  # fmt: skip


@pytest.fixture(scope="session")
def paper(demo):
    """A record of published numbers."""
    told = publication(card="x.md", title="A *paper*")
    model = replace(demo.model, name="paper", spec="published:paper", digest=None)
    return sealed(
        replace(
            demo, model=model, source="self-reported", publication=told, hardware=None,
            results=tuple(map(unknown, demo.results)), telemetry=None,
        )
    )  # fmt: skip


@pytest.fixture(scope="session")
def void():
    """(result) -> the result, judged by one who gave not one verdict."""

    def made(result):
        report = judge_report(10, {"timeout": 10})
        return replace(result, judge=report)

    return made
