"""A scored file of answers as a run folder: with a record, so that it can be shown and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import sleep

from evalkit import provenance
from evalkit.errors import StoreError, UsageError
from evalkit.rescore import Scored
from evalkit.run_record import SCHEMA, ModelIdentity, RunConfig, RunRecord, TaskChoice
from evalkit.runner.lock import held
from evalkit.store import RunFolder, load_run, prediction_lines

_ATTEMPTS = 600
_PAUSE = 0.1  # seconds
_SUFFIXES = re.compile(r"(\.(jsonl?|gz|xlsx|tsv|csv))+$")


def record_of(scored: Scored, name: str, model: str | None = None) -> RunRecord:
    """The run record of a scored file.

    Args:
        scored: What `score_file` made.
        name: The record's name, which is its folder's.
        model: The model's name; None is what the file says, else the file's own name.
    """
    now, path = provenance.now(), scored.answers.path
    stem = path.name if path.is_dir() else _SUFFIXES.sub("", path.name)
    identity = ModelIdentity(
        spec=f"file:{path.name}", backend="file", name=model or scored.answers.model or stem
    )
    run = scored.run
    return RunRecord(
        schema=SCHEMA,
        name=name,
        created=now,
        finished=now,
        source="scored",
        model=run.model if run is not None and model is None else identity,
        config=RunConfig(model=identity.spec, tasks=(TaskChoice(name=scored.task.name),)),
        versions=provenance.versions(),
        commit=provenance.commit(),
        hardware=None,
        seconds=0.0,
        results=(scored.result,),
    )


def write(scored: Scored, folder: Path, model: str | None = None) -> RunRecord:
    """Write a scored file as a run folder, beside what was scored into the same folder before.

    Raises:
        StoreError: The folder holds a run that was measured, or answers of another model.
        UsageError: Another process holds the folder for a minute.
    """
    place = RunFolder(folder)
    with _held_in_turn(place):
        _clear(place)
        record = record_of(scored, folder.resolve().name, model)
        if place.record_path.exists():
            record = _beside(load_run(folder), record, folder)
        elif place.holds_a_run:
            message = f"{folder} holds an unfinished run; give --out another folder."
            raise StoreError(message)
        _refuse_other_answers(place, scored, record)
        return _store(place, scored, record)


def _store(place: RunFolder, scored: Scored, record: RunRecord) -> RunRecord:
    """Write all files. A kill in between leaves a record without the task, never a wrong one.

    Returns:
        The record as it was written.
    """
    task, stem, made = scored.result.task, scored.task.file_stem, scored.predictions
    others = tuple(result for result in record.results if result.task != task)
    place.write_record(replace(record, results=others))
    answers = place.write_predictions(stem, [made[s.id] for s in scored.samples if s.id in made])
    digest = place.write_scores(stem, scored.scores)
    own = replace(scored.result, scores=digest, predictions=answers)
    results = [own if r.task == task else r for r in record.results]
    return place.write_record(replace(record, results=tuple(results)))


@contextmanager
def _held_in_turn(place: RunFolder) -> Iterator[None]:
    """Hold the folder; several files may be scored into one at the same time."""
    with ExitStack() as stack:
        for attempt in range(_ATTEMPTS):
            try:
                stack.enter_context(held(place))
                break
            except UsageError:
                if attempt == _ATTEMPTS - 1:
                    raise
                sleep(_PAUSE)
        yield


def _clear(place: RunFolder) -> None:
    """Remove what a killed process left half-written; nobody else is writing now."""
    for folder in ("predictions", "scores"):
        for left in (place.path / folder).glob(".*"):
            left.unlink(missing_ok=True)


def _refuse_other_answers(place: RunFolder, scored: Scored, record: RunRecord) -> None:
    """Answers of one name may be another model's: LLaVA calls all its files merge.jsonl."""
    path, made = place.predictions_path(scored.task.file_stem), scored.predictions
    if not place.record_path.exists() or not path.exists():
        return
    before = {result.task for result in load_run(place.path).results}
    now = prediction_lines([made[s.id] for s in scored.samples if s.id in made])
    if scored.result.task in before and path.read_text(encoding="utf-8") != now:
        message = (
            f"{place.path} holds other answers to {scored.result.task} under the model name "
            f"{record.model.name!r}; give --out another folder, or --model another name."
        )
        raise StoreError(message)


def _beside(before: RunRecord, now: RunRecord, folder: Path) -> RunRecord:
    """The earlier record with the new result in it."""
    if before.source != "scored" or before.model.name != now.model.name:
        message = (
            f"{folder} holds {before.source} results of the model {before.model.name!r}, not "
            f"scored answers of {now.model.name!r}; give --out another folder."
        )
        raise StoreError(message)
    for old in before.results:
        if any(old.task == new.task and old.protocol != new.protocol for new in now.results):
            message = (
                f"{folder} holds {old.task} under the protocol {old.protocol!r}; give --out "
                "another folder for another protocol."
            )
            raise StoreError(message)
    tasks = {result.task for result in now.results}
    kept = tuple(result for result in before.results if result.task not in tasks)
    chosen = tuple(choice for choice in before.config.tasks if choice.name not in tasks)
    return replace(
        now,
        created=before.created,
        config=replace(now.config, tasks=(*chosen, *now.config.tasks)),
        results=(*kept, *now.results),
    )
