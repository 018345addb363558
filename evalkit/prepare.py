"""What must be true before a model is loaded: names known, settings sane, data at hand."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from array import array
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit import data, registry
from evalkit.backends.interface import Backend, BackendOptions, check_options
from evalkit.errors import MissingExtraError, UsageError
from evalkit.numbering import Numbering
from evalkit.progress import Observer
from evalkit.records import Image, Request, Sample
from evalkit.run_record import Fingerprint, PromptIdentity, RunConfig, ScorerIdentity, TaskChoice
from evalkit.spool import Lazy, Spool
from evalkit.task import Prompt, Task

MAX_BATCH = 65536
"""The largest batch size that can be meant."""

MAX_WORKERS = 4096
"""The largest number of workers that can be meant."""

PREFIX_SHARING = ("auto", "on", "off")
"""Whether requests about one picture share the reading of it: where it can be done, or else not at
all, or never."""

IMAGE_PREPROCESS = ("processor", "pad-square")
"""What may happen to a picture before the model's processor: nothing, or padding to a square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A task with all that is known of it before a model answers.

    Samples and requests, one a sample, are read where they are asked for; `places` says by id where
    a sample stands among them.
    """

    task: Task
    variant: str
    prompt: Prompt
    samples: Sequence[Sample]
    requests: Sequence[Request]
    places: Numbering
    fingerprint: Fingerprint
    notes: tuple[str, ...]


def preflight(
    config: RunConfig, backend_class: type[Backend], options: BackendOptions
) -> list[tuple[Task, TaskChoice]]:
    """Check all that can be checked without a model or a dataset in memory.

    Raises:
        EvalkitError: The first thing that is wrong.
    """
    _check_settings(config)
    if not config.tasks:
        message = "No task was named; `evalkit tasks` lists them."
        raise UsageError(message)
    check_options(backend_class, options)
    tasks = [(registry.load_task(c.name, config.task_paths), c) for c in config.tasks]
    stems = [task.file_stem for task, _ in tasks]
    if twice := next((t.name for t, _ in tasks if stems.count(t.file_stem) > 1), None):
        message = (
            f"The task {twice!r} is named twice (in the files' names ':' is '-'); name it once."
        )
        raise UsageError(message)
    for task, choice in tasks:
        task.prompt(choice.prompt or config.prompt)
    if (config.workers > 1 or config.ray_address) and importlib.util.find_spec("ray") is None:
        package = "ray"
        raise MissingExtraError(package, "ray", "More than one worker")
    backend_class.preflight(options)
    for task, _ in tasks:
        data.preflight(task, source(config))
    return tasks


def check_name(name: str | None) -> str | None:
    """A run's name, if it stays in the results folder; None is none yet.

    Raises:
        UsageError: The name is empty, or holds a path separator or a leading dot.
    """
    if name is not None and not re.fullmatch(r"[\w-][\w.-]*", name):
        message = f"The name {name!r} cannot name a run; use letters, digits, '-', '_' and '.'."
        raise UsageError(message)
    return name


def _check_settings(config: RunConfig) -> None:
    if config.image_preprocess not in IMAGE_PREPROCESS:
        message = (
            f"The image preprocessing {config.image_preprocess!r} is not known; use "
            f"{' or '.join(IMAGE_PREPROCESS)}."
        )
        raise UsageError(message)
    limits = [config.limit, *(choice.limit for choice in config.tasks)]
    if any(limit is not None and limit < 1 for limit in limits):
        message = "A limit must be at least 1 sample."
        raise UsageError(message)
    if config.limit_by not in (None, "cluster"):
        message = f"A limit is by group or by cluster, not by {config.limit_by!r}."
        raise UsageError(message)
    if config.prefix_sharing not in PREFIX_SHARING:
        message = (
            f"The prefix sharing {config.prefix_sharing!r} is not known; use "
            f"{', '.join(PREFIX_SHARING)}."
        )
        raise UsageError(message)
    if not 1 <= config.workers <= MAX_WORKERS:
        message = f"The workers must be between 1 and {MAX_WORKERS}, not {config.workers}."
        raise UsageError(message)
    if config.gpus_per_worker is not None and not 0 <= config.gpus_per_worker <= MAX_WORKERS:
        message = f"A worker cannot have {config.gpus_per_worker} accelerators; give 0 or more."
        raise UsageError(message)
    if config.batch_size is not None and not 1 <= config.batch_size <= MAX_BATCH:
        message = f"The batch size must be between 1 and {MAX_BATCH}, not {config.batch_size}."
        raise UsageError(message)


def backend_options(config: RunConfig, spec: registry.ModelSpec) -> BackendOptions:
    """What the backend is told when it is made."""
    return BackendOptions(
        spec=config.model,
        name=spec.name,
        revision=spec.revision,
        dtype=config.dtype,
        device=config.device,
        image_preprocess=config.image_preprocess,
        seed=config.seed,
        offline=config.offline,
        batch_size=config.batch_size,
        prefix_sharing=config.prefix_sharing,
        options=spec.options,
    )


def source(config: RunConfig) -> data.DataSource:
    """Where a run takes its datasets from."""
    if config.data == "demo":
        return demo_source()
    folder = Path(config.data) if config.data else None
    return data.DataSource(folder=folder, offline=config.offline)


def demo_source() -> data.DataSource:
    """The embedded rows, which need no network."""
    from evalkit.demo import data_path

    return data.DataSource(folder=data_path(), label="demo")


def _scorer(task: Task, config: RunConfig) -> ScorerIdentity:
    return ScorerIdentity(
        task=task.name,
        version=task.version,
        protocol=task.protocol,
        source=registry.source_digest(task.name, config.task_paths),
    )


def prepare(
    task: Task, choice: TaskChoice, config: RunConfig, watch: Observer, *, asked: bool = True
) -> Prepared:
    """Load a task's samples, choose among them, and say what its numbers will be about.

    Where no model will be `asked`, requests are not kept, but made again where they are wanted.
    """
    loaded = data.load(task, source(config))
    limit = choice.limit if choice.limit is not None else config.limit
    samples, dataset = _chosen(loaded.samples, limit, config), loaded.identity
    drawn: tuple[str, ...] = ()
    if len(samples) < len(loaded.samples):
        dataset = data.identify(dataset, samples)
        drawn = (f"{task.name}: {len(samples)} of them were drawn (limit {limit}).",)
    variant, prompt = task.prompt(choice.prompt or config.prompt)
    requests: Sequence[Request] = Lazy(samples, lambda sample: task.request(sample, prompt))
    seen = _Asked()
    if asked:
        requests = Spool(Request, map(seen.seen, requests))
    else:
        deque(map(seen.seen, requests), maxlen=0)
    fingerprint = Fingerprint(
        dataset=dataset,
        prompt=_identity(variant, prompt, seen),
        generation=task.generation,
        preprocessing={},
        scorer=_scorer(task, config),
    )
    for note in loaded.notes if config.data is None else ():
        watch.note(note)  # of a local folder's rows the table speaks; of the hub's now, and loudly
    return Prepared(
        task=task,
        variant=variant,
        prompt=prompt,
        samples=samples,
        requests=requests,
        places=seen.places,
        fingerprint=fingerprint,
        notes=(*loaded.notes, *drawn),
    )


def narrowed(prepared: Prepared, asked: Collection[str]) -> Prepared:
    """The task with some of its samples alone, and the fingerprint of those.

    Args:
        prepared: The task.
        asked: Their ids.
    """
    kept = array("Q", (place for place, s in enumerate(prepared.samples) if s.id in asked))
    samples = Lazy(kept, prepared.samples.__getitem__)
    requests, seen = Lazy(kept, prepared.requests.__getitem__), _Asked()
    for request in requests:
        seen.seen(request)
    known = prepared.fingerprint
    prompt = known.prompt and replace(known.prompt, digest=seen.digest.hexdigest())
    dataset = data.identify(known.dataset, samples)
    return replace(
        prepared,
        samples=samples,
        requests=requests,
        places=seen.places,
        fingerprint=replace(known, dataset=dataset, prompt=prompt),
    )


def chosen(task: Task, samples: Sequence[Sample], config: RunConfig) -> Sequence[Sample]:
    """Those of a task's samples that a run asks, whichever variant of the task it was of."""
    choices = {choice.name.partition(":")[0]: choice for choice in config.tasks}
    choice = choices.get(task.folder)
    limit = config.limit if choice is None or choice.limit is None else choice.limit
    return _chosen(samples, limit, config)


def _chosen(samples: Sequence[Sample], limit: int | None, config: RunConfig) -> Sequence[Sample]:
    return data.select(samples, limit, config.seed, by_cluster=config.limit_by == "cluster")


class _Asked:
    """What is known of requests when they have been seen once, in order.

    Attributes:
        places: Where each stands, by its sample's id.
        digest: Over all that is asked, word for word, with the pictures' keys in their places.
    """

    def __init__(self) -> None:
        self.places = Numbering()
        self.digest = hashlib.sha256()

    def seen(self, request: Request) -> Request:
        self.places.add(request.sample_id)
        self.digest.update((json.dumps([request.sample_id, _asked(request)]) + "\n").encode())
        return request


def _identity(variant: str, prompt: Prompt, seen: _Asked) -> PromptIdentity:
    return PromptIdentity(
        variant=variant,
        template=prompt.template,
        images_first=prompt.images_first,
        digest=seen.digest.hexdigest(),
    )


def _asked(request: Request) -> list[Any]:
    """The parts of a single user turn; of anything else its turns, each with its role.

    The two are never equal: a part is no list.
    """
    turns = [
        [turn.role, [{"image": p.key} if isinstance(p, Image) else p for p in turn.content]]
        for turn in request.messages
    ]
    if [turn.role for turn in request.messages] == ["user"]:
        return list(turns[0][1])
    return turns
