"""Plans: what they predict is what subsets show, and what they write can be run."""

import json
import random
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from evalkit.compare.sides import load
from evalkit.errors import UsageError
from evalkit.metrics import accuracy, mme_total
from evalkit.planning.plan import plan
from evalkit.planning.question import Question, effect_of
from evalkit.report.plan_page import HEADER, plan_table


@pytest.fixture(scope="module")
def noisy(crowded):
    """Two runs that are wrong by whole pictures, and by single questions."""

    def answers(seed):
        draw = random.Random(seed)
        bad = {picture: draw.random() for picture in range(50)}
        wrong = {i for i in range(1000) if draw.random() < 0.6 * bad[i // 20]}
        return lambda i: crowded.wrong(i) if i in wrong else crowded.gold(i)

    return crowded.run("one", answers(1)), crowded.run("two", answers(2))


def paths(crowded):
    return (str(crowded.folder / "sight.py"),)


def planned(crowded, runs, detect, **given):
    sides = [load(run, paths(crowded)) for run in runs]
    return plan(sides, Question(detect=detect, **given))


def test_a_stage_predicts_what_its_clusters_show(crowded, noisy):
    (one,) = planned(crowded, noisy, "5pt").metrics
    first, second = (load(run, paths(crowded)).scores("sight") for run in noisy)
    right = [np.array([score.values["correct"] for score in side]) for side in (first, second)]
    moved = right[1] - right[0]
    means = moved.reshape(50, 20).mean(axis=1)
    for stage in one.stages:
        assert stage.error == pytest.approx(means.std(ddof=1) / stage.clusters**0.5, rel=1e-6)
    assert one.deviation == pytest.approx(moved.std(ddof=1), rel=1e-6)
    alone = moved.std(ddof=1) / 1000**0.5
    assert one.design == pytest.approx((means.std(ddof=1) / 50**0.5 / alone) ** 2, rel=1e-6)
    assert one.design > 2
    assert (one.samples, one.clusters) == (1000, 50)


def test_smaller_questions_take_more_and_none_takes_less_than_its_power(crowded, noisy):
    found = [planned(crowded, noisy, f"{size}pt").metrics[0] for size in (4, 8, 16)]
    assert found[0].needed > found[1].needed > found[2].needed
    last = found[2]
    assert last.settles
    stages = [s for s in last.stages if s.power >= 0.8]
    assert all(s.power < 0.8 for s in last.stages if s.clusters < stages[0].clusters)
    assert last.needed == pytest.approx(20 * (stages[0].clusters + 1))


def test_of_one_run_a_correlation_is_supposed_and_said(crowded, noisy):
    half, none = (planned(crowded, noisy[:1], "10pt", correlation=r) for r in (0.5, 0.0))
    ratio = none.metrics[0].stages[-1].error / half.metrics[0].stages[-1].error
    assert ratio == pytest.approx(2**0.5)
    assert "supposed to have a correlation of 0.5" in half.notes[0]


def test_a_thinned_run_says_that_it_extrapolates(crowded):
    draw = random.Random(3)
    bad = {picture: draw.random() for picture in range(50)}

    def said(i):
        return crowded.wrong(i) if draw.random() < 0.6 * bad[i // 20] else crowded.gold(i)

    thin = crowded.run("thin", said, "--limit", "300")
    by_cluster = crowded.run("whole", said, "--limit", "300", "--limit-by", "cluster")
    assert any("extrapolated" in note for note in planned(crowded, [thin], "10pt").notes)
    assert not any("extrapolated" in n for n in planned(crowded, [by_cluster], "10pt").notes)
    sizes = [planned(crowded, [run], "10pt").metrics[0].clusters for run in (thin, by_cluster)]
    assert sizes[1] == 50
    assert 35 <= sizes[0] <= 65


def test_the_task_list_runs_and_holds_whole_pictures(crowded, noisy, evalkit, tmp_path):
    words = [w for run in noisy for w in ("--from", run)]
    path = ("--task-path", *paths(crowded))
    done = evalkit("plan", "--detect", "16pt", *words, *path, "--write", tmp_path / "some.toml")
    assert done.code == 0
    assert "1 of 1 tasks settle it" in done.out
    told = tomllib.loads((tmp_path / "some.toml").read_text())
    assert told["limit_by"] == "cluster"
    (choice,) = told["tasks"]
    data = json.loads((noisy[0] / "run.json").read_text())["config"]["data"]
    done = evalkit(
        *("run", tmp_path / "some.toml", "--model", "dummy:constant,text=yes", "--json"),
        *(*path, "--data", data, "--out", tmp_path / "results"),
    )
    (result,) = done.record["results"]
    assert result["coverage"]["asked"] % 20 == 0
    assert choice["limit"] - 20 < result["coverage"]["asked"] <= choice["limit"]


@pytest.mark.parametrize("detect", ["0pt", "1 point", "-1pt", "nan", ""])
def test_what_is_no_size_is_refused(detect):
    with pytest.raises(UsageError, match="no size above 0"):
        effect_of(detect, accuracy(), 0.5, 1.0)


def test_sizes_are_points_of_the_range_shares_of_the_value_or_units():
    assert effect_of("1pt", accuracy(), 0.5, 1.0) == 0.01
    assert effect_of("0.5pt", mme_total("total", ["a"]), 100.0, 200.0) == 1.0
    assert effect_of("2%", accuracy(), 0.5, 1.0) == 0.01
    assert effect_of("20", mme_total("total", ["a"]), 100.0, 200.0) == 20


def test_unknown_tasks_and_no_runs_are_one_sentence(noisy, crowded, evalkit, tmp_path):
    path = ("--task-path", *paths(crowded))
    done = evalkit("plan", "sihgt", "--detect", "1pt", "--from", noisy[0], *path)
    assert done.code == 2
    assert "None of the runs has 'sihgt'" in done.err
    done = evalkit("plan", "--detect", "1pt", cwd=tmp_path)
    assert done.code == 2
    assert "A plan needs a run" in done.err
    done = evalkit(
        "plan", "--detect", "0.1pt", "--from", noisy[0], *path, "--write", tmp_path / "x.toml"
    )
    assert done.code == 2
    assert "No task settles" in done.err


def test_no_settling_task_prints_the_table_and_then_the_sentence(noisy, crowded, evalkit, tmp_path):
    place = tmp_path / "plan.toml"
    words = ("plan", "--detect", "0.1pt", "--from", noisy[0], "--from", noisy[1])
    done = evalkit(*words, "--write", place, "--task-path", crowded.folder / "sight.py")
    assert done.code == 2
    assert "0 of 1 tasks settle it" in done.out
    assert "it takes about" in done.out
    assert "No task settles a difference of 0.1pt" in done.err
    assert not place.exists()


def test_a_difference_beyond_the_range_is_said_to_be_that(noisy, crowded, evalkit):
    sides = ("--from", noisy[0], "--from", noisy[1], "--task-path", crowded.folder / "sight.py")
    assert "300pt is more than its range" in evalkit("plan", "--detect", "300pt", *sides).out
    (one,) = planned(crowded, noisy, "5pt").metrics
    assert one.width == 1
    wide = replace(one, stages=(replace(one.stages[0], detectable=1.01), one.stages[-1]))
    rows = plan_table(replace(planned(crowded, noisy, "5pt"), metrics=(wide,))).rows
    assert rows[0][HEADER.index("detects")] == "more than its range"
    assert "range" not in rows[1][HEADER.index("detects")]


def test_runs_that_say_the_same_are_named(noisy, crowded):
    found = planned(crowded, [noisy[0], noisy[0]], "5pt")
    (note,) = found.notes
    assert "say the same by accuracy, which tells nothing of how two models differ" in note
    assert "supposed to have a correlation of 0.5" in note


def test_the_list_says_what_it_leaves_out_and_why_its_limits_are_larger(crowded, noisy):
    found = planned(crowded, noisy, "16pt")
    (one,) = found.metrics
    first = next(stage for stage in one.stages if stage.power >= 0.8)
    assert found.limits["sight"] == first.samples + 20  # a picture has 20 questions
    assert any("one cluster more than the row" in note for note in plan_table(found).notes)
    short = replace(one, metric="other", needed=5000)
    notes = plan_table(replace(found, metrics=(one, short))).notes
    assert "sight is not in the list: accuracy would settle it, but other does not." in notes
