"""Draws README's picture of the demo's table, as a terminal shows it, from the committed record.

    python tests/reports/picture.py          says whether reports/demo.svg is another
    python tests/reports/picture.py --write  draws it anew

What stands in the picture is what `evalkit run demo --name baseline` prints on standard output. The
drawing is rich's own, in a frame without rich's window and fonts: nothing is fetched to show it.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from evalkit.cli.screen import print_run
from evalkit.store import load_run

ROOT = Path(__file__).parents[2]
RUN = Path("results") / "demo" / "baseline"
PLACE = ROOT / "reports" / "demo.svg"
COMMAND = "$ evalkit run demo --name baseline"
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
 aria-label="The table that evalkit run demo prints">
<!-- Drawn by tests/reports/picture.py from results/demo/baseline/run.json; do not edit. -->
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
{styles}
</style>
<defs>
{lines}
</defs>
<rect width="100%" height="100%" rx="10" fill="#1b1f24" stroke="#6e7781" stroke-width="2"/>
<g transform="translate(12, 22)" class="{unique_id}-matrix">
{matrix}
</g>
</svg>
"""


def printed() -> str:
    """What the run's command prints on standard output, the committed record in place of a run."""
    out = io.StringIO()
    with redirect_stdout(out):
        print_run(load_run(ROOT / RUN), RUN)
    return out.getvalue()


def style_of(place: int, line: str) -> str:
    """How a line of the output looks: title and header stand out, notes stand back."""
    if line.lstrip().startswith("─"):
        return "#6e7781"
    if place == 0 or line.startswith("  task "):
        return "bold #ffffff"
    return "#9da7b1" if ": " in line else "#e6edf3"  # notes and the folder; numbers


def picture() -> str:
    """The picture, as SVG; the same record gives the same bytes."""
    lines = printed().splitlines()
    width = max(map(len, (COMMAND, *lines))) + 1
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(Text(COMMAND, style="bold #7ee787"))
    for place, line in enumerate(lines):
        console.print(Text(line, style=style_of(place, line)), no_wrap=True)
    drawn = console.export_svg(
        title="", theme=SVG_EXPORT_THEME, code_format=FRAME, unique_id="demo"
    )
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines() if line.strip())


def main(arguments: list[str]) -> int:
    """Compare or draw; see the module's docstring."""
    if arguments == ["--write"]:
        PLACE.write_text(picture(), encoding="utf-8")
    elif not PLACE.exists() or PLACE.read_text(encoding="utf-8") != picture():
        sys.stdout.write(f"{PLACE.relative_to(ROOT)} is not what the demo's record gives\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
