"""What the best gate known so far lets through, each through the command line and its exit code.

The numbers are those of the list of its holes: nothing in common, survivors, order, metrics,
clusters, multiplicity, exit codes, power.
"""

import json

import pytest
from scipy.stats import nct, t

from evalkit.errors import ExitCode

DROP = '[[rule]]\ntask = "*"\nmax_drop = "1pt"\n'


def test_1_nothing_in_common_never_passes(single, good, again, gate):
    done = gate(good, single.run("variant", single.gold, tasks=["sight:v1"]), DROP)
    assert done.code == 12
    assert "has no result of sight" in done.out
    for policy in ('[[rule]]\ntask = "pope"\nmax_drop = 0.1\n', "alpha = 0.05\n"):
        assert gate(good, again, policy).code == 2

    renamed = [row | {"id": f"other-{row['id']}"} for row in single.rows]
    apart = single.run("apart", single.gold, rows=renamed)
    assert gate(good, apart, DROP).code == 13
    done = gate(good, apart, DROP, "--allow", "dataset,prompt")
    assert done.code == 13
    assert "no sample in common" in done.out


def test_2_a_candidate_that_crashed_is_judged_on_all_samples(single, good, gate):
    crashed = single.run("crashed", lambda i: single.gold(i) if i % 10 > 5 else None)
    done = gate(good, crashed, DROP, "--format", "json")
    assert done.code == 10
    (rule,) = done.record["judgements"]
    assert (rule["n"], rule["baseline"], rule["candidate"]) == (1000, 0.9, 0.4)
    assert any("600 of 1,000 samples failed" in note for note in done.record["notes"])
    for missing in ("fail", "exclude<=0.5%"):
        done = gate(good, crashed, f'missing = "{missing}"\n' + DROP)
        assert done.code == 12
        assert "600 of 1,000 samples failed or are missing" in done.out


def test_2_rows_that_are_left_out_are_not_comparable_and_else_wrong(single, good, gate):
    survivors = single.run("survivors", single.gold, rows=single.rows[600:])
    done = gate(good, survivors, DROP)
    assert done.code == 13
    assert "dataset" in done.out
    done = gate(good, survivors, DROP, "--allow", "dataset,prompt", "--format", "json")
    assert done.code == 10
    assert done.record["judgements"][0]["candidate"] == 0.4
    assert any(words.startswith("sight: dataset") for words in done.record["waived"])


def test_3_another_order_is_told_and_never_paired_row_by_row(single, good, gate):
    said = lambda i: single.wrong(i) if i % 10 == 0 else single.gold(i)  # noqa: E731 - as good
    turned = single.run("turned", said, rows=single.rows[::-1])
    assert gate(good, turned, DROP).code == 13
    done = gate(good, turned, DROP, "--allow", "dataset,prompt", "--format", "json")
    assert done.code == 0
    assert done.record["judgements"][0]["discordant"] == 0


def test_3_another_dataset_is_not_comparable(single, good, gate):
    changed = [row | {"question": row["question"] + " Really?"} for row in single.rows]
    done = gate(good, single.run("changed", single.gold, rows=changed), DROP)
    assert done.code == 13
    assert "prompt.digest" in done.out


@pytest.fixture(scope="module")
def published(evalkit, tmp_path_factory):
    """Runs on the demo data of three benchmarks: right answers, and each second one wrong."""
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("published")
    tasks = ("pope", "mme", "mmvp")

    def run(model, name):
        words = ("--data", "demo", "--out", folder, "--name", name)
        done = evalkit("run", *tasks, "--model", model, *words)
        assert done.code == 0, done.err

    run("dummy:constant,text=yes", "try")
    for name, step in (("right", 0), ("worse", 2)):
        (folder / name).mkdir()
        for task in tasks:
            rows = pq.read_table(folder / "constant" / "try" / "scores" / f"{task}.parquet")
            lines = [
                {
                    "id": row["sample_id"],
                    "text": "?" if step and i % step == 0 else row["targets"][0],
                }
                for i, row in enumerate(rows.to_pylist())
            ]
            if task == "pope":  # whatever is no "no" is a yes there
                flip = {"yes": "no", "no": "yes"}
                for row, told in zip(lines, rows["targets"].to_pylist(), strict=True):
                    row["text"] = flip[told[0]] if row["text"] == "?" else row["text"]
            path = folder / name / f"{task}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        run(f"replay:{folder / name}", name)
    run(f"replay:{folder / 'right'}", "again")
    return [folder / name for name in ("right/right", "right/again", "worse/worse")]


FAMOUS = (
    '[[rule]]\ntask = "pope"\nmetric = "f1"\nmax_drop = 0.2\n'
    '[[rule]]\ntask = "pope"\nmetric = "macro_f1"\nmax_drop = 0.2\n'
    '[[rule]]\ntask = "mme"\nmetric = "perception"\nmax_drop = 300\n'
    '[[rule]]\ntask = "mmvp"\nmetric = "pair_accuracy"\nmax_drop = 0.2\n'
)


def test_4_f1_mme_totals_and_mmvp_pairs_can_gate(published, gate):
    right, again, worse = published
    assert gate(right, again, FAMOUS).code == 0
    done = gate(right, worse, FAMOUS, "--format", "json")
    assert done.code == 10
    assert [j["verdict"] for j in done.record["judgements"]] == ["regression"] * 4
    mme = done.record["judgements"][2]
    assert mme["baseline"] > 1000
    assert mme["damage"] == mme["baseline"] - mme["candidate"]


def test_5_clusters_are_pictures(crowded, single, gate):
    """40 samples are lost on two pictures: McNemar's test is sure of it, two pictures are not."""
    lost = set(range(40))
    verdicts = {}
    for kind in (crowded, single):
        base = kind.run("all", kind.gold)
        other = kind.run("lost", lambda i, k=kind: k.wrong(i) if i in lost else k.gold(i))
        done = gate(base, other, DROP, "--format", "json")
        (rule,) = done.record["judgements"]
        assert rule["damage"] == pytest.approx(0.04)
        verdicts[kind] = (done.code, rule["clusters"], rule["discordant"])
    assert verdicts[crowded] == (11, 50, 2)
    assert verdicts[single] == (10, 500, 20)


def test_6_many_rules_have_no_more_chances_to_be_wrong(single, gate):
    tasks = [f"sight:v{i}" for i in range(10)]
    base = single.run("many", single.gold, tasks=tasks)
    lost = set(range(0, 42, 2))  # 21 of 1,000 samples, each about a picture of its own
    other = single.run("fewer", lambda i: "?" if i in lost else single.gold(i), tasks=tasks)
    policy = '[[rule]]\ntask = "*"\nmax_drop = 0.0125\n'
    alone = gate(base, other, 'family = "none"\n' + policy, "--format", "json")
    assert alone.code == 10
    p = alone.record["judgements"][0]["p"]
    assert 0.005 < p < 0.05
    done = gate(base, other, policy, "--format", "json")
    assert done.code == 11
    assert done.record["judgements"][0]["adjusted"] == pytest.approx(10 * p)
    assert "after Holm's correction" in done.record["judgements"][0]["reason"]


def test_7_no_two_things_that_ci_must_tell_apart_have_one_exit_code(
    single, good, again, gate, evalkit
):
    worse = single.run("worse", lambda i: "?" if i % 5 else single.gold(i))
    doubtful = single.run("doubtful", lambda i: "?" if i % 9 == 0 else single.gold(i))
    codes = {
        "pass": gate(good, again, DROP).code,
        "regression": gate(good, worse, DROP).code,
        "inconclusive": gate(good, doubtful, DROP).code,
        "option": gate(good, again, DROP, "--polici", "x").code,
        "policy": gate(good, again, DROP.replace("task", "taks")).code,
        "run": gate(good, good.with_name("nowhere"), DROP).code,
    }
    assert codes == {
        "pass": 0,
        "regression": 10,
        "inconclusive": 11,
        **dict.fromkeys(("option", "policy", "run"), 2),
    }
    assert 1 not in {int(code) for code in ExitCode}  # an exception of Python's
    assert not any(int(code) > 125 for code in ExitCode)  # a shell's, or a signal


def test_8_the_detectable_damage_is_that_of_a_one_sided_test(single, gate):
    base = single.run("ninety", lambda i: single.wrong(i) if i % 10 == 0 else single.gold(i))
    other = single.run("others", lambda i: single.wrong(i) if i % 10 == 5 else single.gold(i))
    done = gate(base, other, 'power = 0.9\n[[rule]]\ntask = "sight"\nmax_drop = 0.05\n',
                "--format", "json")  # fmt: skip
    (rule,) = done.record["judgements"]
    assert (rule["method"], rule["clusters"]) == ("cluster-robust t", 500)
    error = (rule["high"] - rule["low"]) / (2 * t.ppf(0.95, 499))
    # Of 500 pictures with two questions each, 200 differ, by one: SE² = 200 / 1000² · G / (G - 1).
    # The score bounds, which hold where answers lean to one side, are a little wider.
    assert error == pytest.approx((200 / 1000**2 * 500 / 499) ** 0.5, rel=0.02)
    found = nct.sf(t.ppf(0.95, 499), 499, rule["detectable"] / error)
    assert found == pytest.approx(0.9, abs=1e-6)


def test_9_failures_that_are_no_scores_are_known_to_the_record(single, gate, evalkit):
    """`score --missing exclude` of both runs: a third of the questions has no answer in either."""
    kept = []
    for name in ("one", "two"):
        run = single.run(name, lambda i: single.gold(i) if i % 3 else None)
        made = (run / "predictions" / "sight.jsonl").read_text().splitlines(keepends=True)
        answers = single.folder / f"{name}.jsonl"
        answers.write_text("".join(line for line in made if json.loads(line)["text"] is not None))
        done = evalkit(
            *("score", "sight", "-p", answers, "-r", single.folder / run.name / "data"),
            *("--missing", "exclude", "--out", single.folder / "excluded" / name),
            *("--task-path", single.folder / "sight.py"),
        )
        assert done.code == 12, done.err
        kept.append(single.folder / "excluded" / name)
    for missing in ("worst", "fail", "exclude<=5%"):
        policy = f'missing = "{missing}"\n' + DROP
        own = (
            "--task-path",
            single.folder / "sight.py",
            "--allow",
            "dataset,prompt,generation,preprocessing",
        )
        done = gate(*kept, policy, *own)
        assert done.code == 12, (done.out, done.err)
