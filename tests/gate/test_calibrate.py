"""Calibration: the rates that margins have, where they are known."""

import random
from dataclasses import replace

import numpy as np
import pytest

from evalkit.compare.sides import load
from evalkit.errors import UsageError
from evalkit.gate.calibrate import Repetitions, calibrate
from evalkit.gate.coverage import align
from evalkit.gate.decide import decide
from evalkit.gate.demands import demands
from evalkit.gate.measured import corrected, damage_of, verdict_of
from evalkit.gate.policy import load_policy

DROP = '[[rule]]\ntask = "sight"\nmax_drop = 0.05\n'
MANY = Repetitions(number=600, draws=200)


@pytest.fixture(scope="module")
def noisy(crowded):
    """Two runs of one model, which is wrong on a third of the questions, anew in each run."""

    def answers(seed):
        draw = random.Random(seed)
        wrong = {i for i in range(1000) if draw.random() < 1 / 3}
        return lambda i: crowded.wrong(i) if i in wrong else crowded.gold(i)

    return crowded.run("one", answers(1)), crowded.run("two", answers(2))


@pytest.fixture
def calibrated(crowded, tmp_path):
    def run(runs, policy, repetitions=MANY):
        (tmp_path / "gate.toml").write_text(policy)
        rules = load_policy(tmp_path / "gate.toml", None)
        sides = [load(run, (str(crowded.folder / "sight.py"),)) for run in runs]
        return calibrate(rules, sides, repetitions)

    return run


def test_both_errors_at_the_margin_are_alpha(noisy, calibrated):
    (one,) = calibrated(noisy, DROP).metrics
    # Three standard errors of 600 repetitions at 5 % are 2.7 %.
    assert one.passed_worse == pytest.approx(0.05, abs=0.027)
    assert one.failed_good == pytest.approx(0.05, abs=0.027)


def test_the_suggested_margin_is_what_the_error_predicts(noisy, calibrated):
    (one,) = calibrated(noisy, DROP).metrics
    # Two independent coins of 2/3: SE = √(2 · 2/9 / 1000), and z at 95 % and 80 % are 2.49.
    assert one.suggested == pytest.approx(2.49 * (4 / 9 / 1000) ** 0.5, rel=0.12)
    rates = {rates.margin: rates for rates in one.margins}
    assert rates[one.suggested].power >= 0.8
    assert rates[0.05].chosen
    assert rates[0.05].power == pytest.approx(0.75, abs=0.08)


def test_larger_margins_pass_more_and_alarm_less(noisy, calibrated):
    margins = calibrated(noisy, DROP).metrics[0].margins
    assert [m.margin for m in margins] == sorted(m.margin for m in margins)
    assert np.diff([m.power for m in margins]).min() >= 0
    assert np.diff([m.false_alarm for m in margins]).max() <= 0
    assert np.diff([m.found for m in margins]).min() >= 0


def test_of_one_run_the_correlation_narrows_the_margin(noisy, calibrated):
    wide, narrow = (
        calibrated(noisy[:1], DROP, Repetitions(number=400, draws=200, correlation=r))
        for r in (0.0, 0.5)
    )
    # A pair with the correlation r has 1 - r of the variance of independent ones.
    ratio = narrow.metrics[0].suggested / wide.metrics[0].suggested
    # Few clusters differ, and what one more would do does not shrink.
    assert 0.6 < ratio < 0.9
    assert "supposed to have a correlation of 0.5" in narrow.notes[0]


def test_runs_that_do_not_differ_say_so(noisy, calibrated):
    found = calibrated([noisy[0], noisy[0]], DROP)
    assert any("do not differ" in note for note in found.notes)
    assert found.metrics[0].passed_worse == 0


def test_relative_margins_and_numbers_that_are_no_means(noisy, calibrated):
    policy = '[[rule]]\ntask = "sight"\nmetric = "f1"\nmax_drop_relative = 0.1\n'
    (one,) = calibrated(noisy, policy, Repetitions(number=100, draws=200)).metrics
    assert one.method == "paired cluster bootstrap"
    (chosen,) = (rates for rates in one.margins if rates.chosen)
    assert chosen.margin == pytest.approx(0.1 * one.value)


def test_a_policy_without_margins_is_refused(noisy, calibrated):
    with pytest.raises(UsageError, match="there is no margin"):
        calibrated(noisy, '[[rule]]\ntask = "sight"\nmin = 0.5\n')


def test_the_command_prints_what_is_asked_for(noisy, crowded, evalkit, tmp_path):
    (tmp_path / "gate.toml").write_text(DROP)
    words = ("gate", "calibrate", *noisy, "--policy", tmp_path / "gate.toml")
    words = (*words, "--repetitions", 100, "--task-path", crowded.folder / "sight.py")
    done = evalkit(*words)
    assert done.code == 0
    assert "suggested" in done.out
    record = evalkit(*words, "--format", "json").record
    assert record["repetitions"] == 100
    assert record["metrics"][0]["suggested"] > 0
    page = tmp_path / "page.md"
    assert evalkit(*words, "--format", "markdown", "--out", page).out == ""
    assert "| sight" in page.read_text()
    done = evalkit("gate", "calibrate", noisy[0], "--policy", tmp_path / "none.toml")
    assert done.code == 2


# The bounds are the gate's own


@pytest.fixture(scope="module")
def uneven(sight_of):
    """Three runs about 12 pictures, one of them with half of the questions; the third reruns."""
    sight = sight_of(120, 2)
    rows = [row | {"picture": f"c{max(0, (i - 54) // 6)}"} for i, row in enumerate(sight.rows)]

    def answers(seed):
        draw = random.Random(seed)
        wrong = {i for i in range(120) if draw.random() < 1 / 4}
        return lambda i: sight.wrong(i) if i in wrong else sight.gold(i)

    runs = [sight.run("uneven", answers(seed), rows=rows) for seed in (1, 2, 1)]
    return [load(run, (str(sight.folder / "sight.py"),)) for run in runs]


def brute(policy, runs, number):
    """The share of passes by the gate on samples drawn one by one."""
    one, two = (run.scores("sight") for run in runs)
    task = runs[0].task("sight")
    (demand,) = demands(policy, {"sight": task}, ("sight",))
    clusters = {}
    for a, b in zip(one, two, strict=True):
        clusters.setdefault(a.cluster, []).append((a, b))
    members = list(clusters.values())
    generator, found = np.random.default_rng(0), []
    for _ in range(number):
        drawn = generator.integers(len(members), size=len(members))
        kept = generator.random(len(members)) < 0.5
        first, second = [], []
        for place, (cluster, keep) in enumerate(zip(drawn, kept, strict=True)):
            for pair in members[cluster]:
                new = {"sample_id": f"{place}-{pair[0].sample_id}", "cluster": f"{place}"}
                for side, score in zip((first, second), pair[:: 1 if keep else -1], strict=True):
                    side.append(replace(score, **new, group=None))
        ground = align(task, first, second, policy.missing)
        damage = damage_of(task, demand, ground, draws=499, seed=0)
        verdict = verdict_of(damage, demand.alpha, corrected(demand, damage, 1))
        found.append(verdict == "pass")
    return np.mean(found)


@pytest.mark.parametrize("margin", [0.15, 0.25])
def test_simulated_runs_are_judged_as_the_gate_judges_them(uneven, tmp_path, margin):
    (tmp_path / "gate.toml").write_text(DROP.replace("0.05", f"{margin}"))
    policy = load_policy(tmp_path / "gate.toml", None)
    (one,) = calibrate(policy, uneven[:2], Repetitions(number=60)).metrics
    (chosen,) = (rates for rates in one.margins if rates.chosen)
    passed = brute(policy, uneven[:2], 60)
    assert 0 < passed < 1
    assert chosen.power == pytest.approx(passed)


def test_where_the_gate_says_nothing_of_equal_runs_none_pass(uneven, tmp_path):
    """One picture has half of the questions: so little may be known of equal runs."""
    (tmp_path / "gate.toml").write_text(DROP.replace("0.05", "0.15"))
    policy = load_policy(tmp_path / "gate.toml", None)
    first, _, rerun = uneven
    (judged,) = decide(policy, first, rerun).judgements
    assert judged.verdict == "inconclusive"
    assert judged.high > 0.15
    (one,) = calibrate(policy, [first, rerun], Repetitions(number=200)).metrics
    (chosen,) = (rates for rates in one.margins if rates.chosen)
    assert chosen.power < 0.05


def test_of_one_run_each_cluster_keeps_its_weight(uneven, tmp_path):
    (tmp_path / "gate.toml").write_text(DROP)
    policy = load_policy(tmp_path / "gate.toml", None)
    few, many = (
        calibrate(policy, uneven[:1], Repetitions(number=200, correlation=r)).metrics[0]
        for r in (0.9, 0.0)
    )
    assert few.discordant < many.discordant
    assert few.suggested > 0.15
