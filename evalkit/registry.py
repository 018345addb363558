"""Name -> task or backend; imports only what was asked for.

Tasks are files: those of `evalkit.tasks`, those under `--task-path`, and those that other packages
name under the entry point `evalkit.tasks`; `lmms/NAME` is a task of lmms-eval. Backends are
classes: the built-in ones, those under the entry point `evalkit.backends`, or `module:Class`.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from evalkit import lmms_tasks
from evalkit.errors import UsageError
from evalkit.public import is_secret_option
from evalkit.task_source import task_digest

if TYPE_CHECKING:
    from evalkit.backends.interface import Backend
    from evalkit.official.interface import OfficialFiles
    from evalkit.task import Task

Parent = TypeVar("Parent")

BACKENDS = {
    "hf": "evalkit.backends.hf:HfBackend",
    "openai": "evalkit.backends.openai:OpenAIBackend",
    "openai-batch": "evalkit.backends.openai_batch:OpenAIBatchBackend",
    "lmms": "evalkit.backends.lmms:LmmsBackend",
    "replay": "evalkit.backends.replay:ReplayBackend",
    "dummy": "evalkit.backends.dummy:DummyBackend",
}
"""The built-in backends by the prefix of a model spec."""


_EXAMPLES = {"dummy": "dummy:echo, dummy:constant or dummy:hash"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """Where a task is written: its name, its module or file, and its docstring's first line."""

    name: str
    path: Path
    module: str | None

    @property
    def summary(self) -> str:
        """The first line of the file's docstring, read without importing the file."""
        import ast

        try:
            doc = ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8")))
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            return f"(cannot be read: {type(error).__name__})"
        return (doc or "").partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model spec taken apart: `backend:name[@revision][,option=value...]`."""

    text: str
    backend: str
    name: str
    revision: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The model's name as a folder name under `results/`."""
        path = Path(self.name)
        stem = path.name if path.is_absolute() or path.exists() else self.name
        text = self.text if self.text in _demo_models() else stem or self.backend
        kept = "".join(c if c.isalnum() or c in "._-" else "__" for c in text)
        return kept.strip(".") or self.backend


# Tasks


def task_files(task_paths: Sequence[str | Path] = ()) -> dict[str, TaskFile]:
    """All tasks by name: built-in ones, those of entry points, those under the given paths.

    Raises:
        UsageError: A path is not there, or two files have the same name.
    """
    found: dict[str, TaskFile] = {}
    for file in (*_built_in(), *_from_entry_points(), *path_files(task_paths)):
        if file.name in found and found[file.name].path != file.path:
            message = (
                f"Two task files are called {file.name!r}: {found[file.name].path} and "
                f"{file.path}; rename one of them."
            )
            raise UsageError(message)
        found[file.name] = file
    return dict(sorted(found.items()))


def load_task(name: str, task_paths: Sequence[str | Path] = ()) -> Task:
    """The task, or the variant "task:variant", of that name.

    Raises:
        UsageError: There is no such task or variant, or its file is broken.
        MissingExtraError: The task is one of lmms-eval, which is not installed.
        DataError: lmms-eval cannot say what the task is.
    """
    if name.startswith(lmms_tasks.PREFIX):
        return lmms_tasks.load(name)
    base, colon, variant = name.partition(":")
    if colon and not variant:
        message = (
            f"The task {name!r} names no variant; write {base!r}, or a variant after the colon."
        )
        raise UsageError(message)
    files = task_files(task_paths)
    if base not in files:
        raise UsageError(
            _unknown(
                "task", base, files, "`evalkit tasks` lists them, --task-path names further files"
            )
        )
    task = read_task(files[base])
    return task.variant(variant) if variant else task


def source_digest(name: str, task_paths: Sequence[str | Path] = ()) -> str | None:
    """The digest of a task's file where it is the user's own; None where the task is installed.

    What it imports from its own folder counts, as `evalkit.task_source` says.

    Raises:
        UsageError: As `task_files`.
    """
    if name.startswith(lmms_tasks.PREFIX):
        return None
    file = task_files(task_paths).get(name.partition(":")[0])
    if file is None or file.module is not None:
        return None
    return task_digest(file.path)


def read_task(file: TaskFile) -> Task:
    """The constant `TASK` of a task file.

    Raises:
        UsageError: The file cannot be imported, or holds no `TASK` of that name.
    """
    from evalkit.task import Task

    module = _import(file)
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        message = f"The task file {file.path} has no constant TASK = Task(...)."
        raise UsageError(message)
    if task.name != file.name:
        message = f"The task file {file.path} must name its task {file.name!r}, not {task.name!r}."
        raise UsageError(message)
    return task


def _built_in() -> Iterable[TaskFile]:
    spec = importlib.util.find_spec("evalkit.tasks")
    return _in_package(spec) if spec else ()


def _in_package(spec: ModuleSpec) -> Iterable[TaskFile]:
    for location in spec.submodule_search_locations or ():
        for path in _python_files(Path(location)):
            yield TaskFile(name=path.stem, path=path, module=f"{spec.name}.{path.stem}")


def _from_entry_points() -> Iterable[TaskFile]:
    from importlib.metadata import entry_points

    for point in entry_points(group="evalkit.tasks"):
        spec = importlib.util.find_spec(point.module)
        if spec and spec.submodule_search_locations:
            yield from _in_package(spec)
        elif spec and spec.origin:
            yield TaskFile(name=point.name, path=Path(spec.origin), module=spec.name)


def path_files(paths: Sequence[str | Path]) -> Iterable[TaskFile]:
    """The task files that paths name: files, or all of a folder.

    Raises:
        UsageError: A path does not exist.
    """
    for path in map(Path, paths):
        if not path.exists():
            message = f"The task path {path} does not exist; give a .py file or a folder of them."
            raise UsageError(message)
        for file in _python_files(path) if path.is_dir() else [path]:
            yield TaskFile(name=file.stem, path=file.resolve(), module=None)


def _python_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.py") if not p.name.startswith("_"))


def _import(file: TaskFile) -> ModuleType:
    """Import a task file; the boundary at which any error of a user's file becomes a sentence."""
    try:
        if file.module:
            return importlib.import_module(file.module)
        return _import_path(file.path)
    except (Exception, SystemExit) as error:
        message = f"The task file {file.path} cannot be imported: {type(error).__name__}: {error}."
        raise UsageError(message) from error


def _import_path(path: Path) -> ModuleType:
    unique = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"evalkit_task_{unique}", path)
    if spec is None or spec.loader is None:
        message = "it is not a Python file"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Models


def parse_model(text: str, *, usual: str = "hf") -> ModelSpec:
    """Take a model spec apart; "demo" and "demo-early" stand for the embedded checkpoints.

    Args:
        text: The spec.
        usual: The backend that an error's example names; of names with a slash it is hf.

    Raises:
        UsageError: The spec is not of the form `backend:name[@revision][,option=value...]`.
    """
    expanded = _demo_models().get(text, text)
    backend, colon, rest = expanded.partition(":")
    if colon and "." in backend:  # a class by its place: package.module:Class:name
        class_name, _, rest = rest.partition(":")
        backend = f"{backend}:{class_name}"
    if not colon or not backend:
        example = _example(text, usual)
        message = (
            f"The model {text!r} names no backend and name; write backend:name, such as {example} "
            f"(backends: {', '.join(BACKENDS)})."
        )
        raise UsageError(message)
    if rest.startswith("~"):
        rest = str(Path(rest).expanduser())
    if Path(rest).exists():  # a folder's name may hold "@" and ","
        return ModelSpec(text=text, backend=backend, name=rest)
    if not rest:
        message = f"The model {text!r} names no model after the colon."
        raise UsageError(message)
    name, *pairs = rest.split(",")
    name, _, revision = name.partition("@")
    return ModelSpec(
        text=text,
        backend=backend,
        name=name,
        revision=revision or None,
        options=dict(_option(pair, text) for pair in pairs),
    )


def _example(text: str, usual: str) -> str:
    """What may have been meant by a spec without a backend."""
    if text in BACKENDS:
        return _EXAMPLES.get(text, f"{text}:NAME")
    return _EXAMPLES.get(text) or f"{'hf' if '/' in text else usual}:{text or 'NAME'}"


def _option(pair: str, text: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    if not equals or not key:
        message = f"The option {pair!r} of the model {text!r} must read key=value."
        raise UsageError(message)
    if is_secret_option(key):
        message = (
            f"The model's option {key} would be written into the run's record; keys are taken from "
            "the environment (OPENAI_API_KEY, or the variable that api_key_env=NAME names), or "
            "from the file that api_key_file=FILE names."
        )
        raise UsageError(message)
    return key, value


def _demo_models() -> dict[str, str]:
    from evalkit.demo import early_model_path, model_path

    return {"demo": f"hf:{model_path()}", "demo-early": f"hf:{early_model_path()}"}


def backend_class(spec: ModelSpec) -> type[Backend]:
    """The class behind the spec's prefix.

    Raises:
        UsageError: There is no such backend, or it is not a `Backend`.
    """
    from evalkit.backends.interface import Backend

    place = BACKENDS.get(spec.backend) or _plugged_in(spec.backend)
    return _class_at(place, "backend", Backend)  # type: ignore[type-abstract]


def official_files(task: Task) -> OfficialFiles:
    """What knows the benchmark's published files.

    Raises:
        UsageError: The task's field `files` names nothing that does.
    """
    from evalkit.official.interface import OfficialFiles

    return _class_at(task.files, "files", OfficialFiles)() if task.files else OfficialFiles()


def _class_at(place: str, kind: str, parent: type[Parent]) -> type[Parent]:
    """The class at "module:Class", which must be derived from `parent`."""
    module_name, _, class_name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        message = f"The {kind} {place!r} cannot be imported: {error}."
        raise UsageError(message) from error
    if not (isinstance(found, type) and issubclass(found, parent)):
        wanted = f"{parent.__module__}.{parent.__name__}"
        message = f"The {kind} {place!r} is not a subclass of {wanted}."
        raise UsageError(message)
    return found


def _plugged_in(name: str) -> str:
    if ":" in name:
        return name
    from importlib.metadata import entry_points

    points = {point.name: point.value for point in entry_points(group="evalkit.backends")}
    if name not in points:
        known = {**BACKENDS, **points}
        hint = "a spec reads backend:name, such as hf:llava-hf/llava-1.5-7b-hf"
        raise UsageError(_unknown("backend", name, known, hint))
    return points[name]


def _unknown(kind: str, name: str, known: Iterable[str], hint: str) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    return f"There is no {kind} {name!r}; known are {', '.join(names)} ({hint}).{guess}"
