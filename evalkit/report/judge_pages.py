"""What a judge is worth, as plain text of at most 80 columns: agreement with people, and drift.

For JSON, `evalkit.records.plain` makes an object of either record.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from evalkit.report.spoken import spoken
from evalkit.report.table import Table, interval, number, printable
from evalkit.report.text_table import text_table

if TYPE_CHECKING:  # siblings do not import each other; the records' fields are all that is needed
    from evalkit.judge.agreement import Calibration, Confusion, Figure
    from evalkit.judge.drift import Drift, Flip

WIDTH = 80
"""Columns of a page."""

_FLIPS = 20  # shown; JSON has all
_CELLS = 10  # disagreements shown where the confusion table is too wide
_NAME = 40  # characters of a sample's id


def calibration_page(found: Calibration) -> str:
    """The page of a calibration: figures, length, confusion table, and what to know."""
    parts = [
        _filled(_calibration_head(found)),
        _figures(found),
        _filled(_length_line(found)),
        _confusion(found.confusion),
        _listed(_reasons(found)),
        _listed(found.notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def drift_page(found: Drift) -> str:
    """The page of a drift: the verdict, what it rests on, and the flips."""
    rows = [
        ("anchors judged twice", str(found.n)),
        ("unchanged", _share(found.unchanged, found.n)),
        (_flipped(found), _share(len(found.flips), found.n)),
        ("judged before alone", str(len(found.missing_now))),
        ("judged now alone", str(len(found.missing_before))),
        ("chance of so many flips", _p(found.flip_p)),
        (found.direction.test, _p(found.direction.p)),
        *_movement(found),
    ]
    parts = [
        _filled(found.sentence[0].upper() + found.sentence[1:]),
        _filled(f"The second judge is another: {'; '.join(found.another)}.")
        if found.another
        else "",
        _listed(found.notes),
        _grid((), rows),
        _flip_list(found.flips),
        _missing("Judged before alone", found.missing_now),
        _missing("Judged now alone", found.missing_before),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


# Calibration


def _calibration_head(found: Calibration) -> str:
    kind = f"on labels, of which {found.positive!r} counts as 1" if found.positive else "on labels"
    if found.kind == "ratings":
        kind = "on ratings"
        if found.scale is not None:
            kind += f" from {found.scale[0]:g} to {found.scale[1]:g}"
    return (
        f"The judge against people, {kind}: {found.answers:,} answers, {found.judged:,} judged, "
        f"{found.labelled:,} labelled, {found.n:,} both."
    )


def _named_figures(found: Calibration) -> Iterable[tuple[str, Figure]]:
    within = f", within {found.tolerance:g}" if found.kind == "ratings" else ""
    yield f"agreement{within}", found.agreement
    yield ("weighted kappa" if found.kind == "ratings" else "Cohen's kappa"), found.kappa
    yield "judge - human", found.difference
    middle = found.length.median
    yield "  shorter" if middle is None else f"  length to {middle:g}", found.length.shorter
    yield "  longer" if middle is None else f"  length above {middle:g}", found.length.longer
    yield "corrected mean", found.corrected
    yield "human mean", found.human_mean
    yield "judge mean", found.judge_mean


def _figures(found: Calibration) -> str:
    rows = []
    for name, figure in _named_figures(found):
        value = figure.value
        cells = ("-",) * 4
        if value is not None:
            shown = number(value.value, value.maximum)
            cells = (shown, interval(value), f"{value.n:,}", f"{value.clusters:,}")
        rows.append((name, *cells))
    return _grid(("number", "value", "95 % interval", "n", "clusters"), rows)


def _length_line(found: Calibration) -> str:
    length = found.length
    if length.rho is None or length.p is None:
        return f"Bias towards length: no correlation. {length.reason}"
    return (
        f"Bias towards length: Spearman's correlation of (judge - human) with the length of the "
        f"answer is {length.rho:+.4f} (p = {length.p:.2g})."
    )


def _reasons(found: Calibration) -> Iterable[str]:
    """Why there is no number, or no interval: each reason once, with the numbers that it holds."""
    held: dict[str, list[str]] = {}
    for name, figure in _named_figures(found):
        if figure.value is None:
            held.setdefault(figure.reason, []).append(name.strip())
        elif figure.value.low is None:
            reason = f"There is no interval: {figure.value.method}."
            held.setdefault(reason, []).append(name.strip())
    return [f"{', '.join(names)}: {reason}" for reason, names in held.items()]


def _confusion(found: Confusion) -> str:
    """The table of rows by the judge and columns by humans; its frequent errors, if too wide."""
    if not found.labels:
        return ""
    names = [_label(label) for label in found.labels]
    rows = [
        (name, *(f"{n:,}" if n else "." for n in counts))
        for name, counts in zip(names, found.counts, strict=True)
    ]
    table = _grid(("judge \\ human", *names), rows)
    if max(map(len, table.splitlines())) <= WIDTH:
        return "Confusion: rows by the judge, columns by people\n" + table
    apart = [
        (n, names[judge], names[human])
        for judge, counts in enumerate(found.counts)
        for human, n in enumerate(counts)
        if n and judge != human
    ]
    if not apart:
        return "Confusion: none, the judge and people say the same of every answer"
    shown = sorted(apart, key=lambda cell: -cell[0])[:_CELLS]
    head = f"Confusion: the most frequent {len(shown)} of {len(apart)} ways to disagree"
    return f"{head}\n" + _grid(
        ("judge", "human", "n"), [(judge, human, f"{n:,}") for n, judge, human in shown]
    )


# Drift


def _flipped(found: Drift) -> str:
    if found.kind == "ratings":
        return f"moved by more than {found.tolerance:g}"
    return "flipped"


def _movement(found: Drift) -> Iterable[tuple[str, str]]:
    label, shift = found.direction.label, found.shift
    if label is not None:
        gained, lost = found.direction.gained, found.direction.lost
        yield f"became {_label(label)}, ceased to be", f"{gained}, {lost}"
    if shift is not None and shift.mean is not None:
        yield "mean of now - before", f"{shift.mean:+.4f}"
    if shift is not None and shift.low is not None and shift.high is not None:
        yield "  95 % interval", f"{shift.low:+.4f} to {shift.high:+.4f}"
    elif shift is not None:
        yield "  95 % interval", f"none: {shift.reason}"


def _flip_list(flips: Sequence[Flip]) -> str:
    if not flips:
        return ""
    rows = [
        (_cut(flip.sample_id, _NAME), _label(flip.before), _label(flip.now))
        for flip in flips[:_FLIPS]
    ]
    left = len(flips) - len(rows)
    more = f"\n  and {left:,} more" if left else ""
    return _grid(("flipped anchor", "before", "now"), rows) + more


def _missing(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(_cut(name, _NAME) for name in names[:_FLIPS])
    left = len(names) - _FLIPS
    return _filled(f"{title}: {shown}{f' and {left:,} more' if left > 0 else ''}.")


# Text


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f} %)" if whole else f"{part:,}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"p = {value:.2g}"


def _label(label: str | float) -> str:
    return _cut(label, 14) if isinstance(label, str) else f"{label:g}"


def _cut(text: str, width: int) -> str:
    shown = printable(text)
    return shown if len(shown) <= width else f"{shown[: width - 3]}..."


def _filled(text: str) -> str:
    return spoken(textwrap.fill(printable(text), WIDTH))


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(
        spoken(textwrap.fill(printable(one), WIDTH, initial_indent="- ", subsequent_indent="  "))
        for one in sentences
    )


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text; a header of no names is none."""
    names = tuple(header) or ("",) * len(rows[0])
    table = Table(header=names, rows=tuple(map(tuple, rows)), notes=())
    return text_table(table, "").strip("\n")
