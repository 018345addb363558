"""What tests of the judge start from."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest


def _load(name):
    """Make a file beside this one importable; its folder stays out of `sys.path`."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_load("injections")
_load("waiting")


@pytest.fixture(scope="session")
def shared():
    """The folder of reference files."""
    root = Path(__file__).resolve().parents[3] / "shared" / "reference"
    if not root.is_dir():
        pytest.skip("the reference files (../shared/reference) are not on this machine")
    return root


@pytest.fixture(scope="session")
def waiting_run(evalkit, tmp_path_factory):
    """A run folder with ten answers to each of two tasks that wait for a judge."""
    from waiting import ANSWERS

    out = tmp_path_factory.mktemp("waiting")
    done = evalkit(
        *("run", "mmvet", "llava_bench_wild", "--model", "dummy:echo", "--data", "demo"),
        *("--limit", ANSWERS, "--no-judge", "--out", out, "--name", "r"),
    )
    assert done.code == 0, done.err
    return out / "echo" / "r"


@pytest.fixture
def judge_at(evalkit, waiting_run, tmp_path):
    """Judges a task of a copy of that run: judge_at(prices, server, "--votes", 2) -> Done."""
    shutil.copytree(waiting_run, tmp_path / "run")

    def made(
        prices,
        server,
        *more,
        task="mmvet",
        model="openai:toy-model",
        url=None,
        options="",
        cache="none",
        cwd=None,
    ):
        (tmp_path / "prices.toml").write_text(prices)
        return evalkit(
            *("judge", tmp_path / "run", "--task", task),
            *("--judge", f"{model},base_url={url or server.url}{options}"),
            *("--judge-cache", cache, "--judge-prices", tmp_path / "prices.toml", *more),
            cwd=cwd,
        )

    return made
