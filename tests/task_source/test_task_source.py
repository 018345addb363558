"""The digest of a task's file covers what it imports from its folder, and nothing else."""

import hashlib

import pytest

from evalkit.task_source import task_digest, task_sources


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "alone.py").write_text("import json\nfrom evalkit.metrics import mean\n")
    (tmp_path / "evalkit.py").write_text("")
    (tmp_path / "own.py").write_text(
        "def late():\n    from first import x\n    import tools.deep\n"
    )
    (tmp_path / "first.py").write_text("import second\n")
    (tmp_path / "second.py").write_text("import first\n")
    (tmp_path / "other.py").write_text("")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("from . import deep\n")
    (tmp_path / "tools" / "deep.py").write_text("")
    return tmp_path


def test_of_one_file_it_is_that_of_its_bytes(folder):
    file = folder / "alone.py"
    assert task_digest(file) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_is_imported_counts_wherever_and_however_deep(folder):
    found = {path.relative_to(folder).as_posix() for path in task_sources(folder / "own.py")}
    assert found == {"own.py", "first.py", "second.py", "tools/__init__.py", "tools/deep.py"}


@pytest.mark.parametrize("name", ["own.py", "first.py", "second.py", "tools/deep.py"])
def test_a_change_anywhere_in_it_is_another_digest(folder, name):
    before = task_digest(folder / "own.py")
    (folder / name).write_text((folder / name).read_text() + "# changed\n")
    assert task_digest(folder / "own.py") != before


def test_what_is_not_imported_does_not_count(folder):
    before = task_digest(folder / "own.py")
    (folder / "other.py").write_text("changed = 1\n")
    assert task_digest(folder / "own.py") == before


def test_a_file_that_is_no_python_has_its_own_digest(folder):
    (folder / "broken.py").write_text("import first\nthis is no Python\n")
    assert task_sources(folder / "broken.py") == {folder / "broken.py"}
