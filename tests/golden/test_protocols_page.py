"""The figures of tasks/PROTOCOLS.md: recorded answers, scored again by each protocol."""

import re
from functools import lru_cache
from pathlib import Path

import pytest

from evalkit.rescore import Order, score_file

PAGE = Path(__file__).parents[2] / "tasks" / "PROTOCOLS.md"
FILES = {
    ("gqa", "LLaVA-1.5 13B"): ("pred/llava-v1.5-13b.xgqa_subset.jsonl.gz", ""),
    ("pope", "LLaVA-1.5 13B"): ("pred/llava-v1.5-13b.jsonl.gz", "gt_coco_llava15"),
    ("pope", "the first LLaVA"): ("pred/llava1_popular_verbose.jsonl.gz", "gt_coco_current"),
    ("mme", "LaVIN"): ("pred/LaVIN", None),
    ("scienceqa", "LLaVA-1.5 13B"): ("pred/llava-v1.5-13b.answers.jsonl.gz", ""),
    ("textvqa", "LLaVA-1.5 13B"): ("pred/llava-v1.5-13b.jsonl.gz", ""),
    ("textvqa", "300 awkward answers"): ("synthetic/answers.jsonl", "synthetic"),
    ("vqav2", "LLaVA-1.5 13B on TextVQA's questions"): (
        "real_textvqa_as_vqa/results_llava-v1.5-13b.json.gz",
        "real_textvqa_as_vqa",
    ),
    ("vqav2", "500 awkward answers"): (
        "synthetic_small/v2_OpenEnded_mscoco_val2014_synth_results.json",
        "synthetic_small",
    ),
}


def figures():
    """The rows of the page's table of figures: cells by the names of its header."""
    part = PAGE.read_text(encoding="utf-8").partition("## How far the numbers move")[2]
    lines = re.findall(r"^\| (.+) \|$", part.partition("\n## ")[0], re.MULTILINE)
    header, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


@lru_cache
def scored(root, task, answers, protocol):
    """What recorded answers are worth under a protocol."""
    predictions, references = FILES[task, answers]
    order = Order(
        task=task,
        predictions=root / task / predictions,
        references=None if references is None else root / task / references,
        protocol=protocol,
        missing="exclude",
    )
    return score_file(order).result


@pytest.mark.parametrize("row", figures(), ids=lambda row: f"{row['task']} {row['answers']}")
def test_a_figure_is_what_the_answers_are_worth(reference, row):
    task, (answers, _, told) = row["task"].strip("`"), row["answers"].partition(", ")
    for protocol in ("official", "lmms-eval", "vlmevalkit"):
        result = scored(reference.root, task, answers, protocol)
        found = result.metrics.get(row["metric"])
        scale = 1 if task == "mme" else 100
        assert ("" if found is None else f"{scale * found.value:.2f}") == row[protocol]
        if count := re.search(r"([\d,]+) questions", told):
            assert result.coverage.asked == int(count[1].replace(",", ""))
