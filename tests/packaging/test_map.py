"""`evalkit/__init__.py` is the map: it lists every module, and few names are public."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit

PACKAGE = Path(evalkit.__file__).parent
MOST_NAMES = 15


def modules():
    files = {path.stem for path in PACKAGE.glob("[!_]*.py")}
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return files | folders | {"tasks"}


def test_the_map_lists_every_module_and_no_other():
    listed = re.findall(r"^ {4}(\w+) {2,}\S", evalkit.__doc__, re.MULTILINE)
    assert sorted(listed) == sorted(modules())


def test_few_names_are_public():
    assert len(evalkit.__all__) <= MOST_NAMES
    assert list(evalkit.__all__) == sorted(evalkit.__all__)


@pytest.mark.parametrize("name", evalkit.__all__)
def test_a_public_name_can_be_imported_and_has_a_docstring(name):
    assert getattr(evalkit, name).__doc__


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == evalkit._HOME
    assert set(seen) == set(evalkit.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'evalaute'"):
        _ = evalkit.evalaute


def test_importing_evalkit_imports_none_of_its_modules(tmp_path):
    code = "import evalkit, sys; print(*(m for m in sys.modules if m.startswith('evalkit.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
