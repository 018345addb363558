"""`evalkit run lmms/NAME` against a stand-in for lmms-eval: rows, words, rules, refusals."""

import pytest

TASKS = (
    *("toy", "judged", "far", "near", "rounds", "twice", "shots", "halves", "filters"),
    "percent",
)


def test_a_task_is_asked_and_scored_by_its_own_code(run):
    ran = run("--model", "dummy:constant,text=ab")
    assert ran.done.code == 0, ran.done.err
    assert ran.numbers == {"exact": 0.5, "wrong": 0.5, "spread.hits": 3.0, "spread.rate": 71.5}
    result = ran.result
    assert (result["task"], result["protocol"]) == ("lmms/toy", "lmms-eval")
    assert result["metrics"]["exact"]["clusters"] == 3, "equal pictures are one cluster"
    assert result["metrics"]["exact"]["low"] is not None
    assert result["metrics"]["spread.rate"]["low"] is None
    assert result["metrics"]["spread.rate"]["maximum"] is None
    assert "paper has no number" in " ".join(result["notes"])
    assert result["fingerprint"]["generation"]["temperature"] == 0, "do_sample is false"


def test_a_task_may_count_a_sample_under_some_of_its_metrics_only(run):
    ran = run("--model", "dummy:constant,text=ab", "--batch-size", "2", task="halves")
    assert ran.done.code == 0, ran.done.err
    assert ran.numbers == {"all": 0.5, "first": 1.0, "second": 0.0}
    assert ran.result["metrics"]["first"]["n"] == 3
    assert ran.result["audit"]["bounds"].keys() == ran.numbers.keys()
    assert "first 1" in ran.done.err, "the running headline"


def test_a_task_with_several_filters_has_its_means_under_each(run):
    ran = run("--model", "dummy:constant,text=abc", "--batch-size", "2", task="filters")
    assert ran.done.code == 0, ran.done.err
    assert ran.numbers["exact,whole"] == 0
    assert ran.numbers["exact,two"] == 0.5
    assert ran.numbers["spread,two.hits"] == 3
    assert {"exact,whole", "exact,two"} <= set(ran.result["headline"])
    assert ran.result["audit"]["bounds"]["exact,two"] == [0.5, 0.5]


def test_the_turns_are_the_task_s_own(run):
    ran = run("--model", "dummy:echo")
    assert {made["text"] for made in ran.predictions} == {"Look.\nHow many? Short."}
    ran = run("--model", "dummy:echo", "--prompt", "other", out="other")
    assert {made["text"] for made in ran.predictions} == {"Look.\nHow many? Answer:"}


def test_thinking_is_cut_out_before_scoring(run):
    ran = run("--model", "dummy:constant,text=<think>cd</think> ab")
    assert ran.numbers["exact"] == 0.5


def test_a_resumed_run_is_scored_anew_by_the_same_code(run):
    first = run("--model", "dummy:constant,text=ab")
    numbers = first.numbers
    second = run("--model", "dummy:constant,text=ab")
    assert second.done.code == 0, second.done.err
    assert "Nothing is left to ask" in second.done.err
    assert second.numbers == numbers


def test_failures_are_empty_texts_to_it_and_wrong_to_us(run):
    ran = run("--model", "dummy:constant,text=ab,fail=2", "--batch-size", "1")
    assert ran.done.code == 12
    assert ran.result["coverage"]["failed"] == 1
    assert ran.numbers["exact"] == pytest.approx(2 / 6)
    assert "its code was given 1 empty" in " ".join(ran.result["notes"])


def test_a_picture_that_cannot_be_read_is_a_failure(run, write, picture, tmp_path):
    good = picture(30)
    data = write(tmp_path / "bad", pictures=[good, b"no picture", good, good, good, good])
    ran = run("--model", "dummy:constant,text=ab", data=data)
    assert ran.done.code == 12, ran.done.err
    (failed,) = [made for made in ran.predictions if made["failure"]]
    assert failed["sample_id"] == "1"


def test_a_process_that_dies_while_it_scores_is_one_sentence(run):
    done = run("--model", "dummy:constant,text=die").done
    assert done.code == 20
    assert "lmms-eval's process for tasks failed: lmms-eval's process ended by signal 9" in (
        done.err
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "lmms-eval unknown has no task 'nothing'"),
        ("tou", "close are lmms/toy"),
        ("all", "is a group of lmms-eval; name its tasks: lmms/toy, lmms/judged."),
        ("judged", "may be scored by another model"),
        ("far", "may be scored by another model"),
        ("near", "lmms/near does not exist"),  # no judge in sight, and no rows
        ("rounds", "is of the type generate_until_multi_round"),
        ("twice", "draws 2 answers to each question"),
        ("shots", "shows 3 solved examples before each question"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(evalkit, lmms, rows, name, said):
    model = ("--model", "dummy:constant,text=ab")
    done = evalkit("run", f"lmms/{name}", *model, "--data", rows, "--out", rows / "out", **lmms)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_video_is_refused(run, write, tmp_path):
    data = write(tmp_path / "film", "film?")
    done = run("--model", "dummy:constant,text=ab", data=data).done
    assert done.code == 20
    assert "shows a video, which evalkit cannot show" in done.err


def test_without_the_folder_and_without_lmms_eval(run, tmp_path):
    done = run("--model", "dummy:constant,text=ab", data=tmp_path).done
    assert done.code == 2
    assert "lmms/toy does not exist" in done.err
    done = run("--model", "dummy:constant,text=ab", PYTHONPATH="").done
    assert done.code == 20
    assert "has no package lmms_eval" in done.err


def test_tasks_are_listed_and_shown(evalkit, lmms):
    listed = evalkit("tasks", "list", "--lmms", **lmms).out.splitlines()
    assert listed == [
        "lmms/all  (group)",
        *(f"lmms/{n}" for n in sorted(TASKS)),
    ]
    page = evalkit("tasks", "show", "lmms/toy", **lmms).out
    assert "spread (by the other harness's own aggregation, headline)" in page
    assert "exact (0 to 1, headline)" in page
    assert "prompt      other" in page


def test_workers_of_ray_read_the_pictures_themselves(run):
    pytest.importorskip("ray")
    ran = run("--model", "dummy:constant,text=ab", "--workers", "2")
    assert ran.done.code == 0, ran.done.err
    assert ran.numbers["exact"] == 0.5


def test_a_run_may_become_a_baseline_where_its_code_is_at_hand(run, evalkit, lmms, tmp_path):
    for task in ("toy", "halves", "filters"):
        ran = run("--model", "dummy:constant,text=ab", task=task, out=task)
        (folder,) = (path.parent for path in ran.out.glob("*/*/run.json"))
        accept = ("baseline", "accept", folder, "--out", tmp_path / f"{task}.json")
        done = evalkit(*accept, **lmms)
        assert done.code == 0, done.err
        assert "1 tasks, 6 samples" in done.out
        diff = evalkit("baseline", "diff", tmp_path / f"{task}.json", folder)  # records alone
        assert diff.out == f"lmms/{task}: nothing changes (6 samples)\n"
    away = evalkit(*accept, **{**lmms, "EVALKIT_LMMS_PYTHON": str(tmp_path / "no-python")})
    assert (away.code, away.out) == (20, "")
    assert away.err.count("\n") == 1
