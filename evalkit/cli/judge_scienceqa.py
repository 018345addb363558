"""`evalkit judge scienceqa`: two models' answers combined, as in LLaVA's ScienceQA ensemble."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.judge_options import judge_options, judge_order
from evalkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from evalkit.judge.ensemble import Ensemble, Tally
    from evalkit.judge.ensemble_files import Sources
    from evalkit.judge.order import JudgeOrder
    from evalkit.judge.result import Judged
    from evalkit.report.table import Table

_PATH = click.Path(path_type=Path)
_TITLES = {
    "ours": "ours",
    "gpt4": "GPT-4",
    "complement": "complement",
    "judge": "judge",
    "upper": "upper: either is right",
}


@click.command(
    epilog="Answers and replies are JSON lines of question_id and text, or a JSON object whose "
    "`outputs` are texts by pid; plain or gzip. Exit code 12: questions without an answer, or that "
    "the judge's budget did not allow; 14: too many of its verdicts failed."
)
@click.option("--ours", required=True, type=_PATH, metavar="FILE", help="Our model's answers.")
@click.option("--gpt4", required=True, type=_PATH, metavar="FILE", help="GPT-4's answers.")
@click.option("--requery", type=_PATH, metavar="FILE", help="The judge's replies.")
@click.option(
    "--references",
    "-r",
    required=True,
    type=_PATH,
    metavar="FILE|DIR",
    help="problems.json, or its folder with pid_splits.json.",
)
@click.option("--seed", type=int, default=0, help="Of the official scripts' guesses (default 0).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--write-disagreements",
    "requests",
    type=_PATH,
    metavar="FILE",
    help="Write what a judge is to be asked, as JSON lines.",
)
@click.option(
    "--write-requery",
    "replies",
    type=_PATH,
    metavar="FILE",
    help="Write what the judge (--judge) said, as JSON lines for --requery.",
)
@click.option(
    "--out",
    type=_PATH,
    default=Path("results"),
    metavar="DIR",
    help="Where the judge's replies "
    "are kept while it is asked, so that the same command goes on (default results).",
)
@judge_options
def command(
    *,
    seed: int,
    as_json: bool,
    requests: Path | None,
    replies: Path | None,
    out: Path,
    **files: Any,
) -> int:
    """Score ScienceQA's complement and judge ensembles: from files, or with a judge (--judge)."""
    from evalkit.cli.screen import print_json
    from evalkit.judge.ensemble import combine, seeded_guess
    from evalkit.judge.ensemble_files import disagreement_requests, read_sources
    from evalkit.writing import write_text

    order = judge_order(files)
    sources = read_sources(**files)
    given = (sources.problems, sources.ours, sources.gpt4)
    judged = None if order is None else _asked(sources, order, out, quiet=as_json)
    if judged is not None:
        sources = _judged(sources, judged, replies)
    own = combine(*given, sources.requery)
    official = {"complement": combine(*given, None, seeded_guess(seed))}
    if sources.requery is not None:
        official["judge"] = combine(*given, sources.requery, seeded_guess(seed))
    if requests is not None:
        write_text(requests, _json_lines(disagreement_requests(sources, own)))
    if as_json:
        print_json({**_json_object(sources, own, official, seed), **_told(judged)})
    else:
        _print_tables(sources, own, official, seed)
    return _exit_code(sources, judged)


def _asked(sources: Sources, order: JudgeOrder, out: Path, *, quiet: bool) -> Judged:
    """What a judge says of the questions on which the models differ."""
    from evalkit.cli.screen import Screen
    from evalkit.judge.ensemble import combine
    from evalkit.judge.ensemble_asking import ask

    if sources.requery is not None:
        message = "--judge and --requery exclude each other: either a judge or its replies."
        raise UsageError(message)
    ensemble = combine(sources.problems, sources.ours, sources.gpt4, {})
    with Screen(quiet=quiet) as screen:
        return ask(
            sources,
            ensemble,
            order,
            out,
            note=screen.note,
            progress=lambda done, total: screen.judged("scienceqa", done, total),
        )


def _judged(sources: Sources, judged: Judged, written: Path | None) -> Sources:
    """The sources with the judge's replies, which are also written where they are wanted."""
    from dataclasses import replace

    from evalkit.judge.ensemble_asking import replies
    from evalkit.report.table import judge_line
    from evalkit.writing import write_text

    said = replies(judged.verdicts)
    if written is not None:
        lines = ({"question_id": pid, "text": text} for pid, text in said.items())
        write_text(written, _json_lines(lines))
    note = f"scienceqa: {judge_line(judged.report)} Where a verdict is missing, ours counts."
    return replace(sources, requery=said, notes=(*sources.notes, note))


def _told(judged: Judged | None) -> dict[str, Any]:
    """What the JSON object says of the judging."""
    return {} if judged is None else {"judge": judged.report, "fingerprint": judged.fingerprint}


def _exit_code(sources: Sources, judged: Judged | None) -> ExitCode:
    report = None if judged is None else judged.report
    if not sources.is_whole:
        return ExitCode.INCOMPLETE
    if report is not None and report.fails:
        return ExitCode.JUDGE_UNHEALTHY
    return ExitCode.INCOMPLETE if report is not None and report.unasked else ExitCode.OK


def _json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(x, ensure_ascii=False, allow_nan=False) + "\n" for x in rows)


def _json_object(
    sources: Sources, own: Ensemble, official: dict[str, Ensemble], seed: int
) -> dict[str, Any]:
    return {
        "evalkit": _counts(own),
        "official": {
            "seed": seed,
            **{name: {"printed": _printed(e), **_counts(e)} for name, e in official.items()},
        },
        "disagreements": len(own.disagreements),
        "missing_requery": list(own.missing_requery),
        "needless_requery": list(own.needless_requery),
        "notes": list(sources.notes),
    }


def _printed(ensemble: Ensemble) -> dict[str, dict[str, float]]:
    total = len(ensemble.questions)
    return {
        name: {"count": count, "percent": count / total * 100}
        for name, count in ensemble.printed.items()
    }


def _counts(ensemble: Ensemble) -> dict[str, Any]:
    return {
        "total": len(ensemble.questions),
        "columns": {name: _tally(tally) for name, tally in ensemble.tallies.items()},
        "slices": {
            name: {column: _tally(tally) for column, tally in tallies.items()}
            for name, tallies in ensemble.slices.items()
        },
    }


def _tally(tally: Tally) -> dict[str, float]:
    return {
        "right": tally.right,
        "unanswered": tally.unanswered,
        "total": tally.total,
        "percent": tally.percent,
        "percent_least": tally.least,
        "percent_most": tally.most,
    }


def _print_tables(
    sources: Sources, own: Ensemble, official: dict[str, Ensemble], seed: int
) -> None:
    from evalkit.report.text_table import text_table

    total = len(own.questions)
    print(text_table(_main_table(own, official), f"ScienceQA, two models, {total} questions"))
    slices = _slice_table(own, (*sources.notes, *_notes(own, official, seed)))
    print(text_table(slices, "evalkit's reading by slice, per cent"), end="")


def _main_table(own: Ensemble, official: dict[str, Ensemble]) -> Table:
    """The official counts of both scripts beside evalkit's reading with its bounds."""
    from evalkit.report.table import Table

    held = {name: ensemble.tallies for name, ensemble in official.items()}
    rows = []
    for name, tally in own.tallies.items():
        rows.append(
            (
                _TITLES[name],
                *_official_cells(held.get("judge", {}).get(name)),
                *_official_cells(held["complement"][name] if name in _PRINTED else None),
                str(tally.right),
                f"{tally.percent:.2f}",
                str(tally.unanswered),
                f"{tally.least:.2f} to {tally.most:.2f}",
            )
        )
    header = (
        *("", "judge script", "%", "complement script", "%"),
        *("evalkit", "%", "unanswered", "bounds"),
    )
    return Table(header=header, rows=tuple(rows), notes=())


_PRINTED = ("complement", "upper")
"""What the complement's script prints."""


def _official_cells(tally: Tally | None) -> tuple[str, str]:
    return ("-", "-") if tally is None else (str(tally.right), f"{tally.percent:.2f}")


def _slice_table(own: Ensemble, notes: tuple[str, ...]) -> Table:
    from evalkit.report.table import Table

    slices = own.slices
    rows = [
        (
            _TITLES[name],
            *(f"{tallies[name].percent:.2f}" for tallies in slices.values()),
            f"{tally.percent:.2f}",
        )
        for name, tally in own.tallies.items()
    ]
    sizes = [str(next(iter(tallies.values())).total) for tallies in slices.values()]
    rows.append(("questions", *sizes, str(len(own.questions))))
    return Table(header=("", *slices, "Avg"), rows=tuple(rows), notes=notes)


def _notes(own: Ensemble, official: dict[str, Ensemble], seed: int) -> list[str]:
    unread = official["complement"].printed["GPT-4 NO-ANS (RANDOM)"]
    share = unread / len(own.questions) * 100
    guessed = (
        f"Official scripts: an unreadable answer is a random choice, here after seed {seed}; they "
        "set none. evalkit guesses nothing; its bounds take such answers for wrong and for right."
    )
    read = (
        f"GPT-4 names no letter in {unread} texts ({share:.2f} %); both models differ on "
        f"{len(own.disagreements)} questions."
    )
    notes = [guessed, read]
    if not own.is_judged:
        return [*notes, "There are no replies of a judge: --requery FILE."]
    notes.append(
        f"{len(own.missing_requery)} of these have no reply of the judge that can be read; ours "
        "counts there, and the bounds take the judge's choice for wrong and for right."
    )
    needless = len(own.needless_requery)
    if needless:
        notes.append(
            f"{needless} replies are to questions on which both agree (pid "
            f"{own.needless_requery[0]} first); they count all the same, as in the script."
        )
    return notes
