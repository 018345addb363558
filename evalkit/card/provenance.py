"""Where the numbers of a card are from: model, versions, machine, data, words, rules, command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from evalkit.card.invocation import HERE, Invocation, judge_words, public_config, run_invocation
from evalkit.card.spelled import linked_data, spelled
from evalkit.public import public, public_spec
from evalkit.records import Generation
from evalkit.report.markdown import markdown_table
from evalkit.report.table import Table, audit_line, printable, run_table
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
        notes=tuple(public(note) for note in _notes(record)),
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
    yield "model", _model(record)
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


def _model(record: RunRecord) -> str:
    """The model as it was named; of a local folder or file its last part, and what it is."""
    shown = public_spec(record.model.spec, HERE)
    if HERE not in shown:
        return shown
    first, *options = shown.split(",")
    backend, _, name = first.partition(":")
    told = f", with {', '.join(options).replace(HERE, '')}" if options else ""
    if not name.startswith(HERE):
        return f"{first}{told}"
    kind = "file" if backend in _OF_FILES else "folder"
    return f'a local {kind} "{name.removeprefix(HERE)}", read by the backend {backend}{told}'


_OF_FILES = ("replay", "file")
"""Backends of which a local path is a file's."""


def _notes(record: RunRecord) -> Iterator[str]:
    """What a reader must see, with how answers were read in plain words."""
    bare = replace(record, results=tuple(replace(one, audit=None) for one in record.results))
    yield from run_table(bare).notes
    for result in record.results:
        if result.audit is not None:
            told = audit_line(result.audit, result).removeprefix("read by ")
            yield f"How the answers to {result.task} were read: {_counted(result, told)}"


def _counted(result: TaskResult, told: str) -> str:
    """An audit's line with each rule behind its number, and names of rules as such."""
    audit = result.audit
    if audit is None or not audit.rules:
        return told
    _, mark, rest = told.partition("; ")
    rules = ", ".join(f"{n:,} {_RULES.get(rule, rule)}" for rule, n in audit.rules.items())
    return rules + (mark + rest if mark else ".")


_RULES = {
    "lower case": "after lower-casing",
    "compared as written (people unanimous)": "compared as written (all people agree)",
    "normalised": "after normalising",
    "letter alone": "as a letter alone",
    "letter at the start": "by the letter at the start",
}
"""Names of rules that say too little by themselves."""


def _making(record: RunRecord) -> Iterator[tuple[str, str]]:
    """When, by what and on what it was made."""
    if record.publication is not None:
        yield "published in", f"{record.publication.title} ({record.publication.card})"
        return
    yield "date", f"{record.created} to {record.finished} (UTC)"
    yield "source", f"{record.source} by {_evalkit(record)}"
    others = ", ".join(f"{name} {v}" for name, v in record.versions.items() if name != "evalkit")
    if others:
        yield "other versions", others
    if record.hardware is not None:
        held = record.hardware
        accelerators = ", ".join(held.accelerators) or "no accelerator"
        yield (
            "hardware",
            f"{held.processor}, {held.cores} cores, {held.memory_gib:g} GiB, {accelerators}",
        )
    if record.source == "measured":
        way = record.config.image_preprocess
        yield "pictures", _PICTURES.get(way, way)


_PICTURES = {
    "processor": "prepared as the model's own processor does it",
    "pad-square": "padded to a square, then prepared as the model's own processor does it",
}


def _evalkit(record: RunRecord) -> str:
    """Which evalkit it was, so that it can be asked for: distribution, version and commit."""
    version = record.versions.get("evalkit")
    told = f"evalkit (the Python distribution evalkit-vlm, version {version or _UNKNOWN})"
    if not record.commit:
        return told
    commit, plus, _ = record.commit.partition("+changes")
    changed = ", with changes that were not committed" if plus else ""
    return f"{told}, at commit {commit} of its source{changed}"


_COLUMNS = (
    *("task", "data", "revision", "samples", "data digest", "prompt variant, digest"),
    *("decoding", "rules (protocol)", "judge"),
)


def _table(record: RunRecord) -> str:
    rows = [tuple(map(spelled, _row(result))) for result in record.results]
    linked = [
        (row[0], linked_data(result.fingerprint.dataset) or row[1], *row[2:])
        for row, result in zip(rows, record.results, strict=True)
    ]
    return markdown_table(
        Table(header=_COLUMNS, rows=tuple(linked), notes=()),
        cell=lambda text: text,
        right=[name == "samples" for name in _COLUMNS],
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
    yield _UNKNOWN if prompt is None else f"{prompt.variant}, {prompt.digest[:_SHOWN]}"
    yield _decoding(result.fingerprint.generation)
    yield f"{result.protocol}, version {result.version}"
    yield _judge(result)


def _decoding(told: Generation | None) -> str:
    """How answers were decoded, in words."""
    if told is None:
        return _UNKNOWN
    how = "greedy" if told.temperature == 0 else f"sampled at temperature {told.temperature:g}"
    parts = [how if told.num_beams == 1 else f"{how}, {told.num_beams} beams"]
    if told.temperature > 0 and told.top_p < 1:
        parts.append(f"top-p {told.top_p:g}")
    parts.append(f"at most {told.max_new_tokens:,} new tokens")
    if told.stop:
        parts.append("ended by " + " or ".join(map(repr, told.stop)))
    return ", ".join(parts)


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
