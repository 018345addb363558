"""Where the tests find evalkit, and the tasks beside it."""

import os
from importlib.util import find_spec
from pathlib import Path

import evalkit

ROOT = Path(__file__).parents[2]


def test_tox_tests_the_wheel_and_a_checkout_tests_itself():
    from_wheel = os.environ.get("EVALKIT_TESTS") == "wheel"
    from_checkout = Path(evalkit.__file__).parent == ROOT / "evalkit"
    assert from_checkout != from_wheel


def test_tasks_come_from_where_evalkit_comes_from():
    tasks = find_spec("evalkit.tasks")
    assert tasks is not None
    in_wheel = Path(evalkit.__file__).parent / "tasks"
    in_checkout = Path(evalkit.__file__).parents[1] / "tasks"
    assert Path(str(tasks.origin)).parent in (in_wheel, in_checkout)
