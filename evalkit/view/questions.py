"""What samples asked: rows are looked for where the run had them, and must be those it scored."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit import data
from evalkit.compare.sides import counted_task
from evalkit.data import DataSource
from evalkit.errors import DataError, UsageError
from evalkit.numbering import Numbering
from evalkit.recorded_tasks import RecordedTasks
from evalkit.records import Image, Message, Sample
from evalkit.run_record import RunRecord, TaskResult
from evalkit.spool import Lazy
from evalkit.task import Prompt, Task

if TYPE_CHECKING:
    import pyarrow as pa

SourceOf = Callable[[RunRecord], DataSource]
"""Where the data of a run are looked for; nothing is fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The samples of a task in the order of its scores; on disk, and read where asked for.

    Attributes:
        samples: The samples.
        texts: Their questions as a column, for searching.
        prompt: The words in which they were asked; None where the record does not say.
    """

    samples: Sequence[Sample]
    texts: pa.Array
    prompt: Prompt | None

    def messages(self, row: int) -> tuple[Message, ...]:
        """What the model was asked, turn by turn; empty where the record does not say.

        Raises:
            UsageError: The prompt does not fit the sample.
        """
        return () if self.prompt is None else self.prompt.messages(self.samples[row])

    def image(self, row: int, number: int) -> Image | None:
        """One picture of a sample; None where there is none."""
        images = self.samples[row].images
        return images[number] if number < len(images) else None


def read_questions(
    record: RunRecord,
    result: TaskResult,
    ids: Sequence[str],
    source: DataSource,
    tasks: RecordedTasks,
) -> Questions:
    """The samples of a result.

    Args:
        record: The run's record.
        result: The task's result.
        ids: Of its samples, in order.
        source: Where its data are.
        tasks: Where its task is from.

    Raises:
        EvalkitError: Task or data are not at hand, or others than those of the result.
    """
    import pyarrow as pa

    task = _task(result, tasks)
    loaded = data.load(task, source)
    known, held = Numbering(sample.id for sample in loaded.samples), array("Q")
    for sample_id in ids:
        if (number := known.get(sample_id)) is not None:
            held.append(number)
    samples = Lazy(held, loaded.samples.__getitem__)
    digest = data.identify(loaded.identity, samples).digest
    if len(held) < len(ids) or digest != result.fingerprint.dataset.digest:
        place = source.folder or "the hub"
        message = f"The data at {place} are not those that {record.name} was scored on."
        raise DataError(message)
    texts = pa.array((sample.question for sample in samples), type=pa.large_string())
    return Questions(samples=samples, texts=texts, prompt=_prompt(task, result))


def _task(result: TaskResult, tasks: RecordedTasks) -> Task:
    try:
        return counted_task(result, tasks.paths)
    except UsageError as error:
        raise tasks.explained(error) from error


def _prompt(task: Task, result: TaskResult) -> Prompt | None:
    """The task's own prompt where it has the recorded words, else one of those words."""
    told = result.fingerprint.prompt
    if told is None:
        return None
    own = task.prompts.get(told.variant)
    if own is not None and (own.template, own.images_first) == (told.template, told.images_first):
        return own
    return Prompt(template=told.template, images_first=told.images_first)
