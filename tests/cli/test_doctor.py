"""`evalkit doctor`: facts as functions, and the verb as a process."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.cli.doctor import BackendState, backends, demo_files, disk, hub_cache, keys, packages

REQUIREMENTS = (
    "numpy>=1.26",
    'evalkit-vlm[data]; extra == "hf"',
    'torch>=2.4; extra == "hf"',
    "ray>=2.40; extra == 'ray'",
    'pytest>=8; extra == "dev"',
)
SECRET = "hf_neverPrintThis"  # noqa: S105  (not a password; the test is that it is not shown)


def run_doctor(tmp_path: Path, *words: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", "doctor", *words],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "hub"), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_packages_come_from_the_metadata_with_the_extra_that_installs_them():
    found = packages(REQUIREMENTS, {"numpy": "2.4.6"}.get)
    assert [(p.name, p.extra, p.version) for p in found] == [
        ("numpy", None, "2.4.6"),
        ("torch", "hf", None),
        ("ray", "ray", None),
    ]


def test_a_missing_package_names_the_install_command():
    found = {p.name: p.state for p in packages(REQUIREMENTS, {"numpy": "2.4.6"}.get)}
    assert found["numpy"] == "2.4.6"
    assert found["torch"] == "not installed: pip install 'evalkit-vlm[hf]'"


def test_a_backend_lacks_what_its_extras_would_install():
    found = backends(["hf", "replay"], packages(REQUIREMENTS, {"numpy": "2.4.6"}.get), {})
    assert found == (
        BackendState(name="hf", lacks=("torch",)),
        BackendState(name="replay", lacks=()),
    )


@pytest.mark.parametrize(
    ("installed", "environ", "lacks"),
    [
        ({}, {}, ("lmms-eval",)),
        ({}, {"EVALKIT_LMMS_PYTHON": ""}, ("lmms-eval",)),
        ({}, {"EVALKIT_LMMS_PYTHON": "/other/bin/python"}, ()),
        ({"lmms-eval": "0.7.3"}, {}, ()),
    ],
)
def test_lmms_needs_its_package_here_or_in_another_python(installed, environ, lacks):
    known = packages(('lmms-eval>=0.7; extra == "lmms"',), installed.get)
    assert backends(["lmms"], known, environ) == (BackendState(name="lmms", lacks=lacks),)


def test_the_verb_says_what_lmms_lacks(tmp_path):
    if importlib.util.find_spec("lmms_eval") is None:
        text = run_doctor(tmp_path, EVALKIT_LMMS_PYTHON="")
        assert "or name a Python that has it in EVALKIT_LMMS_PYTHON" in text
    found = json.loads(run_doctor(tmp_path, "--json", EVALKIT_LMMS_PYTHON="x"))["backends"]
    (lmms,) = (backend for backend in found if backend["name"] == "lmms")
    assert lmms["lacks"] == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, Path("/c")),
        ({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}, Path("/h/hub")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/huggingface/hub")),
        ({}, Path.home() / ".cache/huggingface/hub"),
    ],
)
def test_the_hub_cache_is_where_huggingface_hub_has_it(environ, expected):
    assert hub_cache(environ) == expected


def test_a_key_is_found_in_the_environment_or_in_the_token_file(tmp_path):
    def source(environ):
        return keys(environ, tmp_path)[0].source

    assert source({}) is None
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    assert source({}) == "file"
    assert source({"HF_TOKEN": SECRET}) == "environment"


def test_disk_is_that_of_the_nearest_folder_that_exists(tmp_path):
    found = disk("results", tmp_path / "not" / "yet" / "there")
    assert found.free_gib is not None
    assert found.free_gib > 0
    assert not (tmp_path / "not").exists()


def test_demo_files_are_here_when_weights_or_rows_are(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").touch()
    folders = {"model": tmp_path / "model", "data": tmp_path / "data"}
    assert demo_files(folders) == {"model": True, "data": False}


def test_json_names_everything_and_shows_no_key(tmp_path):
    text = run_doctor(tmp_path, "--json", HF_TOKEN=SECRET, OPENAI_API_KEY=SECRET)
    assert SECRET not in text
    found = json.loads(text)
    assert {key["name"]: key["source"] for key in found["keys"]} == {
        "HF_TOKEN": "environment",
        "OPENAI_API_KEY": "environment",
    }
    assert {p["name"] for p in found["packages"]} >= {"numpy", "torch", "ray", "openai"}
    assert {b["name"] for b in found["backends"]} >= {"hf", "replay", "dummy"}
    assert found["demo"] == {"model": True, "early model": True, "data": True}
    assert found["machine"]["cores"] >= 1


def test_away_from_a_terminal_lines_are_plain(tmp_path):
    text = run_doctor(tmp_path, "--out", "runs/tonight", HF_TOKEN=SECRET)
    assert "\x1b" not in text
    assert SECRET not in text
    assert "present (environment)" in text
    assert "GiB free at runs/tonight" in text
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("error", "note"),
    [
        ("ModuleNotFoundError('no torch')", "none (torch is not installed)"),
        ("ImportError('libcudart.so.12')", "none (torch cannot be loaded: libcudart.so.12)"),
    ],
)
def test_it_says_why_there_is_no_accelerator(tmp_path, error, note):
    (tmp_path / "torch.py").write_text(f"raise {error}\n", encoding="utf-8")
    assert note in run_doctor(tmp_path, PYTHONPATH=str(tmp_path))
