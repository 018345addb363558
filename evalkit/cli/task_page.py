"""What `evalkit tasks show` prints, and the file that `evalkit tasks new` writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from evalkit.records import plain
from evalkit.suites import Suite
from evalkit.task import DatasetRef, Task


def task_page(task: Task, path: Path | None) -> str:
    """All that a task says of itself, as text."""
    return (
        "\n".join([*_about(task, path), *_prompts(task), *_numbers(task), *_judging(task)]) + "\n"
    )


def _about(task: Task, path: Path | None) -> Iterable[str]:
    yield f"{task.name}, version {task.version}, protocol {task.protocol}"
    if path is not None:
        yield f"  file        {path}"
    yield from _dataset(task.dataset)
    yield f"  generation  {json.dumps(plain(task.generation))}"


def _dataset(dataset: DatasetRef) -> Iterable[str]:
    yield f"  data        {', or '.join(dataset.repositories)}"
    place = f"config {dataset.config}, " if dataset.config else ""
    pinned = dataset.revision or "unpinned"
    rows = f"{dataset.rows:,} rows, " if dataset.rows else ""
    yield f"              {place}split {dataset.split}, {rows}{pinned}"
    if dataset.columns:
        yield f"  columns     {', '.join(dataset.columns)}"
    if dataset.optional_columns:
        yield f"  if there    {', '.join(dataset.optional_columns)}"
    if dataset.join:
        join = dataset.join
        columns = ", ".join(join.columns)
        yield f"  joined      {columns} of config {join.config} on {join.on} = {join.key}"


def _prompts(task: Task) -> Iterable[str]:
    for i, (name, prompt) in enumerate(task.prompts.items()):
        yield f"  prompt      {name}{' (default)' if i == 0 else ''}"
        yield from (f"              | {line}" for line in prompt.template.split("\n"))


def _numbers(task: Task) -> Iterable[str]:
    known = {metric.name for metric in task.metrics}
    for name in task.headline:
        if name not in known:
            yield f"  metric      {name} (by the other harness's own aggregation, headline)"
    for metric in task.metrics:
        headline = ", headline" if metric.name in task.headline else ""
        yield f"  metric      {metric.name} ({metric.low:g} to {metric.high:g}{headline})"
    if task.breakdowns:
        yield f"  breakdowns  {', '.join(task.breakdowns)}"
    yield f"  protocol    {task.protocol}: {task.source or 'the task file says'}"
    for name, protocol in task.protocols.items():
        yield f"  protocol    {name}: {protocol.source}"
    for name in task.conversions:
        yield f"  conversion  {name} (for `evalkit score --convert`)"
    for name, changes in task.variants.items():
        yield f"  variant     {task.name}:{name} (changes {', '.join(changes)})"


def _judging(task: Task) -> Iterable[str]:
    """How a judged task is judged."""
    judging = task.judging
    if judging is None:
        return
    own = judging.own
    need = "" if judging.required else ", which it can do without"
    shown = f", labels {', '.join(judging.labels)}" if judging.labels else ""
    if judging.scale is not None:
        shown = f", ratings from {judging.scale[0]:g} to {judging.scale[1]:g}"
    sees = "two answers" if own.pairwise else "one answer"
    yield f"  judge       --judge SPEC{need}: {sees}{shown}"
    temperatures = ", ".join(f"{attempt.temperature:g}" for attempt in own.attempts)
    yield f"  attempts    {len(own.attempts)}, at temperature {temperatures}"
    yield f"  max tokens  {own.max_tokens}"
    yield f"  rubric      {own.digest[:8]}, evalkit's own words (others: --rubric FILE)"
    yield from (f"              | {line}" for line in own.words.split("\n"))
    for digest, place in judging.known.items():
        yield f"  official    {digest[:8]}: {place}"
    for origin, names in judging.headline.items():
        yield f"  headline    {', '.join(names)} (in words of origin {origin!r})"
    for metric in judging.metrics:
        yield f"  judged      {metric.name} ({metric.low:g} to {metric.high:g})"


def suite_page(name: str, suite: Suite) -> str:
    """What a suite sets, and its tasks with what is chosen for each, as text."""
    lines = [f"{name}, a suite: {suite.summary}"]
    lines += [f"  {key:<10}  {value}" for key, value in suite.settings.items()]
    for choice in suite.tasks:
        chosen = ", ".join(f"{key} {value}" for key, value in choice.items() if key != "name")
        lines.append(f"  task        {choice['name']}" + (f" ({chosen})" if chosen else ""))
    return "\n".join(lines) + "\n"


def starter(name: str) -> str:
    """A task file that passes `evalkit tasks check`: short questions by exact match."""
    return _STARTER.replace("NAME", name)


_STARTER = '''"""NAME: say in one line what this benchmark measures.

Paper: ... Official evaluator: ... (commit ...). Known quirks: ...
"""

from __future__ import annotations

from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Row, Task


def to_sample(row: Row) -> Sample:
    """One row of the dataset as a sample."""
    return Sample(
        id=str(row["id"]),
        question=row["question"],
        images=(row["image"],),
        targets=(row["answer"],),
        cluster=str(row["id"]),
    )


def score(sample: Sample, text: str | None) -> Outcome:
    """Exact match after lower-casing; no answer is wrong."""
    if text is None:
        return Outcome(answer=None, values={"correct": 0.0})
    answer = text.strip().lower()
    return Outcome(answer=answer, values={"correct": float(answer == sample.targets[0].lower())})


TASK = Task(
    name="NAME",
    version=1,
    dataset=DatasetRef(
        repositories=("your-organisation/NAME",),
        split="test",
        columns=("id", "question", "answer", "image"),
        image_columns=("image",),
        rows=1000,
    ),
    to_sample=to_sample,
    prompts={
        "plain": Prompt(template="{{ question }}\\nAnswer with a single word or phrase."),
    },
    generation=Generation(max_new_tokens=16),
    score=score,
    metrics=(accuracy(),),
    headline=("accuracy",),
)
'''
