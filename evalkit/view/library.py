"""The runs that are looked at, and what of them is open."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.recorded_tasks import RecordedTasks
from evalkit.view.beside import Beside, set_beside
from evalkit.view.kept import Kept
from evalkit.view.opened import OpenTask, Run
from evalkit.view.questions import SourceOf

_KEPT_OPEN = 8  # tasks
_KEPT_BESIDE = 4  # pairs of them


class Library:
    """The runs that are looked at; their tasks are opened when they are first asked for."""

    def __init__(
        self,
        runs: Sequence[Run],
        source_of: SourceOf,
        *,
        task_paths: Sequence[str] = (),
        troubles: Sequence[str] = (),
    ) -> None:
        """Open nothing yet.

        Args:
            runs: The runs.
            source_of: Where the data of a run are.
            task_paths: Files or folders with further tasks.
            troubles: Sentences on runs that cannot be shown.
        """
        self.runs = {run.key: run for run in runs}
        self.troubles = tuple(troubles)
        self._source_of = source_of
        self._task_paths = tuple(task_paths)
        self._open: Kept[tuple[str, str], OpenTask] = Kept(_KEPT_OPEN, self._forget)
        self._besides: Kept[tuple[OpenTask, OpenTask], Beside] = Kept(_KEPT_BESIDE)

    def open(self, run: Run, stem: str) -> OpenTask:
        """A task of a run; the last few are kept open.

        Raises:
            StoreError: Its scores are not at hand, or damaged.
        """

        def opened() -> OpenTask:
            places = (run.folder.path,)
            tasks = RecordedTasks.of(run.record, self._task_paths, places=places)
            return OpenTask(run, stem, self._source_of, tasks)

        return self._open.get((run.key, stem), opened)

    def beside(self, one: OpenTask, two: OpenTask) -> Beside:
        """A task in two runs; the last few are kept, as long as both are open."""
        return self._besides.get((one, two), lambda: set_beside(one, two))

    def _forget(self, key: tuple[str, str]) -> None:
        self._besides.drop(lambda pair: key in [(one.run.key, one.stem) for one in pair])
