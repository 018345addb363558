"""What tests of the judge start from."""

import importlib.util
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


@pytest.fixture(scope="session")
def shared():
    """The folder of reference files."""
    root = Path(__file__).resolve().parents[3] / "shared" / "reference"
    if not root.is_dir():
        pytest.skip("the reference files (../shared/reference) are not on this machine")
    return root
