"""The gate through the command line: every exit code, and what a policy can say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from evalkit.cli.step_summary import summarised

DROP = '[[rule]]\ntask = "sight"\nmax_drop = 0.05\n'


@pytest.fixture(scope="module")
def bad(single):
    """A candidate that says nothing readable on every fifth question."""
    return single.run("bad", lambda i: "perhaps" if i % 5 == 0 else single.gold(i))


# Exit codes


def test_0_a_rerun_that_says_the_same_passes(good, again, gate):
    done = gate(good, again, DROP)
    assert done.code == 0
    assert done.out.startswith("Pass: 1 of 1 rule that counts hold.")


def test_2_is_a_mistake_in_the_command_or_the_policy(good, again, evalkit, gate):
    done = evalkit("gate", "--baseline", good)
    assert done.code == 2
    assert "The gate needs --candidate and --policy" in done.err
    assert gate(good, again, DROP, "--format", "xml").code == 2
    assert gate(good, "nowhere", DROP).code == 2
    assert evalkit("gate", "calibrat").code == 2
    done = gate(good, again, DROP.replace("max_drop", "max_dorp"))
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert not done.out


def test_2_is_the_baseline_as_its_own_candidate(good, gate, evalkit, tmp_path):
    kept = tmp_path / "kept.json"
    assert evalkit("baseline", "accept", good, "--out", kept).code == 0
    for base, candidate in ((good, good), (kept, good), (good, copy(good, tmp_path / "copied"))):
        done = gate(base, candidate, DROP)
        assert done.code == 2
        assert "are one and the same run" in done.err


def test_10_is_a_regression_and_it_is_shown_sample_by_sample(good, bad, gate):
    done = gate(good, bad, DROP)
    assert done.code == 10
    assert done.out.startswith("Regression: sight accuracy (1 of 1 rule that counts).")
    assert "The damage is 0.1000, at least 0.0" in done.out


@pytest.mark.parametrize(
    "expected",
    [("fail", 11, "inconclusive"), ("neutral", 0, "inconclusive"), ("pass", 0, "pass")],
)
def test_11_is_an_inconclusive_gate_unless_the_policy_lets_it_be(good, bad, gate, expected):
    word, code, verdict = expected
    policy = f'inconclusive = "{word}"\n' + DROP.replace("0.05", "0.1")
    done = gate(good, bad, policy, "--format", "json")
    assert done.code == code
    assert done.record["verdict"] == verdict
    assert done.record["exit_code"] == code
    (rule,) = done.record["judgements"]
    assert rule["verdict"] == "inconclusive"
    assert rule["low"] < 0.1 < rule["high"]


def test_11_says_how_many_samples_would_settle_it(good, bad, gate):
    done = gate(good, bad, DROP.replace("0.05", "0.11"), "--format", "json")
    assert done.code == 11
    (rule,) = done.record["judgements"]
    gap = rule["margin"] - rule["damage"]
    assert rule["needed"] == pytest.approx(
        1000 * (rule["detectable"] / gap) ** 2, rel=0.005
    )  # t's is a little less
    assert rule["needed"] > 1000  # all that there are
    told = (
        "this benchmark cannot settle it: that takes more than all of its 1,000 samples; here are"
    )
    assert told in rule["reason"]


def test_11_says_how_many_samples_would_settle_it_where_there_are_so_many(single, gate):
    rows, answers = single.rows[:300], lambda i: "perhaps" if i % 5 == 0 else single.gold(i)
    base = single.run("part", single.gold, rows=rows)
    part = single.run("part", answers, rows=rows)
    done = gate(base, part, DROP.replace("0.05", "0.237"), "--format", "json")
    (rule,) = done.record["judgements"]
    assert (done.code, rule["n"]) == (11, 300)
    assert 300 < rule["needed"] <= 1000  # the task says that there are so many rows
    assert f"about {rule['needed']:,} samples would settle it; here are 300." in rule["reason"]


def test_12_is_incomplete(single, good, gate):
    lost = single.run("lost", lambda i: None if i == 500 else single.gold(i))
    done = gate(good, lost, 'missing = "fail"\n' + DROP)
    assert done.code == 12
    assert "1 of 1,000 samples failed or are missing (0 in the baseline, 1 in" in done.out
    assert gate(good, lost, 'missing = "exclude<=0.2%"\n' + DROP).code == 0  # with its pair


def test_12_is_a_candidate_that_was_asked_less(single, good, gate):
    fewer = single.run("fewer-asked", single.gold, "--limit", "100")
    for rule in (DROP, '[[rule]]\ntask = "sight"\nmin = 0.5\n'):
        done = gate(good, fewer, rule)
        assert done.code == 12
        assert "was asked 100 of the baseline's 1,000 samples" in done.out
        assert "dataset.samples is 1000 and 100: " in done.out
    done = gate(fewer, good, DROP)
    assert done.code == 12
    assert "are not in it" in done.out


def test_12_is_asked_less_than_a_baseline_file_too(single, good, gate, evalkit, tmp_path):
    """Such a file keeps no targets, and local data have no commit: yet it is the same list."""
    file = tmp_path / "good.json"
    task = ("--task-path", single.folder / "sight.py")
    assert evalkit("baseline", "accept", good, "--out", file, *task).code == 0
    fewer = single.run("fewer-than-file", single.gold, "--limit", "100")
    done = gate(file, fewer, DROP, *task)
    assert (done.code, "Not comparable" in done.out) == (12, False)
    assert "dataset.samples is 1000 and 100: " in done.out


def test_12_is_said_before_a_sequential_run_asks(single, good, gate, evalkit, tmp_path):
    (tmp_path / "gate.toml").write_text(DROP)
    done = evalkit(
        *("run", "sight", "--model", "dummy:constant,text=yes", "--limit", 100, "--sequential"),
        *("--data", single.folder / good.name / "data", "--out", tmp_path / "results"),
        *("--task-path", single.folder / "sight.py", "--baseline", good),
        *("--gate", tmp_path / "gate.toml"),
    )
    assert done.code == 12
    assert "sight: dataset.samples is 1000 and 100: the candidate was asked 100" in done.err
    assert "dataset.digest" not in done.err


def test_13_is_not_comparable_and_names_what_differs(single, good, gate):
    odd = single.run("odd", single.gold, "--prompt", "odd")
    done = gate(good, odd, DROP)
    assert done.code == 13
    assert "prompt." in done.out
    allowed = 'allow = ["prompt"]\n' + DROP
    done = gate(good, odd, allowed, "--format", "json")
    assert done.code == 0
    assert any(words.startswith("sight: prompt.") for words in done.record["waived"])
    assert gate(good, odd, DROP, "--allow", "prompt").code == 0
    assert gate(good, odd, DROP, "--allow", "words").code == 2


def test_14_is_an_unhealthy_judge(evalkit, gate, tmp_path):
    words = ("--data", "demo", "--out", tmp_path, "--judge-cache", "none")
    for name, said in (("well", "0.5"), ("ill", "perhaps")):
        judge = ("--judge", f"dummy:constant,text={said}", "--name", name)
        evalkit("run", "mmvet", "--model", "dummy:echo", *words, *judge)
    runs = tmp_path / "echo"
    policy = 'allow = ["judge"]\n[[rule]]\ntask = "mmvet"\nmax_drop = "5pt"\n'
    done = gate(runs / "well", runs / "ill", policy)
    assert done.code == 14
    assert "Too many of its judge's verdicts failed" in done.out
    assert gate(runs / "ill", runs / "well", policy).code == 14
    allowed = ("--max-judge-failures", "1", "--judge", "dummy:constant,text=perhaps")
    evalkit("run", "mmvet", "--model", "dummy:echo", *words, *allowed, "--name", "lax")
    assert gate(runs / "well", runs / "lax", policy).code == 14  # whatever the run allowed
    assert gate(runs / "lax", runs / "well", policy).code == 14
    done = evalkit("baseline", "accept", runs / "lax", "--out", tmp_path / "lax.json")
    assert done.code == 12
    assert "verdicts on mmvet are missing" in done.err
    both = ("--allow", "judge", "--format", "markdown")
    done = evalkit("compare", runs / "well", runs / "lax", *both)
    assert "verdicts of the judge are missing in the other run" in done.out


def test_13_is_a_floor_that_another_judge_answers(evalkit, gate, tmp_path):
    words = ("--data", "demo", "--out", tmp_path, "--judge-cache", "none")
    for name, said in (("strict", "0.5"), ("kind", "1.0")):
        judge = ("--judge", f"dummy:constant,text={said}", "--name", name)
        evalkit("run", "mmvet", "--model", "dummy:echo", *words, *judge)
    runs, floor = tmp_path / "echo", '[[rule]]\ntask = "mmvet"\nmin = 60\n'
    done = gate(runs / "strict", runs / "kind", floor)
    assert done.code == 13
    assert "judge.model" in done.out
    assert gate(runs / "strict", runs / "kind", floor, "--allow", "judge").code != 13


def copy(run, folder):
    import shutil

    return Path(shutil.copytree(run, folder))


def test_15_is_a_record_or_scores_that_were_edited(good, bad, gate, tmp_path):
    edited = copy(bad, tmp_path / "edited")
    record = edited / "run.json"
    record.write_text(record.read_text().replace('"value": 0.8', '"value": 0.9', 1))
    done = gate(good, edited, DROP)
    assert done.code == 15
    assert "is not what was written" in done.err
    mixed = copy(bad, tmp_path / "mixed")
    scores = Path("scores") / "sight.parquet"
    (mixed / scores).write_bytes((good / scores).read_bytes())
    assert gate(good, mixed, DROP).code == 15


def test_15_is_a_record_or_a_baseline_that_says_a_thing_twice(good, bad, gate, evalkit, tmp_path):
    kept, twice = tmp_path / "kept.json", copy(bad, tmp_path / "twice")
    assert evalkit("baseline", "accept", good, "--out", kept).code == 0
    record = (twice / "run.json").read_text()
    (twice / "run.json").write_text(record.replace('"value": 0.8', '"value": 0.9, "value": 0.8', 1))
    assert gate(good, twice, DROP).code == 15
    kept.write_text(kept.read_text().replace('"record": ', '"record": {}, "record": ', 1))
    done = gate(kept, bad, DROP)
    assert done.code == 15
    assert "gives 'record' twice" in done.err


def test_15_is_a_task_whose_code_changed_without_a_new_version(sight_of, gate, evalkit):
    before, after = sight_of(100, 2), sight_of(100, 2)
    base = before.run("as-it-was", before.gold)
    file = after.folder / "sight.py"
    text = file.read_text().replace("(accuracy(),", "(replace(accuracy(), value=half),")
    half = "from dataclasses import replace\n\n\ndef half(sums):\n    return sums[..., 0] / 200\n"
    file.write_text(text.replace("\ndef to_sample", f"{half}\n\ndef to_sample", 1))
    new = after.run("as-it-is", after.gold)
    done = gate(base, new, DROP, "--task-path", before.folder / "sight.py")
    assert done.code == 15
    assert "give accuracy = 1, the record says 0.5" in done.err
    done = evalkit("compare", base, new, "--draws", "100")
    assert done.code == 13
    assert "scorer.source is" in done.err
    done = evalkit("compare", base, new, "--draws", "100", "--allow", "scorer")
    assert done.code == 15
    assert "accuracy of sight is 0.5 in its record, and 1 by the other run's rules" in done.err


def test_15_is_a_baseline_file_that_was_edited(good, gate, evalkit, tmp_path):
    kept = tmp_path / "kept.json"
    assert evalkit("baseline", "accept", good, "--out", kept).code == 0
    kept.write_text(kept.read_text().replace('"value": 0.9', '"value": 0.8', 1))
    done = gate(kept, good, DROP)
    assert done.code == 15
    assert done.err.count("\n") == 1
    assert not done.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_20_is_a_disk_that_is_full_unless_the_verdict_is_no_pass(good, again, bad, tmp_path):
    for candidate, code in ((again, 20), (bad, 10)):
        done = gate_to("/dev/full", good, candidate, tmp_path)
        assert done.returncode == code
        assert b"The verdict cannot be printed: No space left" in done.stderr
        assert done.stderr.count(b"\n") == 1
        assert summarised(Path("/dev/full"), "comment", int(candidate is bad) * 10) == code


# Policies


@pytest.mark.parametrize("margin", ["0.9", "0.95", "0.999999", '"90pt"', '"99.99pt"'])
def test_2_is_a_margin_that_a_candidate_without_one_right_answer_keeps(single, good, gate, margin):
    ruined = single.run("ruined", single.wrong)
    done = gate(good, ruined, DROP.replace("0.05", margin))
    assert done.code == 2
    assert "the baseline has 0.9, and the worst value is 0: the rule could never fail" in done.err
    advisory = DROP.replace("0.05", margin) + 'tier = "advisory"\n'
    floor = '[[rule]]\ntask = "sight"\nmin = 0.8\n'
    assert gate(good, ruined, advisory + floor).code == 10


def test_a_margin_of_more_than_half_of_what_the_baseline_has_is_told_of(single, good, again, gate):
    wide = "sight accuracy: a margin of 0.4600 is 51% of what there is between the baseline's"
    for margin, told in (("0.46", True), ("0.45", False)):
        done = gate(good, again, DROP.replace("0.05", margin), "--format", "json")
        assert done.code == 0
        assert any(note.startswith(wide) for note in done.record["notes"]) == told
    none = single.run("none", single.wrong)
    done = gate(none, good, DROP, "--format", "json")
    assert done.code == 0  # no margin would do
    assert any("no candidate can be worse" in note for note in done.record["notes"])


def test_tiers_say_how_much_a_rule_counts(good, bad, gate):
    other = '[[rule]]\ntask = "sight"\nmetric = "f1"\nmax_drop = 0.8\n'

    def done(tier, margin):
        return gate(good, bad, other + DROP.replace("0.05", margin) + f'tier = "{tier}"\n')

    tiers = ("critical", "supporting", "advisory")
    assert [done(tier, "0.05").code for tier in tiers] == [10, 10, 0]
    assert [done(tier, "0.1").code for tier in tiers] == [11, 0, 0]
    assert "regression (advisory)" in done("advisory", "0.05").out


def test_a_waiver_lets_a_regression_pass_and_is_told_of(good, again, bad, gate):
    waiver = '[[waiver]]\ntask = "sight"\nowner = "ann"\nreason = "new key"\nexpires = 2999-01-01\n'
    other = '[[rule]]\ntask = "sight"\nmetric = "f1"\nmax_drop = 0.8\n'
    done = gate(good, bad, DROP + other + waiver + 'metric = "accuracy"\n')
    assert done.code == 0
    assert "regression (waived)" in done.out
    assert "waived by ann, until 2999-01-01: new key" in done.out
    done = gate(good, again, DROP + waiver)
    assert done.code == 0
    assert "the waiver is not needed any more" in done.out
    done = gate(good, bad, DROP + waiver.replace("2999", "2020"))
    assert done.code == 10
    assert "the waiver of ann, until 2020-01-01: new key has expired" in done.out


def test_12_is_a_gate_in_which_nothing_decides(good, bad, gate, tmp_path):
    waiver = '[[waiver]]\ntask = "sight"\nowner = "ann"\nreason = "new"\nexpires = 2999-01-01\n'
    out = tmp_path / "gate.xml"
    done = gate(good, bad, DROP + waiver, "--out", f"junit={out}")
    assert done.code == 12
    assert done.out.startswith("Incomplete: no rule decides.")
    assert ET.parse(out).getroot()[0].get("errors") == "1"  # noqa: S314 - written here
    doubtful = DROP.replace("0.05", "0.1") + 'tier = "supporting"\n'
    for word in ("fail", "neutral", "pass"):
        done = gate(good, bad, f'inconclusive = "{word}"\n' + doubtful)
        assert done.code == 12
        assert done.out.startswith("Incomplete: no rule decides.")


def test_a_waiver_covers_no_rule_that_cannot_be_judged(single, good, gate):
    waiver = '[[waiver]]\ntask = "sight"\nowner = "ann"\nreason = "new"\nexpires = 2999-01-01\n'
    odd = single.run("waived", single.gold, "--prompt", "odd")
    done = gate(good, odd, DROP + waiver)
    assert done.code == 13
    assert "no waiver covers what cannot be judged" in done.out


def flaky_of(numbers):
    """A policy's list of flaky samples."""
    ids = json.dumps([f"q{i:04}" for i in numbers])
    return f'[[flaky]]\ntask = "sight"\nsamples = {ids}\nmeasured = "3 of 10 reruns differ (RUN)"\n'


def test_2_is_a_policy_that_leaves_out_what_is_damaged_as_flaky(good, bad, gate):
    """One in a hundred may be, the rest of its group among them, over all of the lists."""
    parts = [flaky_of(range(0, 25, 5)), flaky_of([999])]
    for rule in (DROP, '[[rule]]\ntask = "sight"\nmin = 0.7\n'):
        done = gate(good, bad, rule + "".join(parts))
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert "leaves 12 of 1,000 samples of sight out as flaky" in done.err
        assert "10 may be at most (1 %)" in done.err
    assert gate(good, bad, DROP + flaky_of(range(0, 1000, 5))).code == 2


def test_flaky_samples_are_left_out_of_both_and_told_of(good, bad, gate):
    flaky = flaky_of(range(0, 25, 5))
    done = gate(good, bad, DROP + flaky, "--format", "json")
    assert done.code == 10
    (rule,) = done.record["judgements"]
    assert rule["n"] == 990  # and with each its pair
    told = "sight: 5 of 1,000 samples are left out as flaky, with the 5 others of their groups."
    assert told in done.record["notes"]
    assert any("3 of 10 reruns differ (RUN)" in note for note in done.record["notes"])


def test_a_floor_is_about_the_candidate_alone(good, bad, gate):
    def done(floor, first=good):
        rule = f'[[rule]]\ntask = "sight"\nmin = {floor}\n'
        return gate(first, bad, rule, "--format", "json")

    found = {floor: done(floor) for floor in (0.75, 0.8, 0.85)}
    assert [found[floor].code for floor in found] == [0, 11, 10]
    (rule,) = found[0.85].record["judgements"]
    assert (rule["rule"], rule["baseline"], rule["margin"]) == ("min", None, 0.0)
    assert rule["damage"] == pytest.approx(0.05)
    assert 0 < rule["p"] < 0.01
    assert "which the floor of 0.8500 forbids" in rule["reason"]


def test_a_floor_is_no_way_around_hard_questions(single, good, gate):
    floor = '[[rule]]\ntask = "sight"\nmin = 0.8\n'
    easy = single.run("easy", single.gold, rows=single.rows[:500])
    assert gate(good, easy, floor).code == 13
    done = gate(good, easy, floor, "--allow", "dataset", "--format", "json")
    assert done.code == 10
    assert done.record["judgements"][0]["candidate"] == 0.5
    half = single.run("half", lambda i: single.gold(i) if i < 500 else None)
    done = gate(good, half, 'missing = "fail"\n' + floor)
    assert done.code == 12
    assert "(0 in the baseline, 500 in the candidate)" in done.out
    odd = single.run("other-words", single.gold, "--prompt", "odd")
    assert gate(good, odd, floor).code == 0


def test_a_floor_is_over_the_questions_of_the_baseline(single, gate):
    """Further ones, however many are right, make up for nothing."""
    few = single.run("few", single.gold, "--limit", "100")
    lines = (few / "predictions" / "sight.jsonl").read_text().splitlines()
    hard = {int(json.loads(line)["sample_id"][-4:]) for line in lines}
    more = single.run("more", lambda i: single.wrong(i) if i in hard else single.gold(i))
    done = gate(few, more, '[[rule]]\ntask = "sight"\nmin = 0.5\n', "--format", "json")
    assert (done.code, done.record["judgements"][0]["candidate"]) == (10, 0.0)
    left = "sight: 900 samples that the baseline was not asked are left out of floors."
    assert left in done.record["notes"]


def test_a_relative_margin_takes_the_baselines_doubt_along(good, bad, gate):
    def rule(demand):
        done = gate(good, bad, f'[[rule]]\ntask = "sight"\n{demand}\n', "--format", "json")
        return done.code, done.record["judgements"][0]

    code, share = rule("max_drop_relative = 0.05")
    assert code == 10
    assert share["margin"] == pytest.approx(0.045)
    _, fixed = rule("max_drop = 0.045")
    assert share["low"] <= fixed["low"] < fixed["high"] <= share["high"]
    assert share["p"] >= fixed["p"]
    assert rule("max_drop_relative = 0.2")[0] == 0


def test_both_error_rates_are_printed(good, again, gate):
    done = gate(good, again, "alpha = 0.02\n" + DROP)
    assert "truly worse than its margin with probability 0.02 at most" in done.out
    assert "within their margins with probability 0.02 at most, over all rules together" in done.out
    assert "96 % interval" in done.out


def test_a_baseline_file_gates_as_its_run_does(good, bad, gate, evalkit, tmp_path):
    kept = tmp_path / "kept.json"
    assert evalkit("baseline", "accept", good, "--out", kept).code == 0
    by_run, by_file = (gate(side, bad, DROP, "--format", "json") for side in (good, kept))
    assert by_run.code == by_file.code == 10
    assert by_run.record["judgements"] == by_file.record["judgements"]
    assert by_file.record["baseline"]["kind"] == "baseline"
    assert by_run.record["flips"][0]["targets"] == by_file.record["flips"][0]["targets"]


def test_the_flips_are_the_lost_samples_with_what_was_said(good, bad, gate):
    flips = gate(good, bad, DROP, "--format", "json").record["flips"]
    assert len(flips) == 10
    assert [flip["sample_id"] for flip in flips[:2]] == ["q0005", "q0015"]
    assert all(flip["gain"] == pytest.approx(-1.0) for flip in flips)
    assert flips[0]["texts"] == ["no", "perhaps"]
    assert (flips[0]["first"], flips[0]["second"], flips[0]["cause"]) == ("no", None, "format")


# Pages


def test_pages_are_written_beside_what_is_shown(good, bad, gate, tmp_path):
    outs = [tmp_path / name for name in ("gate.xml", "comment.md", "gate.json")]
    forms = ("junit", "markdown", "json")
    words = [w for form, out in zip(forms, outs, strict=True) for w in ("--out", f"{form}={out}")]
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = gate(good, bad, DROP, "--format", "github", *words, GITHUB_STEP_SUMMARY=str(summary))
    assert done.code == 10
    assert [line.split(" ")[0] for line in done.out.splitlines()] == ["::error", "::error"]
    suite = ET.parse(outs[0]).getroot()[0]  # noqa: S314 - written here
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    comment = outs[1].read_text()
    assert comment.startswith("> [!CAUTION]\n> **Regression: sight accuracy")
    assert summary.read_text() == "before\n" + comment + "\n"
    assert json.loads(outs[2].read_text())["verdict"] == "regression"


def test_one_page_in_a_file_leaves_the_text_on_the_screen(good, again, gate, tmp_path):
    out = tmp_path / "gate.xml"
    done = gate(good, again, DROP, "--format", "junit", "--out", out)
    assert done.out.startswith("Pass:")
    assert out.read_text().startswith("<?xml")


def test_a_reader_who_leaves_early_does_not_turn_a_regression_into_a_pass(good, bad, tmp_path):
    read, write = os.pipe()
    os.close(read)
    done = gate_to(write, good, bad, tmp_path)
    os.close(write)
    assert done.returncode == 10
    assert b"Traceback" not in done.stderr


def gate_to(place, baseline, candidate, folder):
    """Gates with its output in a file, or at a file's number."""
    (folder / "gate.toml").write_text(DROP)
    words = ("gate", "--baseline", baseline, "--candidate", candidate, "--policy")
    words = [sys.executable, "-m", "evalkit", *map(str, (*words, folder / "gate.toml"))]
    with open(place, "wb", closefd=isinstance(place, str)) as out:
        return subprocess.run(words, stdout=out, stderr=subprocess.PIPE, check=False)


def test_an_old_page_does_not_outlive_a_gate_that_cannot_judge(good, again, gate, tmp_path):
    out = tmp_path / "gate.xml"
    assert gate(good, again, DROP, "--out", f"junit={out}").code == 0
    assert gate(good, again, "alpha = 1\n", "--out", f"junit={out}").code == 2
    assert not out.exists()


def test_a_page_takes_the_place_of_no_policy_and_no_record(good, again, gate, tmp_path):
    record = (good / "run.json").read_bytes()
    for out in (tmp_path / "gate.toml", good / "run.json"):
        assert gate(good, again, DROP, "--out", out).code == 2
    assert (good / "run.json").read_bytes() == record
    assert (tmp_path / "gate.toml").read_text() == DROP


def test_the_page_is_a_function_of_runs_policy_and_seed(good, bad, gate):
    rule = '[[rule]]\ntask = "sight"\nmetric = "f1"\nmax_drop = 0.1\n'
    pages = [gate(good, bad, rule, "--format", "json").out for _ in range(2)]
    assert pages[0] == pages[1]
    assert json.loads(pages[0])["judgements"][0]["method"] != "cluster-robust t"


# What the models wrote


def test_changed_answers_are_not_on_the_page(good, bad, gate, tmp_path):
    """Verdicts stand on scores, which have a digest of their own: the verdict is what it was."""
    changed = copy(bad, tmp_path / "changed")
    file = changed / "predictions" / "sight.jsonl"
    file.write_text(file.read_text().replace('"perhaps"', '"a forged answer"'))
    assert "(not read) perhaps" in gate(good, bad, DROP).out
    done = gate(good, changed, DROP)
    assert done.code == 10
    assert "forged" not in done.out
    assert "(not shown)" in done.out
    told = " ".join(done.out.split())
    assert told.count("are not those that its record was made of") == 1
