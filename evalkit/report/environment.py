"""How templates are read: all that they are given is escaped, and what is not given is an error."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


@lru_cache
def page_environment(package: str) -> jinja2.Environment:
    """The templates of a package's folder `templates`.

    Args:
        package: Its dotted name.
    """
    import jinja2

    return jinja2.Environment(loader=jinja2.PackageLoader(package), autoescape=True, **settings())


def settings() -> dict[str, Any]:
    """What holds for templates of all pages, those of strangers too, beside `autoescape`."""
    import jinja2

    return {
        "undefined": jinja2.StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
