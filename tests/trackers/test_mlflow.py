"""MLflow's local stores, its database and its older file store, are read back by its own client."""

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.trackers.mlflow import KEY, MLflow

pytest.importorskip("mlflow", reason="the extra `trackers` is not installed")
pytestmark = [
    pytest.mark.slow,  # a database is made in ten seconds
    pytest.mark.filterwarnings("ignore"),  # mlflow's own
]


@pytest.fixture(params=["files", "database"])
def client(request, tmp_path, monkeypatch):
    """A client of an empty store, which the tracker finds by the environment."""
    from mlflow.tracking import MlflowClient

    stores = {"files": (tmp_path / "runs").as_uri(), "database": f"sqlite:///{tmp_path}/ml.db"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stores[request.param])
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return MlflowClient(stores[request.param])


def runs(client, project="evalkit"):
    return client.search_runs([client.get_experiment_by_name(project).experiment_id])


def test_a_run_is_there_with_numbers_settings_facts_and_the_record(client, entry, tmp_path):
    MLflow().check()
    said = MLflow().log(entry)
    (run,) = runs(client)
    assert run.info.run_id in said
    assert run.info.status == "FINISHED"
    assert run.info.run_name == entry.name
    assert run.info.start_time == 1000 * entry.created.timestamp()
    ends = {name.replace("/low", ".low").replace("/high", ".high") for name in entry.numbers}
    assert set(run.data.metrics) == ends
    assert run.data.metrics["pope/macro_f1"] == entry.numbers["pope/macro_f1"]
    assert run.data.metrics["pope/macro_f1.low"] == entry.numbers["pope/macro_f1/low"]
    assert run.data.params == dict(entry.settings)
    assert {**entry.settings, **entry.facts}.items() <= run.data.tags.items()
    copy = client.download_artifacts(run.info.run_id, "run.json", tmp_path)
    assert Path(copy).read_bytes() == entry.record.read_bytes()


def test_a_run_that_is_told_again_is_the_same_run(client, entry):
    MLflow().log(entry)
    MLflow().log(entry)
    settings = {**entry.settings, "config.workers": "2"}
    numbers = {**entry.numbers, "pope/macro_f1": 0.25}
    MLflow().log(replace(entry, settings=settings, numbers=numbers))
    (run,) = runs(client)
    assert run.data.tags[KEY] == entry.key
    assert run.data.metrics["pope/macro_f1"] == 0.25
    assert run.data.tags["config.workers"] == "2"
    assert run.data.params["config.workers"] == "1"
    history = client.get_metric_history(run.info.run_id, "pope/macro_f1")
    assert len(history) == 2
    assert len(client.get_metric_history(run.info.run_id, "mme/perception")) == 1
    MLflow().log(replace(entry, key="0" * 32))
    assert len(runs(client)) == 2


def test_names_that_mlflow_would_refuse_are_spelled_otherwise(client, entry, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "other")
    odd = {"../a/b<script>": 1.0, "lmms//x%": 2.0, "/y": 3.0, "mmvp:corrected/pairs": 4.0}
    facts = {"t/é\n": "x" * 20_000}
    MLflow().log(replace(entry, numbers=odd, facts=facts))
    (run,) = runs(client, "other")
    assert sorted(run.data.metrics.values()) == [1.0, 2.0, 3.0, 4.0]
    assert run.data.metrics["mmvp:corrected/pairs"] == 4.0
