"""Runs as the hub's `model-index`, made and checked by huggingface_hub's own classes.

huggingface_hub joins results of one task type, dataset, config, split and revision into one entry,
of which the first one's name, arguments and source stay (`eval_results_to_model_index` of
repocard_data.py, 2.4). What would be joined wrongly, such as two judges or the splits of POPE, is
told apart by its config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.card.entries import Entry, Metrics, part, shown_metrics
from evalkit.errors import MissingExtraError
from evalkit.public import public
from evalkit.records import MetricValue
from evalkit.report.table import number, printable
from evalkit.run_record import RunRecord, TaskResult

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TASK = "image-text-to-text"
"""The hub's name for what all tasks of evalkit are."""

OURS = "evalkit"
"""The argument of an entry's dataset that says that evalkit wrote it, and from which record."""

_DIGEST = 16
_UNHEALTHY = "too many verdicts of its judge are missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A result, or a slice of it, with what tells it from others of the same data."""

    record: RunRecord
    result: TaskResult
    metrics: Mapping[str, MetricValue | float]
    tag: str | None = None

    @property
    def place(self) -> tuple[str, str | None, str | None]:
        """By what huggingface_hub joins, but for task type and config, as it is written there."""
        data = self.result.fingerprint.dataset
        repository = _clean(_repository(self.result)) or _clean(self.result.task)
        return repository, _clean(data.split or "") or None, _clean(data.revision or "") or None

    @property
    def config(self) -> str:
        """The data's own config, as it is written there; empty where it has none."""
        return _clean(self.result.fingerprint.dataset.config or "")

    @property
    def traits(self) -> tuple[str, ...]:
        """What may tell it from others of the same place, in words, which may hold secrets."""
        prompt, report = self.result.fingerprint.prompt, self.result.judge
        judge = f"judge {report.judge}, rubric {report.rubric[:8]}" if report else "no judge"
        return (
            self.result.task,
            self.tag or "all",
            f"protocol {self.result.protocol}",
            judge,
            f"prompt {prompt.variant}" if prompt else "prompt unknown",
            f"run {self.record.name}",
            f"record {self.record.digest[:_DIGEST]}",
        )


def model_index(
    entries: Sequence[Entry], metrics: Metrics, slices: Mapping[str, str], source: str | None
) -> list[dict[str, Any]]:
    """The results of a `model-index`: those of the first run, and of others of the same model.

    Args:
        entries: The runs of a card.
        metrics: Which metrics are listed.
        slices: {task: tag}: the tag's slices are listed too, each as an entry of its own.
        source: Where a reader finds the records; None leaves it out.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = _hub()
    found = list(_results(entries, metrics, slices, source))
    if not found:
        return []
    (only,) = hub.eval_results_to_model_index("model", found)
    return list(only["results"])


def _hub() -> Any:
    try:
        import huggingface_hub.repocard_data as hub
    except ImportError as error:
        package = "huggingface_hub"
        raise MissingExtraError(package, "data", "The front matter of a card") from error
    return hub


def _results(
    entries: Sequence[Entry], metrics: Metrics, slices: Mapping[str, str], source: str | None
) -> Iterator[EvalResult]:
    parts = [one for entry in own_entries(entries) for one in _parts(entry.record, metrics, slices)]
    for one, config in zip(parts, _configs(parts), strict=True):
        for name, value in one.metrics.items():
            yield _eval_result(one, config, name, value, source)


def own_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The runs of the card's model: the first, and those of the same weights.

    What is published names no weights, so it may be of others than a measured run of its name.
    """
    return [entry for entry in entries if _weights(entry.record) == _weights(entries[0].record)]


def _weights(record: RunRecord) -> tuple[object, ...]:
    model = record.model
    return model.name, model.revision, model.digest, record.source == "self-reported"


def _parts(record: RunRecord, metrics: Metrics, slices: Mapping[str, str]) -> Iterator[_Part]:
    for result in record.results:
        names = shown_metrics(result, metrics)
        if not names:
            continue
        yield _Part(record=record, result=result, metrics={n: result.metrics[n] for n in names})
        tag = slices.get(result.task)
        for slice_, values in result.breakdowns.get(tag or "", {}).items():
            held = {name: values[name] for name in values if name in result.metrics}
            if held:
                words = f"{tag} {slice_}"
                yield _Part(record=record, result=result, metrics=held, tag=words)


def _configs(parts: Sequence[_Part]) -> list[str | None]:
    """Each part's config: the data's own, and where others have the same place, what differs.

    No two parts of one place have the same: what would be equal gets a number.
    """
    found: list[str | None] = []
    taken = set()
    for one, words in zip(parts, _words(parts), strict=True):
        config = (
            f"{one.config} ({words})" if one.config and words else words or one.config
        ) or None
        count, numbered = 1, config
        while (one.place, numbered) in taken:
            count += 1
            numbered = f"{config or ''} #{count}".strip()
        taken.add((one.place, numbered))
        found.append(numbered)
    return found


def _words(parts: Sequence[_Part]) -> list[str]:
    """What tells each part from others of its place and config; empty where there are none."""
    held: dict[tuple[object, ...], list[int]] = {}
    for i, one in enumerate(parts):
        held.setdefault((*one.place, one.config), []).append(i)
    found = [""] * len(parts)
    for places in held.values():
        traits = [parts[i].traits for i in places]
        columns = [_cleaned(column) for column in zip(*traits, strict=True)]
        beside = list(zip(*columns, strict=True))
        telling = _telling(beside)
        for i, texts in zip(places, beside, strict=True):
            found[i] = "; ".join(texts[one] for one in telling)
    return found


def _cleaned(texts: Sequence[str]) -> list[str]:
    """Texts without what is nobody's business; where only that told them apart, with a number."""
    known: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        known.setdefault(_clean(text), []).append(text)
    made = []
    for text in texts:
        clean = _clean(text)
        place = known[clean].index(text) + 1
        made.append(clean if place == 1 else f"{clean} #{place}")
    return made


def _telling(beside: Sequence[tuple[str, ...]]) -> list[int]:
    """The first traits that differ, as many as it takes to tell all apart."""
    chosen: list[int] = []
    for place in range(len(beside[0])):
        if len({tuple(traits[i] for i in chosen) for traits in beside}) == len(beside):
            break
        if len({traits[place] for traits in beside}) > 1:
            chosen.append(place)
    return chosen


def _eval_result(
    one: _Part, config: str | None, name: str, value: MetricValue | float, source: str | None
) -> EvalResult:
    from huggingface_hub import EvalResult

    repository, split, revision = one.place
    maximum = one.result.metrics[name].maximum
    exact = value.value if isinstance(value, MetricValue) else value
    label = f"{one.result.task} {name}" + (f", {one.tag}" if one.tag else "")
    return EvalResult(
        task_type=TASK,
        dataset_type=repository,
        dataset_name=_clean(_named(one)),
        dataset_config=config,
        dataset_split=split,
        dataset_revision=revision,
        dataset_args=_data_args(one),
        metric_type=_clean(name),
        metric_name=_clean(label + _qualified(one)),
        metric_value=float(number(exact, maximum)),
        metric_args=_metric_args(value) or None,
        source_url=source,
        source_name=OURS if source else None,
    )


def _qualified(one: _Part) -> str:
    """What a reader must know of a number, behind its name; empty where it is nothing."""
    words = [part(one.result)]
    words += ["self-reported"] * (one.record.source == "self-reported")
    words += [_UNHEALTHY] * (one.result.judge is not None and not one.result.judge.healthy)
    told = ", ".join(filter(None, words))
    return f" ({told})" if told else ""


def _data_args(one: _Part) -> dict[str, Any]:
    data, prompt = one.result.fingerprint.dataset, one.result.fingerprint.prompt
    report = one.result.judge
    told = {
        OURS: f"record {one.record.digest[:_DIGEST]}",
        "source": one.record.source,
        "protocol": one.result.protocol,
        "task_version": one.result.version,
        "samples": data.samples,
        "of": data.size if data.own else data.expected_rows,
        "digest": data.digest,
        "prompt": None if prompt is None else f"{prompt.variant} {prompt.digest[:_DIGEST]}",
        "judge": report.judge if report else None,
        "unhealthy": _UNHEALTHY if report and not report.healthy else None,
    }
    return {
        key: _clean(value) if isinstance(value, str) else value
        for key, value in told.items()
        if value is not None
    }


def _metric_args(value: MetricValue | float) -> dict[str, Any]:
    if not isinstance(value, MetricValue):
        return {}
    told = {
        "low": None if value.low is None else float(number(value.low, value.maximum)),
        "high": None if value.high is None else float(number(value.high, value.maximum)),
        "interval": None if value.low is None else f"95 %, {_clean(value.method)}",
        "n": value.n,
        "clusters": value.clusters,
        "maximum": value.maximum,
    }
    return {key: held for key, held in told.items() if held is not None}


def _named(one: _Part) -> str:
    """The dataset's name: the task's, and before it whose data they are if not the benchmark's."""
    own = one.result.fingerprint.dataset.own
    before = {"demo": "evalkit demo: ", "local": "local data: "}[own] if own else ""
    return before + one.result.task + (f" ({one.tag})" if one.tag else "")


def _repository(result: TaskResult) -> str:
    """The dataset's id; of a copy of the benchmark's data the task's name, of others whose."""
    if own := result.fingerprint.dataset.own:
        return {"demo": "evalkit-demo", "local": "local-data"}[own]
    name = result.fingerprint.dataset.repository
    return name if name and "/" in name else result.task


def _clean(text: str) -> str:
    """A text on one line, without what is nobody's business."""
    return printable(public(text))
