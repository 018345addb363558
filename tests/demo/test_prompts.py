"""The model is taught the prompts that the tasks ask with."""

from importlib import import_module

import pyarrow.parquet as pq
import pytest

from evalkit.demo import data_path, prompts

_IMAGES = "gqa/testdev_balanced_images/testdev.parquet"
_LESSONS = {
    "gqa": (prompts.gqa, "gqa/testdev_balanced_instructions/testdev.parquet"),
    "mme": (prompts.mme_row, "mme/test.parquet"),
    "pope": (prompts.pope, "pope/test.parquet"),
    "vqav2": (prompts.vqav2, "vqav2/validation.parquet"),
    "textvqa": (prompts.textvqa, "textvqa/validation.parquet"),
    "scienceqa": (prompts.scienceqa, "scienceqa/ScienceQA-FULL/test.parquet"),
    "mmvp": (prompts.mmvp, "mmvp/train.parquet"),
}


def _samples(name):
    task = import_module(f"evalkit.tasks.{name}").TASK
    lesson, path = _LESSONS[name]
    for index, row in enumerate(pq.read_table(data_path() / path).to_pylist()):
        sample = task.to_sample({"image": None, **row, "__index__": index})
        yield task, sample, row, lesson


@pytest.mark.parametrize("name", _LESSONS)
def test_a_lesson_has_the_words_of_the_task(name):
    for task, sample, row, lesson in _samples(name):
        _, prompt = task.prompt("llava")
        assert lesson(row).prompt == prompt.render(sample)


def test_ocr_tokens_stand_where_the_task_puts_them():
    for task, sample, row, lesson in _samples("textvqa"):
        _, prompt = task.prompt("llava-ocr")
        assert lesson(row, ocr=True).prompt == prompt.render(sample)


@pytest.mark.parametrize("name", _LESSONS)
def test_a_lesson_teaches_a_right_answer(name):
    for task, sample, row, lesson in _samples(name):
        assert max(task.score(sample, lesson(row).answer).values.values()) > 0
