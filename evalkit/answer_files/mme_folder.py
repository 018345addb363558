"""MME's answer files: a folder of 14 tab-separated files, image, question, gold answer, response.

`calculation.py` of MME's `eval_tool.zip` reads them line by line and takes two lines for an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.answer_files.fields import sound
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import text
from evalkit.errors import UsageError

SUBTASKS = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark"),
    *("artwork", "OCR", "commonsense_reasoning", "numerical_calculation", "text_translation"),
    "code_reasoning",
)
"""The files' names without ".txt"."""

_COLUMNS = 4


def is_mme_folder(path: Path) -> bool:
    """Whether the folder holds a file named like one of MME's subtasks."""
    return path.is_dir() and any(_file(path, name) for name in SUBTASKS)


def _file(path: Path, subtask: str) -> Path | None:
    """The subtask's file, plain or gzip; None where there is none, or an empty one."""
    for file in (path / f"{subtask}.txt", path / f"{subtask}.txt.gz"):
        if file.is_file() and file.stat().st_size:
            return file
    return None


def read_folder(path: Path) -> AnswerFile:
    """The answers of all subtasks in the folder.

    Raises:
        UsageError: There is none of the files, or a line has fewer than four columns.
    """
    if not is_mme_folder(path):
        message = f"{path} is no folder with MME's answer files (existence.txt, count.txt, ...)."
        raise UsageError(message)
    files = {name: _file(path, name) for name in SUBTASKS}
    answers = tuple(
        answer for name, file in files.items() if file for answer in _answers(name, file)
    )
    missing = [name for name, file in files.items() if file is None]
    note = (
        f"{path.name} has no answers in {', '.join(missing)}: perception and cognition are the "
        "sums of what is there."
    )
    return AnswerFile(
        format="mme",
        path=path,
        answers=answers,
        notes=(note,) if missing else (),
        is_whole=not missing,
    )


def _answers(subtask: str, path: Path) -> Iterator[Answer]:
    for number, line in enumerate(text(path).split("\n"), start=1):
        if not line.strip():
            continue
        # What follows the third tab is the response, further tabs included: the official script
        # cannot read such a line at all.
        columns = line.removesuffix("\r").split("\t", _COLUMNS - 1)
        if len(columns) < _COLUMNS:
            message = (
                f"{path}, line {number}, has {len(columns)} of the four columns image, question, "
                "gold answer and response; a response must not contain a line break."
            )
            raise UsageError(message)
        image, question, gold, response = map(sound, columns)
        yield Answer(
            place=number,
            id=f"{subtask}/{image}",
            text=response,
            prompt=question,
            fields={"subtask": subtask, "image": image, "question": question, "gold": gold},
        )
