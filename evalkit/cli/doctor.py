"""`evalkit doctor`: what is installed, what the machine has, and what each backend lacks.

Facts are gathered by functions of their arguments and printed in one place. Nothing is judged: the
exit code is 0, whatever is missing.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.records import plain

if TYPE_CHECKING:
    from rich.table import Table

DISTRIBUTION = "evalkit-vlm"
"""The name under which evalkit is installed."""

KEYS = {
    "HF_TOKEN": "gated models and datasets of the hub",
    "OPENAI_API_KEY": "models and judges behind an OpenAI-compatible server",
}
"""Environment variables that hold keys, and what asks for them."""

BACKEND_EXTRAS = {
    "hf": ("data", "hf"),
    "lmms": ("lmms",),
    "openai": ("openai",),
    "openai-batch": ("openai",),
}
"""Extras that a built-in backend needs beyond the base."""

ELSEWHERE = {"lmms": "EVALKIT_LMMS_PYTHON"}
"""Environment variables that name another Python, which has what the backend needs."""

UNSEEN_EXTRAS = frozenset({"all", "dev"})
"""Extras that add nothing to evaluate with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that evalkit may use: `extra` installs it (None: the base does)."""

    name: str
    extra: str | None
    version: str | None

    @property
    def state(self) -> str:
        """Its version, or how to install it."""
        if self.version:
            return self.version
        chosen = f"[{self.extra}]" if self.extra else ""
        return f"not installed: pip install '{DISTRIBUTION}{chosen}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Cores, memory and accelerators; `note` says why there may be no accelerator."""

    processor: str
    cores: int
    memory_gib: float
    accelerators: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whether a key is at hand, and from where; never what it is."""

    name: str
    source: str | None
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Free space where evalkit writes."""

    purpose: str
    path: str
    free_gib: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendState:
    """What a backend lacks before it can answer; nothing is ready."""

    name: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Everything that `evalkit doctor` found."""

    evalkit: str
    python: str
    platform: str
    machine: Machine
    packages: tuple[Package, ...]
    backends: tuple[BackendState, ...]
    keys: tuple[Key, ...]
    disks: tuple[Disk, ...]
    demo: Mapping[str, bool]


# Facts


def packages(
    requirements: Iterable[str], version_of: Callable[[str], str | None]
) -> tuple[Package, ...]:
    """The packages of base and extras, base first.

    Args:
        requirements: As in a distribution's metadata, such as `torch>=2.4; extra == "hf"`.
        version_of: The installed version of a package, or None.
    """
    found = {}
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        home = extra.group(1) if extra else None
        if name != DISTRIBUTION and home not in UNSEEN_EXTRAS:
            found[name, home] = Package(name=name, extra=home, version=version_of(name))
    return tuple(sorted(found.values(), key=lambda p: (p.extra or "", p.name)))


def machine() -> Machine:
    """This machine; imports torch, where it is installed, to ask for accelerators."""
    from evalkit import provenance

    note = _wake_torch()
    hardware = provenance.hardware()
    return Machine(
        processor=hardware.processor,
        cores=hardware.cores,
        memory_gib=hardware.memory_gib,
        accelerators=hardware.accelerators,
        note="" if hardware.accelerators else note,
    )


def _wake_torch() -> str:
    """Import torch, so that accelerators can be named; the reason why there may be none."""
    try:
        import torch
    except ModuleNotFoundError:
        return "torch is not installed"
    except (ImportError, OSError) as error:  # a CUDA build without its libraries
        return f"torch cannot be loaded: {error}"
    if torch.version.cuda is None:
        return "torch is built for the CPU"
    return f"torch is built for CUDA {torch.version.cuda} and finds no device"


def keys(environ: Mapping[str, str], cache: Path) -> tuple[Key, ...]:
    """Which keys are at hand.

    Args:
        environ: The environment.
        cache: The hub's home folder, in which `hf auth login` leaves a token.
    """

    def source(name: str) -> str | None:
        if environ.get(name):
            return "environment"
        return "file" if name == "HF_TOKEN" and (cache / "token").is_file() else None

    return tuple(Key(name=n, source=source(n), purpose=why) for n, why in KEYS.items())


def hub_home(environ: Mapping[str, str]) -> Path:
    """The hub's home folder, by the rules of huggingface_hub."""
    if home := environ.get("HF_HOME"):
        return Path(home).expanduser()
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface"


def hub_cache(environ: Mapping[str, str]) -> Path:
    """Where models and datasets of the hub are kept, by the rules of huggingface_hub."""
    chosen = environ.get("HF_HUB_CACHE")
    return Path(chosen).expanduser() if chosen else hub_home(environ) / "hub"


def disk(purpose: str, path: Path) -> Disk:
    """Free space at a path, or at its nearest parent that exists."""
    place = next((p for p in (path, *path.absolute().parents) if p.exists()), None)
    try:
        free = round(shutil.disk_usage(place).free / 2**30, 1) if place else None
    except OSError:
        free = None
    return Disk(purpose=purpose, path=str(path), free_gib=free)


def backends(
    names: Iterable[str], known: Sequence[Package], environ: Mapping[str, str]
) -> tuple[BackendState, ...]:
    """What each backend lacks, of the packages that are known.

    Args:
        names: The backends.
        known: All packages of base and extras.
        environ: The environment.
    """

    def lacks(name: str) -> tuple[str, ...]:
        elsewhere = environ.get(ELSEWHERE.get(name, ""))
        homes = (None, *(() if elsewhere else BACKEND_EXTRAS.get(name, ())))
        return tuple(p.name for p in known if p.extra in homes and p.version is None)

    return tuple(BackendState(name=name, lacks=lacks(name)) for name in names)


def demo_files(folders: Mapping[str, Path]) -> Mapping[str, bool]:
    """Whether each folder of the demo holds weights or rows."""
    return {
        name: any(folder.rglob("*.safetensors")) or any(folder.rglob("*.parquet"))
        for name, folder in folders.items()
    }


def checkup(environ: Mapping[str, str], results: Path) -> Checkup:
    """Everything, asked of this process's Python and machine."""
    from evalkit import __version__, demo, registry

    known = packages(_requirements(), _version)
    return Checkup(
        evalkit=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        machine=machine(),
        packages=known,
        backends=backends(registry.BACKENDS, known, environ),
        keys=keys(environ, hub_home(environ)),
        disks=(disk("results", results), disk("hub cache", hub_cache(environ))),
        demo=demo_files(
            {
                "model": demo.model_path(),
                "early model": demo.early_model_path(),
                "data": demo.data_path(),
            }
        ),
    )


def _requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # a checkout on sys.path that was never installed
        return []


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


# Words

Section = tuple[str, list[tuple[str, str]]]


def sections(found: Checkup) -> list[Section]:
    """The checkup in words: titles with lines of (what, how it is)."""
    host = found.machine
    return [
        ("evalkit", [("evalkit", found.evalkit), ("python", found.python)]),
        (
            "machine",
            [
                ("platform", found.platform),
                ("processor", f"{host.processor}, {host.cores} cores"),
                ("memory", f"{host.memory_gib:g} GiB"),
                ("accelerators", ", ".join(host.accelerators) or f"none ({host.note})"),
            ],
        ),
        *_package_sections(found.packages),
        ("backends", [(b.name, _lack(b)) for b in found.backends]),
        ("keys", [(k.name, _presence(k)) for k in found.keys]),
        ("disk", [(d.purpose, _space(d)) for d in found.disks]),
        ("demo", [(name, "here" if here else "missing") for name, here in found.demo.items()]),
    ]


def _package_sections(known: Sequence[Package]) -> list[Section]:
    homes = dict.fromkeys(p.extra for p in known)
    return [
        (
            f"packages of the extra {home!r}" if home else "packages of the base",
            [(p.name, p.state) for p in known if p.extra == home],
        )
        for home in homes
    ]


def _lack(backend: BackendState) -> str:
    if not backend.lacks:
        return "ready"
    extra = BACKEND_EXTRAS.get(backend.name, ("",))[-1]
    chosen = f"[{extra}]" if extra else ""
    elsewhere = ELSEWHERE.get(backend.name)
    other = f", or name a Python that has it in {elsewhere}" if elsewhere else ""
    return f"lacks {', '.join(backend.lacks)}: pip install '{DISTRIBUTION}{chosen}'{other}"


def _presence(key: Key) -> str:
    state = f"present ({key.source})" if key.source else "absent"
    return f"{state}; for {key.purpose}"


def _space(found: Disk) -> str:
    free = "unknown" if found.free_gib is None else f"{found.free_gib:g} GiB free"
    return f"{free} at {found.path}"


def _table(lines: Iterable[tuple[str, str]], title: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    for what, how in lines:
        bad = how.startswith(("not installed", "lacks", "missing"))
        table.add_row(Text(what), Text(how, style="yellow" if bad else ""))
    return table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The results folder whose disk is looked at.",
)
@click.option(
    "--determinism",
    "model",
    metavar="MODEL",
    help="Instead, ask a model the demo's questions in several ways, and count what changes.",
)
def doctor(*, as_json: bool, out: Path, model: str | None) -> None:
    """Say what is installed, what the machine has, and what each backend lacks."""
    import json
    import os
    import sys

    if model is not None:
        from evalkit.cli import determinism

        determinism.report(model, as_json=as_json)
        return
    found = checkup(os.environ, out)
    if as_json:
        click.echo(json.dumps(plain(found), indent=2))
    elif sys.stdout.isatty():
        from rich.console import Console

        for title, lines in sections(found):
            Console().print(_table(lines, title))
    else:
        for title, lines in sections(found):
            click.echo(title)
            for what, how in lines:
                click.echo(f"  {what:<16} {how}")


command = doctor
