"""A comparison of runs as a page: Markdown, JSON, and HTML with the samples that flipped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.comparison import Asked, Comparison, Difference, Flip, TaskComparison
from evalkit.records import plain
from evalkit.report.compare_table import (
    compare_table,
    compare_title,
    labels,
    summaries,
    verdict,
)
from evalkit.report.environment import page_environment
from evalkit.report.flips import (
    CAUSES,
    Questions,
    flips_table,
    flips_titles,
    is_said,
    right,
    word,
)
from evalkit.report.markdown import markdown_table, safe
from evalkit.report.table import numeric_columns, printable

if TYPE_CHECKING:
    import jinja2

SCHEMA = 1
"""Version of the JSON object's layout."""

LONGEST = 2_000
"""Characters of a text that a page shows."""


def compare_markdown(
    comparisons: Sequence[Comparison], flips: Sequence[Sequence[Flip]], questions: Questions
) -> str:
    """The comparison as a page in GitHub's Markdown, in which no text mentions, links or shouts.

    Args:
        comparisons: One or more, all with the same reference.
        flips: Of each comparison, the flips to show.
        questions: What was asked, by task and sample id, where it is known.
    """
    table = compare_table(comparisons)
    parts = [
        f"# {safe(compare_title(comparisons))}",
        "\n".join(f"- {safe(line)}" for line in summaries(comparisons)),
        markdown_table(table, safe),
        "\n".join(f"- {safe(note)}" for note in table.notes),
    ]
    for _, title, held in titled(comparisons, flips):
        parts += [f"## {safe(title)}", markdown_table(flips_table(held, questions), safe)]
    return "\n\n".join(parts) + "\n"


def titled(
    comparisons: Sequence[Comparison], flips: Sequence[Sequence[Flip]]
) -> Iterable[tuple[str, str, list[Flip]]]:
    """The flips of each run and task: its name, a heading, and the flips."""
    names = labels(comparisons)[1:]
    for name, comparison, held in zip(names, comparisons, flips, strict=True):
        whose = f"{name}, " if len(names) > 1 else ""
        for task, title in flips_titles(comparison, held).items():
            yield name, whose + title, [flip for flip in held if flip.task == task]


def compare_json(
    comparisons: Sequence[Comparison], flips: Sequence[Sequence[Flip]]
) -> dict[str, Any]:
    """The comparison as one JSON-ready object, at full precision.

    Keys: schema, reference, alpha, draws, seed, and a list `runs`, each with run, absent, tasks
    and flips; every difference has its `verdict`.
    """
    first = comparisons[0]
    return {
        "schema": SCHEMA,
        "reference": plain(first.first),
        "alpha": first.alpha,
        "draws": first.draws,
        "seed": first.seed,
        "runs": [_run(*pair) for pair in zip(comparisons, flips, strict=True)],
    }


def _run(comparison: Comparison, flips: Sequence[Flip]) -> dict[str, Any]:
    return {
        "run": plain(comparison.second),
        "absent": list(comparison.absent),
        "tasks": [_task(task, comparison.alpha) for task in comparison.tasks],
        "flips": [plain(flip) for flip in flips],
    }


def _task(task: TaskComparison, alpha: float) -> dict[str, Any]:
    return {
        **plain(task),
        "differences": [_difference(d, alpha) for d in task.differences],
        "flips": {
            cause: {"better": better, "worse": worse}
            for cause, (better, worse) in task.flips.items()
        },
    }


def _difference(d: Difference, alpha: float) -> dict[str, Any]:
    return {**plain(d), "verdict": verdict(d, alpha)}


# HTML


def compare_html(
    comparisons: Sequence[Comparison],
    flips: Sequence[Sequence[Flip]],
    questions: Questions,
    absent: Sequence[str] = (),
) -> str:
    """The comparison as a page of its own: no script, no request, pictures inside.

    Every text in it may be a stranger's: the template escapes all of them.

    Args:
        comparisons: One or more, all with the same reference.
        flips: Of each comparison, the flips to show.
        questions: What was asked, with pictures, by task and sample id, where it is known.
        absent: Why questions and pictures are not there.
    """
    table = compare_table(comparisons)
    reference = labels(comparisons)[0]
    sections = [
        {
            "title": printable(title),
            "names": (reference, name),
            "flips": [_card(flip, questions) for flip in held],
        }
        for name, title, held in titled(comparisons, flips)
    ]
    return _template("compare.html.j2").render(
        title=printable(compare_title(comparisons)),
        summaries=list(map(printable, summaries(comparisons))),
        header=table.header,
        right=numeric_columns(table),
        rows=[list(map(printable, row)) for row in table.rows],
        notes=list(map(printable, table.notes)),
        absent=list(map(printable, absent)),
        sections=sections,
    )


def _template(name: str) -> jinja2.Template:
    """A template of this package, which escapes all that it is given."""
    return page_environment("evalkit.report").get_template(name)


def _card(flip: Flip, questions: Questions) -> Mapping[str, Any]:
    """A flip as the template shows it; all texts printable."""
    asked = questions.get((flip.task, flip.sample_id), Asked(question=""))
    both = zip((flip.first, flip.second), flip.texts, flip.rules, flip.withheld, strict=True)
    tags = (
        f"{name}: {', '.join((held,) if isinstance(held, str) else held)}"
        for name, held in flip.tags.items()
    )
    return {
        "id": printable(flip.sample_id),
        "word": word(flip),
        "cause": CAUSES[flip.cause],
        "question": shown(asked.question),
        "choices": list(map(shown, asked.choices)),
        "pictures": asked.pictures,
        "picture_note": printable(asked.lacking),
        "right": shown(right(flip)),
        "answers": [
            {
                "answer": _told(answer),
                "text": printable(why) or _beyond(answer, text),
                "rule": printable(rule),
            }
            for answer, text, rule, why in both
        ],
        "tags": printable("; ".join(tags)),
    }


def _told(answer: str | None) -> str:
    return "not read" if answer is None else shown(answer)


def _beyond(answer: str | None, text: str | None) -> str:
    """What the model wrote, where that is not the answer itself."""
    is_same = answer is not None and text is not None and is_said(answer, text)
    return "" if text is None or is_same else shown(text)


def shown(text: str) -> str:
    """A text of several lines without what could turn the writing round, cut where it is long."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"
    return "\n".join(map(printable, cut.splitlines()))
