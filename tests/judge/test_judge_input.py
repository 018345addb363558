"""What a user may get wrong about a judge: one sentence, exit code 2, and nothing asked."""

import json
import shutil
from dataclasses import replace

import pytest

from evalkit.store import RunFolder, load_run

DUMMY = "dummy:constant,text=0.5"
CANARY = "sk-canary-0123456789"


@pytest.fixture
def refused(evalkit, tmp_path):
    """Runs a command that must be refused; gives its sentence."""

    def run(*words, **environ):
        done = evalkit(*words, cwd=tmp_path, **environ)
        assert (done.code, done.out) == (2, ""), done.err
        assert "Traceback" not in done.err
        (sentence,) = (line for line in done.err.splitlines() if line.startswith("evalkit: "))
        assert done.err.splitlines()[-1] == sentence, "and nothing after it"
        assert CANARY not in done.err
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not any(CANARY.encode() in content for content in files)
        return sentence

    return run


def run_words(tmp_path, *more, task="mmvet", judge=DUMMY):
    return (
        *("run", task, "--model", "dummy:echo", "--data", "demo", "--limit", "4"),
        *("--out", tmp_path / "out", "--name", "r", "--judge", judge, "--judge-cache", "none"),
        *more,
    )


@pytest.fixture(scope="module")
def finished(evalkit, tmp_path_factory):
    """A run of mmvet that was judged by a dummy."""
    folder = tmp_path_factory.mktemp("finished")
    done = evalkit(*run_words(folder))
    assert done.code == 0, done.err
    return folder / "out" / "echo" / "r"


SPECS = {
    "openai:mq,base_url=http://127.0.0.1:9/v1,Authorization=" + CANARY: "Authorization",
    "openai:mq,base-url=http://127.0.0.1:9/v1": "Did you mean 'base_url'?",
    "openai:mq,base_ulr=http://127.0.0.1:9/v1": "'base_ulr' is not known",
    "dummy:constant,text=0.5,prices=none.toml": "'prices' is not known",
}


@pytest.mark.parametrize("spec", SPECS)
def test_an_option_that_the_judge_does_not_know_is_refused(refused, tmp_path, finished, spec):
    said = refused(*run_words(tmp_path, judge=spec), OPENAI_API_KEY=CANARY)
    assert SPECS[spec] in said
    assert not (tmp_path / "out").exists()
    before = (finished / "run.json").read_bytes()
    said = refused("judge", finished, "--judge", spec, OPENAI_API_KEY=CANARY)
    assert SPECS[spec] in said
    assert (finished / "run.json").read_bytes() == before


RULES = {"llava_bench_conv": {"role": "Assistant", "prompt": "Rate both."}}
RUBRICS = {
    "empty": ("mmvet", b" \n", "is empty"),
    "binary": ("mmvet", b"\x89PNG\xff | ", "is no text in UTF-8"),
    "zeros": ("mmvet", b"a | \0", "is no text;"),
    "huge": ("mmvet", b" | " * 400_000, "is too large (1,200,000 bytes"),
    "no table": ("mmvet", b"Grade it.", "holds no table"),
    "deep rules": ("llava_bench_wild", b"[" * 100_000, "is nested too deeply"),
    "long rules": ("llava_bench_wild", b"9" * 5_000, "is not JSON"),
    "no such rule": ("llava_bench_wild", json.dumps(RULES).encode(), "has no rule 'llava_bench_"),
    "unknown name": ("mmvp:judged", b"Be fair.\n---\n{{ nosuch }}", "'nosuch' is undefined"),
    "broken": ("mmvp:judged", b"Be fair.\n---\n{{ question", "template is broken"),
    "no number": ("mmvp:judged", b"Be fair.\n---\n{{ 1 / 0 }}", "division by zero"),
    "deep template": (
        "mmvp:judged",
        b"Be fair.\n---\n{{ " + b"(" * 20_000 + b"1" + b")" * 20_000 + b" }}",
        "is nested too deeply",
    ),
}


@pytest.mark.parametrize("name", RUBRICS)
def test_a_rubric_that_does_not_fit_is_refused_before_anybody_is_asked(refused, tmp_path, name):
    task, content, said = RUBRICS[name]
    path = tmp_path / "rubric"
    path.write_bytes(content)
    log = tmp_path / "asked"
    judge = f"{DUMMY},log={log}"
    told = refused(*run_words(tmp_path, "--rubric", path, task=task, judge=judge))
    assert said in told
    assert str(path) in told
    assert not log.exists()
    assert not list(tmp_path.rglob("predictions")), "the model was not asked either"


@pytest.mark.parametrize("name", ["no such rule", "unknown name"])
def test_judging_later_refuses_it_too(refused, evalkit, tmp_path, name):
    task, content, said = RUBRICS[name]
    path = tmp_path / "rubric"
    path.write_bytes(content)
    words = [w for w in run_words(tmp_path, task=task) if w not in ("--judge", DUMMY)]
    assert evalkit(*words[:-2], "--no-judge").code == 0
    run = tmp_path / "out" / "echo" / "r"
    assert said in refused("judge", run, "--judge", DUMMY, "--rubric", path)


@pytest.mark.parametrize("file", ["rules.json", "missing.json"])
def test_a_rubric_for_no_task_of_the_run_is_refused(refused, tmp_path, finished, file):
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    words = ("--rubric", f"nosuchtask={file}")
    for told in (
        refused(*run_words(tmp_path, *words)),
        refused("judge", finished, "--judge", DUMMY, *words),
        refused("judge", "drift", "--anchors", finished, "--judge", DUMMY, *words),
    ):
        assert f"The rubric {file} is for 'nosuchtask'" in told
        assert "these are: mmvet" in told


def test_a_missing_rubric_is_named(refused, tmp_path):
    for words in ("missing.txt", "mmvet=missing.txt"):
        assert "The rubric missing.txt is no file" in refused(
            *run_words(tmp_path, "--rubric", words)
        )


# Runs


def test_a_run_that_is_not_there_is_not_made(refused, tmp_path):
    assert "There is no run at nosuch" in refused("judge", "nosuch", "--judge", DUMMY)
    assert not (tmp_path / "nosuch").exists()


def test_the_record_of_a_run_stands_for_its_folder(evalkit, finished, tmp_path):
    words = ("--judge", "dummy:constant,text=0.7", "--judge-cache", "none", "--json")
    done = evalkit("judge", finished / "run.json", *words, cwd=tmp_path)
    assert done.code == 0
    (result,) = done.record["results"]
    assert result["metrics"]["judged"]["value"] == pytest.approx(70)
    assert json.loads((finished / "run.json").read_text()) == done.record
    evalkit("judge", finished, "--judge", DUMMY, "--judge-cache", "none")


def test_a_record_without_results_is_one_sentence(refused, finished, tmp_path):
    run = tmp_path / "r"
    shutil.copytree(finished, run)
    RunFolder(run).write_record(replace(load_run(run), results=()))
    judge = ("--judge", DUMMY, "--judge-cache", "none")
    assert "run.json holds no result of mmvet" in refused("judge", run, *judge)
    assert "holds verdicts that th" in refused("judge", "drift", "--anchors", run, *judge)


def test_an_error_of_the_cache_names_the_option_of_the_command(refused, finished, tmp_path):
    (tmp_path / "cache").write_text("no database, but a text that is long enough " * 100)
    said = refused("judge", finished, "--judge", DUMMY, "--judge-cache", "cache")
    assert "--judge-cache" in said
