"""`evalkit show` finds a run, or says which may have been meant."""

import json

import pytest


@pytest.fixture(scope="module")
def ran(evalkit, tmp_path_factory):
    """A folder with a finished run in results/echo/mine, and what was printed."""
    folder = tmp_path_factory.mktemp("runs")
    words = ("--data", "demo", "--limit", 6, "--name", "mine", "--out", folder / "results")
    done = evalkit("run", "pope", "--model", "dummy:echo", *words)
    assert done.code == 0, done.err
    return folder, done


def test_a_run_is_named_by_folder_record_or_model_and_name(evalkit, ran):
    folder, _ = ran
    shown = evalkit("show", folder / "results" / "echo" / "mine").out
    assert "pope" in shown
    record = folder / "results" / "echo" / "mine" / "run.json"
    assert evalkit("show", record).out == shown
    assert evalkit("show", "echo/mine", cwd=folder).out == shown


@pytest.mark.parametrize("near", ["mine", "mien", "results", "results/echo"])
def test_near_runs_are_named(evalkit, ran, near):
    done = evalkit("show", near, cwd=ran[0])
    assert done.code == 2
    assert "Did you mean results/echo/mine?" in done.err


def test_a_run_that_is_like_none_is_not_there(evalkit, ran):
    done = evalkit("show", "zzzzzz", cwd=ran[0])
    assert done.code == 2
    assert "Did you mean" not in done.err


def test_of_an_unfinished_run_it_is_said_how_to_go_on(evalkit, tmp_path):
    folder = tmp_path / "results" / "echo" / "killed"
    (folder / "journal").mkdir(parents=True)
    (folder / "started.json").write_text(json.dumps({}))
    done = evalkit("show", "echo/killed", cwd=tmp_path)
    assert done.code == 2
    assert "the command that started it, given again, goes on from there" in done.err


def test_the_page_says_auto_where_no_batch_size_was_given(evalkit, ran):
    page = evalkit("show", "echo/mine", "--format", "markdown", cwd=ran[0]).out
    assert "| batch size" in page
    assert "None" not in page


def test_a_run_without_the_task_says_what_it_has(evalkit, ran):
    done = evalkit("score", "gqa", "-p", "results/echo/mine", cwd=ran[0])
    assert done.code == 2
    assert "The run results/echo/mine has no predictions of 'gqa'; it has pope." in done.err


def test_references_may_be_the_demo_as_data_may(evalkit, ran):
    words = ("-p", "results/echo/mine", "--references", "demo", "--json")
    done = evalkit("score", "pope", *words, cwd=ran[0])
    assert done.code == 12
    assert json.loads(done.out)["coverage"]["asked"] == 120
