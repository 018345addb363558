"""Loads datasets in a process of its own and prints what came of it, as one line of JSON.

Reads a list of jobs: {"task": name of a task file, or fields of a DatasetRef, "offline": bool,
"check": bool, "folder": for local data}. Every attempt to open a socket is counted. With
NO_DATASETS in the environment, the package `datasets` is as if it were not installed.
"""

import importlib
import json
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

from evalkit.data import DataSource, load, preflight
from evalkit.errors import EvalkitError
from evalkit.records import Generation, Sample, plain
from evalkit.task import DatasetRef, Join, Prompt, Task

if "NO_DATASETS" in os.environ:
    sys.modules["datasets"] = None

opened = []
connect = socket.socket.connect


def counted(self, address):
    opened.append(address)
    return connect(self, address)


socket.socket.connect = counted


def to_sample(row):
    image = row["image"]
    return Sample(id=str(row["__index__"]), question="?", images=(image,), cluster=image.key)


def made_task(fields):
    if fields.get("join"):
        fields["join"] = Join(**fields["join"])
    return Task(
        name="made",
        version=1,
        dataset=DatasetRef(**fields),
        to_sample=to_sample,
        prompts={"plain": Prompt(template="{{ question }}")},
        generation=Generation(max_new_tokens=1),
        score=None,
        metrics=(),
        headline=(),
    )


def task_of(job):
    if isinstance(job["task"], dict):
        return made_task(job["task"])
    name, _, variant = job["task"].partition(":")
    task = importlib.import_module(f"evalkit.tasks.{name}").TASK
    task = task.variant(variant) if variant else task
    return replace(task, dataset=replace(task.dataset, **job.get("changes", {})))


def outcome(job):
    before = len(opened)
    folder = Path(job["folder"]) if "folder" in job else None
    source = DataSource(folder=folder, offline=job.get("offline", False))
    try:
        if job.get("check"):
            preflight(task_of(job), source)
            return {"checked": True, "sockets": len(opened) - before}
        loaded = load(task_of(job), source)
    except EvalkitError as error:
        return {
            "error": str(error),
            "kind": type(error).__name__,
            "code": int(error.exit_code),
            "sockets": len(opened) - before,
        }
    return {
        "identity": plain(loaded.identity),
        "notes": loaded.notes,
        "ids": [sample.id for sample in loaded.samples],
        "keys": [[image.key for image in sample.images] for sample in loaded.samples],
        "heads": [[i.read()[1:4].decode() for i in sample.images] for sample in loaded.samples],
        "sockets": len(opened) - before,
    }


if __name__ == "__main__":
    outcomes = [outcome(job) for job in json.load(sys.stdin)]
    sys.stdout.write(json.dumps({"outcomes": outcomes, "sockets": len(opened)}) + "\n")
