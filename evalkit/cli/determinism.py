"""`evalkit doctor --determinism MODEL`: how often answers change with what must not change them.

The same questions about the embedded pictures are asked by every setting: in batches of several
sizes, in another order, with a shared prefix and without, in every number format. In float32 no
answer may differ. In half precision some do, as sums of other shapes are rounded otherwise: the
share says how many samples of a run may change hands between two machines.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from evalkit.errors import BackendError, UsageError
from evalkit.records import plain
from evalkit.report.table import Table
from evalkit.report.text_table import text_table
from evalkit.runner.plan import uniform

if TYPE_CHECKING:
    from evalkit.backends.interface import Backend
    from evalkit.records import Request

QUESTIONS = 16
"""Questions of each task."""

BATCHES = (1, 4, 16)
"""Sizes of the batches."""

Answers = Mapping[str, str | None]
"""Texts by sample."""

Load = Callable[[str, bool], "Backend"]
"""Loads the model in a number format, with prefix sharing or without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A way of asking, and how many answers it changed.

    Attributes:
        dtype: The number format.
        way: As the backend named it: "plain", "shared" or "features".
        batch: Requests in a batch.
        order: "as given" or "shuffled".
        differing: Share of answers that differ from batch 1, plain, in float32.
        differing_in_format: The same against batch 1, plain, in this number format.
    """

    dtype: str
    way: str
    batch: int
    order: str
    differing: float
    differing_in_format: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Determinism:
    """All settings, and what they were tried with."""

    model: str
    requests: int
    sharing: str
    settings: tuple[Setting, ...]


def measure(
    model: str, load: Load, requests: Sequence[Request], dtypes: Sequence[str]
) -> Determinism:
    """Ask all requests in every way.

    Args:
        model: The model's spec, to be named.
        load: Loads it; each is closed before the next.
        requests: What to ask; sample ids are unique.
        dtypes: Number formats, "float32" first.

    Raises:
        BackendError: The model failed on a question: nothing can be said of what is no answer.
    """
    settings: list[Setting] = []
    reference: Answers = {}
    sharing = ""
    for dtype in dtypes:
        own: Answers = {}
        for shares in (False, True):
            with closing(load(dtype, shares)) as backend:
                sharing = backend.note()
                way = sharing.partition(":")[0]
                for batch, order, asked in _ways(requests) if shares <= (way != "plain") else ():
                    answers = _answers(backend, asked, batch)
                    own = own or answers
                    reference = reference or answers
                    shares_of = _differing(answers, reference), _differing(answers, own)
                    settings.append(_setting(dtype, way, batch, order, shares_of))
    return Determinism(
        model=model, requests=len(requests), sharing=sharing, settings=tuple(settings)
    )


def _setting(
    dtype: str, way: str, batch: int, order: str, differing: tuple[float, float]
) -> Setting:
    return Setting(
        dtype=dtype,
        way=way,
        batch=batch,
        order=order,
        differing=differing[0],
        differing_in_format=differing[1],
    )


def _ways(requests: Sequence[Request]) -> Iterator[tuple[int, str, Sequence[Request]]]:
    """Sizes of batches with the requests in their order, and the largest in another one."""
    for batch in BATCHES:
        yield batch, "as given", requests
    shuffled = random.Random(0).sample(list(requests), len(requests))  # noqa: S311 - no secret
    yield BATCHES[-1], "shuffled", shuffled


def _answers(backend: Backend, requests: Sequence[Request], batch: int) -> Answers:
    found: dict[str, str | None] = {}
    for alike in uniform(requests):
        for start in range(0, len(alike), batch):
            try:
                made = backend.generate(alike[start : start + batch])
            except RuntimeError as error:
                said = str(error).partition("\n")[0]
                raise BackendError(_failed(batch, said)) from error
            for failure in (prediction.failure for prediction in made):
                if failure is not None:
                    raise BackendError(_failed(batch, failure.message))
            found |= {prediction.sample_id: prediction.text for prediction in made}
    return found


def _failed(batch: int, said: str) -> str:
    return f"The model failed on a batch of {batch} of the demo's questions: {said}"


def _differing(answers: Answers, others: Answers) -> float:
    return sum(answers[name] != others[name] for name in others) / len(others)


def demo_requests() -> list[Request]:
    """Questions of the demo's tasks, as a run would ask them; ids are unique over the tasks."""
    from evalkit import data, demo, registry
    from evalkit.suites import load_suite

    source = data.DataSource(folder=demo.data_path(), offline=True, label="demo")
    made = []
    for choice in load_suite("demo").tasks:
        task = registry.load_task(choice["name"])
        _, prompt = task.prompt(choice.get("prompt"))
        for sample in data.load(task, source).samples[:QUESTIONS]:
            request = task.request(sample, prompt)
            made.append(replace(request, sample_id=f"{task.name}/{request.sample_id}"))
    return made


def loader(model: str) -> tuple[Load, list[str]]:
    """What loads a model, and the number formats that its device computes in.

    Raises:
        UsageError: It is no model of transformers.
        EvalkitError: It cannot be had.
    """
    from evalkit import registry
    from evalkit.backends.interface import BackendOptions

    spec = registry.parse_model(model)
    if spec.backend != "hf":
        message = (
            f"--determinism tries number formats and batches of a model that runs here; {model!r} "
            "is none: give hf:... or demo."
        )
        raise UsageError(message)
    kind = registry.backend_class(spec)
    options = BackendOptions(
        spec=model,
        name=spec.name,
        revision=spec.revision,
        batch_size=max(BATCHES),
        options=spec.options,
    )
    kind.preflight(options)

    def load(dtype: str, shares: bool) -> Backend:  # noqa: FBT001 - as `Load` says
        sharing = "auto" if shares else "off"
        return kind.load(replace(options, dtype=dtype, prefix_sharing=sharing))

    return load, ["float32", "bfloat16", *(["float16"] if _has_cuda() else [])]


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def lines(found: Determinism) -> Iterator[str]:
    """The settings as a table of plain text."""
    head = ("format", "way", "batch", "order", "differ from float32", "differ within format")
    rows = [
        (
            one.dtype,
            one.way,
            str(one.batch),
            one.order,
            f"{one.differing:.1%}",
            f"{one.differing_in_format:.1%}",
        )
        for one in found.settings
    ]
    title = f"{found.model}: {found.requests} questions of the demo; {found.sharing}"
    table = text_table(Table(header=head, rows=tuple(rows), notes=()), title)
    yield from filter(None, table.splitlines())


def report(model: str, *, as_json: bool) -> None:
    """Measure a model and print what was found."""
    load, dtypes = loader(model)
    found = measure(model, load, demo_requests(), dtypes)
    if as_json:
        click.echo(json.dumps(plain(found), indent=2))
        return
    for line in lines(found):
        click.echo(line)
