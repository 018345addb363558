"""Says where `results/` and `reports/` differ from what the code makes now; exits 1 if they do.

    python tests/reports/drift.py FRESH    compares results/ with the runs in the folder FRESH
    python tests/reports/drift.py --write  writes reports/ anew from results/

Only runs called "baseline" are committed; others in `results/` are the user's own. A committed
record is compared in its results, model and configuration; time, machine and versions
are its own. A page is compared byte for byte with what its record gives. A baseline file must be of
a committed run, all digests in it must hold, and each committed run must have one: the leaderboard
ranks by its scored samples. A run that was made anew takes five steps (MODEL is demo or
demo-early):

    evalkit run demo --model MODEL --name baseline
    evalkit baseline accept MODEL/baseline --name MODEL
    python tests/reports/drift.py --write
    python tests/reports/picture.py --write
    python tests/reports/photo.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from evalkit.board.claims import read_training
from evalkit.board.entries import read
from evalkit.board.making import Choice, make
from evalkit.board.pages import options_of, pages
from evalkit.compare import sides
from evalkit.errors import EvalkitError
from evalkit.records import differences
from evalkit.report.markdown import run_page
from evalkit.store import load_run

ROOT = Path(__file__).parents[2]
RUNS = sorted((ROOT / "results").glob("*/baseline/run.json"))
BASELINES = sorted((ROOT / "results" / "baselines").glob("*.json"))


def page_of(run: Path) -> Path:
    """Where a run's page stands: reports/<model>-<run>.md."""
    model, name = run.parts[-3:-1]
    return ROOT / "reports" / f"{model}-{name}.md"


def stale_pages() -> Iterator[str]:
    """Pages that are missing, differ from their records, or have none."""
    for run in RUNS:
        page = page_of(run)
        if not page.exists() or page.read_text(encoding="utf-8") != run_page(load_run(run)):
            yield f"{page.relative_to(ROOT)} is not what {run.relative_to(ROOT)} gives"
    board = board_pages()
    for page, text in board.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            yield f"{page.relative_to(ROOT)} is not what the records in results/ give"
    for page in (ROOT / "reports").glob("*.md"):
        if page not in (*map(page_of, RUNS), *board):
            yield f"{page.relative_to(ROOT)} has no record"


def board_pages() -> dict[Path, str]:
    """The leaderboard of what is committed, as README's command makes it where nothing else is."""
    found = read(ROOT / "results", scores="baselines", root=ROOT)
    entries = [entry for entry in found.entries if is_committed(entry.path)]
    told = read_training(ROOT / "results" / "published" / "trained_on.toml")
    choice = Choice(trained_on=told)
    made = pages(make(entries, choice), options_of(choice), entries)
    return {ROOT / "reports" / name: text for name, text in made.items()}


def is_committed(path: str) -> bool:
    """Whether a record is in the repository, and not one of the user's own runs."""
    return ROOT / path in (*RUNS, *BASELINES) or path.startswith("results/published/")


def stale_baselines() -> Iterator[str]:
    """Baseline files that do not hold together or are of no committed run; runs without one."""
    digests = {load_run(run).digest: run for run in RUNS}
    kept = set()
    for path in BASELINES:
        try:
            side = sides.load(path)
            for task in side.results:
                side.scores(task)
        except EvalkitError as error:
            yield str(error)
            continue
        kept.add(side.record.digest)
        if side.record.digest not in digests:
            yield f"{path.relative_to(ROOT)} is of none of the runs in results/"
    for digest in digests.keys() - kept:
        yield f"{digests[digest].relative_to(ROOT)} has no baseline in results/baselines/"


def broken_records() -> Iterator[str]:
    """Committed records that cannot be read, and would be left out of the leaderboard."""
    for one in read(ROOT / "results", scores="baselines", root=ROOT).left_out:
        if is_committed(one.path):
            yield f"{one.path} {one.why}"


def moved_numbers(fresh: Path) -> Iterator[str]:
    """Parts of the committed records that a fresh run does not bear out."""
    for run in RUNS:
        now, before = load_run(fresh / run.relative_to(ROOT / "results")), load_run(run)
        for part in ("model", "results"):
            for path in differences(getattr(before, part), getattr(now, part), part):
                yield f"{run.relative_to(ROOT)}: {path} differs"


def main(arguments: list[str]) -> int:
    """Compare or write; see the module's docstring."""
    if arguments == ["--write"]:
        for run in RUNS:
            page_of(run).parent.mkdir(exist_ok=True)
            page_of(run).write_text(run_page(load_run(run)), encoding="utf-8")
        for page, text in board_pages().items():
            page.write_text(text, encoding="utf-8")
        return 0
    found = [
        *broken_records(),
        *stale_pages(),
        *stale_baselines(),
        *(f for folder in arguments for f in moved_numbers(Path(folder))),
    ]
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
