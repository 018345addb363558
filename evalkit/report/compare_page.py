"""A comparison of runs as a table, in plain words, and as a page; pure, and rounds as tables do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from evalkit.comparison import Comparison, Difference, Flip, Side, TaskComparison
from evalkit.report.markdown import escaped, markdown_table
from evalkit.report.table import Table, number, printable

ALPHA = 0.05
"""A p-value up to this is called a difference."""

WIDTH = 110
"""Columns of a note."""

_CAUSES = {
    "format": "in format alone",
    "failure": "as one of the two failed",
}
_VALUE = 40  # characters of a part that differs
_LEAST_P = 0.0001  # the last digit shown


# The table


def compare_title(comparisons: Sequence[Comparison]) -> str:
    """Who is compared with whom."""
    names = labels(comparisons)
    return f"{', '.join(names[1:])} against {names[0]}"


def compare_table(comparisons: Sequence[Comparison]) -> Table:
    """One row a task, metric and run, and below it what the numbers are.

    Args:
        comparisons: One or more, all with the same reference.
    """
    names = labels(comparisons)[1:]
    many = len(names) > 1
    rows = []
    for task, metric in _keys(comparisons):
        found = [
            (name, d)
            for name, comparison in zip(names, comparisons, strict=True)
            for t in comparison.tasks
            for d in t.differences
            if (t.task, d.metric) == (task, metric)
        ]
        for place, (name, difference) in enumerate(found):
            head = (task, metric) if place == 0 else ("", "")
            rows.append((*head, *([name] if many else []), *_cells(difference)))
    header = (
        *("task", "metric", *(["run"] if many else []), "reference", "value", "difference"),
        *("95 % interval", "p", "won", "lost", "n", "clusters", "detectable", "verdict"),
    )
    return Table(header=header, rows=tuple(_first_only(rows)), notes=tuple(notes(comparisons)))


def _keys(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    """Task and metric of every row, in the order of the first comparison that has them."""
    by_task: dict[str, dict[str, None]] = {}
    for comparison in comparisons:
        for task in comparison.tasks:
            held = by_task.setdefault(task.task, {})
            held.update(dict.fromkeys(d.metric for d in task.differences))
    return [(task, metric) for task, metrics in by_task.items() for metric in metrics]


def _first_only(rows: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """The rows with a task's name in its first row only."""
    before = None
    for row in rows:
        yield ("", *row[1:]) if row[0] == before else row
        before = row[0] or before


def _cells(d: Difference) -> tuple[str, ...]:
    maximum = scale(d)
    bounds = "-"
    if d.low is not None and d.high is not None:
        bounds = f"{signed(d.low, maximum)} to {signed(d.high, maximum)}"
    return (
        number(d.first, maximum),
        number(d.second, maximum),
        signed(d.difference, maximum),
        bounds,
        p_words(d.adjusted if d.headline else d.p) + ("" if d.headline else " raw"),
        "-" if d.won is None else f"{d.won:,}",
        "-" if d.lost is None else f"{d.lost:,}",
        f"{d.n:,}",
        f"{d.clusters:,}",
        "-" if d.detectable is None else number(d.detectable, maximum),
        verdict(d),
    )


def verdict(d: Difference) -> str:
    """What a row says, in words: by the adjusted p at 5 %, or by the raw one where that is shown."""
    p = d.adjusted if d.headline else d.p
    if not d.discordant:
        return "the same in every sample"
    if p is None or p > ALPHA:
        return "no difference shown"
    if d.better is None:
        word = "higher" if d.difference > 0 else "lower"
    else:
        word = "better" if (d.difference > 0) == d.better else "worse"
    return word if d.headline else f"{word}, uncorrected"


def scale(d: Difference) -> float:
    """What decides the decimals of a metric's numbers: its maximum, or else its own size."""
    return max(abs(d.first), abs(d.second)) if d.maximum is None else d.maximum


def signed(value: float, maximum: float) -> str:
    """A difference with its sign."""
    shown = number(value, maximum)
    return shown if shown.startswith("-") else f"+{shown}"


def p_words(p: float | None) -> str:
    """A p-value in four decimals, never as 0."""
    if p is None:
        return "-"
    return f"<{_LEAST_P}" if p < _LEAST_P else f"{p:.4f}"


# Who


def labels(comparisons: Sequence[Comparison]) -> list[str]:
    """Short names, the reference's first: models, else model and run, else as they were named."""
    sides = [comparisons[0].first, *(comparison.second for comparison in comparisons)]
    ways = (
        [side.model for side in sides],
        [f"{side.model}/{side.run}" for side in sides],
        [side.name for side in sides],
    )
    for names in ways:
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({place})" for place, name in enumerate(ways[-1], start=1)]


def who(side: Side) -> str:
    """A side's provenance in a line."""
    kind = "baseline file" if side.kind == "baseline" else "run"
    commit = f", evalkit at {side.commit[:12]}" if side.commit else ""
    return (
        f"{side.name} ({kind} {side.run} of {side.spec}, {side.created}{commit}, digest "
        f"{side.digest[:12]})"
    )


# What to know


def notes(comparisons: Sequence[Comparison]) -> Iterable[str]:
    """The sentences below the table: flips, what a reader must see, and how numbers were made."""
    names = labels(comparisons)[1:]
    for name, comparison in zip(names, comparisons, strict=True):
        prefix = f"{name}, " if len(names) > 1 else ""
        for task in comparison.tasks:
            yield f"{prefix}{task.task}: {flip_line(task)}"
            yield from (f"{prefix}{task.task}: {note}" for note in task.notes)
            if task.unhealthy:
                yield f"{prefix}{task.task}: do not rely on these numbers, the judge is unhealthy."
        yield from (f"{prefix}{line}" for line in waivers(comparison))
        yield from (f"{prefix}not compared: {line}." for line in comparison.absent)
    yield from methods(comparisons)
    yield f"reference: {who(comparisons[0].first)}"
    for name, comparison in zip(names, comparisons, strict=True):
        yield f"{name if len(names) > 1 else 'run'}: {who(comparison.second)}"


def flip_line(task: TaskComparison) -> str:
    """How many samples got better and worse, and how many of those in format alone."""
    better, worse = (sum(own) for own in zip((0, 0), *task.flips.values(), strict=True))
    total = better + worse
    if not total:
        return f"none of {task.samples:,} samples got better or worse."
    parts = [
        f"{said} {_moved(*task.flips[cause])}"
        for cause, said in _CAUSES.items()
        if cause in task.flips
    ]
    told = f" ({'; '.join(parts)})" if parts else ""
    verb = "flips" if total == 1 else "flip"
    return f"{total:,} of {task.samples:,} samples {verb}: {_moved(better, worse)}{told}."


def _moved(better: int, worse: int) -> str:
    told = [f"{count:,} {word}" for count, word in ((better, "better"), (worse, "worse")) if count]
    return ", ".join(told)


def waivers(comparison: Comparison) -> Iterable[str]:
    """What differs in the fingerprints and was allowed to, each difference with its tasks."""
    held: dict[tuple[str, str, str], list[str]] = {}
    for task in comparison.tasks:
        for m in task.mismatches:
            held.setdefault((m.part, m.first, m.second), []).append(task.task)
    for (part, first, second), tasks in held.items():
        where = "every task" if len(tasks) == len(comparison.tasks) else ", ".join(tasks)
        one, two = (shortened(value, _VALUE) for value in (first, second))
        values = "unknown in both" if first == second == "unknown" else f"{one} and {two}"
        yield f"allowed to differ in {where}: {part} ({values})."


def methods(comparisons: Sequence[Comparison]) -> Iterable[str]:
    """How intervals and p-values were made, and what the columns mean."""
    found = [
        (task.task, d)
        for comparison in comparisons
        for task in comparison.tasks
        for d in task.differences
    ]
    by_method: dict[str, dict[str, None]] = {}
    for task, d in found:
        by_method.setdefault(d.method, {})[f"{task} {d.metric}"] = None
    alone = len(by_method) == 1
    told = [m if alone else f"{m} ({', '.join(rows)})" for m, rows in by_method.items()]
    draws, seed = comparisons[0].draws, comparisons[0].seed
    if told:
        yield f"intervals of the difference: {'; '.join(told)}; {draws:,} draws, seed {seed}."
    family = sum(d.headline for _, d in found)
    if found:
        raw = "; raw where a metric is no headline" if len(found) > family else ""
        yield (
            "p: the two runs exchanged cluster by cluster, two-sided, corrected by Holm for "
            f"{family} headline{'' if family == 1 else 's'}{raw}; verdicts at {ALPHA:.0%}."
        )
        yield (
            "won, lost: units of n that are better, or worse, than in the reference; detectable: "
            "the true difference that these samples would show with 80 % power."
        )


# Flips


def flips_table(flips: Sequence[Flip], questions: Mapping[tuple[str, str], str]) -> Table:
    """A task's flips, worst first.

    Args:
        flips: The flips to show.
        questions: What was asked, by task and sample id, where it is known.
    """
    asked = any((flip.task, flip.sample_id) in questions for flip in flips)
    header = ("sample", "gain", *(["question"] if asked else []), "should be")
    rows = tuple(
        (
            shortened(flip.sample_id, 32),
            f"{flip.gain:+.2f}",
            *([shortened(questions.get((flip.task, flip.sample_id), ""), 60)] if asked else []),
            shortened(" / ".join(dict.fromkeys(flip.targets)) or "-", 24),
            *(shortened(said(a, t), 40) for a, t in zip((flip.first, flip.second), flip.texts)),
            flip.cause,
        )
        for flip in flips
    )
    return Table(header=(*header, "reference", "run", "cause"), rows=rows, notes=())


def said(answer: str | None, text: str | None) -> str:
    """An answer as it was read, with what the model wrote where that is something else."""
    if answer is None:
        return "(no answer)" if text is None else f"(not read) {text}"
    if text is None or text.strip().casefold() == answer.strip().casefold():
        return answer
    return f"{answer} < {text}"


def flips_titles(comparison: Comparison, flips: Sequence[Flip]) -> dict[str, str]:
    """A heading for each task that has flips to show."""
    shown: dict[str, list[Flip]] = {}
    for flip in flips:
        shown.setdefault(flip.task, []).append(flip)
    all_of = {task.task: task.flips for task in comparison.tasks}
    return {task: f"{task}: {_shown_words(held, all_of[task])}" for task, held in shown.items()}


def _shown_words(held: Sequence[Flip], counts: Mapping[str, tuple[int, int]]) -> str:
    better, worse = (sum(own) for own in zip((0, 0), *counts.values(), strict=True))
    shown = (
        (sum(f.gain < 0 for f in held), worse, "worse", "worst"),
        (sum(f.gain > 0 for f in held), better, "better", "best"),
    )
    told = [
        f"the {n:,} that got {word}" if n == all_of else f"the {n:,} {most} of {all_of:,}"
        for n, all_of, word, most in shown
        if n
    ]
    return " and ".join(told)


def shortened(text: str, width: int) -> str:
    """The text on one line, cut where it is long."""
    shown = printable(text)
    return shown if len(shown) <= width else f"{shown[: width - 3]}..."


# Pages


def wrapped(table: Table) -> Table:
    """The table with its notes cut into lines."""
    lines = [
        line
        for note in table.notes
        for line in textwrap.wrap(printable(note), WIDTH, subsequent_indent="  ")
    ]
    return Table(header=table.header, rows=table.rows, notes=tuple(lines))


def compare_markdown(
    comparisons: Sequence[Comparison],
    flips: Sequence[Sequence[Flip]],
    questions: Mapping[tuple[str, str], str],
) -> str:
    """The comparison as a page in GitHub's Markdown.

    Args:
        comparisons: One or more, all with the same reference.
        flips: Of each comparison, the flips to show.
        questions: What was asked, by task and sample id, where it is known.
    """
    table, names = compare_table(comparisons), labels(comparisons)[1:]
    parts = [
        f"# {escaped(compare_title(comparisons))}",
        markdown_table(table),
        "\n".join(f"- {escaped(note)}" for note in table.notes),
    ]
    for name, comparison, held in zip(names, comparisons, flips, strict=True):
        for task, title in flips_titles(comparison, held).items():
            own = [flip for flip in held if flip.task == task]
            whose = f"{name}, " if len(names) > 1 else ""
            parts += [f"## {escaped(whose + title)}", markdown_table(flips_table(own, questions))]
    return "\n\n".join(parts) + "\n"
