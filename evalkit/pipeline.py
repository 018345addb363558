"""The stages wired together: what `evalkit run` and `evalkit.evaluate` call.

Samples become requests, requests become predictions, predictions become scores, scores become a run
record. Each step is another module's; here stands only their order, and what must be true before
the next one starts: everything cheap is checked before the model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from evalkit import provenance, registry
from evalkit.alongside import Alongside, judge_alongside
from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import BackendError, EvalkitError, NotComparableError
from evalkit.judge.order import JudgeOrder
from evalkit.judging import check_judge, judge_prepared
from evalkit.manifest import (
    Manifest,
    before_judging,
    check_pictures,
    check_same,
    default_name,
    manifest_of,
    settings,
)
from evalkit.prepare import Prepared, backend_options, check_name, preflight, prepare
from evalkit.progress import Observer, Progress
from evalkit.records import Prediction, plain
from evalkit.rereading import finished, result_of, stored_answers
from evalkit.run_record import SCHEMA, RunConfig, RunRecord, TaskChoice
from evalkit.runner import engine
from evalkit.runner.inline import workers_of
from evalkit.runner.journal import Journal
from evalkit.runner.lock import held
from evalkit.runner.memory import memory_peak
from evalkit.runner.meter import Meter, summary
from evalkit.runner.plan import plan_in_turns
from evalkit.runner.workers import Crew, Workers
from evalkit.stopping import StopOrder, Stopping
from evalkit.store import RunFolder, load_run, parse, read_json
from evalkit.task import Task
from evalkit.telemetry import Telemetry
from evalkit.writing import write_json


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
    judge: JudgeOrder | None = None,
    unjudged: bool = False,
    early: StopOrder | None = None,
) -> RunRecord:
    """Run, resume or re-read the run that the configuration describes.

    Arguments and errors are those of `evaluate`; `observer` is told of progress, `judge` judges the
    tasks that need it, `unjudged` leaves them for later (`evalkit.judging.judge_run`), and by the
    gate `early` tasks end once its verdict is certain. What has nothing left to ask is read.
    """
    config = replace(config, early_stop=early.setting if early else None)
    watch, spec = observer or Observer(), registry.parse_model(config.model)
    judge = judge and replace(judge, offline=judge.offline or config.offline)
    folder = RunFolder(Path(out) / spec.folder / (check_name(name) or default_name(config)))
    backend_class, options = registry.backend_class(spec), backend_options(config, spec)
    tasks = preflight(config, backend_class, options)
    check_judge([task for task, _ in tasks], judge, unjudged=unjudged)
    with held(folder, fresh=fresh) as aside:
        if aside:
            watch.note(f"The earlier run was set aside as {aside}.")
        prepared = [prepare(task, choice, config, watch) for task, choice in tasks]
        stopping = Stopping.by(early, prepared, config.seed) if early else Stopping()
        weights = partial(backend_class.weights, options)
        what = folder, config, prepared
        record = finished(*what, weights, watch, stopping=stopping, judged_anew=bool(judge))
        if record is None:
            loaded = partial(_workers, config, backend_class, options)
            record = _answered(*what, loaded, watch, judge=judge, stopping=stopping)
        else:
            record = _judged(folder, record, prepared, judge, watch)
    watch.stored(folder.path)
    return record


def _answered(
    folder: RunFolder,
    config: RunConfig,
    prepared: Sequence[Prepared],
    loaded: Callable[[], AbstractContextManager[Workers]],
    watch: Observer,
    *,
    judge: JudgeOrder | None,
    stopping: Stopping,
) -> RunRecord:
    """The record of a run that a model answers, which is loaded for it."""
    with judge_alongside(folder, prepared, judge, watch) as beside:
        watch.note(f"Loading the model {config.model} ...")
        with loaded() as workers:
            made = _generate_and_score(
                folder, config, prepared, workers, watch, beside=beside, stopping=stopping
            )
        return _judged(folder, made, prepared, judge, watch, beside=beside)


def _judged(
    folder: RunFolder,
    record: RunRecord,
    prepared: Sequence[Prepared],
    judge: JudgeOrder | None,
    watch: Observer,
    *,
    beside: Alongside | None = None,
) -> RunRecord:
    if judge is None:
        return record
    return judge_prepared(folder, record, prepared, judge, watch, beside=beside)


@contextmanager
def _workers(
    config: RunConfig, backend_class: type[Backend], options: BackendOptions
) -> Iterator[Workers]:
    """Who answers: this process, or Ray's actors; closed in the end, and the model with them."""
    if config.workers == 1 and config.ray_address is None:
        with (
            closing(_load(backend_class, options)) as backend,
            closing(workers_of(backend)) as workers,
        ):
            yield workers
        return
    from evalkit.runner.ray_workers import RayWorkers

    with closing(RayWorkers(backend_class, options, config)) as actors:
        yield actors


def _load(backend_class: type[Backend], options: BackendOptions) -> Backend:
    """Load a backend; the boundary at which any error of its code becomes a sentence."""
    try:
        return backend_class.load(options)
    except EvalkitError:
        raise
    except Exception as error:
        message = f"The model {options.spec!r} cannot be loaded: {type(error).__name__}: {error}."
        raise BackendError(message) from error


# With the model


def _generate_and_score(
    folder: RunFolder,
    config: RunConfig,
    prepared: Sequence[Prepared],
    workers: Workers,
    watch: Observer,
    *,
    beside: Alongside | None,
    stopping: Stopping,
) -> RunRecord:
    crew = workers.crew()
    _check_crew(config, crew, watch)
    prepared = [
        replace(p, fingerprint=replace(p.fingerprint, preprocessing=crew.preprocessing))
        for p in prepared
    ]
    begun = _begin(folder, config, prepared, crew)
    found, telemetry = _predictions(
        folder, config.batch_size, prepared, workers, watch, beside=beside, stopping=stopping
    )
    results = tuple(result_of(folder, p, found[p.task.name], None, stopping) for p in prepared)
    answered = chain.from_iterable(own.values() for own in found.values())
    record = RunRecord(
        schema=SCHEMA,
        name=folder.path.name,
        created=begun.created,
        finished=provenance.now(),
        source="measured",
        model=begun.model,
        config=config,
        versions=begun.versions,
        commit=provenance.commit(),
        hardware=provenance.hardware(),
        seconds=round(sum(made.seconds or 0.0 for made in answered), 3),
        results=results,
        telemetry=telemetry,
    )
    record = folder.write_record(record)
    folder.forget_journal()
    return record


def _check_crew(config: RunConfig, crew: Crew, watch: Observer) -> None:
    """Say how requests are answered, if that is how they shall be."""
    if config.prefix_sharing == "on" and not crew.shares_prefixes:
        message = f"The model {config.model!r} cannot share prefixes; give --prefix-sharing auto."
        raise BackendError(message)
    if crew.note:
        watch.note(f"Requests are answered as follows: {crew.note}.")


def _predictions(
    folder: RunFolder,
    batch_size: int | None,
    prepared: Sequence[Prepared],
    workers: Workers,
    watch: Observer,
    *,
    beside: Alongside | None,
    stopping: Stopping,
) -> tuple[Mapping[str, Mapping[str, Prediction]], Telemetry]:
    """All predictions by task and sample id, of all sessions; and how this one went."""
    crew = workers.crew()
    with ExitStack() as stack:
        journals = {p.task.name: stack.enter_context(_journal(folder, p.task)) for p in prepared}
        known = {name: journal.predictions for name, journal in journals.items()}
        for p in prepared:
            check_pictures(p.samples, known[p.task.name], p.fingerprint, folder.path)
        progress = Progress({p.task.name: (p.task, p.samples, p.places) for p in prepared}, watch)
        progress.start(known)
        stopping.start(known)
        resumed = any(journal.any_done() for journal in journals.values())
        capacity = crew.capacity
        if batch_size is not None:
            capacity = replace(capacity, rows=batch_size, tokens=None)
        rounds = stopping.rounds({p.task.name: p.requests for p in prepared})
        bundles = plan_in_turns(rounds, capacity, sharing=crew.shares_prefixes)
        meter, told = Meter(crew), [one for one in (progress, stopping, beside) if one is not None]

        def predicted(task: str, made: Sequence[Prediction]) -> None:
            for one in told:
                one.predicted(task, made)

        engine.run(bundles, workers, journals, predicted, meter, settled=stopping.is_settled)
        watch.done()
        stopping.say(watch)
        peaks = {"driver": memory_peak(), **workers.peaks()}
        telemetry = meter.telemetry(peaks, resumed=resumed)
        if line := summary(telemetry, crew):
            watch.note(line)
        return known, telemetry


def _begin(
    folder: RunFolder, config: RunConfig, prepared: Sequence[Prepared], crew: Crew
) -> Manifest:
    """Record what the run is about, or check it against what an earlier session recorded."""
    manifest = Manifest(
        settings=settings(config),
        model=crew.identity,
        fingerprints={p.task.name: p.fingerprint for p in prepared},
        versions=provenance.versions(),
    )
    if folder.started_path.exists():
        begun = parse(Manifest, read_json(folder.started_path), str(folder.started_path))
        before = before_judging(begun, manifest)
    elif folder.record_path.exists():
        before = before_judging(manifest_of(load_run(folder.path)), manifest)
    elif folder.holds_answers:
        message = (
            f"{folder.path} holds answers, but nothing says which model gave them: its run.json is "
            "gone. Give --fresh to start anew (the old folder is kept aside)."
        )
        raise NotComparableError(message)
    else:
        before = replace(manifest, created=provenance.now())
    check_same(before, manifest, folder.path)
    write_json(folder.started_path, plain(before))
    return before


def _journal(folder: RunFolder, task: Task) -> Journal:
    return Journal(folder.journal_path(task.file_stem), stored_answers(folder, task))
