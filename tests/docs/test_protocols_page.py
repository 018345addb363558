"""tasks/PROTOCOLS.md: every task and protocol is there, and every odd answer is worth what it says.

A section is about the tasks that its heading names in brackets. Its table of odd answers has the
gold answer, the answer as Python writes it, and a column for each protocol.
"""

import ast
import re
from pathlib import Path

import pytest

from evalkit.records import Image, Sample
from evalkit.registry import load_task, task_files

PAGE = (Path(__file__).parents[2] / "tasks" / "PROTOCOLS.md").read_text(encoding="utf-8")
SECTIONS = {
    name: body
    for names, body in re.findall(
        r"^## [^\n]+\(((?:`\w+`(?:, )?)+)\)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    for name in re.findall(r"\w+", names)
}
CHOICES = {"scienceqa": ("a rock", "a stone", "a shell"), "mmvp": ("Open", "Closed")}
PICTURE = Image(key="none", read=lambda: b"")


def tables(text):
    """The tables of a text, each a list of rows, and a row a list of cells."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line.strip("|").split("|") for line in block.splitlines()]
        yield [[cell.strip() for cell in line] for line in lines if not set(line[0]) <= set("- ")]


def odd_answers():
    """(task, protocol, gold, answer, worth) of every cell of the tables of odd answers."""
    for task, body in SECTIONS.items():
        for header, *rows in tables(body):
            protocols = [name.strip("`") for name in header[2:]]
            for gold, text, *worth in rows:
                for protocol, number in zip(protocols, worth, strict=True):
                    yield task, protocol, gold, ast.literal_eval(text.strip("`")), float(number)


def sample(task, gold):
    """A question with this gold answer; "3 x net, 7 x rope" are ten people's."""
    said = [part.split(" x ") for part in gold.split(", ")] if " x " in gold else [("1", gold)]
    return Sample(
        id="1",
        question="?",
        images=(PICTURE,),
        choices=CHOICES.get(task, ()),
        targets=tuple(text for count, text in said for _ in range(int(count))),
        cluster="1",
        inputs={"place": "0"},
    )


def test_every_task_has_a_section():
    assert set(SECTIONS) == set(task_files())


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_names_the_protocol_of_a_run_and_whose_rules_it_follows(name):
    task, body = load_task(name), " ".join(SECTIONS[name].split())
    assert f"`{task.protocol}`" in body
    judging = task.judging
    source = judging.source if judging else task.source
    assert source in body or source.partition(":")[2].strip() in body


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_names_every_variant(name):
    assert all(f"`{name}:{variant}`" in PAGE for variant in load_task(name).variants)


def test_the_first_table_names_every_protocol():
    tasks = [load_task(name) for name in task_files()]
    (first, *_), named = tables(PAGE), set()
    for row in first[1:]:
        named |= set(re.findall(r"`([\w-]+)`", row[0]))
    theirs = {protocol for task in tasks for protocol in (task.protocol, *task.protocols)}
    assert named == theirs | {"own", "evalkit", "file"}


def test_each_table_of_odd_answers_has_every_protocol_that_reads_an_answer():
    columns = {}
    for task, protocol, *_ in odd_answers():
        columns.setdefault(task, set()).add(protocol)
    for name in task_files():
        task = load_task(name)
        reading = {task.protocol, *task.protocols} - {"unjudged"}
        if name == "mmvp":
            reading -= {"official"}  # it reads a judge's replies
        assert columns.get(name, set()) == reading


@pytest.mark.parametrize(("name", "protocol", "gold", "text", "worth"), list(odd_answers()))
def test_an_odd_answer_is_worth_what_the_page_says(name, protocol, gold, text, worth):
    values = load_task(name).under(protocol).score(sample(name, gold), text).values
    assert values.get("correct", values.get("score")) == pytest.approx(worth, abs=1e-12)
