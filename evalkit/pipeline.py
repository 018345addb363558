"""The stages wired together: what `evalkit run` and `evalkit.evaluate` call.

Samples become requests, requests become predictions, predictions become scores, scores become a run
record. Each step is another module's; here stands only their order, and what must be true before
the next one starts: everything cheap is checked before the model is loaded.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalkit import data, provenance, registry
from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import EvalkitError, StoreError, UsageError
from evalkit.manifest import Manifest, check_same, image_digest, manifest_of, settings
from evalkit.progress import Observer, Progress
from evalkit.records import (
    SCHEMA,
    Fingerprint,
    Prediction,
    PromptIdentity,
    RunConfig,
    RunRecord,
    Sample,
    ScorerIdentity,
    TaskChoice,
    TaskResult,
    plain,
)
from evalkit.runner import engine
from evalkit.runner.journal import Journal
from evalkit.runner.plan import plan
from evalkit.score import score_predictions, summarise
from evalkit.store import RunFolder, load_run, parse, read_json, write_json
from evalkit.task import Prompt, Task

FREE_BYTES = 100 * 2**20
"""A run does not start with less free disk than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A task with all that is known of it before a model answers."""

    task: Task
    variant: str
    prompt: Prompt
    samples: tuple[Sample, ...]
    fingerprint: Fingerprint
    notes: tuple[str, ...]


def evaluate(
    *,
    model: str,
    tasks: Sequence[str],
    out: str | Path = "results",
    name: str | None = None,
    fresh: bool = False,
    **choices: Any,
) -> RunRecord:
    """Evaluate a model on tasks; the Python face of `evalkit run`.

    Args:
        model: The model's spec, such as "hf:llava-hf/llava-1.5-7b-hf" or "demo".
        tasks: Names of tasks, with an optional variant ("mmvp:corrected").
        out: The results folder.
        name: The run's name; None makes one of the tasks and a digest of the settings.
        fresh: Start anew where the run exists; the old folder is renamed, not removed.
        choices: Further fields of `RunConfig`, such as limit, prompt, data or batch_size.

    Returns:
        The run's record, which is also in `<out>/<model>/<name>/run.json`.

    Raises:
        EvalkitError: Something cannot be had or does not fit; the text says what.
    """
    config = RunConfig(model=model, tasks=tuple(TaskChoice(name=t) for t in tasks), **choices)
    return run(config, out=out, name=name, fresh=fresh)


def run(
    config: RunConfig,
    *,
    out: str | Path = "results",
    name: str | None = None,
    fresh: bool = False,
    observer: Observer | None = None,
) -> RunRecord:
    """Run, resume or re-read the run that the configuration describes.

    Args:
        config: What to do.
        out: The results folder.
        name: The run's name; None makes one.
        fresh: Set an earlier run of that name aside.
        observer: Told of progress.

    Returns:
        The run's record. A finished run with nothing left to ask is read, not made again.

    Raises:
        EvalkitError: As in `evaluate`.
    """
    watch = observer or Observer()
    spec = registry.parse_model(config.model)
    backend_class = registry.backend_class(spec)
    options = _options(config, spec)
    tasks = preflight(config, backend_class, options)
    folder = RunFolder(Path(out) / spec.folder / (name or default_name(config)))
    if fresh and (aside := folder.set_aside()):
        watch.note(f"The earlier run was set aside as {aside}.")
    with _locked(folder):
        prepared = [_prepare(task, choice, config, watch) for task, choice in tasks]
        if finished := _finished(folder, config, prepared):
            watch.note(
                f"Nothing is left to ask: {folder.record_path} is read (--fresh asks again)."
            )
            return finished
        watch.note(f"Loading the model {config.model} ...")
        backend = backend_class.load(options)
        try:
            return _generate_and_score(folder, config, prepared, backend, watch)
        finally:
            backend.close()


# Before the model


def preflight(
    config: RunConfig, backend_class: type[Backend], options: BackendOptions
) -> list[tuple[Task, TaskChoice]]:
    """Check all that can be checked without a model or a dataset in memory.

    Raises:
        EvalkitError: The first thing that is wrong.
    """
    _check_numbers(config)
    if not config.tasks:
        message = "No task was named; `evalkit tasks` lists them."
        raise UsageError(message)
    if unknown := set(options.options) - backend_class.option_names:
        known = ", ".join(sorted(backend_class.option_names)) or "none"
        message = f"The model {config.model!r} sets {min(unknown)!r}; its backend knows: {known}."
        raise UsageError(message)
    tasks = [(registry.load_task(c.name, config.task_paths), c) for c in config.tasks]
    names = [task.name for task, _ in tasks]
    if twice := next((n for n in names if names.count(n) > 1), None):
        message = f"The task {twice!r} is named twice; name it once."
        raise UsageError(message)
    for task, choice in tasks:
        task.prompt(choice.prompt or config.prompt)
    for task, _ in tasks:
        data.preflight(task, _source(config))
    backend_class.preflight(options)
    return tasks


def _check_numbers(config: RunConfig) -> None:
    limits = [config.limit, *(choice.limit for choice in config.tasks)]
    if any(limit is not None and limit < 1 for limit in limits):
        message = "A limit must be at least 1 sample."
        raise UsageError(message)
    if config.batch_size < 1:
        message = f"The batch size must be at least 1, not {config.batch_size}."
        raise UsageError(message)


def _options(config: RunConfig, spec: registry.ModelSpec) -> BackendOptions:
    return BackendOptions(
        spec=config.model,
        name=spec.name,
        revision=spec.revision,
        dtype=config.dtype,
        device=config.device,
        image_preprocess=config.image_preprocess,
        seed=config.seed,
        offline=config.offline,
        options=spec.options,
    )


def _source(config: RunConfig) -> data.DataSource:
    if config.data == "demo":
        from evalkit.demo import data_path

        return data.DataSource(folder=data_path(), offline=config.offline, label="demo")
    folder = Path(config.data) if config.data else None
    return data.DataSource(folder=folder, offline=config.offline)


def default_name(config: RunConfig) -> str:
    """The run's name where none is given: its tasks and a digest of its settings."""
    import hashlib
    import json

    text = json.dumps(settings(config), sort_keys=True)
    tasks = [choice.name.replace(":", "-") for choice in config.tasks]
    stem = "-".join(tasks) if len(tasks) <= 3 else f"{len(tasks)}-tasks"  # noqa: PLR2004
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """Hold the run folder for this process alone; a killed process lets go."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = folder.lock_path.open("w")
    except OSError as error:
        message = f"The run folder {folder.path} cannot be written: {error.strerror}."
        raise StoreError(message) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(lock.fileno()), folder.lock_path.stat())
        except OSError:
            mine = False
        if not mine:
            message = f"Another process is at work in {folder.path}; wait for it, or give --name."
            raise UsageError(message)
        if (free := shutil.disk_usage(folder.path).free) < FREE_BYTES:
            message = (
                f"Only {free // 2**20} MiB are free at {folder.path}; "
                f"a run needs {FREE_BYTES // 2**20}."
            )
            raise EvalkitError(message)
        yield
        folder.lock_path.unlink(missing_ok=True)


def _prepare(task: Task, choice: TaskChoice, config: RunConfig, watch: Observer) -> Prepared:
    loaded = data.load(task, _source(config))
    limit = choice.limit if choice.limit is not None else config.limit
    samples = data.select(loaded.samples, limit, config.seed)
    variant, prompt = task.prompt(choice.prompt or config.prompt)
    fingerprint = Fingerprint(
        dataset=data.identify(loaded.identity, samples),
        prompt=PromptIdentity(
            variant=variant, template=prompt.template, images_first=prompt.images_first
        ),
        generation=task.generation,
        preprocessing={},
        scorer=ScorerIdentity(task=task.name, version=task.version, protocol=task.protocol),
    )
    for note in loaded.notes:
        watch.note(f"{task.name}: {note}")
    return Prepared(
        task=task,
        variant=variant,
        prompt=prompt,
        samples=samples,
        fingerprint=fingerprint,
        notes=loaded.notes,
    )


def _finished(
    folder: RunFolder, config: RunConfig, prepared: Sequence[Prepared]
) -> RunRecord | None:
    """The record of a finished run in which no sample failed; None if there is work to do."""
    if not folder.record_path.exists() or folder.started_path.exists():
        return None
    record = load_run(folder.path)
    known = {result.task: result.fingerprint.preprocessing for result in record.results}
    now = {
        p.task.name: replace(p.fingerprint, preprocessing=known.get(p.task.name, {}))
        for p in prepared
    }
    manifest = Manifest(settings=settings(config), model=record.model, fingerprints=now)
    check_same(manifest_of(record), manifest, folder.path)
    failed = sum(result.coverage.failed for result in record.results)
    return None if failed else record


# With the model


def _generate_and_score(
    folder: RunFolder,
    config: RunConfig,
    prepared: Sequence[Prepared],
    backend: Backend,
    watch: Observer,
) -> RunRecord:
    prepared = [
        replace(p, fingerprint=replace(p.fingerprint, preprocessing=backend.preprocessing()))
        for p in prepared
    ]
    created = _begin(folder, config, prepared, backend)
    requests = {p.task.name: [p.task.request(s, p.prompt) for s in p.samples] for p in prepared}
    with ExitStack() as stack:
        journals = {p.task.name: stack.enter_context(_journal(folder, p.task)) for p in prepared}
        progress = Progress({p.task.name: (p.task, p.samples) for p in prepared}, watch)
        progress.start({name: journal.predictions for name, journal in journals.items()})
        bundles = plan(requests, config.batch_size)
        engine.run(bundles, backend, journals, progress.predicted)
        watch.done()
        predictions = {name: journal.predictions for name, journal in journals.items()}
    results = tuple(_finish(folder, p, predictions[p.task.name]) for p in prepared)
    answered = [made for own in predictions.values() for made in own.values()]
    record = RunRecord(
        schema=SCHEMA,
        name=folder.path.name,
        created=created,
        finished=_now(),
        source="measured",
        model=backend.identity(),
        config=config,
        versions=provenance.versions(),
        commit=provenance.commit(),
        hardware=provenance.hardware(),
        seconds=round(sum(made.seconds or 0.0 for made in answered), 3),
        results=results,
    )
    folder.write_record(record)
    folder.forget_journal()
    return record


def _begin(
    folder: RunFolder, config: RunConfig, prepared: Sequence[Prepared], backend: Backend
) -> str:
    """Record what the run is about, or check it against what an earlier session recorded.

    Returns:
        When the run was first started.
    """
    manifest = Manifest(
        settings=settings(config),
        model=backend.identity(),
        fingerprints={p.task.name: p.fingerprint for p in prepared},
    )
    if folder.started_path.exists():
        before = parse(Manifest, read_json(folder.started_path), str(folder.started_path))
    elif folder.record_path.exists():
        before = manifest_of(load_run(folder.path))
    else:
        before = replace(manifest, created=_now())
    check_same(before, manifest, folder.path)
    write_json(folder.started_path, plain(before))
    return before.created


def _journal(folder: RunFolder, task: Task) -> Journal:
    known = folder.read_predictions(task.file_stem)
    return Journal(folder.journal_path(task.file_stem), known)


def _finish(
    folder: RunFolder, prepared: Prepared, predictions: Mapping[str, Prediction]
) -> TaskResult:
    """Score a task and put its predictions, scores and submission on disk."""
    task, stem = prepared.task, prepared.task.file_stem
    folder.write_predictions(stem, [predictions[s.id] for s in prepared.samples])
    images = image_digest(predictions[s.id] for s in prepared.samples)
    dataset = replace(prepared.fingerprint.dataset, images=images)
    fingerprint = replace(prepared.fingerprint, dataset=dataset)
    notes = list(prepared.notes)
    if task.submission is not None:
        pairs = [(s, predictions[s.id].text or "") for s in prepared.samples]
        name, value = task.submission(pairs)
        write_json(folder.path / "submissions" / name, value)
        notes.append(
            f"The answers of this split are scored by a server: submit submissions/{name}."
        )
    scores = score_predictions(task, prepared.samples, predictions)
    folder.write_scores(stem, scores)
    return summarise(task, scores, fingerprint, tuple(notes))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
