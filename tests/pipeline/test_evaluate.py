"""The Python face: evaluate, load_run, to_frame, on the demo's data."""

import json

import pytest

import evalkit

SEVEN = ["gqa", "mme", "pope", "vqav2", "textvqa", "scienceqa", "mmvp"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def record(out):
    return evalkit.evaluate(
        model="dummy:hash",
        tasks=[*SEVEN, "mmvp:corrected", "scienceqa:img", "vqav2:testdev"],
        data="demo",
        limit=40,
        out=out,
        name="all",
    )


def test_every_task_and_variant_is_scored(record):
    assert [result.task for result in record.results][:7] == SEVEN
    for result in record.results:
        assert result.coverage.failed == 0
        assert set(result.headline) <= set(result.metrics) or result.task == "vqav2:testdev"
        assert result.fingerprint.dataset.images


def test_values_lie_within_their_intervals(record):
    values = [value for result in record.results for value in result.metrics.values()]
    assert len(values) >= 20
    for value in values:
        assert 0 <= value.value <= value.maximum
        if value.low is not None:
            assert 0 <= value.low <= value.value <= value.high <= value.maximum


def test_limits_keep_groups_whole(record):
    by_task = {result.task: result for result in record.results}
    assert by_task["mme"].coverage.asked % 2 == 0
    assert by_task["mmvp"].metrics["pair_accuracy"].n * 2 == by_task["mmvp"].coverage.asked


def test_a_frame_has_a_row_for_every_metric(record):
    frame = record.to_frame()
    assert len(frame) == sum(len(result.metrics) for result in record.results)
    assert {"model", "task", "metric", "value", "low", "high", "n", "clusters"} <= set(
        frame.columns
    )


def test_the_record_on_disk_is_the_record(record, out):
    path = out / "hash" / "all"
    assert evalkit.load_run(path) == record
    assert len(path.joinpath("run.json").read_bytes()) < 100_000


def test_a_split_without_gold_becomes_a_submission(record, out):
    (path,) = out.glob("*/all/submissions/*.json")
    answers = json.loads(path.read_text())
    result = next(r for r in record.results if r.task == "vqav2:testdev")
    assert len(answers) == result.coverage.asked
    assert set(answers[0]) == {"question_id", "answer"}
    assert result.metrics == {}
    assert any("server scores" in note for note in result.notes)


def test_both_label_sets_of_mmvp_are_told_apart(record):
    first, second = (r for r in record.results if r.task.startswith("mmvp"))
    assert first.fingerprint.scorer != second.fingerprint.scorer


def test_one_seed_gives_one_sample_and_one_record(tmp_path):
    runs = [
        evalkit.evaluate(
            model="dummy:hash", tasks=["pope"], data="demo", limit=30, out=tmp_path / str(i)
        )
        for i in range(2)
    ]
    assert runs[0].results == runs[1].results


def test_an_unknown_setting_is_an_error():
    with pytest.raises(TypeError, match="speed"):
        evalkit.evaluate(model="dummy:hash", tasks=["pope"], speed=3)


def test_errors_are_evalkits_own(tmp_path):
    with pytest.raises(evalkit.EvalkitError, match="Did you mean"):
        evalkit.evaluate(model="dummy:hash", tasks=["pop"], data="demo", out=tmp_path)


def test_the_backend_is_closed_when_the_run_ends(toy, tmp_path, monkeypatch):
    from evalkit.backends.dummy import DummyBackend

    closed = []
    monkeypatch.setattr(DummyBackend, "close", lambda self: closed.append(id(self)))
    evalkit.evaluate(
        model="dummy:echo",
        tasks=["toy"],
        data=str(toy.data),
        task_paths=(str(toy.path),),
        out=tmp_path,
    )
    assert len(closed) == 1


def test_weights_are_looked_at_only_where_there_is_a_record(toy, tmp_path, monkeypatch):
    from evalkit.backends.dummy import DummyBackend

    looked = []
    own = DummyBackend.weights
    monkeypatch.setattr(DummyBackend, "weights", lambda told: looked.append(told) or own(told))

    def once():
        evalkit.evaluate(
            model="dummy:echo",
            tasks=["toy"],
            data=str(toy.data),
            task_paths=(str(toy.path),),
            out=tmp_path,
        )
        return len(looked)

    assert [once(), once()] == [0, 1]
