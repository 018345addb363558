"""`evalkit judge calibrate`: how well a judge agrees with people."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.judge_options import REFERENCES, TASK_PATHS, VerdictPath

_PATH = VerdictPath()
_FILE = click.Path(path_type=Path, exists=True)


@click.command(
    epilog='Labels: JSON lines {"sample_id": ..., "rating": ...} or {"sample_id": ..., "label": '
    "...}, on some or all of the samples; another grade or review file will do."
)
@click.argument("source", type=_PATH, metavar="RUN|FILE")
@click.option("--labels", type=_PATH, required=True, metavar="FILE", help="What people said.")
@click.option("--task", metavar="NAME", help="The judged task, where the run has several.")
@click.option("--references", "-r", type=_FILE, metavar="FILE", help=REFERENCES)
@click.option(
    "--positive", metavar="LABEL", help="The label that counts as 1 (of MMVP's verdicts: yes)."
)
@click.option(
    "--tolerance",
    type=float,
    default=0.0,
    help="Ratings that differ by this much, on the rubric's scale, agree.",
)
@click.option(
    "--scale",
    type=(float, float),
    metavar="LOW HIGH",
    help="The labels' scale, if it is not the rubric's; they are put on the rubric's.",
)
@TASK_PATHS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    source: Path,
    labels: Path,
    *,
    task: str | None,
    references: Path | None,
    positive: str | None,
    tolerance: float,
    scale: tuple[float, float] | None,
    task_paths: tuple[str, ...],
    as_json: bool,
) -> None:
    """How well a judge agrees with people: kappa, bias, and the mean that corrects for both."""
    from evalkit.cli.screen import print_json
    from evalkit.judge.agreement import calibrate
    from evalkit.judge.labels import rescaled
    from evalkit.judge.values import human_values, pairs_of, values_of
    from evalkit.report.judge_pages import calibration_page

    judged = values_of(source, task, references, task_paths=task_paths)
    people = human_values(
        labels, references, task=task, labels=judged.labels, task_paths=task_paths
    )
    moved = ""
    if scale and judged.scale:
        people, moved = rescaled(people, scale, judged.scale)
    pairs, strays = pairs_of(judged, people)
    found = calibrate(
        pairs,
        positive=positive or (judged.labels[-1] if judged.labels else None),
        tolerance=tolerance,
        labels=judged.labels,
        scale=judged.scale_held or scale,
        notes=[*filter(None, [moved, strays]), *judged.notes],
    )
    print_json(found) if as_json else print(calibration_page(found), end="")
