"""TensorBoard: an event file in the run's own folder, for `tensorboard --logdir results`.

The file is written by the package's own record writer and is named by the run, so that a run that
is written again has one file. TensorBoard keeps scalars as 32-bit floats; it has no artifacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.trackers.entry import Entry
from evalkit.trackers.interface import require
from evalkit.writing import replacing

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


class TensorBoard:
    """Scalars, settings as hyperparameters, and facts as a table of text."""

    def check(self) -> None:
        """See whether the package is installed."""
        require("tensorboard")

    def log(self, entry: Entry) -> str:
        """Write the run's event file; gives its folder."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder = entry.record.parent / "tensorboard"
        path = folder / f"events.out.tfevents.{int(entry.created.timestamp()):010}.{entry.key}"
        with replacing(path) as temporary, Path(temporary).open("wb") as file:
            writer = RecordWriter(file)
            for event in _events(entry):
                writer.write(event.SerializeToString())
        return str(folder)


def _events(entry: Entry) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    began, ended = entry.created.timestamp(), entry.finished.timestamp()
    yield Event(wall_time=ended, file_version="brain.Event:2")
    settings = hparams_pb(dict(entry.settings), trial_id=entry.key, start_time_secs=began)
    scalars = (scalar_pb(name, value) for name, value in entry.numbers.items())
    for summary in (settings, text_pb("evalkit/facts", _table(entry.facts)), *scalars):
        yield Event(wall_time=ended, step=0, summary=summary)


def _table(facts: Mapping[str, str]) -> Any:
    """Names and values side by side, shape (facts, 2)."""
    import numpy as np

    return np.array([[name, value] for name, value in facts.items()], dtype=np.object_)
