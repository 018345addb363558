"""What a policy demands of the tasks that there are; what is about nothing is refused."""

from dataclasses import replace
from datetime import date

import pytest

from evalkit.errors import UsageError
from evalkit.gate.demands import demands
from evalkit.gate.policy import load_policy
from evalkit.registry import load_task


@pytest.fixture(scope="module")
def tasks():
    return {name: load_task(name) for name in ("pope", "mme", "mmvp")}


@pytest.fixture
def demanded(tmp_path, tasks):
    def run(text, gated=("pope", "mme"), known=tasks):
        path = tmp_path / "gate.toml"
        path.write_text(text)
        return demands(load_policy(path, date(2026, 1, 1)), known, gated)

    return run


def keys(found):
    return [(d.task, d.metric, d.kind, d.bound.size) for d in found]


def test_a_star_is_every_task_of_the_baseline_with_its_headline(demanded):
    found = demanded('[[rule]]\ntask = "*"\nmax_drop = "1pt"\n')
    assert keys(found) == [
        ("pope", "macro_f1", "max_drop", 1),
        ("mme", "perception", "max_drop", 1),
        ("mme", "cognition", "max_drop", 1),
    ]


def test_the_most_specific_rule_has_the_last_word_for_what_it_demands(demanded):
    found = demanded(
        '[[rule]]\ntask = "pope"\nmetric = "macro_f1"\nmax_drop = 0.02\ntier = "advisory"\n'
        '[[rule]]\ntask = "pope"\nmin = 0.8\n'
        '[[rule]]\ntask = "*"\nmax_drop = 0.01\n'
        '[[rule]]\ntask = "*"\nmetric = "accuracy"\nmax_drop = 0.03\n'
    )
    assert sorted(keys(found)) == [
        ("mme", "cognition", "max_drop", 0.01),
        ("mme", "perception", "max_drop", 0.01),
        ("pope", "accuracy", "max_drop", 0.03),  # of mme it is no metric
        ("pope", "macro_f1", "max_drop", 0.02),
        ("pope", "macro_f1", "min", 0.8),
    ]
    tiers = {(d.metric, d.kind): d.tier for d in found if d.task == "pope"}
    assert tiers["macro_f1", "max_drop"] == "advisory"
    assert tiers["macro_f1", "min"] == "critical"


WRONG = {
    '[[rule]]\ntask = "pop"\nmax_drop = 0.1\n': "'pop', which neither run has; they have pope,",
    '[[rule]]\ntask = "pope"\nmetric = "f2"\nmax_drop = 0.1\n': "Did you mean 'f1'?",
    '[[rule]]\ntask = "*"\nmetric = "f3"\nmax_drop = 0.1\n': "no task of the baseline has",
    '[[rule]]\ntask = "pope"\nmetric = "yes_ratio"\nmax_drop = 0.1\n': "so it cannot gate",
    '[[rule]]\ntask = "pope"\nmax = 0.1\n': "of which more is better: min.",
    '[[rule]]\ntask = "pope"\nmax_drop = 0.1\n[[waiver]]\ntask = "mme"\nowner = "a"\n'
    'reason = "b"\nexpires = 2026-02-02\n': "waives every metric of mme, of which no rule demands",
    '[[rule]]\ntask = "pope"\nmax_drop = 0.1\n[[flaky]]\ntask = "gqa"\nsamples = ["a"]\n'
    'measured = "x"\n': "names flaky samples of gqa, which neither run has",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_about_nothing_is_one_sentence(demanded, tasks, text):
    ratio = replace(tasks["pope"].metrics[0], name="yes_ratio", higher_is_better=None)
    pope = replace(tasks["pope"], metrics=(*tasks["pope"].metrics, ratio))
    with pytest.raises(UsageError) as caught:
        demanded(text, known=tasks | {"pope": pope})
    assert WRONG[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_star_without_any_task_is_an_error_and_no_pass(demanded):
    with pytest.raises(UsageError, match="no task of the baseline has; it has none"):
        demanded('[[rule]]\ntask = "*"\nmax_drop = 0.1\n', gated=())


def test_a_task_without_a_number_is_an_error_and_not_left_out(demanded, tasks):
    known = tasks | {"mmvet": load_task("mmvet")}
    with pytest.raises(
        UsageError, match="for mmvet, which has no number to gate: it was not judged"
    ):
        demanded('[[rule]]\ntask = "*"\nmax_drop = 0.1\n', ("pope", "mmvet"), known)


def test_points_need_a_range_and_less_is_better_needs_a_ceiling(demanded, tasks):
    error = replace(tasks["pope"].metrics[0], name="error", higher_is_better=False, bounded=False)
    known = {"pope": replace(tasks["pope"], metrics=(error,), headline=("error",))}
    with pytest.raises(UsageError, match="in points, but it has no range"):
        demanded('[[rule]]\ntask = "pope"\nmax_drop = "1pt"\n', ("pope",), known)
    with pytest.raises(UsageError, match="of which less is better: max"):
        demanded('[[rule]]\ntask = "pope"\nmin = 0.1\n', ("pope",), known)
    assert keys(demanded('[[rule]]\ntask = "pope"\nmax = 0.1\n', ("pope",), known)) == [
        ("pope", "error", "max", 0.1)
    ]


NEVER = {
    'task = "pope"\nmax_drop = 1': "the rule could never fail",
    'task = "pope"\nmax_drop = 1.5': "the rule could never fail",
    'task = "mme"\nmax_drop = 2000': "could never fail",
    'task = "*"\nmax_drop = 5000': "could never fail",
    'task = "pope"\nmin = 0': "values are 0 to 1: the rule could never fail",
    'task = "pope"\nmin = -3': "values are 0 to 1: the rule could never fail",
    'task = "pope"\nmin = 1.01': "values are 0 to 1: the rule could never hold",
}


@pytest.mark.parametrize("demand", NEVER)
def test_what_no_candidate_can_break_or_keep_is_refused(demanded, demand):
    with pytest.raises(UsageError, match=NEVER[demand]):
        demanded(f"[[rule]]\n{demand}\n")


def test_margins_inside_the_range_are_taken(demanded):
    found = demanded('[[rule]]\ntask = "mme"\nmax_drop = 799\n[[rule]]\ntask = "pope"\nmin = 1\n')
    assert [d.bound.size for d in found] == [799, 799, 1]
