"""Tables as plain text: the one place that sets their columns."""

from __future__ import annotations

import io

from evalkit.report.spoken import spoken
from evalkit.report.table import Table, numeric_columns, printable

_GAP = 3  # blanks between two columns of a table


def text_table(table: Table, title: str) -> str:
    """A table as text with its title above, where it has one, and its notes below.

    A header of empty names is not shown.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, show_header=any(table.header))
    for name, right in zip(table.header, numeric_columns(table), strict=True):
        drawn.add_column(Text(printable(name)), justify="right" if right else "left", no_wrap=True)
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    text = io.StringIO()
    widest = Console(file=text, width=10_000).measure(drawn).maximum
    Console(file=text, width=widest).print(drawn)
    lines = "\n".join(line.rstrip() for line in text.getvalue().splitlines())
    head = [printable(title)] if title else []
    notes = (f"  {printable(note)}" for note in table.notes)
    return spoken("\n".join([*head, lines, *notes])) + "\n"


def folded(table: Table, keys: int, width: int) -> list[Table]:
    """The table as several that are narrow enough, one below the other.

    Args:
        table: The table; its notes come with the last part.
        keys: The first columns, which name a row: every part has them.
        width: Columns of the terminal. What cannot be narrower stays as it is.
    """
    from rich.cells import cell_len

    columns = list(zip(table.header, *table.rows, strict=True))
    wide = [max(cell_len(printable(cell)) for cell in column) + _GAP for column in columns]
    parts: list[list[int]] = [[]]
    for place in range(keys, len(columns)):
        taken = sum(wide[:keys]) + sum(wide[held] for held in parts[-1])
        if parts[-1] and taken + wide[place] > width:
            parts.append([])
        parts[-1].append(place)
    return [
        Table(
            header=tuple(columns[place][0] for place in (*range(keys), *part)),
            rows=tuple(tuple(row[place] for place in (*range(keys), *part)) for row in table.rows),
            notes=table.notes if part is parts[-1] else (),
        )
        for part in parts
    ]
