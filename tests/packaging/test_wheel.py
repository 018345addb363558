"""The wheel's file list: what stands in `evalkit/` and `tasks/`, and nothing else."""

import email
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import evalkit

ROOT = Path(__file__).parents[2]
SOURCES = {"evalkit": ROOT / "evalkit", "evalkit/tasks": ROOT / "tasks"}
LARGEST_MODEL = 8_000_000
INFO = f"evalkit_vlm-{evalkit.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built of a copy: nothing stale gets in, and the checkout stays as it is."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("evalkit", "tasks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    out = tmp_path_factory.mktemp("dist")
    words = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def expected():
    return {
        f"{home}/{path.relative_to(folder).as_posix()}"
        for home, folder in SOURCES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_evalkit_and_tasks_and_no_other(names):
    assert {name for name in names if not name.startswith(INFO)} == expected()


def test_the_wheel_holds_what_runs_without_a_network(names):
    assert "evalkit/py.typed" in names
    assert "evalkit/tasks/pope.py" in names
    assert any(n.startswith("evalkit/demo/model") and n.endswith(".safetensors") for n in names)
    assert any(n.startswith("evalkit/demo/data") and n.endswith(".parquet") for n in names)
    judged = ("mmvet/test", "llava_bench_wild/train", "llava_bench_coco/train")
    assert {f"evalkit/demo/data/{name}.parquet" for name in judged} <= names
    assert f"{INFO}/licenses/LICENSE" in names


def test_no_checkpoint_is_larger_than_promised(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {i.filename: i.file_size for i in archive.infolist()}
    weights = {n: size for n, size in sizes.items() if n.endswith(".safetensors")}
    assert all(size <= LARGEST_MODEL for size in weights.values()), weights


def test_the_metadata_names_the_distribution_the_extras_and_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{INFO}/METADATA"))
        entry_points = archive.read(f"{INFO}/entry_points.txt").decode()
    assert metadata["Name"] == "evalkit-vlm"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra")) == {
        "all",
        "data",
        "dev",
        "hf",
        "judge",
        "lmms",
        "openai",
        "ray",
        "trackers",
        "view",
    }
    assert "evalkit = evalkit.__main__:main" in entry_points


def test_the_base_is_light(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{INFO}/METADATA"))
    base = {r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r}
    heavy = ("torch", "transformers", "datasets", "ray", "pandas", "pillow", "openai")
    assert not [r for r in base if r.startswith(heavy)]


def test_an_installed_wheel_finds_its_tasks(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        "import evalkit, evalkit.tasks, json; from evalkit.registry import task_files; "
        "print(json.dumps([evalkit.__file__, {k: str(f.path) for k, f in task_files().items()}]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, tasks = json.loads(done.stdout)
    assert Path(where).is_relative_to(site)
    assert set(tasks) == {p.stem for p in (ROOT / "tasks").glob("[!_]*.py")}
    assert all(Path(path).is_relative_to(site / "evalkit" / "tasks") for path in tasks.values())
