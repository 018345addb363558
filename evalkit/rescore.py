"""A file of answers -> a scored run: anyone's predictions under anyone's rules, without a model.

The answers are read (`evalkit.answer_files`), the questions are found (`evalkit.official`: the
benchmark's own ground-truth files, what the answer file itself carries, or the task's dataset),
each answer is given to its question, and from there on everything is as in a run: the same scorers,
metrics, intervals and records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit import data, registry
from evalkit.answer_files import Answer, AnswerFile, read_answers
from evalkit.audit import Texts, audit
from evalkit.errors import IncompleteError, UsageError
from evalkit.manifest import refuse_stopped, run_around
from evalkit.official.interface import Matched, OfficialFiles, References
from evalkit.prepare import chosen, demo_source, source
from evalkit.records import Failure, Prediction, Sample, SampleScore
from evalkit.run_record import (
    DatasetIdentity,
    Fingerprint,
    RunConfig,
    RunRecord,
    ScorerIdentity,
    TaskResult,
)
from evalkit.score import score_predictions, summarise
from evalkit.task import Task, file_stem

Slices = Mapping[str, Mapping[str, Mapping[str, float]]]
"""{tag: {slice: {name: value}}}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be scored, and how.

    Attributes:
        task: The task's name, with an optional variant.
        predictions: The file of answers, or MME's folder.
        references: Official ground-truth files, or a folder of the dataset's rows; None is what the
            answer file carries, else the task's dataset.
        protocol: Whose rules; None is the task's default.
        format: Format of the answers; None finds it out.
        convert: "llava" converts VQA answers as LLaVA does before it submits them.
        missing: "wrong", "exclude" or "fail"; None is what the official tool does under the
            protocol "official" (a task's own files under "own"), and "wrong" under others.
        offline: The hub is not asked.
        task_paths: Files or folders with further tasks.
    """

    task: str
    predictions: Path
    references: Path | None = None
    protocol: str | None = None
    format: str | None = None
    convert: str | None = None
    missing: str | None = None
    offline: bool = False
    task_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A file of answers, scored.

    Attributes:
        task: The task under the protocol that was used.
        answers: The file as it was read.
        samples: The questions that count.
        predictions: By sample id.
        scores: One a sample.
        result: The numbers.
        run: The run that the answers are from, where the file lies in its folder; None else.
        is_whole: False where a part of the benchmark was not answered at all, and left aside.
    """

    task: Task
    answers: AnswerFile
    samples: Sequence[Sample]
    predictions: Mapping[str, Prediction]
    scores: Sequence[SampleScore]
    result: TaskResult
    run: RunRecord | None
    is_whole: bool


def score_file(order: Order) -> Scored:
    """Score a file of answers.

    Raises:
        UsageError: The file, the references or a choice cannot be meant.
        IncompleteError: Answers are missing, and `missing` is "fail".
        DataError: The task's dataset cannot be had.
    """
    given = _match(order)
    return _scored(order, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """Answers with their questions, before any rule is applied."""

    task: Task
    files: OfficialFiles
    answers: AnswerFile
    references: References
    matched: Matched
    run: RunRecord | None
    notes: tuple[str, ...]


def _match(order: Order) -> _Given:
    """Read the answers, find the questions, and give each answer to its question.

    Raises:
        UsageError: As `score_file`.
        DataError: As `score_file`.
    """
    task = registry.load_task(order.task, order.task_paths)
    answers = read_answers(_answer_path(order.predictions, task), order.format)
    files = registry.official_files(task)
    name, note = files.protocol(task, order.protocol, answers)
    ruled = task.under(name)
    run = _run_of(answers)
    references = _references(order, ruled, files, answers, run)
    found = files.match(ruled, references, answers)
    if not found.answers:
        raise UsageError(" ".join((_nothing_fits(answers, found), *found.notes)))
    notes = tuple(filter(None, (*answers.notes, note, *references.notes, *found.notes)))
    return _Given(
        task=ruled,
        files=files,
        answers=answers,
        references=references,
        matched=found,
        run=run,
        notes=notes,
    )


def _answer_path(path: Path, task: Task) -> Path:
    """The file of answers: of a run's folder, that of the task.

    Raises:
        UsageError: The run has no answers to the task.
    """
    own = path / "predictions" / f"{task.file_stem}.jsonl"
    if own.is_file():
        return own
    if held := ", ".join(sorted(file.stem for file in path.glob("predictions/*.jsonl"))):
        message = f"The run {path} has no predictions of {task.name!r}; it has {held}."
        raise UsageError(message)
    return path


def _nothing_fits(answers: AnswerFile, found: Matched) -> str:
    ours = repr(found.samples[0].id) if found.samples else "nothing"
    theirs = repr(answers.answers[0].id or answers.answers[0].prompt)
    return (
        f"None of the {len(answers.answers)} answers in {answers.path} (format {answers.format}) "
        f"belongs to a question: the first answers {theirs}, the references begin with {ours}. "
        "Is it another benchmark or split, other references (--references), or another format "
        "(--format)?"
    )


def _run_of(answers: AnswerFile) -> RunRecord | None:
    """The run in whose folder the answers lie; errors as `run_around`."""
    return run_around(answers.path) if answers.format == "evalkit" else None


# Questions


def _references(
    order: Order, task: Task, files: OfficialFiles, answers: AnswerFile, run: RunRecord | None
) -> References:
    if order.references is not None:
        return _given_references(order.references, task, files)
    own = files.own_references(task, answers)
    if own is not None:
        return own
    if run is not None:
        refuse_stopped(run, task.folder)
        return _dataset(task, source(run.config), run.config)
    return _dataset(task, data.DataSource(offline=order.offline))


def _given_references(path: Path, task: Task, files: OfficialFiles) -> References:
    if str(path) == "demo":  # as for `run --data`
        return _dataset(task, demo_source())
    if not path.exists():
        message = f"There are no references at {path}."
        raise UsageError(message)
    found = files.references(task, path)
    if found is not None:
        return found
    if (path / task.folder).is_dir():
        return _dataset(task, data.DataSource(folder=path))
    if path.is_dir() and path.name == task.folder:
        return _dataset(task, data.DataSource(folder=path.parent))
    message = (
        f"{path} is no ground truth of {task.name!r} that evalkit knows; give the benchmark's own "
        f"file, a folder with its files, or a folder with the dataset's rows in {task.folder}/."
    )
    raise UsageError(message)


def _dataset(task: Task, place: data.DataSource, config: RunConfig | None = None) -> References:
    loaded = data.load(task, place)
    return References(
        samples=loaded.samples if config is None else chosen(task, loaded.samples, config),
        label=loaded.identity.repository or "unknown",
        identity=loaded.identity,
        notes=loaded.notes,
    )


# Scores


def _scored(order: Order, given: _Given) -> Scored:
    """The answers under the rules that were asked for."""
    task, asked, samples = given.task, given.matched.samples, _counted(order, given)
    convert = _converted(order, task)
    predictions = {
        sample_id: _prediction(answer, sample_id, convert)
        for sample_id, answer in given.matched.answers.items()
    }
    texts = Texts.of(predictions[s.id] for s in samples if s.id in predictions)
    scores = score_predictions(task, samples, predictions)
    official = _is_official(given)  # only its own rules give the tool's further numbers
    metrics, notes = (
        given.files.further(given.references, given.answers, scores) if official else ({}, ())
    )
    slices = given.files.further_slices(scores) if official else {}
    result = summarise(
        task,
        scores,
        _fingerprint(order, task, given, samples),
        (*given.notes, *_notes(order, given, samples), *notes),
        audit(task, samples, texts, scores),
        predictions=predictions,
    )
    failed = result.coverage.failed + len(asked) - len(samples)
    coverage = replace(result.coverage, asked=len(asked), failed=failed)
    return Scored(
        task=task,
        answers=given.answers,
        samples=samples,
        predictions=predictions,
        scores=scores,
        result=replace(
            result,
            metrics={**result.metrics, **metrics},
            coverage=coverage,
            breakdowns=_with_slices(result.breakdowns, slices),
        ),
        run=given.run,
        is_whole=given.answers.is_whole and given.matched.is_whole,
    )


def _with_slices(one: Slices, two: Slices) -> Slices:
    """Slices with further numbers; slices and tags that only the second has are left out."""
    return {
        tag: {name: {**held, **two.get(tag, {}).get(name, {})} for name, held in slices.items()}
        for tag, slices in one.items()
    }


def _is_official(given: _Given) -> bool:
    return given.task.protocol in ("official", "own")


def _counted(order: Order, given: _Given) -> Sequence[Sample]:
    """The samples that count: those with an answer, and the others as `missing` has it.

    Raises:
        IncompleteError: An answer is missing, and that was asked to be an error.
    """
    answered, samples = given.matched.answers, given.matched.samples
    missing = [sample for sample in samples if sample.id not in answered]
    if not missing or order.missing == "wrong":
        return samples
    if order.missing == "fail":
        message = (
            f"{len(missing)} of {len(samples)} questions have no answer in {given.answers.path} "
            f"(the first is {missing[0].id!r}); --missing wrong or --missing exclude scores it."
        )
        raise IncompleteError(message)
    if order.missing is None and not _is_official(given):
        return samples
    left_out = order.missing == "exclude"
    kept = (
        s if s.id in answered else None if left_out else given.files.unanswered(s) for s in samples
    )
    return tuple(sample for sample in kept if sample is not None)


def _converted(order: Order, task: Task) -> Callable[[str], str] | None:
    if order.convert is None:
        return None
    if order.convert not in task.conversions:
        known = ", ".join(task.conversions) or "none"
        message = f"The task {task.name!r} has no conversion {order.convert!r}; it has: {known}."
        raise UsageError(message)
    return task.conversions[order.convert]


def _prediction(answer: Answer, sample_id: str, convert: Callable[[str], str] | None) -> Prediction:
    if answer.text is None:
        failure = Failure(kind="no_answer", message="the file holds no answer to the question")
        return Prediction(sample_id=sample_id, failure=failure)
    text = answer.text if convert is None else convert(answer.text)
    return Prediction(sample_id=sample_id, text=text, finish=answer.finish)


# What is said of it


def _fingerprint(order: Order, task: Task, given: _Given, samples: Sequence[Sample]) -> Fingerprint:
    identity = given.references.identity or DatasetIdentity(
        repository=given.references.label,
        config=None,
        split=None,
        requested_revision=None,
        revision=None,
        rows=len(given.references.samples),
        expected_rows=task.dataset.rows,
        samples=0,
        digest="",
    )
    own = _own_fingerprint(given, task)
    return Fingerprint(
        dataset=data.identify(identity, samples),
        prompt=own.prompt if own else None,
        generation=own.generation if own else None,
        preprocessing=own.preprocessing if own else {},
        scorer=ScorerIdentity(
            task=task.name,
            version=task.version,
            protocol=task.protocol,
            conversion=order.convert,
            source=registry.source_digest(task.name, order.task_paths),
        ),
    )


def _own_fingerprint(given: _Given, task: Task) -> Fingerprint | None:
    """The fingerprint of the task in the run that the answers are from."""
    results = given.run.results if given.run else ()
    stems = {file_stem(result.task): result.fingerprint for result in results}
    return stems.get(given.answers.path.stem) or stems.get(task.file_stem)


def _notes(order: Order, given: _Given, samples: Sequence[Sample]) -> Iterator[str]:
    """What a reader must know of answers and questions that do not fit each other."""
    found, total = given.matched, len(given.matched.samples)
    held, full = len(given.references.samples), given.task.dataset.rows
    if given.references.identity is None and held != full:
        own = given.references.label == "predictions"
        what = "The file holds its own gold answers to" if own else "The references hold"
        yield f"{what} {held:,} questions; the benchmark's dataset has {full:,}."
    if missing := total - len(found.answers):
        fate = "are left out" if len(samples) < total else "count as wrong"
        told = given.files.missing_note if order.missing is None and _is_official(given) else ""
        yield f"{missing} of {total} questions have no answer; they {fate}. {told}".rstrip()
    if found.unknown:
        first = found.unknown[0]
        yield (
            f"{len(found.unknown)} answers belong to no question and are left out (the first is "
            f"number {first.place}, {first.id or first.prompt!r})."
        )
    if found.repeated:
        other = f" ({found.conflicting} of them say something else)" if found.conflicting else ""
        yield (
            f"{found.repeated} answers are followed by another to the same question{other}; the "
            "last counts."
        )
    if silent := [a for a in found.answers.values() if a.text is None]:
        yield (
            f"{len(silent)} entries hold no answer (the first is number {silent[0].place}); they "
            "count as wrong."
        )
    if order.convert:
        yield f"Answers were converted as {order.convert} does before scoring."
