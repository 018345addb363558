"""A side is checked against itself: record, scores, numbers and task must bear each other out."""

import json
import shutil
from dataclasses import replace

import pytest

import evalkit
from evalkit.compare import sides
from evalkit.errors import ExitCode, StaleError, StoreError, UsageError
from evalkit.store import RunFolder, load_run

SEVEN = ("gqa", "mme", "pope", "vqav2", "textvqa", "scienceqa", "mmvp")


def test_a_run_is_a_side_by_its_folder_and_by_its_record(ran):
    folder = ran()
    side = sides.load(folder)
    record = load_run(folder)
    assert side.record == record
    assert (side.side.kind, side.side.digest, side.side.name) == ("run", record.digest, str(folder))
    scores = side.scores("toy")
    assert [score.sample_id for score in scores] == [f"q{n:03}" for n in range(40)]
    assert scores[3].targets == ("no",)
    assert side.texts("toy").keys() == {score.sample_id for score in scores}
    again = sides.load(folder / "run.json")
    assert again.scores("toy") == scores
    assert again.side == replace(side.side, name=str(folder / "run.json"))


def test_scores_are_read_once(ran):
    side = sides.load(ran())
    assert side.scores("toy") is side.scores("toy")
    assert [metric.name for metric in side.task("toy").metrics] == ["accuracy", "pair_accuracy"]


def test_every_task_and_protocol_is_counted_as_its_record_says(tmp_path):
    names = [*SEVEN, "mmvp:corrected", "scienceqa:img", "vqav2:testdev"]
    evalkit.evaluate(model="dummy:hash", tasks=names, data="demo", out=tmp_path, name="all")
    side = sides.load(tmp_path / "hash" / "all")
    for task, result in side.results.items():
        assert len(side.scores(task)) == result.coverage.asked
        assert {m.name for m in side.task(task).metrics} >= set(result.metrics)
    assert not side.task("vqav2:testdev").metrics


@pytest.mark.parametrize("protocol", ["official", "lmms-eval", "vlmevalkit"])
def test_a_scored_file_is_a_side(evalkit, tmp_path, protocol):
    words = ("--data", "demo", "--out", tmp_path / "out", "--name", "r")
    assert evalkit("run", "pope", "--model", "dummy:hash", *words).code == 0
    run, out = tmp_path / "out" / "hash" / "r", tmp_path / "scored"
    told = ("--references", "demo", "--protocol", protocol, "--out", out)
    assert evalkit("score", "pope", "-p", run, *told).code == 0
    side = sides.load(out)
    assert side.record.source == "scored"
    assert side.task("pope").protocol == protocol == side.result("pope").protocol
    assert len(side.scores("pope")) == 120


def test_a_judged_run_has_the_metrics_of_its_judging(evalkit, tmp_path):
    words = ("--data", "demo", "--out", tmp_path, "--name", "r", "--judge-cache", "none")
    judge = ("--judge", "dummy:constant,text=0.5")
    assert evalkit("run", "mmvet", "--model", "dummy:hash", *words, *judge).code == 0
    side = sides.load(tmp_path / "hash" / "r")
    names = {metric.name for metric in side.task("mmvet").metrics}
    assert names & set(side.result("mmvet").metrics) >= set(side.result("mmvet").headline)
    assert side.task("mmvet").headline == side.result("mmvet").headline


def test_a_run_that_is_not_judged_has_scores_and_no_metric(evalkit, tmp_path):
    words = ("--data", "demo", "--out", tmp_path, "--name", "r", "--no-judge")
    assert evalkit("run", "mmvet", "--model", "dummy:hash", *words).code == 0
    side = sides.load(tmp_path / "hash" / "r")
    assert side.scores("mmvet")
    assert not side.task("mmvet").metrics


# What does not fit


def the_value(raw):
    raw["results"][0]["metrics"]["accuracy"]["value"] += 1e-12


EDITS = {
    "a number": the_value,
    "a note": lambda raw: raw["results"][0]["notes"].append("all is well"),
    "a version": lambda raw: raw["results"][0].update(version=2),
    "a digest of scores": lambda raw: raw["results"][0].update(scores="0" * 64),
    "no digest of scores": lambda raw: raw["results"][0].update(scores=None),
    "a fingerprint": lambda raw: raw["results"][0]["fingerprint"]["dataset"].update(rows=41),
    "a failure less": lambda raw: raw["results"][0]["coverage"].update(failed=1),
    "the model": lambda raw: raw["model"].update(name="better"),
    "its own digest": lambda raw: raw.update(digest="f" * 64),
    "no result": lambda raw: raw.update(results=[]),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_record_that_was_edited_is_stale(copied, edit, what):
    edit(copied, EDITS[what])
    with pytest.raises(StaleError, match=r"run\.json is not what was written") as told:
        sides.load(copied)
    assert told.value.exit_code == ExitCode.STALE == 15


def twice(raw):
    raw["results"].append(raw["results"][0])


def counted(**changed):
    return lambda raw: raw["results"][0]["coverage"].update(changed)


def about(**changed):
    return lambda raw: raw["results"][0]["metrics"]["accuracy"].update(changed)


def looked(looks=(10, 20), made=1, rules=1, samples=1000):
    def change(raw):
        (result,) = raw["results"]
        planned = result["fingerprint"]
        made_up = {"looks": looks, "made": made, "rules": rules, "samples": samples}
        result["peeks"] = made_up | {"planned": planned}

    return change


UNSOUND = {
    **{
        f"looks {number}": (change, "tells of looks")
        for number, change in enumerate(
            [
                *(looked([1000, 1]), looked([-5, 20]), looked([0, 0]), looked([]), looked([5, 5])),
                *(looked(made=0), looked(made=-1), looked(made=3), looked(rules=0)),
                looked(samples=1),
            ]
        )
    },
    "a task twice": (twice, "have the task 'toy' twice"),
    "fewer than none": (counted(failed=-1, unparsed=1), "-1 failed and 1 unparsed"),
    "more answered than asked": (counted(asked=39), "39 samples were asked, "),
    "nothing asked": (counted(asked=0), "do not add up"),
    "an interval turned round": (about(low=0.99, high=0.01), "between 0.99 and 0.01"),
    "half an interval": (about(low=None), "accuracy of toy has an interval with one end"),
    "below its interval": (about(value=-0.5), "accuracy of toy is -0.5, between"),
    "above its interval": (about(value=0.9), "accuracy of toy is 0.9, between"),
    "above what is possible": (
        about(value=1.5, low=None, high=None),
        r"accuracy of toy is 1\.5, of 1 at most, which cannot be",
    ),
    "an interval beyond what is possible": (about(high=1.5), r"and 1\.5, of 1 at most"),
    "yes for a number": (counted(failed=True), "results is unknown or has a wrong type"),
}


@pytest.mark.parametrize("what", UNSOUND)
def test_a_record_that_cannot_be_meant_is_refused_where_it_is_sealed_too(copied, edit, what):
    change, told = UNSOUND[what]
    edit(copied, change, seal=True)
    with pytest.raises(StoreError, match=rf"run\.json is not a valid RunRecord: [^\n]*{told}"):
        sides.load(copied)


@pytest.mark.parametrize(
    "told",
    [
        {"value": 0.25, "low": 0.25, "high": 0.25},
        {"value": 1 + 1e-12, "low": 0.5, "high": 1.0},
        {"value": -0.5, "low": -0.75, "high": 0.0},
        {"value": 112.5, "low": 100.0, "high": 120.0, "maximum": None},
        {"value": 112.5, "low": None, "high": None, "maximum": None, "n": None, "clusters": None},
        {"value": 1362.5, "low": 1200.0, "high": 1500.0, "maximum": 2000.0},
    ],
)
def test_a_number_is_what_it_can_be(copied, edit, told):
    edit(copied, about(**told), seal=True)
    assert sides.load(copied).result("toy").metrics["accuracy"].value == told["value"]


@pytest.mark.parametrize("less", [1, -1])
def test_samples_that_the_scores_do_not_have_are_stale_where_the_record_is_sealed(
    copied, edit, less
):
    """One that failed is not among those that were answered."""

    def change(raw):
        coverage = raw["results"][0]["coverage"]
        coverage["answered"] -= less
        coverage["unparsed"] += less
        if coverage["unparsed"] < 0:
            coverage["asked"] += 1
            coverage["unparsed"] = 0

    edit(copied, change, seal=True)
    with pytest.raises(StaleError, match="samples were asked"):
        sides.load(copied).scores("toy")


def test_a_record_that_was_written_otherwise_but_says_the_same_is_taken(copied):
    path = copied / "run.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(raw.items())), separators=(",", ":")))
    assert sides.load(copied).scores("toy")


def test_numbers_that_the_scores_do_not_give_are_stale_even_where_the_record_is_sealed(
    copied, edit
):
    edit(copied, the_value, seal=True)
    assert sides.load(copied).scores("toy")  # the last digits may be another numpy's
    edit(copied, about(value=0.3), seal=True)
    with pytest.raises(StaleError, match=r"the record says 0\.3: the task's code has changed"):
        sides.load(copied).scores("toy")


BESIDE = {
    "a larger maximum": about(maximum=1e9),
    "no maximum": about(maximum=None),
    "fewer than none": about(n=-5),
    "more clusters": about(clusters=10**30),
    "no headline": lambda raw: raw["results"][0].update(headline=[]),
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_is_said_beside_a_number_is_stale_where_the_scores_contradict_it(copied, edit, what):
    edit(copied, BESIDE[what], seal=True)
    with pytest.raises(StaleError, match="scores its answers anew"):
        sides.load(copied).scores("toy")


def test_a_number_that_is_missing_is_stale(copied, edit):
    edit(copied, lambda raw: raw["results"][0]["metrics"].pop("pair_accuracy"), seal=True)
    with pytest.raises(StaleError, match="pair_accuracy"):
        sides.load(copied).scores("toy")


def test_scores_of_another_record_are_stale(copied, ran):
    other = ran("dummy:constant,text=yes")
    shutil.copy(other / "scores" / "toy.parquet", copied / "scores" / "toy.parquet")
    side = sides.load(copied)
    with pytest.raises(StaleError, match=r"toy\.parquet does not hold the scores"):
        side.scores("toy")


@pytest.mark.parametrize(
    "change",
    [
        lambda score: replace(score, values={"correct": 1 - score.values["correct"]}),
        lambda score: replace(score, answer="maybe"),
        lambda score: replace(score, cluster="p9"),
        lambda score: replace(score, failed=not score.failed),
        lambda score: replace(score, tags={"kind": "other"}),
        lambda score: replace(score, rule="another"),
        lambda score: replace(score, sample_id="q900"),
    ],
)
def test_a_score_that_was_changed_is_stale(copied, change):
    folder = RunFolder(copied)
    first, *rest = folder.read_scores("toy")
    folder.write_scores("toy", [change(first), *rest])
    with pytest.raises(StaleError, match="does not hold the scores"):
        sides.load(copied).scores("toy")


def test_scores_in_another_order_or_fewer_are_stale(copied):
    folder = RunFolder(copied)
    scores = folder.read_scores("toy")
    for other in (scores[::-1], scores[:-1], (*scores, replace(scores[0], sample_id="new"))):
        folder.write_scores("toy", other)
        with pytest.raises(StaleError):
            sides.load(copied).scores("toy")


def test_a_task_of_another_version_is_stale(copied, toys, tmp_path):
    newer = tmp_path / "toy.py"
    newer.write_text(toys[0].path.read_text().replace("version=1", "version=2"))
    side = sides.load(copied, (str(newer),))
    with pytest.raises(StaleError, match="scored by version 1 of the task; here is version 2"):
        side.scores("toy")


def test_a_task_whose_metrics_have_changed_is_stale(copied, toys, tmp_path):
    changed = tmp_path / "toy.py"
    text = toys[0].path.read_text()
    changed.write_text(text.replace("metrics=(accuracy(), ", "metrics=(accuracy('other'), "))
    with pytest.raises(StaleError, match="give other = "):
        sides.load(copied, (str(changed),)).scores("toy")


def test_a_task_that_is_not_known_is_said(copied, result_of, tmp_path):
    result_of(copied, task="gone")
    shutil.copy(copied / "scores" / "toy.parquet", copied / "scores" / "gone.parquet")
    with pytest.raises(UsageError, match="the numbers of gone cannot be counted here"):
        sides.load(copied).scores("gone")
    result_of(copied, task="toy", protocol="nobody's")
    with pytest.raises(UsageError, match='has no protocol "nobody\'s"'):
        sides.load(copied).scores("toy")
    with pytest.raises(UsageError, match="has no result of 'gqa'; it has: toy"):
        sides.load(copied).scores("gqa")


def test_a_task_file_that_is_gone_may_be_named_anew(copied, toys, edit, tmp_path):
    edit(copied, lambda raw: raw["config"].update(task_paths=["/nowhere/toy.py"]), seal=True)
    with pytest.raises(UsageError, match="nowhere"):
        sides.load(copied).scores("toy")
    assert sides.load(copied, (str(toys[0].path),)).scores("toy")


def test_numbers_without_scores_are_no_side(copied, result_of, tmp_path):
    result_of(copied, scores=None)
    with pytest.raises(UsageError, match="numbers of toy but no scored samples"):
        sides.load(copied).scores("toy")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(copied / "run.json", alone)
    with pytest.raises(UsageError, match="no scored samples"):
        sides.load(alone).scores("toy")


def test_a_record_alone_says_that_the_folder_is_needed(ran, tmp_path):
    shutil.copy(ran() / "run.json", tmp_path)
    side = sides.load(tmp_path / "run.json")
    with pytest.raises(StoreError, match="give a run's folder, whole"):
        side.scores("toy")


@pytest.mark.parametrize("text", ["", "[]", '{"format": "x"}', "nonsense"])
def test_a_file_that_is_neither_is_one_sentence(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"file\.json"):
        sides.load(path)


def test_an_older_schema_is_refused_as_it_was(copied, edit):
    edit(copied, lambda raw: raw.update(schema=4))
    with pytest.raises(StoreError, match="has schema 4; this version of evalkit reads 5"):
        sides.load(copied)
