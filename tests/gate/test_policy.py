"""A policy is read strictly: what cannot be meant is one sentence, and never passes."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.gate.policy import Bound, Missing, load_policy

TODAY = date(2026, 11, 26)
RULE = '[[rule]]\ntask = "pope"\nmax_drop = 0.01\n'
WAIVER = '[[waiver]]\ntask = "pope"\nowner = "ann"\nreason = "new data"\n'
FLAKY = '[[flaky]]\ntask = "pope"\nsamples = ["a"]\n'


def policy(tmp_path, text):
    path = tmp_path / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path, TODAY)


def refused(tmp_path, text):
    with pytest.raises(UsageError) as caught:
        policy(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "gate.toml" in message
    return message


def test_the_least_policy_has_the_documented_defaults(tmp_path):
    found = policy(tmp_path, RULE)
    assert (found.alpha, found.power, found.family) == (0.05, 0.8, "holm")
    assert (found.missing, found.inconclusive) == (Missing(kind="worst"), "fail")
    assert (found.allow, found.waivers, found.flaky) == ((), (), ())
    (rule,) = found.rules
    assert (rule.task, rule.metric, rule.tier, rule.alpha) == ("pope", None, "critical", 0.05)
    assert rule.demands == {"max_drop": Bound(size=0.01)}
    assert len(found.digest) == 64


def test_a_whole_policy_is_understood(tmp_path):
    found = policy(
        tmp_path,
        'alpha = 0.1\npower = 0.9\nfamily = "none"\nmissing = "exclude<=0.5%"\n'
        'inconclusive = "neutral"\nallow = ["preprocessing", "prompt.digest"]\n'
        '[defaults]\nmax_drop = "1.5pt"\ntier = "supporting"\n'
        '[[rule]]\ntask = "*"\n'
        '[[rule]]\ntask = "pope"\nmetric = "f1"\nmax_drop = 1\nmax_drop_relative = 0.02\n'
        'min = 0.8\ntier = "critical"\nalpha = 0.01\n'
        + WAIVER
        + 'metric = "f1"\nexpires = 2026-11-26\n'
        + FLAKY
        + 'measured = "3 of 10 reruns differ (results/m/again)"\n',
    )
    assert found.missing == Missing(kind="exclude", share=0.005)
    assert found.allow == ("preprocessing", "prompt.digest")
    every, pope = found.rules
    assert every.demands == {"max_drop": Bound(size=1.5, points=True)}
    assert (every.tier, every.alpha) == ("supporting", 0.1)
    assert list(pope.demands) == ["max_drop", "max_drop_relative", "min"]
    assert (pope.metric, pope.tier, pope.alpha) == ("f1", "critical", 0.01)
    assert found.waivers[0].expires == TODAY  # the last day counts
    assert found.flaky[0].samples == ("a",)


WRONG = {
    "": "an empty policy would pass everything",
    "alpha = 0.05\n": "an empty policy would pass everything",
    "alfa = 0.05\n" + RULE: "sets 'alfa', which is not known; it may set",
    "alpha = 0\n" + RULE: "alpha = 0; it must be a number above 0 and below 0.5",
    "alpha = 0.5\n" + RULE: "alpha = 0.5; it must be a number above 0 and below 0.5",
    "alpha = 1e-17\n" + RULE: "and 1e-06 or more away from 0 and 1",
    "power = 1e-17\n" + RULE: "and 1e-06 or more away from 0 and 1",
    "alpha = nan\n" + RULE: "alpha = nan; it must be",
    'alpha = "5%"\n' + RULE: "alpha = '5%'; it must be",
    "alpha = true\n" + RULE: "alpha = true; it must be",
    "power = 1.0\n" + RULE: "power = 1.0; it must be",
    'family = "bonferroni"\n' + RULE: 'it must be "holm" or "none"',
    'missing = "exclude"\n' + RULE: '"worst", "fail" or "exclude<=0.5%"',
    'missing = "exclude<=100%"\n' + RULE: '"worst", "fail" or "exclude<=0.5%"',
    "missing = 1\n" + RULE: '"worst", "fail" or "exclude<=0.5%"',
    'inconclusive = "ignore"\n' + RULE: 'it must be "fail" or "pass" or "neutral"',
    'allow = "prompt"\n' + RULE: "it must be a list of dataset, prompt,",
    'allow = ["model"]\n' + RULE: "there is no part 'model' to allow; the parts are: dataset",
    "rule = 3\n": "tables, each below a line [[rule]]",
    '[rule]\ntask = "pope"\nmax_drop = 0.01\n': "tables, each below a line [[rule]]",
    "[[rule]]\nmax_drop = 0.01\n": "[[rule]] number 1, has no 'task'",
    '[[rule]]\ntask = ""\nmax_drop = 0.01\n': "the name of a task",
    '[[rule]]\ntask = "pope"\n': "number 1, demands nothing",
    '[[rule]]\ntask = "pope"\nmaxdrop = 0.01\n': "Did you mean 'max_drop'?",
    '[[rule]]\ntask = "pope"\nmax_drop = nan\n': "max_drop = nan; it must be a number of at least",
    '[[rule]]\ntask = "pope"\nmax_drop = inf\n': "max_drop = inf; it must be",
    '[[rule]]\ntask = "pope"\nmax_drop = -0.1\n': "max_drop = -0.1; it must be",
    '[[rule]]\ntask = "pope"\nmax_drop = "1%"\n': "max_drop = '1%'; it must be",
    '[[rule]]\ntask = "pope"\nmax_drop = "-1pt"\n': "max_drop = '-1pt'; it must be",
    '[[rule]]\ntask = "pope"\nmax_drop = "150pt"\n': "points below 100 such as",
    '[[rule]]\ntask = "pope"\nmax_drop = "100pt"\n': "points below 100 such as",
    '[[rule]]\ntask = "pope"\nmax_drop = "\u0661pt"\n': "points below 100 such as",
    f'[[rule]]\ntask = "pope"\nmax_drop = "{"9" * 400}pt"\n': "points below 100 such as",
    'missing = "exclude<=\u0661%"\n' + RULE: '"worst", "fail" or "exclude<=0.5%"',
    '[[rule]]\ntask = "pope"\nmax_drop_relative = 1\n': "max_drop_relative = 1; it must be",
    '[[rule]]\ntask = "pope"\nmax_drop_relative = "2%"\n': "it must be a share of the baseline",
    '[[rule]]\ntask = "pope"\nmin = nan\n': "min = nan; it must be a number in the metric's unit",
    '[[rule]]\ntask = "pope"\nmax_drop = 0.01\ntier = "vital"\n': '"critical" or "supporting"',
    '[[rule]]\ntask = "pope"\nmax_drop = 0.01\nmetric = 3\n': "metric = 3; it must be",
    '[[rule]]\ntask = "pope"\nmax_drop = 0.01\nalpha = 0.7\n': "alpha = 0.7; it must be",
    "[defaults]\nmin = 0.8\n" + RULE: "[defaults], sets 'min', which is not known",
    "defaults = 1\n" + RULE: "a table, below a line [defaults]",
    RULE + RULE: "demands max_drop twice of pope headline",
    RULE + 'tier = "advisory"\n': "decides nothing: all of its rules are advisory",
    RULE + '[[waiver]]\ntask = "pope"\nreason = "x"\nexpires = 2027-01-01\n': "has no 'owner'",
    RULE + WAIVER: "has no 'expires'; it must be a date without quotes",
    RULE + WAIVER + 'expires = "2027-01-01"\n': "a date without quotes, such as 2026-12-31",
    RULE + WAIVER + "expires = 2027-01-01T00:00:00\n": "a date without quotes",
    RULE + '[[waiver]]\ntask = "a"\nowner = "b"\nexpires = 2027-01-01\n': "has no 'reason'",
    RULE + FLAKY: "has no 'measured'; it must be the measurement that shows it",
    RULE + FLAKY + 'measured = " "\n': "it must be the measurement that shows it",
    RULE + '[[flaky]]\ntask = "pope"\nsamples = []\nmeasured = "x"\n': "at least one",
    RULE + '[[flaky]]\ntask = "pope"\nsamples = [1]\nmeasured = "x"\n': "a list of sample ids",
    "alpha = \n": "is not valid TOML",
    f"alpha = {'9' * 5000}\n": "is not valid TOML",
    f"alpha = {'9' * 400}\n" + RULE: "alpha = 999",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_meant_is_one_sentence(tmp_path, text):
    assert WRONG[text] in refused(tmp_path, text)


def test_a_waiver_holds_to_its_last_day(tmp_path):
    days = ("2026-11-25", "2026-11-26", "2027-01-01")
    found = policy(tmp_path, RULE + "".join(f"{WAIVER}expires = {day}\n" for day in days))
    assert [str(w.expires) for w in found.waivers] == ["2026-11-26", "2027-01-01"]
    assert [str(w.expires) for w in found.expired] == ["2026-11-25"]


def test_a_policy_that_is_not_there_or_no_text_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"The policy .*none.toml cannot be read: No such file"):
        load_policy(tmp_path / "none.toml", TODAY)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_policy(tmp_path / "binary.toml", TODAY)


@given(st.floats(min_value=0, max_value=1e300))
def test_every_margin_is_read_as_it_is_written(tmp_path_factory, size):
    found = policy(tmp_path_factory.mktemp("p"), f'[[rule]]\ntask = "pope"\nmax_drop = {size!r}\n')
    assert found.rules[0].demands["max_drop"].size == size
