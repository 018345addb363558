"""House limits. They are far above what is usual here; what meets one is to be taken apart."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("evalkit/**/*.py"), *ROOT.glob("tasks/*.py")])
FILE_LINES = 400
TASK_LINES = 120
FUNCTION_LINES = 40
POSITIONAL = 5
NAMELESS = {"utils", "helpers", "common", "misc"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

BOUNDARIES = {
    "evalkit/backends/data_urls.py": {"_is_odd"},  # a library's code on somebody's bytes
    "evalkit/backends/hf.py": {"load"},  # a library's code on somebody's checkpoint
    "evalkit/backends/hf_probe.py": {"tried"},  # a library's code on somebody's model
    "evalkit/backends/openai_client.py": {"_counted", "send"},  # a library's code on a reply
    "evalkit/backends/lmms_program.py": {"_docs", "_reply"},  # a library's on bytes, an adapter's
    "evalkit/backends/openai_door.py": {"work"},  # raised again where it is waited for
    "evalkit/backends/pictures.py": {"open_picture"},  # a library's code on somebody's bytes
    "evalkit/card/sandbox.py": {"rendered"},  # a template of anybody's
    "evalkit/cli/log_to.py": {"send"},  # a tracker's code, after the run
    "evalkit/data/loading.py": {"_sample"},  # a task file's code on a row
    "evalkit/lmms_tasks/answers.py": {"numbers"},  # another harness's aggregation
    "evalkit/lmms_tasks/documents.py": {"_one"},  # its code on a blank picture; it is asked again
    "evalkit/judge/order.py": {"judge_workers"},  # a backend's code while it loads
    "evalkit/judge/token_count.py": {"work"},  # tiktoken's code and its download
    "evalkit/pipeline.py": {"_load"},  # a backend's code while it loads
    "evalkit/registry.py": {"_import"},  # a task file's code on import
    "evalkit/runner/answering.py": {"counted", "settled"},  # a backend's code
    "evalkit/runner/inline.py": {"_prepare", "_do"},  # raised again, or an outcome
    "evalkit/runner/ray_workers.py": {"__init__", "crew", "answer"},  # the same, in an actor
    "evalkit/score.py": {"_outcome"},  # a task file's scorer
    "evalkit/view/later.py": {"_work"},  # raised again where it is waited for
    "evalkit/view/pictures.py": {"_decoded"},  # a library's code on somebody's bytes
    "evalkit/trackers/__init__.py": {"_check", "_tracker"},  # a tracker's code, before the run
    "evalkit/rubric.py": {"__call__"},  # a template of anybody's, a task file's reading
}
"""Where `except Exception` stands: the functions in which another's error becomes a sentence."""


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def lines_of(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def functions_of(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def catches_all(handler):
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(k, ast.Name) and k.id in {"Exception", "BaseException"} for k in kinds)


def boundaries(path):
    """Names of the innermost functions that catch everything; "<module>" outside of all."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and catches_all(node):
            around = [f for f in functions_of(path) if f.lineno <= node.lineno <= f.end_lineno]
            yield max(around, key=lambda f: f.lineno).name if around else "<module>"


def is_bound(function):
    first = function.args.args[:1]
    return bool(first) and first[0].arg in {"self", "cls"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_short(path):
    limit = TASK_LINES if path.parent == ROOT / "tasks" else FILE_LINES
    assert lines_of(path) <= limit


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_is_named_by_what_it_does(path):
    assert not NAMELESS & {path.stem, path.parent.name, *path.stem.split("_")}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_function_is_short_and_takes_few_positional_parameters(path):
    for function in functions_of(path):
        where = f"{function.name}, line {function.lineno}"
        assert function.end_lineno - function.lineno < FUNCTION_LINES, where
        positional = len(function.args.posonlyargs) + len(function.args.args) - is_bound(function)
        assert positional <= POSITIONAL, where


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_name_of_a_module_is_given_once(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    given = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    given += [node.target.id for node in body if isinstance(node, ast.AnnAssign)]
    given += [node.name for node in body if isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    assert sorted(given) == sorted(set(given))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_everything_is_caught_only_at_a_named_boundary(path):
    assert set(boundaries(path)) <= BOUNDARIES.get(name_of(path), set())


def test_every_named_boundary_is_there():
    assert {n: set(boundaries(ROOT / n)) for n in BOUNDARIES} == BOUNDARIES
