"""A comparison of runs as rows of text, and in plain words; pure, and rounds as tables do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence

from evalkit.comparison import Comparison, Difference, Side, TaskComparison
from evalkit.report.table import Table, number, p_words, shortened, signed

POINTS = 100
"""Points of a fraction: an accuracy of 0.5 is 50 points."""

_CAUSES = {"format": "perhaps in format alone", "failure": "as one of the two failed"}
_VALUE = 40  # characters of a part that differs
_NAME = 40  # characters of a run's name
_SEVERAL = 3  # runs, the reference among them, whose names are made shorter
_COMMON = 8  # characters that all names begin with, to be left out
_UNSEEN = "no difference seen"
_EQUAL = "identical"
_VERDICTS = ("worse", "better", "higher", "lower", _UNSEEN, _EQUAL)
_DOUBT = " (!)"


# The table


def compare_title(comparisons: Sequence[Comparison]) -> str:
    """Who is compared with whom."""
    names = labels(comparisons)
    return f"{', '.join(names[1:])} against {names[0]}"


def summaries(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """What came out, in a line for each run: verdicts of the headlines, counted."""
    names = labels(comparisons)
    return tuple(
        f"{name} against {names[0]}: {_counted(comparison)}."
        for name, comparison in zip(names[1:], comparisons, strict=True)
    )


def _counted(comparison: Comparison) -> str:
    told = Counter(
        verdict(d, comparison.alpha) for t in comparison.tasks for d in t.differences if d.headline
    )
    total = told.total()
    if not total:
        return "no headline metric is compared"
    words = [f"{word} in {told[word]}" for word in _VERDICTS if told[word]]
    return f"{', '.join(words)} of {total} headline metric{'' if total == 1 else 's'}"


def compare_table(comparisons: Sequence[Comparison], left_out: Container[str] = ()) -> Table:
    """One row a task, metric and run, and below it what the numbers are.

    Args:
        comparisons: One or more, all with the same reference.
        left_out: Columns that will not be shown, of which no note is needed.
    """
    many = len(comparisons) > 1
    rows = [row for key in _keys(comparisons) for row in _rows(key, comparisons)]
    level = f"{100 * (1 - comparisons[0].alpha):.4g} % interval"
    header = (
        *("metric", *(["run"] if many else []), "verdict", "reference"),
        *("value" if many else "run", "difference", level, "p", "p Holm", "won", "lost"),
        *("could see", "n", "clusters", "r"),
    )
    return Table(header=header, rows=tuple(rows), notes=tuple(notes(comparisons, left_out)))


def _keys(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    """Task and metric of every row, in the order of the first comparison that has them."""
    by_task: dict[str, dict[str, None]] = {}
    for comparison in comparisons:
        for task in comparison.tasks:
            held = by_task.setdefault(task.task, {})
            held.update(dict.fromkeys(d.metric for d in task.differences))
    return [(task, metric) for task, metrics in by_task.items() for metric in metrics]


def _rows(key: tuple[str, str], comparisons: Sequence[Comparison]) -> Iterable[tuple[str, ...]]:
    """The rows of one metric, a run each; it is named in the first."""
    name, many = " ".join(key), len(comparisons) > 1
    for label, comparison in zip(labels(comparisons)[1:], comparisons, strict=True):
        for task in comparison.tasks:
            for d in task.differences:
                if (task.task, d.metric) == key:
                    doubt = _DOUBT if task.unhealthy else ""
                    yield (name, *([label] if many else []), *_cells(d, comparison.alpha, doubt))
                    name = ""


def _cells(d: Difference, alpha: float, doubt: str) -> tuple[str, ...]:
    maximum = scale(d)
    return (
        verdict(d, alpha) + doubt,
        number(d.first, maximum),
        number(d.second, maximum),
        signed(d.difference, maximum),
        bounds(d),
        p_words(d.p),
        p_words(d.adjusted),
        "-" if d.won is None else f"{d.won:,}",
        "-" if d.lost is None else f"{d.lost:,}",
        "-" if d.detectable is None else number(d.detectable, maximum),
        f"{d.n:,}",
        f"{d.clusters:,}",
        "-" if d.correlation is None else f"{d.correlation:.2f}",
    )


def verdict(d: Difference, alpha: float) -> str:
    """What a row says, in words: by the adjusted p, or by the raw one where there is no other."""
    p = d.adjusted if d.headline else d.p
    if not d.discordant:
        return _EQUAL
    if p is None or p > alpha or not d.difference:
        return _UNSEEN
    if d.better is None:
        word = "higher" if d.difference > 0 else "lower"
    else:
        word = "better" if (d.difference > 0) == d.better else "worse"
    return word if d.headline else f"{word} (raw p)"


def bounds(d: Difference) -> str:
    """The interval of the difference as "low to high", or a dash where there is none."""
    if d.low is None or d.high is None:
        return "-"
    return f"{signed(d.low, scale(d))} to {signed(d.high, scale(d))}"


def scale(d: Difference) -> float:
    """What decides the decimals of a metric's numbers: its maximum, or else its own size."""
    return max(abs(d.first), abs(d.second)) if d.maximum is None else d.maximum


def points(value: float, d: Difference) -> str:
    """A size of a metric in words: percentage points of a fraction, else points."""
    shown = value * POINTS if d.maximum == 1 else value
    return f"{shown:.2g} points" if shown < POINTS else f"{shown:.0f} points"


# Who


def labels(comparisons: Sequence[Comparison]) -> list[str]:
    """Short names, the reference's first: models, model and run, as they were named, or numbers."""
    sides = [comparisons[0].first, *(comparison.second for comparison in comparisons)]
    ways = (
        [side.model for side in sides],
        [f"{side.model}/{side.run}" for side in sides],
        [side.name for side in sides],
    )
    for names in ways:
        short = [shortened(name, _NAME) for name in names]
        if len(set(short)) == len(short):
            return _apart(short)
    return [f"{shortened(side.model, _NAME)} ({i})" for i, side in enumerate(sides, start=1)]


def _apart(names: list[str]) -> list[str]:
    """Names of several runs without what all begin with, up to a mark between words."""
    if len(names) < _SEVERAL or min(names) == max(names):
        return names
    low, high = min(names), max(names)
    parting = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), 0)
    start = max((i + 1 for i, letter in enumerate(low[:parting]) if letter in "-_/. "), default=0)
    return [name[start:] for name in names] if start >= _COMMON else names


def who(side: Side) -> str:
    """A side's provenance in a line."""
    kind = "baseline file" if side.kind == "baseline" else "run"
    commit = f", evalkit at {side.commit[:12]}" if side.commit else ""
    return (
        f"{side.name} ({kind} {side.run} of {side.spec}, {side.created}{commit}, digest "
        f"{side.digest[:12]})"
    )


# What to know


def notes(comparisons: Sequence[Comparison], left_out: Container[str] = ()) -> Iterable[str]:
    """The sentences below the table: flips, what a reader must see, and how numbers were made."""
    names = labels(comparisons)[1:]
    allowed = [tuple(waivers(comparison)) for comparison in comparisons]
    for name, comparison, waived in zip(names, comparisons, allowed, strict=True):
        prefix = f"{name}, " if len(names) > 1 else ""
        if comparison.first.digest == comparison.second.digest:
            yield f"{prefix}both are one and the same run, so nothing can differ."
        for task in comparison.tasks:
            told = (
                *unseen(task, comparison.alpha),
                *_at_odds(task, comparison.alpha),
                flip_line(task),
                *_doubts(task),
                *task.notes,
            )
            yield from (f"{prefix}{task.task}: {note}" for note in told)
        if len(set(allowed)) > 1:
            yield from (f"{prefix}{line}" for line in waived)
        yield from (f"{prefix}not compared: {line}." for line in comparison.absent)
    if len(set(allowed)) == 1:
        yield from allowed[0]
    yield from methods(comparisons, left_out)
    yield f"reference: {who(comparisons[0].first)}"
    for name, comparison in zip(names, comparisons, strict=True):
        yield f"{name if len(names) > 1 else 'run'}: {who(comparison.second)}"


def unseen(task: TaskComparison, alpha: float) -> Iterable[str]:
    """For each headline without a difference, how large one would have been seen."""
    for d in task.differences:
        if d.headline and verdict(d, alpha) == _UNSEEN and d.detectable is not None:
            yield (
                f"no difference of {d.metric} seen; {d.n:,} units in {d.clusters:,} clusters could "
                f"have shown one of {points(d.detectable, d)}."
            )


def _at_odds(task: TaskComparison, alpha: float) -> Iterable[str]:
    """For each metric with a difference, that its interval does not say so, where it does not."""
    for d in task.differences:
        seen = verdict(d, alpha) not in (_UNSEEN, _EQUAL)
        if seen and d.low is not None and d.high is not None and d.low <= 0 <= d.high:
            yield (
                f"the interval of {d.metric} ({bounds(d)}) includes 0 although its p does not: the "
                "two are made in different ways, and such a difference is close to the limit."
            )


def _doubts(task: TaskComparison) -> Iterable[str]:
    if task.unhealthy:
        yield f"{_DOUBT.strip()} do not rely on these numbers, the judge is unhealthy."


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
    by_part: dict[tuple[str, str, str], list[str]] = {}
    for task in comparison.tasks:
        for m in task.mismatches:
            by_part.setdefault((m.part, m.first, m.second), []).append(task.task)
    held: dict[tuple[str, str], list[str]] = {}
    for (part, first, second), tasks in by_part.items():
        where = "every task" if len(tasks) == len(comparison.tasks) else ", ".join(tasks)
        one, two = (shortened(value, _VALUE) for value in (first, second))
        values = f"{one} in both" if first == second else f"{one} and {two}"
        held.setdefault((where, values), []).append(part)
    for (where, values), parts in held.items():
        yield f"allowed to differ in {where}: {', '.join(parts)} ({values})."


def methods(comparisons: Sequence[Comparison], left_out: Container[str] = ()) -> Iterable[str]:
    """How intervals and p-values were made, and what the columns mean."""
    found = [
        (task.task, d)
        for comparison in comparisons
        for task in comparison.tasks
        for d in task.differences
    ]
    if not found:
        return
    by_method: dict[str, dict[str, None]] = {}
    for task, d in found:
        by_method.setdefault(d.method, {})[f"{task} {d.metric}"] = None
    alone = len(by_method) == 1
    told = [m if alone else f"{m} ({', '.join(rows)})" for m, rows in by_method.items()]
    draws, seed, alpha = (getattr(comparisons[0], name) for name in ("draws", "seed", "alpha"))
    yield f"intervals of the difference: {'; '.join(told)}; {draws:,} draws, seed {seed}."
    family = sum(d.headline for _, d in found)
    raw = "; raw where a metric is no headline" if len(found) > family else ""
    yield (
        "p: the two runs exchanged cluster by cluster, two-sided, ties half (mid-p); Holm: "
        f"corrected for {family} headline{'' if family == 1 else 's'}{raw}; verdicts go by it at "
        f"{alpha:.4g}."
    )
    told = [meaning for name, meaning in _COLUMNS.items() if name not in left_out]
    yield f"{'; '.join(['values are over the samples that both have', *told])}."


_COLUMNS = {
    "could see": "could see: the true difference that these samples show with 80 % power by "
    "itself, before any correction",
    "won": "won, lost: units of n that are better, or worse, than in the reference",
    "r": "r: correlation of the two runs over units",
}
"""What columns are whose names do not say it."""
