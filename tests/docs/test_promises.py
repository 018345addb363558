"""What the page of clusters says is promised, the programs in tests/benchmarks promise."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "evalkit" / "runner" / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\|[^|]+\|([^|]+)\| \[\w+\.py\]\(\.\./\.\./(tests/benchmarks/\w+\.py)\) \|$")
ROWS = [found.groups() for line in PAGE.splitlines() if (found := ROW.match(line))]
PROMISES = re.compile(r"^PROMISES = (\{.*?\})$", re.MULTILINE | re.DOTALL)


def limits(program):
    """The numbers that a program promises."""
    (found,) = PROMISES.findall((ROOT / program).read_text(encoding="utf-8"))
    return {v[0] if isinstance(v, tuple) else v for v in ast.literal_eval(found).values()}


def test_there_are_rows():
    assert len(ROWS) == 4


@pytest.mark.parametrize(("told", "program"), ROWS)
def test_what_is_promised_is_what_the_program_promises(told, program):
    numbers = re.findall(r"([\d.]+) (%|times|s|MB)", told)
    assert numbers
    assert {float(n) / (100 if unit == "%" else 1) for n, unit in numbers} <= limits(program)
