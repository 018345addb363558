"""Takes the picture of the leaderboard that README.md shows: reports/leaderboard.png.

    python tests/reports/photo.py             writes it anew from reports/leaderboard.html
    python tests/reports/photo.py --look DIR  writes the whole page to DIR, to be looked at: light
                                                and dark, 1280 and 390 pixels wide

Needs the package `playwright` and a Chromium: one on the path, or playwright's own. The bytes
depend on both, and on fonts, so they are not compared. But the picture carries the digest of the
page that it is of, and a test compares that: after a change of the page, take it anew.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).parents[2] / "reports"
PAGE, PICTURE = REPORTS / "leaderboard.html", REPORTS / "leaderboard.png"

KEY = "SHA-256 of leaderboard.html"
"""The name of the text, inside the picture, that says of which page it is."""

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]
HEIGHT = 900


def digest(page: Path = PAGE) -> str:
    """SHA-256 of the page."""
    return hashlib.sha256(page.read_bytes()).hexdigest()


def digest_in(picture: Path = PICTURE) -> str | None:
    """SHA-256 of the page that the picture is of; None where it does not say."""
    from PIL import Image

    with Image.open(picture) as opened:
        found = opened.info.get(KEY)
    return found if isinstance(found, str) else None


def write(picture: Path = PICTURE) -> None:
    """Write the top of the page as a picture, light, with the page's digest in it."""
    from PIL import Image, PngImagePlugin

    told = PngImagePlugin.PngInfo()
    told.add_text(KEY, digest())
    with opened("light", 1280) as page:
        taken = page.screenshot()
    Image.open(io.BytesIO(taken)).save(picture, optimize=True, pnginfo=told)


def look(folder: Path) -> None:
    """Write the whole page in all ways in which it is looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    for scheme, width in LOOKS:
        with opened(scheme, width) as page:
            page.screenshot(path=folder / f"{scheme}-{width}.png", full_page=True)


@contextmanager
def opened(scheme: str, width: int) -> Iterator[Any]:
    """The page in Chromium."""
    from playwright.sync_api import sync_playwright

    place = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=place, args=["--no-sandbox"])
        size: Any = {"width": width, "height": HEIGHT}
        page = browser.new_page(viewport=size, color_scheme=scheme)
        page.goto(PAGE.as_uri())
        yield page
        browser.close()


def main(arguments: list[str]) -> int:
    """Take pictures; see the module's docstring."""
    if arguments[:1] == ["--look"]:
        look(Path(arguments[1]))
    else:
        write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
