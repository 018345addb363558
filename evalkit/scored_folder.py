"""A scored file of answers as a run folder: with a record, so that it can be shown and compared."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from evalkit import provenance
from evalkit.errors import StoreError
from evalkit.rescore import Scored
from evalkit.run_record import SCHEMA, ModelIdentity, RunConfig, RunRecord, TaskChoice
from evalkit.store import RunFolder, load_run

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
    """
    place = RunFolder(folder)
    record = record_of(scored, folder.resolve().name, model)
    if place.record_path.exists():
        record = _beside(load_run(folder), record, folder)
    elif place.holds_a_run:
        message = f"{folder} holds an unfinished run; give --out another folder."
        raise StoreError(message)
    stem = scored.task.file_stem
    made = scored.predictions
    place.write_predictions(stem, [made[s.id] for s in scored.samples if s.id in made])
    place.write_scores(stem, scored.scores)
    place.write_record(record)
    return record


def _beside(before: RunRecord, now: RunRecord, folder: Path) -> RunRecord:
    """The earlier record with the new result in it."""
    if before.source != "scored" or before.model.name != now.model.name:
        message = (
            f"{folder} holds {before.source} results of the model {before.model.name!r}, not "
            f"scored answers of {now.model.name!r}; give --out another folder."
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
