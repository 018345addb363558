"""Pages of runs, tasks and samples, rendered; every text may be a stranger's and is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

from evalkit.records import plain
from evalkit.report.environment import page_environment
from evalkit.report.table import printable, shortened
from evalkit.view.cards import Card
from evalkit.view.filters import PAGE, Query, states_of
from evalkit.view.library import Library
from evalkit.view.numbers import run_numbers, slice_numbers, task_numbers
from evalkit.view.opened import OpenTask, Run
from evalkit.view.questions import Questions
from evalkit.view.whole import LINE, asked_of, asked_texts, said_texts, uncut

if TYPE_CHECKING:
    from evalkit.view.beside import Beside

STATIC = {"view.css": "text/css", "view.js": "text/javascript", "export.js": "text/javascript"}
"""Files that pages need, with their kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """How pages are bound to each other: as a server answers them, or as files in a folder.

    Others may link to them. KEY is the first 12 digits of a record's digest, TASK the task's name
    with "-" for ":" and "/":

        KEY.html              /run/KEY                       a run
        KEY-TASK.html         /run/KEY/TASK                  its samples of a task
        KEY+OTHER-TASK.html   /run/KEY/TASK?other=OTHER      beside those of another run

    Which samples is said behind "#", or "?": `show` (a state of `evalkit.view.filters`), `tag`
    (name=value), `rule`, `q` (words), `group`, `sample` (an id) and `page`, as in
    `KEY-TASK.html#show=wrong&tag=kind=low`.

    Attributes:
        exported: Whether they are files.
        generator: What every page says of who made it.
        policy: The content security policy, for a page that must say it itself; empty else.
        head: What stands in the head of every page, as HTML that this package made.
        foot: The same at the end of the body.
    """

    exported: bool
    generator: ClassVar[str] = '<meta name="generator" content="evalkit view">'
    policy: str = ""
    head: str = ""
    foot: str = ""

    def home(self) -> str:
        """The address of the page of all runs."""
        return "index.html" if self.exported else "/"

    def run(self, run: Run) -> str:
        """The address of a run's page."""
        return f"{run.key}.html" if self.exported else f"/run/{run.key}"

    def task(self, run: Run, stem: str, other: str = "") -> str:
        """The address of a task's samples, maybe beside those of another run."""
        if self.exported:
            beside = f"+{other}" if other else ""
            return f"{run.key}{beside}-{_in_file(stem)}.html"
        return f"/run/{run.key}/{_in_address(stem)}" + (f"?other={other}" if other else "")

    def whole(self, run: Run, stem: str, row: int) -> str:
        """The address of a sample's texts in their whole length."""
        if self.exported:
            return f"{run.key}-{_in_file(stem)}+{row}.html"
        return f"/whole/{run.key}/{_in_address(stem)}/{row}"


def _in_address(stem: str) -> str:
    from urllib.parse import quote

    return quote(stem, safe="")


def _in_file(stem: str) -> str:
    """As in an address, but that nothing in the file's name is decoded in a link to it."""
    return _in_address(stem).replace("%", "=")


def static(name: str) -> str:
    """The text of a file of `STATIC`."""
    return files("evalkit.view").joinpath("static", name).read_text(encoding="utf-8")


def _render(name: str, site: Site, **given: Any) -> str:
    return page_environment("evalkit.view").get_template(name).render(site=site, **given)


def error_page(site: Site, text: str) -> str:
    """A sentence where a page was asked for."""
    return _render("error.html.j2", site, title="This page cannot be shown", text=printable(text))


# All runs


def runs_page(site: Site, library: Library) -> str:
    """All runs, each with its tasks' headline numbers."""
    runs = [
        {
            "title": printable(run.label),
            "address": site.run(run),
            "about": list(_about(run)),
            "table": run_numbers(run.record),
        }
        for run in library.runs.values()
    ]
    troubles = list(map(printable, library.troubles))
    pairs = list(_pairs(site, library))
    return _render("runs.html.j2", site, title="Runs", runs=runs, troubles=troubles, pairs=pairs)


def _pairs(site: Site, library: Library) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The first run beside each other that shares a task: their names, and the ways there.

    Pages of runs lead to the other pairs.
    """
    first = next(iter(library.runs.values()))
    shared: dict[str, list[tuple[str, str]]] = {}
    for stem, result in first.results.items():
        if first.folder.scores_path(stem).exists():
            for other in others(library, first, stem):
                link = printable(result.task), site.task(first, stem, other.key)
                shared.setdefault(other.key, []).append(link)
    for key, links in shared.items():
        yield f"{printable(first.label)} beside {printable(library.runs[key].label)}", links


def _about(run: Run) -> Iterator[tuple[str, str]]:
    record = run.record
    samples = sum(result.coverage.asked for result in record.results)
    yield "source", record.source
    yield "started", printable(record.created)
    yield "tasks", str(len(record.results))
    yield "samples", f"{samples:,}"


# One run


def run_page(site: Site, library: Library, run: Run) -> str:
    """A run: its numbers, what they are numbers of, and the ways to its samples."""
    record = run.record
    return _render(
        "run.html.j2",
        site,
        title=printable(run.label),
        tasks=[_task_row(site, library, run, stem) for stem in run.results],
        table=run_numbers(record, every_metric=True),
        facts=list(_facts(run)),
        fingerprints=[
            (printable(result.task), list(_flat(plain(result.fingerprint))))
            for result in record.results
        ],
        breakdowns=[
            (f"{printable(result.task)} {printable(name)}", table)
            for result in record.results
            for name, table in slice_numbers(record, result)
        ],
    )


def _task_row(site: Site, library: Library, run: Run, stem: str) -> dict[str, Any]:
    result = run.results[stem]
    here = run.folder.scores_path(stem).exists()
    return {
        "name": printable(result.task),
        "address": site.task(run, stem) if here else "",
        "samples": f"{result.coverage.asked:,}",
        "failed": f"{result.coverage.failed:,}",
        "unparsed": f"{result.coverage.unparsed:,}",
        "protocol": printable(result.protocol),
        "beside": [
            (printable(other.label), site.task(run, stem, other.key))
            for other in others(library, run, stem)
            if here and (not site.exported or run is next(iter(library.runs.values())))
        ],
    }


def others(library: Library, run: Run, stem: str) -> list[Run]:
    """Runs that have samples of the same task."""
    return [
        other
        for other in library.runs.values()
        if other.key != run.key
        and stem in other.results
        and other.folder.scores_path(stem).exists()
    ]


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    record = run.record
    facts = {
        "model": plain(record.model),
        "source": record.source,
        "started": record.created,
        "finished": record.finished,
        "seconds of generation": f"{record.seconds:.1f}",
        "commit": record.commit,
        "versions": record.versions,
        "hardware": plain(record.hardware),
        "settings": plain(record.config),
        "publication": plain(record.publication),
        "digest": record.digest,
        "folder": str(run.folder.path),
    }
    yield from _flat(facts)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """What a plain record says, as dotted paths with their values; what is None is left out."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from _flat(held, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(held, (Mapping, list)) for held in value):
        for number, held in enumerate(value):
            yield from _flat(held, f"{path}[{number}]")
    elif value not in (None, [], ""):
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield printable(path), printable(text)


# Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What a page of samples shows.

    Attributes:
        cards: The samples of the page.
        found: How many the query finds.
        counts: How many are in each state.
        warnings: Sentences that a reader must see.
        pending: Whether questions are still being read.
        unchecked: Whether files are still being compared with the record.
    """

    cards: Sequence[Card]
    found: int
    counts: Mapping[str, int]
    warnings: Sequence[str]
    pending: bool = False
    unchecked: bool = False


def samples_page(
    site: Site,
    library: Library,
    opened: OpenTask,
    query: Query,
    samples: Samples,
    *,
    beside: Beside | None = None,
) -> str:
    """A task's samples with pictures, prompts, answers and scores."""
    run, result = opened.run, opened.result
    labels = [printable(run.label)]
    if beside is not None:
        labels.append(printable(beside.opened.run.label))
    return _render(
        "samples.html.j2",
        site,
        title=f"{printable(result.task)}: {' beside '.join(labels)}",
        task=printable(result.task),
        labels=labels,
        run_address=site.run(run),
        numbers=task_numbers([opened, *([beside.opened] if beside else [])]),
        query=query,
        samples=samples,
        states=_states(samples, opened, beside),
        tags=[f"{tag}={word}" for tag, words in _tags(opened) for word in words],
        rules=opened.index.choices().get("", []),
        others=[(other.key, printable(other.label)) for other in others(library, run, opened.stem)],
        differing=list(map(printable, beside.differing)) if beside is not None else [],
        pager=_pager(query, samples.found),
        points_name=printable(opened.index.points_name),
        action=site.task(run, opened.stem),
        printable=printable,
    )


def _tags(opened: OpenTask) -> list[tuple[str, list[str]]]:
    return [(name, words) for name, words in opened.index.choices().items() if name]


def _states(
    samples: Samples, opened: OpenTask, beside: Beside | None
) -> list[tuple[str, str, int]]:
    """Each state with its words and number; those of two runs only where there are two."""
    words = states_of(opened, beside).items()
    return [(name, text, samples.counts.get(name, 0)) for name, text in words]


# One sample


def whole_page(site: Site, opened: OpenTask, row: int, questions: Questions | str | None) -> str:
    """A sample's texts, each in its whole length.

    Args:
        site: How pages are bound together.
        opened: The task.
        row: The sample's place among the scores.
        questions: What was asked; a sentence where it cannot be had, None where it takes longer.
    """
    score = opened.scores([row])[row]
    known = questions if isinstance(questions, Questions) else None
    made, verdicts = opened.answer(row, score.sample_id), opened.verdicts.get(score.sample_id, ())
    texts = [*asked_texts(*asked_of(known, row), score), *said_texts(score, made, verdicts)]
    missing = "Questions are still being read: look again." if questions is None else ""
    return _render(
        "whole.html.j2",
        site,
        title=f"{printable(opened.result.task)}: {shortened(score.sample_id, LINE)}",
        run=(site.run(opened.run), printable(opened.run.label)),
        task=(site.task(opened.run, opened.stem), printable(opened.result.task)),
        warning=printable(questions) if isinstance(questions, str) else missing,
        texts=[(one.name, len(one.text), uncut(one.text)) for one in texts if one.text],
    )


def _pager(query: Query, found: int) -> dict[str, Any]:
    last = max(1, -(-found // PAGE))
    page = min(query.page, last)
    return {
        "page": page,
        "last": last,
        "first_row": (page - 1) * PAGE + 1 if found else 0,
        "last_row": min(page * PAGE, found),
        "previous": query.address(page=page - 1) or "?" if page > 1 else "",
        "next": query.address(page=page + 1) if page < last else "",
        "start": query.address(page=1) or "?",
        "end": query.address(page=last),
    }
