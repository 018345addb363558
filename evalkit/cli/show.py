"""`evalkit show`: the numbers of a finished run, without asking any model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalkit.records import plain
from evalkit.store import load_run, write_text


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option("--all", "every_metric", is_flag=True, help="All metrics, and slices.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the page to a file.")
def command(run: str, kind: str, out: str | None, *, every_metric: bool) -> None:
    """Show the numbers of a finished run (its folder, or its run.json)."""
    from evalkit.cli.screen import text_table
    from evalkit.report.markdown import run_page
    from evalkit.report.table import breakdown_tables, run_table

    record = load_run(run)
    if kind == "json":
        page = json.dumps(plain(record), ensure_ascii=False, indent=1) + "\n"
    elif kind == "markdown":
        page = run_page(record)
    else:
        title = f"{record.model.name} ({record.name})"
        page = text_table(run_table(record, every_metric=every_metric), title)
        for result in record.results if every_metric else ():
            for name, table in breakdown_tables(result):
                page += "\n" + text_table(table, f"{result.task} {name}")
    if out is None:
        print(page, end="")
    else:
        write_text(Path(out), page)
