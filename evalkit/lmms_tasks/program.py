"""What runs beside evalkit and holds lmms-eval's tasks (`evalkit.lmms_tasks.host`).

It is started by its path, by an interpreter that has lmms-eval and need not have evalkit: the few
modules that it needs are imported from evalkit's folder, by their own names, without the packages'
`__init__`.
"""

import sys
from pathlib import Path
from types import ModuleType


def adopt(root: Path) -> None:
    """Make evalkit's modules importable without what its packages import."""
    for name in ("evalkit", "evalkit.backends", "evalkit.lmms_tasks"):
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


if __name__ == "__main__":
    adopt(Path(__file__).resolve().parents[1])
    from evalkit.backends.lmms_program import serve
    from evalkit.lmms_tasks.host import Host

    serve(Host())
