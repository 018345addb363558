"""What wandb writes offline is read back: protocol buffers in the form of LevelDB's log."""

import json
import struct
from dataclasses import replace

import pytest

from evalkit.errors import UsageError
from evalkit.trackers.wandb import Wandb

pytest.importorskip("wandb", reason="the extra `trackers` is not installed")
pytestmark = [
    pytest.mark.slow,  # wandb starts a process for each test
    pytest.mark.filterwarnings("ignore"),  # wandb's own
]

HEADER, BLOCK = 7, 32_768
WHOLE, LAST = 1, 4


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A folder in which wandb knows nobody, and reads its environment anew."""
    import wandb

    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    wandb.teardown()
    yield tmp_path
    wandb.teardown()


@pytest.fixture
def offline(alone, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    return alone


def records(path):
    """The records of a file of wandb, each made of one piece or more."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, held = path.read_bytes(), HEADER, b""
    while place + HEADER <= len(data):
        room = BLOCK - place % BLOCK
        if room < HEADER:
            place += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        held += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (WHOLE, LAST):
            yield Record.FromString(held)
            held = b""


def written(folder):
    """The record files below a folder, one a run that was written."""
    return [list(records(path)) for path in sorted(folder.glob("**/*.wandb"))]


def values(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_numbers_settings_facts_and_the_record_are_written(offline, entry):
    Wandb().check()
    said = Wandb().log(entry)
    assert "offline-run" in said
    (all_records,) = written(offline)
    (run,) = [r.run for r in all_records if r.WhichOneof("record_type") == "run"]
    assert (run.run_id, run.project, run.display_name) == (entry.key, "evalkit", entry.name)
    assert {**entry.settings, **entry.facts}.items() <= values(run.config.update).items()
    told = {}
    for record in all_records:
        told |= values(record.summary.update)
    assert entry.numbers.items() <= told.items()
    names = [r.request.log_artifact.artifact.name or r.artifact.name for r in all_records]
    assert f"record-{entry.key}" in names


def test_nothing_of_the_machine_is_written(offline, entry):
    Wandb().log(entry)
    assert not [r for r in written(offline)[0] if r.HasField("environment") or r.HasField("files")]
    assert not list(offline.glob("**/wandb-metadata.json"))
    assert not list(offline.glob("**/requirements.txt"))


def test_a_run_that_is_told_again_is_the_same_run(offline, entry, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "other")
    Wandb().log(entry)
    Wandb().log(replace(entry, numbers={"pope/macro_f1": 0.25}))
    runs = [r.run for held in written(offline) for r in held if r.HasField("run")]
    assert {run.run_id for run in runs} == {entry.key}
    assert {run.project for run in runs} == {"other"}


def test_where_nobody_is_logged_in_a_run_is_refused_before_it_begins(alone):
    with pytest.raises(UsageError, match="wandb login"):
        Wandb().check()
