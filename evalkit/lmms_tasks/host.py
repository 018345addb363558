"""lmms-eval's tasks in a process of their own, beside lmms-eval.

It imports nothing of evalkit but its neighbours for the same process (`described`, `documents`,
`answers`). A task is what lmms-eval's own command line would make of it, in its form for chat
models: the rows of its test split (else of its validation split) after its own filter, the turns
that its `doc_to_messages` gives, the filters and reasoning tags that it applies to an answer, its
`process_results` on the row without pictures, and its aggregations in the order of the rows.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.lmms_tasks import described
from evalkit.lmms_tasks.answers import Answers
from evalkit.lmms_tasks.documents import Documents, from_folder, revision


class Host:
    """What the process answers: each method takes a message and the bytes that came with it."""

    def __init__(self) -> None:
        """Nothing is loaded yet."""
        self._documents: dict[str, Documents] = {}
        self._answers: dict[str, Answers] = {}

    def names(self, _: dict[str, Any], __: bytes) -> dict[str, Any]:
        """All tasks, groups and tags that lmms-eval knows, by name."""
        manager = _manager()
        return {"names": {name: manager.task_index[name]["type"] for name in manager.all_tasks}}

    def describe(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """What a task's own files say of it; loads no data."""
        return described.described(_manager(), told["name"])

    def open(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """Load the rows: those of a folder, or those that the task names."""
        from lmms_eval.api.task import ConfigurableMessagesTask, ConfigurableTask

        config = dict(_manager()._get_config(told["name"]))
        words = copy.deepcopy(config.get("lmms_eval_specific_kwargs"))
        if told["folder"] is not None:
            config |= from_folder(config, Path(told["folder"]))
            ConfigurableTask.download = getattr(  # no second try of what cannot change
                ConfigurableTask.download, "__wrapped__", ConfigurableTask.download
            )
        if told["offline"]:
            _stay_offline()
        task = _first_cause(lambda: ConfigurableMessagesTask(config=config))
        self._documents[told["name"]] = Documents(task, words)
        self._answers[told["name"]] = Answers(task)
        return {"rows": len(task.eval_docs), "revision": revision(task.eval_docs)}

    def docs(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """Turns, gold answers and clusters of some rows; pictures as their places in the turns."""
        return {
            "docs": self._documents[told["name"]].some(told["start"], told["stop"], told["variant"])
        }

    def picture(self, told: dict[str, Any], _: bytes) -> tuple[dict[str, Any], bytes]:
        """One picture of a row as PNG, which loses nothing."""
        return {}, self._documents[told["name"]].picture(
            told["doc"], told["number"], told["variant"]
        )

    def score(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """What `process_results` makes of a text: numbers where it gives numbers."""
        return {"values": self._answers[told["name"]].values(told["doc"], told["text"])}

    def aggregate(self, told: dict[str, Any], _: bytes) -> dict[str, Any]:
        """The numbers of those metrics that are no means, and why a metric has none."""
        answers = sorted(map(tuple, told["answers"]))
        numbers, skipped = self._answers[told["name"]].numbers(answers)
        return {"numbers": numbers, "skipped": skipped}


@lru_cache(maxsize=1)
def _manager() -> Any:
    from lmms_eval.tasks import TaskManager

    return TaskManager()


def _stay_offline() -> None:
    """The hub is not asked: as with the variables, which were read when the packages came in."""
    import datasets
    import huggingface_hub.constants

    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    datasets.config.HF_HUB_OFFLINE = True
    huggingface_hub.constants.HF_HUB_OFFLINE = True


def _first_cause(make: Callable[[], Any]) -> Any:
    """What `make` makes; where it was tried in vain several times, the error of the last time."""
    from tenacity import RetryError

    try:
        return make()
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise (cause or error) from error
