"""Where the numbers of a card are from: model, versions, machine, data, words, rules, command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evalkit.card.invocation import HERE, Invocation, judge_words, public_config, run_invocation
from evalkit.public import public, public_spec
from evalkit.report.markdown import markdown_table, published
from evalkit.report.table import Table, printable, run_table
from evalkit.run_record import WHOSE, RunRecord, TaskResult
from evalkit.suites import suite_names

_UNKNOWN = "unknown"
_SHOWN = 12  # digits of a digest in a table
_DIGEST = 16  # of one that names a model or a record


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the numbers of a run are from.

    Attributes:
        facts: What it is, and what holds: ("model", "hf:..."), ...; texts as records have them.
        table: Tasks with their data, words, rules and judge, as Markdown.
        prompts: (variant, template, tasks), each template once.
        notes: Sentences that a reader must see.
        command: The command that makes the run again, as a shell reads it; empty for numbers that
            were published.
        task_list: What the task list holds that the command names; empty where it names none.
        remarks: What the command does not say, in sentences.
    """

    facts: tuple[tuple[str, str], ...]
    table: str
    prompts: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    command: str
    task_list: str
    remarks: tuple[str, ...]


def provenance(record: RunRecord) -> Provenance:
    """Where the numbers of a run are from."""
    command = _command(record)
    return Provenance(
        facts=tuple(_facts(record)),
        table=_table(record),
        prompts=tuple(_prompts(record)),
        notes=tuple(public(note) for note in run_table(record).notes),
        command="" if command is None else printable(command.line),
        task_list="" if command is None else _lines(command.task_list or ""),
        remarks=tuple(_remarks(record)),
    )


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def fenced(text: str, language: str = "") -> str:
    """A text between fences that it cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    model = record.model
    yield "model", public_spec(model.spec, HERE)
    if model.revision or model.digest:
        name = "revision" if model.revision else "weights"
        yield name, model.revision or f"SHA-256 {(model.digest or '')[:_DIGEST]}"
    for what, value in (
        ("architecture", model.architecture),
        ("number format", model.dtype),
        ("parameters", f"{model.parameters:,}" if model.parameters else None),
    ):
        if value:
            yield what, value
    yield from _making(record)
    yield "record", f"{record.name}, SHA-256 {record.digest[:_DIGEST]}"


def _making(record: RunRecord) -> Iterator[tuple[str, str]]:
    """When, by what and on what it was made."""
    if record.publication is not None:
        yield "published in", f"{record.publication.title} ({record.publication.card})"
        return
    yield "date", f"{record.created} to {record.finished} (UTC)"
    yield "source", f"{record.source} by evalkit, commit {record.commit or _UNKNOWN}"
    yield "versions", ", ".join(f"{name} {v}" for name, v in record.versions.items())
    if record.hardware is not None:
        held = record.hardware
        accelerators = ", ".join(held.accelerators) or "no accelerator"
        yield (
            "hardware",
            f"{held.processor}, {held.cores} cores, {held.memory_gib:g} GiB, {accelerators}",
        )
    if record.source == "measured":
        yield "pictures", record.config.image_preprocess


def _table(record: RunRecord) -> str:
    header = ("task", "data", "revision", "samples", "data digest", "prompt", "rules", "judge")
    rows = [tuple(_row(result)) for result in record.results]
    return markdown_table(
        Table(header=header, rows=tuple(rows), notes=()),
        cell=published,
        right=[False, False, False, True, False, False, False, False],
    )


def _row(result: TaskResult) -> Iterable[str]:
    data, prompt = result.fingerprint.dataset, result.fingerprint.prompt
    yield result.task
    place = "/".join(filter(None, (data.repository, data.config, data.split))) or _UNKNOWN
    yield f"{place}: {WHOSE[data.own]}" if data.own else place
    yield data.revision or "none pinned"
    rows = data.rows if data.own else data.expected_rows
    yield _UNKNOWN if data.samples is None else f"{data.samples:,} of {rows or '?'}"
    yield (data.digest or _UNKNOWN)[:_SHOWN]
    yield _UNKNOWN if prompt is None else f"{prompt.variant} {prompt.digest[:_SHOWN]}"
    yield f"{result.protocol}, version {result.version}"
    yield _judge(result)


def _judge(result: TaskResult) -> str:
    report = result.judge
    if report is None:
        return "-"
    return f"{report.judge}, rubric {report.rubric[:_SHOWN]}" if report.rubric else report.judge


def _prompts(record: RunRecord) -> Iterator[tuple[str, str, str]]:
    known: dict[tuple[str, str], list[str]] = {}
    for result in record.results:
        if (prompt := result.fingerprint.prompt) is not None:
            known.setdefault((prompt.variant, prompt.template), []).append(result.task)
    for (variant, template), tasks in known.items():
        yield variant, _lines(public(template)), ", ".join(tasks)


def _command(record: RunRecord) -> Invocation | None:
    if record.source == "self-reported":
        return None
    if record.source == "scored":
        return _score(record)
    made = run_invocation(public_config(record.config), suite_names())
    words = (
        *made.words[:2],
        *(public_spec(word, HERE) for word in judge_words(record)),
        *made.words[2:],
    )
    return Invocation(words=words, task_list=made.task_list)


def _score(record: RunRecord) -> Invocation | None:
    """The command of numbers that were scored from a file, as far as their record knows it."""
    if len(record.results) != 1:
        return None
    (result,) = record.results
    name = public(record.config.model.partition(":")[2]) or "FILE"
    words = ["evalkit", "score", result.task, "--predictions", name]
    words += ["--protocol", result.protocol]
    if conversion := result.fingerprint.scorer.conversion:
        words += ["--convert", conversion]
    return Invocation(words=tuple(words))


def _remarks(record: RunRecord) -> Iterator[str]:
    if record.source == "scored":
        yield "Which answer key and options were given to it stands in no record."
    if public_config(record.config) != record.config:
        yield "Local folders, and a cluster's address, are left out of it."
    if record.config.early_stop is not None:
        yield (
            "A gate could end tasks early (--gate, --baseline and --sequential): its policy has "
            f"SHA-256 {record.config.early_stop.policy[:_DIGEST]}, its baseline "
            f"{record.config.early_stop.baseline[:_DIGEST]}."
        )
    judged = [result for result in record.results if result.judge is not None]
    if any(result.judge and result.judge.origin == "file" for result in judged):
        yield "The rubric was a file (--rubric); its digest is in the table."
    if judged and record.source == "measured" and not judge_words(record):
        yield "Several judges were asked, each by `evalkit judge` on the finished run."
