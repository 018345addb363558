"""What a benchmark's figures depend on, the machine and versions; and how they are printed."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def environment(packages: Sequence[str]) -> dict[str, str]:
    """The machine, and the versions of the packages that are timed."""
    found = {"machine": processor(), "cores": str(len(os.sched_getaffinity(0)))}
    found["python"] = platform.python_version()
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's name; the architecture where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def words(found: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    """The figures, one a line, beside what was promised; the environment last."""
    lines = []
    for name, value in found.items():
        if not isinstance(value, dict):
            limit = f" (at most {limits[name]:.3g})" if name in limits else ""
            lines.append(f"{name:<18} {value}{limit}")
    return [*lines, ", ".join(f"{k} {v}" for k, v in found["environment"].items())]
