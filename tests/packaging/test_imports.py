"""What a verb imports: listing tasks wakes neither a GPU nor numpy."""

import json
import subprocess
import sys

import pytest

HEAVY = {"aiohttp", "torch", "transformers", "datasets", "ray", "pandas", "PIL", "openai"}
WAITING = {"numpy", "scipy", "pyarrow", "pydantic", "jinja2"}
CODE = """
import json, sys
from evalkit.__main__ import main
sys.argv[0] = "evalkit"
try:
    main()
except SystemExit as left:
    code = left.code
print(json.dumps([int(code or 0), sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def imported(folder, *words):
    """The exit code of `evalkit WORDS...`, and the top-level packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    code, packages = json.loads(done.stdout.splitlines()[-1])
    return code, set(packages)


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("tasks",), ("tasks", "list")])
def test_listing_and_help_import_nothing_heavy(tmp_path, words):
    code, packages = imported(tmp_path, *words)
    assert code == 0
    assert not packages & (HEAVY | WAITING)


@pytest.mark.parametrize("verb", ["run", "tasks", "doctor"])
def test_the_help_of_a_verb_imports_nothing_heavy(tmp_path, verb):
    code, packages = imported(tmp_path, verb, "--help")
    assert code == 0
    assert not packages & (HEAVY | WAITING)


def test_showing_a_task_loads_no_model_and_no_data(tmp_path):
    code, packages = imported(tmp_path, "tasks", "show", "pope")
    assert code == 0
    assert not packages & HEAVY
