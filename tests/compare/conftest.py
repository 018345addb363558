"""Runs of a toy task, made once, and what a test may change in a copy of one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import evalkit
from evalkit.store import RunFolder, load_run


@pytest.fixture(autouse=True)
def below(monkeypatch, tmp_path_factory):
    """Runs are below the current folder, as in a project: a record's own task files are taken."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def toys(tmp_path_factory, toy_of):
    """The toy task with its rows, and the folder of its runs."""
    return toy_of(tmp_path_factory.mktemp("toys")), tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def ran(toys):
    """Runs the toy task; gives the run's folder. The same choices give the same run."""
    toy, out = toys

    def run(model="dummy:hash", **choices):
        name = "-".join([model.partition(":")[2], *map(str, choices.values())]) or "run"
        name = "".join(c if c.isalnum() else "-" for c in name)
        evalkit.evaluate(
            model=model,
            tasks=["toy"],
            data=str(toy.data),
            task_paths=(str(toy.path),),
            out=out,
            name=name,
            **choices,
        )
        (folder,) = out.glob(f"*/{name}")
        return folder

    return run


@pytest.fixture
def copied(ran, tmp_path):
    """A copy of a run that a test may spoil."""
    folder = tmp_path / "run"
    shutil.copytree(ran(), folder)
    return folder


@pytest.fixture
def edit():
    """Changes run.json by hand: `change(raw record)`; sealed again if asked."""

    def edited(folder: Path, change, *, seal: bool = False) -> None:
        path = folder / "run.json"
        raw = json.loads(path.read_text())
        change(raw)
        path.write_text(json.dumps(raw))
        if seal:
            from evalkit.integrity import record_digest

            path.write_text(json.dumps({**raw, "digest": record_digest(raw)}))

    return edited


@pytest.fixture
def result_of():
    """The only result of a run, and the way to write another in its place."""

    def of(folder: Path, **changes):
        record = load_run(folder)
        if changes:
            made = replace(record.results[0], **changes)
            record = RunFolder(folder).write_record(replace(record, results=(made,)))
        return record.results[0]

    return of
