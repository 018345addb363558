"""A run that ends tasks early: verdict, exit code, what is saved, and that nothing can move it."""

import json
import random
import shutil
import signal
import time
from dataclasses import replace
from datetime import date

import pytest

from evalkit import registry
from evalkit.compare.sides import load
from evalkit.errors import StaleError
from evalkit.gate.decide import decide
from evalkit.gate.peeks import looks_of
from evalkit.gate.policy import load_policy
from evalkit.integrity import record_digest, sealed
from evalkit.prepare import prepare
from evalkit.progress import Observer
from evalkit.records import Failure, Prediction, plain
from evalkit.run_record import RunConfig, TaskChoice
from evalkit.score import summarise
from evalkit.stopping import StopOrder, Stopping
from evalkit.store import RunFolder, load_run

DROP = '[[rule]]\ntask = "sight"\nmax_drop = 0.06\n'
BOTH = DROP + '[[rule]]\ntask = "sight"\nmetric = "f1"\nmax_drop = 0.08\n'


@pytest.fixture(scope="module")
def many(sight_of):
    """2,000 questions, ten about each picture."""
    return sight_of(2000, 10)


@pytest.fixture(scope="module")
def wrongly():
    """What a run is wrong on: a tenth of the questions, and a share of them that differs."""

    def chosen(differing, seed=2):
        draw, other = random.Random(1), random.Random(seed)
        base = {i for i in range(2000) if draw.random() < 0.1}
        return base ^ {i for i in range(2000) if other.random() < differing}

    return chosen


@pytest.fixture(scope="module")
def base(many, wrongly):
    wrong = wrongly(0)
    return many.run("base", lambda i: many.wrong(i) if i in wrong else many.gold(i))


@pytest.fixture
def gated(many, base, wrongly, evalkit, tmp_path):
    """Runs a candidate with a gate; gives what was done, and the run's folder."""

    def run(policy, differing, *words, sequential=True, name="new"):
        (tmp_path / "gate.toml").write_text(policy)
        said, wrong = tmp_path / "said", wrongly(differing)
        said.mkdir(exist_ok=True)
        lines = (
            json.dumps({"id": row["id"], "text": many.wrong(i) if i in wrong else many.gold(i)})
            for i, row in enumerate(many.rows)
        )
        (said / "sight.jsonl").write_text("\n".join(lines) + "\n")
        done = evalkit(
            *("run", "sight", "--model", f"replay:{said}", "--data", data_of(base)),
            *("--task-path", many.folder / "sight.py", "--out", tmp_path / "results"),
            *("--name", name, "--batch-size", 16),
            *("--gate", tmp_path / "gate.toml", "--baseline", base),
            *(["--sequential"] if sequential else []),
            *words,
        )
        return done, tmp_path / "results" / "said" / name

    return run


def data_of(run):
    return json.loads((run / "run.json").read_text())["config"]["data"]


def result_of(run):
    (result,) = json.loads((run / "run.json").read_text())["results"]
    return result


def telemetry_of(run):
    """How many samples the model was asked."""
    (speed,) = json.loads((run / "run.json").read_text())["telemetry"]["tasks"]
    return speed["samples"]


def judged(many, evalkit, base, run, policy):
    words = ("--baseline", base, "--candidate", run, "--policy", policy)
    return evalkit("gate", *words, "--task-path", many.folder / "sight.py", "--format", "json")


# When it is looked at


def test_looks_are_tenths_and_none_is_at_few_clusters():
    assert looks_of([""] * 500) == (50, 100, 150, 200, 250, 300, 350, 400, 450, 500)
    assert looks_of([""] * 56) == (23, 28, 34, 40, 45, 51, 56)
    assert looks_of([""] * 40) == (20, 24, 28, 32, 36, 40)
    assert looks_of([""] * 39) == (39,)


def test_nothing_is_looked_at_before_each_stratum_is_there():
    """A total over fewer subtasks would show less damage than its margin was meant for."""
    assert looks_of([*["a"] * 30, "b", *["a"] * 19])[0] == 35
    assert looks_of([*["a", "b"] * 25])[0] == 20
    assert looks_of([*["a"] * 49, "b"]) == (50,)
    assert looks_of([*["a"] * 20, "b", *["a"] * 25, *["b"] * 4])[0] == 50


# The end of a task


def test_equal_runs_pass_early_and_the_record_says_so(many, base, gated, evalkit, tmp_path):
    done, folder = gated(BOTH, 0.02)
    assert done.code == 0
    assert "Pass: 2 of 2 rules that count hold." in done.out
    result = result_of(folder)
    peeks, asked = result["peeks"], result["coverage"]["asked"]
    assert peeks["looks"] == [20, 40, 60, 80, 100, 120, 140, 160, 180, 200]
    assert 1 < peeks["made"] < 10
    assert asked == 10 * peeks["looks"][peeks["made"] - 1]
    left, late = 2000 - asked, telemetry_of(folder) - asked
    assert f"{left:,} of the 2,000 gated samples ({left / 2000:.0%}) are not counted" in done.out
    assert f"{left - late:,} were never asked" in done.out or not late
    assert "stopped early at look" in result["notes"][-1]
    assert result["fingerprint"]["dataset"]["samples"] == asked
    assert peeks["planned"]["dataset"]["samples"] == 2000
    lines = (folder / "predictions" / "sight.jsonl").read_text().splitlines()
    assert len(lines) == asked
    again = judged(many, evalkit, base, folder, tmp_path / "gate.toml")
    assert again.code == 0
    assert again.record["family"] == "bonferroni"


def test_what_was_asked_and_thrown_away_is_said(gated, many, base, evalkit, tmp_path):
    """What the model was asked beside what counts is in the record's telemetry."""
    _, folder = gated(BOTH, 0.02)
    record = json.loads((folder / "run.json").read_text())
    asked = record["results"][0]["coverage"]["asked"]
    for late, words in (
        (0, "are not counted, and were never asked."),
        (5, f"{2000 - asked - 5:,} were never asked, and 5 had been asked, or were being asked,"),
        (2000 - asked, "are not counted: all of them had been asked, or were being asked,"),
    ):
        record["telemetry"]["tasks"][0]["samples"] = asked + late
        record["digest"] = record_digest(record)
        (folder / "run.json").write_text(json.dumps(record))
        page = judged(many, evalkit, base, folder, tmp_path / "gate.toml").record
        assert any(words in note for note in page["notes"])
    record["telemetry"]["resumed"] = True
    record["digest"] = record_digest(record)
    (folder / "run.json").write_text(json.dumps(record))
    page = judged(many, evalkit, base, folder, tmp_path / "gate.toml").record
    assert any(note.endswith("are not counted.") for note in page["notes"])


def test_a_task_that_is_too_small_to_be_looked_at_is_named(crowded, evalkit, tmp_path):
    base = crowded.run("small", crowded.gold, "--limit", 200, "--limit-by", "cluster")
    (tmp_path / "gate.toml").write_text('[[rule]]\ntask = "sight"\nmax_drop = 0.6\n')
    words = ("--gate", tmp_path / "gate.toml", "--baseline", base, "--sequential")
    said = crowded.folder / base.name / "said"
    done = evalkit(
        *("run", "sight", "--model", f"replay:{said}", "--data", data_of(base), *words),
        *("--task-path", crowded.folder / "sight.py", "--out", tmp_path, "--name", "new"),
        *("--limit", 200, "--limit-by", "cluster"),
    )
    assert "Stopped early: no task; all 200 gated samples are counted." in done.out
    assert "Too small to be looked at early (fewer than 40 clusters): sight." in done.out


def test_a_regression_ends_a_task_and_is_the_exit_code(gated):
    done, folder = gated(BOTH, 0.3)
    assert done.code == 10
    assert "Regression: sight accuracy" in done.out
    peeks = result_of(folder)["peeks"]
    assert peeks["made"] <= 3
    assert peeks["rules"] == 2


def test_where_nothing_is_certain_all_is_asked(gated):
    done, folder = gated(DROP.replace("0.06", "0.02"), 0.02)
    result = result_of(folder)
    assert result["peeks"]["made"] == len(result["peeks"]["looks"])
    assert result["coverage"]["asked"] == 2000
    assert "stopped early at" not in done.out
    assert "Stopped early: no task; all 2,000 gated samples are counted." in done.out


def test_without_sequential_the_gate_follows_the_whole_run(gated):
    done, folder = gated(DROP, 0.02, sequential=False)
    assert done.code == 0
    assert result_of(folder)["peeks"] is None
    assert result_of(folder)["coverage"]["asked"] == 2000
    assert "Stopped early" not in done.out
    assert "Pass: 1 of 1 rule" in done.out


def test_json_stays_json_and_the_page_goes_to_the_other_stream(gated):
    done, _ = gated(DROP, 0.02, "--json")
    assert done.code == 0
    assert done.record["config"]["early_stop"]["policy"]
    assert "Pass: 1 of 1 rule" in done.err


# What it is not


def test_another_gate_does_not_judge_what_this_one_stopped(many, base, gated, evalkit, tmp_path):
    _, folder = gated(DROP, 0.02)
    other = tmp_path / "other.toml"
    other.write_text(DROP.replace("0.06", "0.2"))
    done = judged(many, evalkit, base, folder, other)
    assert done.code == 12
    assert "stopped early, by another policy" in done.out


def forged(folder, change, keep=lambda _: True):
    """Write a run's record anew, with other scores, numbers and looks, and all its digests."""
    record = load_run(folder)
    (result,) = record.results
    side = load(folder)
    task, scores = side.task("sight"), [s for s in side.scores("sight") if keep(s)]
    told = summarise(task, scores, result.fingerprint)
    digest = RunFolder(folder).write_scores("sight", scores)
    result = replace(result, metrics=told.metrics, coverage=told.coverage, scores=digest)
    result = replace(result, predictions=None, peeks=change(result.peeks))
    (folder / "run.json").write_text(json.dumps(plain(sealed(replace(record, results=(result,))))))


FORGERIES = {
    "other samples": (lambda peeks: peeks, lambda s: s.answer != "no"),
    "199, 200": (lambda peeks: replace(peeks, looks=(*peeks.looks[:-1], 199, 200)), None),
    "clusters were": (lambda peeks: replace(peeks, looks=(19, 20), made=1), None),
    "at look 1": (lambda peeks: replace(peeks, made=1), None),
    "rules": (lambda peeks: replace(peeks, rules=7), None),
    "part of 2,007": (lambda peeks: replace(peeks, samples=2007), None),
}


def test_a_record_cannot_choose_what_was_asked_until_a_look(many, base, gated, tmp_path):
    done, honest = gated(DROP, 0.02)
    assert done.code == 0
    policy, paths = (
        load_policy(tmp_path / "gate.toml", date(2026, 1, 1)),
        [many.folder / "sight.py"],
    )

    def judged_as(change, keep=None):
        folder = tmp_path / "forged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(honest, folder)
        forged(folder, change, keep or (lambda _: True))
        return decide(policy, load(base, paths), load(folder, paths))

    assert judged_as(lambda peeks: peeks).verdict == "pass"  # what is as it was
    for said, (change, keep) in FORGERIES.items():
        with pytest.raises(StaleError, match=said):
            judged_as(change, keep)


def test_it_is_no_baseline(gated, evalkit, many, tmp_path):
    _, folder = gated(DROP, 0.02)
    done = evalkit(
        *("baseline", "accept", folder, "--out", tmp_path / "kept.json"),
        *("--task-path", many.folder / "sight.py"),
    )
    assert done.code == 12
    assert "was stopped early" in done.err


def test_its_answers_are_not_scored_as_if_they_were_all(gated, evalkit, many):
    _, folder = gated(DROP, 0.02)
    answers = folder / "predictions" / "sight.jsonl"
    done = evalkit(
        "score", "sight", "--predictions", answers, "--task-path", many.folder / "sight.py"
    )
    assert done.code == 2
    assert "was stopped early on sight" in done.err


def test_a_comparison_says_that_it_was_stopped(gated, base, evalkit, many):
    _, folder = gated(DROP, 0.02)
    done = evalkit("compare", base, folder, "--task-path", many.folder / "sight.py")
    assert done.code == 0
    assert "was stopped early" in done.out


def test_the_same_name_without_the_gate_is_another_run(gated, many, base, evalkit, tmp_path):
    gated(DROP, 0.02)
    done, _ = gated(DROP, 0.02, sequential=False)
    assert done.code == 13
    assert "early_stop" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sequential",), "--sequential needs a gate"),
        (("--gate", "gate.toml"), "A gate needs both"),
        (("--baseline", "base"), "A gate needs both"),
    ],
)
def test_half_a_gate_is_refused(evalkit, words, said):
    done = evalkit("run", "pope", "--model", "dummy:echo", "--data", "demo", *words)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize("sequential", [True, False])
def test_a_policy_that_cannot_be_meant_is_refused_before_the_model_is_loaded(gated, sequential):
    done, _ = gated(DROP + DROP.replace("sight", "sihgt"), 0.02, sequential=sequential)
    assert done.code == 2
    assert "'sihgt'" in done.err
    assert "Loading the model" not in done.err


def test_too_many_flaky_samples_are_refused_before_the_model_is_loaded(gated):
    ids = json.dumps([f"q{i:04}" for i in range(11)])  # and their pairs: 12 of 2,000; 20 may be
    flaky = f'[[flaky]]\ntask = "sight"\nsamples = {ids}\nmeasured = "x"\n'
    done, _ = gated(DROP + flaky, 0)
    assert done.code == 0, done.err
    more = flaky.replace('"q0010"', ", ".join(f'"q{i:04}"' for i in range(10, 30)))
    done, _ = gated(DROP + more, 0, name="more")
    assert done.code == 2
    assert "leaves 30 of 2,000 samples of sight out as flaky" in done.err
    assert "Loading the model" not in done.err


def test_other_samples_than_the_baselines_are_refused_before_the_model_is_loaded(gated):
    done, _ = gated(DROP, 0.02, "--limit", 500)
    assert done.code == 12
    assert "dataset.samples is 2000 and 500" in done.err
    assert "Loading the model" not in done.err


# Nothing moves it


@pytest.fixture
def stopping(many, base, wrongly, tmp_path):
    """Plans the looks at a run; gives them, and all answers of a candidate."""
    (tmp_path / "gate.toml").write_text(BOTH)
    task = registry.load_task("sight", (str(many.folder / "sight.py"),))
    config = RunConfig(
        model="dummy:echo",
        tasks=(TaskChoice(name="sight"),),
        data=data_of(base),
        task_paths=(str(many.folder / "sight.py"),),
    )
    ready = prepare(task, config.tasks[0], config, Observer())
    order = StopOrder(
        policy=load_policy(tmp_path / "gate.toml", date(2026, 1, 1)),
        baseline=load(base, (str(many.folder / "sight.py"),)),
    )
    wrong = wrongly(0.02)
    answers = {
        many.rows[i]["id"]: Prediction(
            sample_id=many.rows[i]["id"], text=many.wrong(i) if i in wrong else many.gold(i)
        )
        for i in range(2000)
    }
    return (lambda: Stopping.by(order, [ready], 0)), ready, answers


def test_no_order_of_answers_moves_the_end(stopping):
    made, ready, answers = stopping
    ends = set()
    for seed in range(4):
        watching, keys = made(), sorted(answers)
        random.Random(seed).shuffle(keys)
        size = (1, 7, 100, 2000)[seed]
        for start in range(0, len(keys), size):
            watching.predicted("sight", [answers[key] for key in keys[start : start + size]])
        ends.add(tuple(sample.id for sample in watching.narrowed(ready).samples))
    assert len(ends) == 1
    assert len(ends.pop()) < 2000


def test_what_earlier_sessions_answered_counts_and_what_failed_does_not(stopping):
    made, ready, answers = stopping
    whole = made()
    whole.start({"sight": answers})
    assert whole.is_settled("sight")
    first = whole.narrowed(ready).samples[0].id
    broken = made()
    failure = Prediction(sample_id=first, failure=Failure(kind="server", message="gone"))
    broken.start({"sight": answers | {first: failure}})
    assert not broken.is_settled("sight")
    broken.predicted("sight", [answers[first]])
    assert list(broken.narrowed(ready).samples) == list(whole.narrowed(ready).samples)


def test_the_plan_asks_look_by_look(stopping):
    made, ready, _ = stopping
    rounds = made().rounds({"sight": ready.requests, "other": ready.requests[:3]})
    assert [len(own["sight"]) for own in rounds] == [200] * 10
    assert [len(own.get("other", ())) for own in rounds] == [3, *[0] * 9]
    clusters = [{request.kin for request in own["sight"]} for own in rounds]
    assert sum(map(len, clusters)) == len(set().union(*clusters)) == 200


@pytest.mark.slow
def test_kills_change_nothing(many, base, evalkit, start, tmp_path):
    (tmp_path / "gate.toml").write_text(BOTH)

    def words(out, log):
        return (
            *("run", "sight", "--model", f"dummy:constant,text=yes,sleep=0.002,log={log}"),
            *("--data", data_of(base), "--task-path", many.folder / "sight.py", "--out", out),
            *("--batch-size", 8, "--name", "night", "--sequential"),
            *("--gate", tmp_path / "gate.toml", "--baseline", base),
        )

    whole, log = tmp_path / "whole", tmp_path / "log1"
    assert evalkit(*words(whole, log)).code == 10
    killed, log = tmp_path / "killed", tmp_path / "log2"
    for count in (60, 150, 260):
        process = start(*words(killed, log))
        deadline = time.monotonic() + 60
        while (log.read_text().count("\n") if log.exists() else 0) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert evalkit(*words(killed, log)).code == 10
    one, two = (result_of(next(out.glob("*/night"))) for out in (whole, killed))
    assert one == two
    assert one["peeks"]["made"] < 10
