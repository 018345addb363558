"""`evalkit run` as a user types it, on a toy task with the dummy backend."""

import json
import shlex
import subprocess
import sys

import pytest


@pytest.fixture
def run(evalkit, toy, tmp_path):
    def go(*words, **environment):
        out = tmp_path / "results"
        return evalkit(
            "run", *words, "--data", toy.data, "--task-path", toy.path, "--out", out, **environment
        )

    return go


def folder_of(tmp_path, model="dummy-echo"):
    (found,) = (tmp_path / "results").glob("*/*/run.json")
    return found.parent


def test_a_run_prints_a_table_and_leaves_record_predictions_and_scores(run, tmp_path):
    done = run("toy", "--model", "dummy:constant,text=yes")
    assert done.code == 0, done.err
    assert "toy" in done.out
    assert "0.5000" in done.out
    folder = folder_of(tmp_path)
    record = json.loads((folder / "run.json").read_text())
    accuracy = record["results"][0]["metrics"]["accuracy"]
    assert (accuracy["value"], accuracy["n"], accuracy["clusters"]) == (0.5, 40, 20)
    assert len((folder / "predictions" / "toy.jsonl").read_text().splitlines()) == 40
    assert (folder / "scores" / "toy.parquet").exists()
    assert sorted(p.name for p in folder.iterdir()) == ["predictions", "run.json", "scores"]


def test_json_puts_one_record_on_standard_output(run):
    done = run("toy", "--model", "dummy:constant,text=no", "--json")
    assert done.record["results"][0]["metrics"]["accuracy"]["value"] == 0.5
    assert done.err == ""


def test_predictions_stand_in_dataset_order(run, tmp_path):
    run("toy", "--model", "dummy:constant,text=yes", "--batch-size", 3)
    lines = (folder_of(tmp_path) / "predictions" / "toy.jsonl").read_text().splitlines()
    assert [json.loads(line)["sample_id"] for line in lines] == [f"q{i:03}" for i in range(40)]


def test_a_finished_run_is_read_and_not_made_again(run, tmp_path):
    log = tmp_path / "asked"
    words = ("toy", "--model", f"dummy:constant,text=yes,log={log}")
    first = run(*words)
    second = run(*words)
    assert second.code == 0
    assert "Nothing is left to ask" in second.err
    assert first.out == second.out
    assert len(log.read_text().splitlines()) == 40


def test_fresh_asks_again_and_keeps_the_old_run(run, tmp_path):
    log = tmp_path / "asked"
    words = ("toy", "--model", f"dummy:constant,text=yes,log={log}")
    run(*words)
    done = run(*words, "--fresh")
    assert "set aside" in done.err
    assert len(log.read_text().splitlines()) == 80
    assert len(list((tmp_path / "results").glob("*/*.old-1/run.json"))) == 1


def test_failed_samples_are_counted_make_the_run_incomplete_and_are_asked_again(run, tmp_path):
    log = tmp_path / "asked"
    done = run("toy", "--model", f"dummy:constant,text=yes,fail=q004,log={log}")
    assert done.code == 12
    assert "1 of 40 samples failed" in done.out
    record = json.loads((folder_of(tmp_path) / "run.json").read_text())
    coverage = record["results"][0]["coverage"]
    assert coverage == {"asked": 40, "answered": 39, "failed": 1, "unparsed": 0}
    assert record["results"][0]["metrics"]["accuracy"]["value"] == 19 / 40
    log.unlink()
    again = run("toy", "--model", f"dummy:constant,text=yes,fail=q004,log={log}")
    assert again.code == 12
    assert {line.split("\t")[1] for line in log.read_text().splitlines()} == {"q004"}


def test_limit_takes_whole_groups_and_is_a_function_of_the_seed(run):
    one = run("toy", "--model", "dummy:constant,text=yes", "--limit", 9, "--json").record
    metrics = one["results"][0]["metrics"]
    assert metrics["accuracy"]["n"] == 8
    assert metrics["pair_accuracy"]["n"] == 4
    digests = {
        seed: run(
            "toy", "--model", "dummy:constant,text=yes", "--limit", 9, "--seed", seed, "--json"
        ).record["results"][0]["fingerprint"]["dataset"]["digest"]
        for seed in (0, 1)
    }
    assert digests[0] == one["results"][0]["fingerprint"]["dataset"]["digest"]
    assert digests[0] != digests[1]


def test_variants_and_prompts_are_chosen_by_name_and_recorded(run):
    done = run(
        "toy", "toy:short", "--model", "dummy:constant,text=yes", "--prompt", "bare", "--json"
    )
    first, second = done.record["results"]
    assert first["fingerprint"]["prompt"]["variant"] == "bare"
    assert second["task"] == "toy:short"
    assert second["fingerprint"]["generation"]["max_new_tokens"] == 1


def test_a_task_list_chooses_model_limits_and_prompts(run, tmp_path):
    (tmp_path / "list.toml").write_text(
        'model = "dummy:constant,text=yes"\nlimit = 20\n'
        '[[tasks]]\nname = "toy"\nlimit = 4\n[[tasks]]\nname = "toy:short"\nprompt = "bare"\n'
    )
    results = run(tmp_path / "list.toml", "--json").record["results"]
    assert [r["coverage"]["asked"] for r in results] == [4, 20]
    assert [r["fingerprint"]["prompt"]["variant"] for r in results] == ["plain", "bare"]


def test_the_command_line_wins_over_the_task_list(run, tmp_path):
    (tmp_path / "list.toml").write_text(
        'model = "dummy:constant,text=yes"\ntasks = [{name = "toy", limit = 20}]\n'
    )
    record = run(tmp_path / "list.toml", "--limit", 6, "--json").record
    assert record["results"][0]["coverage"]["asked"] == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--limit", "10"], "limit was None, is 10"),
        (["--limit-by", "cluster"], "limit_by was None, is 'cluster'"),
        (["--seed", "1"], "seed was 0, is 1"),
        (["--prompt", "bare"], "prompt"),
        (["--image-preprocess", "pad-square"], "image_preprocess"),
        (["--model", "dummy:constant,text=no"], "model was 'dummy:constant,text=yes', is"),
    ],
)
def test_a_run_of_another_kind_is_refused_and_says_what_differs(run, change, said):
    words = ("toy", "--model", "dummy:constant,text=yes", "--name", "nightly")
    assert run(*words).code == 0
    done = run(*words, *change)
    assert done.code == 13
    assert said in done.err


def test_answers_are_not_taken_from_another_checkpoint_of_the_same_name(run, tmp_path):
    answers = tmp_path / "answers.jsonl"
    for text, code in (("yes", 0), ("no", 13)):
        lines = (json.dumps({"id": f"q{i:03}", "text": text}) + "\n" for i in range(40))
        answers.write_text("".join(lines))
        done = run("toy", "--model", f"replay:{answers}")
        assert done.code == code
    assert "model.digest" in done.err


def test_a_changed_scorer_scores_the_stored_answers_anew(run, toy, tmp_path):
    log = tmp_path / "asked"
    words = ("toy", "--model", f"dummy:constant,text=yes,log={log}")
    assert "0.5000" in run(*words).out
    source = toy.path.read_text()
    toy.path.write_text(source.replace("float(answer == sample.targets[0])", "1.0"))
    done = run(*words)
    assert "written anew" in done.err
    assert "1.0000" in done.out
    assert len(log.read_text().splitlines()) == 40
    assert "1.0000" in run(*words).out


@pytest.mark.parametrize(("old", "new"), [('"Is 3 even?', '"Was 3 even?'), ("q003", "r003")])
def test_a_changed_question_is_refused(run, toy, old, new):
    words = ("toy", "--model", "dummy:constant,text=yes")
    assert run(*words).code == 0
    rows = toy.data / "toy" / "test.jsonl"
    rows.write_text(rows.read_text().replace(old, new))
    done = run(*words)
    assert done.code == 13
    assert "digest" in done.err


def test_a_broken_prompt_is_found_before_the_model_is_loaded(run, toy):
    toy.path.write_text(toy.path.read_text().replace("{{ question }} Answer", "{{ riddle }}"))
    done = run("toy", "--model", "dummy:constant,text=yes")
    assert done.code == 2
    assert "riddle" in done.err
    assert "Loading the model" not in done.err


def test_a_backend_that_breaks_while_loading_is_one_sentence(run, tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "pkg" / "plugin.py").write_text(
        "from evalkit.backends.dummy import DummyBackend\n"
        "class Broken(DummyBackend):\n"
        "    preflight = classmethod(lambda cls, options: None)\n"
        "    load = classmethod(lambda cls, options: 1 / 0)\n"
    )
    done = run("toy", "--model", "pkg.plugin:Broken:x", PYTHONPATH=str(tmp_path))
    assert done.code == 20
    assert "ZeroDivisionError" in done.err


def test_fresh_waits_for_nobody_and_disturbs_nobody(run, start, toy, tmp_path):
    words = ("toy", "--model", "dummy:constant,text=yes,sleep=0.1", "--name", "same")
    first = start("run", *words, *toy.options, "--out", tmp_path / "results")
    try:
        for line in first.stderr:
            if "samples" in line:
                break
        done = run(*words, "--fresh")
        assert done.code == 2
        assert "Another process" in done.err
        _, err = first.communicate(timeout=120)
        assert first.returncode == 0, err
    finally:
        first.kill()
    assert len(list((tmp_path / "results").glob("*/*"))) == 1


def test_two_tasks_may_not_share_a_file_name(run, toy):
    other = toy.path.with_name("toy-short.py")
    other.write_text(toy.path.read_text().replace('name="toy"', 'name="toy-short"'))
    (toy.data / "toy-short").symlink_to(toy.data / "toy")
    done = run("toy:short", "toy-short", "--model", "dummy:echo", "--task-path", other)
    assert done.code == 2
    assert "named twice" in done.err


def test_changed_pictures_are_refused(run, toy):
    words = ("toy", "--model", "dummy:constant,text=yes")
    assert run(*words).code == 0
    (toy.data / "toy" / "0.png").write_bytes((toy.data / "toy" / "1.png").read_bytes())
    done = run(*words)
    assert done.code == 13
    assert "'q000' of 'toy' on another picture" in done.err


def test_answers_of_nobody_knows_which_model_are_refused(run, tmp_path):
    words = ("toy", "--name", "night", "--model")
    assert run(*words, "dummy:constant,text=yes").code == 0
    (folder_of(tmp_path) / "run.json").unlink()
    done = run(*words, "dummy:constant,text=no")
    assert done.code == 13
    assert "nothing says which model" in done.err
    assert run(*words, "dummy:constant,text=no", "--fresh").code == 0


def test_a_lost_answer_is_asked_again(run, tmp_path):
    log = tmp_path / "asked"
    words = ("toy", "--model", f"dummy:constant,text=yes,log={log}")
    whole = run(*words)
    path = folder_of(tmp_path) / "predictions" / "toy.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    again = run(*words)
    assert again.out == whole.out
    assert log.read_text().splitlines()[40:] == ["toy\tq000"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id=row["id"]', 'id=int(row["id"][1:])', "which is no text; write str"),
        ('row["answer"],)', '"\\ud800",)', "no valid Unicode"),
        ('"kind": row["kind"]', '"kind": None', "the tag 'kind' None, which is no text"),
        ('"kind": row["kind"]', '"kind": ("a", "\\ud800")', "no valid Unicode"),
        ('values={"correct": float', 'values={"korrekt": float', "does not fit"),
        ("def to_sample", "import sys; sys.exit(3)\ndef to_sample", "cannot be imported"),
    ],
)
def test_a_tasks_slips_are_sentences(run, toy, old, new, said):
    source = toy.path.read_text()
    assert old in source
    toy.path.write_text(source.replace(old, new))
    done = run("toy", "--model", "dummy:constant,text=yes")
    assert done.code in (2, 20)
    assert said in done.err


def test_closed_and_narrow_streams_lose_nothing(toy, tmp_path):
    words = ["run", "toy", "--model", "dummy:constant,text=yes", *toy.options, "--out"]
    command = " ".join(map(shlex.quote, [sys.executable, "-m", "evalkit", *words]))
    for number, ending in enumerate(("2>&-", "2>&1 >&- | true", ">/dev/full")):
        out = tmp_path / f"out{number}"
        done = subprocess.run(
            ["bash", "-c", f"{command} {out} {ending}"], capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert len(list(out.glob("*/*/run.json"))) == 1


def test_changed_data_is_refused_on_resume(run, toy):
    words = ("toy", "--model", "dummy:constant,text=yes", "--name", "nightly")
    assert run(*words).code == 0
    rows = toy.data / "toy" / "test.jsonl"
    rows.write_text(rows.read_text().replace('"answer": "no"', '"answer": "yes"', 1))
    done = run(*words)
    assert done.code == 13
    assert "dataset.digest" in done.err


def test_the_batch_size_may_change_on_resume(run):
    words = ("toy", "--model", "dummy:constant,text=yes")
    assert run(*words, "--batch-size", 4).code == 0
    assert "Nothing is left to ask" in run(*words, "--batch-size", 8).err


def test_show_prints_what_run_printed(run, evalkit, tmp_path):
    run("toy", "--model", "dummy:constant,text=yes")
    folder = folder_of(tmp_path)
    text = evalkit("show", folder)
    assert "0.5000" in text.out
    page = evalkit("show", folder, "--format", "markdown")
    assert "| toy" in page.out
    assert "pair_accuracy" in page.out
    record = evalkit("show", folder, "--format", "json").record
    assert record == json.loads((folder / "run.json").read_text())


def test_two_processes_may_not_share_a_run(run, start, toy, tmp_path):
    words = ("run", "toy", "--model", "dummy:constant,text=yes,sleep=0.2", *toy.options)
    words = (*words, "--out", tmp_path / "results", "--name", "same")
    first = start(*words)
    try:
        for line in first.stderr:
            if "samples" in line:
                break
        second = run("toy", "--model", "dummy:constant,text=yes,sleep=0.2", "--name", "same")
        assert second.code == 2
        assert "Another process" in second.err
    finally:
        first.kill()
        first.communicate()


def test_what_a_finished_run_was_answered_with_is_said_where_it_is_asked_otherwise(run):
    words = ("toy", "--model", "dummy:constant,text=yes")
    run(*words, "--batch-size", 4)
    again = run(*words, "--prefix-sharing", "off")
    assert (
        "It was answered with batch size 4, prefix sharing auto, not as asked now; --fresh asks "
        "again."
    ) in again.err
    assert "not as asked now" not in run(*words, "--batch-size", 4).err


def test_the_names_of_the_dummy_stand_in_the_first_message(run):
    done = run("toy", "--model", "dummy")
    assert done.code == 2
    assert "dummy:echo, dummy:constant or dummy:hash" in done.err


def test_an_unknown_task_names_the_way_to_further_files(run):
    assert "--task-path" in run("colours", "--model", "dummy:echo").err


def test_a_task_without_an_official_evaluator_goes_by_rules_of_its_own(run):
    done = run("toy", "--model", "dummy:echo", "--json")
    assert done.record["results"][0]["protocol"] == "own"
    assert done.record["results"][0]["fingerprint"]["scorer"]["protocol"] == "own"


@pytest.mark.parametrize("words", [(), ("tasks", "--help")])
def test_help_is_an_answer(evalkit, words):
    done = evalkit(*words)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: evalkit")
