"""What a user may get wrong about a judge: one sentence, exit code 2, and nothing asked."""

import pytest

DUMMY = "dummy:constant,text=0.5"
CANARY = "sk-canary-0123456789"


@pytest.fixture
def refused(evalkit, tmp_path):
    """Runs a command that must be refused; gives its sentence."""

    def run(*words, **environ):
        done = evalkit(*words, cwd=tmp_path, **environ)
        assert (done.code, done.out) == (2, ""), done.err
        assert "Traceback" not in done.err
        assert len(done.err.splitlines()) == 1
        assert CANARY not in done.err
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not any(CANARY.encode() in content for content in files)
        return done.err

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
