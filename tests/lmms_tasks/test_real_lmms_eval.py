"""Four of lmms-eval's tasks on local data, with lmms-eval itself: both harnesses, one model.

The demo's checkpoint is stored in half precision; both sides are told to compute in float32, since
rounding alone turns a near tie around.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.backends.lmms_process import PYTHON
from evalkit.demo import data_path, model_path

pytestmark = [
    pytest.mark.lmms,
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("lmms_eval") is None and PYTHON not in os.environ,
        reason=f"lmms-eval is not installed, and {PYTHON} names no Python that has it",
    ),
]

TASKS = {
    "pope": ("pope/pope.yaml", "pope/test.parquet"),
    "mme": ("mme/mme.yaml", "mme/test.parquet"),
    "textvqa_val": ("textvqa/textvqa_val.yaml", "textvqa/validation.parquet"),
    "chartqa": ("chartqa/chartqa.yaml", "chartqa/test.parquet"),
}
"""lmms-eval's task: its file, and rows of its columns: the demo's, but for ChartQA's."""

SETTINGS = "dtype=float32,device_map=cpu"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for task, (_, rows) in TASKS.items():
        place = root / "lmms" / task
        place.mkdir(parents=True)
        if task == "chartqa":
            pq.write_table(_charts(), place / "test.parquet")
        else:
            shutil.copy(data_path() / rows, place)
    return root


def _charts():
    """Questions and pictures of the demo with ChartQA's columns; of its two halves by turns."""
    rows = pq.read_table(data_path() / "textvqa/validation.parquet")
    halves = [("human_test", "augmented_test")[place % 2] for place in range(len(rows))]
    columns = {
        "type": halves,
        "question": rows["question"].to_pylist(),
        "answer": [answers[0] for answers in rows["answers"].to_pylist()],
    }
    about = {name: {"_type": "Value", "dtype": "string"} for name in columns}
    features = json.dumps({"info": {"features": {**about, "image": {"_type": "Image"}}}})
    table = pa.table({**columns, "image": rows["image"]})
    return table.replace_schema_metadata({"huggingface": features})


@pytest.fixture(scope="module")
def theirs(data, tmp_path_factory):
    """lmms-eval's own run: {task: ({doc id: answer}, {metric: number})}."""
    python = os.environ.get(PYTHON, sys.executable)
    told = [python, "-c", "import lmms_eval; print(lmms_eval.__path__[0])"]
    files = Path(subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip())
    root = tmp_path_factory.mktemp("lmms-eval")
    for task, (file, rows) in TASKS.items():
        path = data / "lmms" / task / Path(rows).name
        (root / f"{task}.yaml").write_text(
            f"include: {files}/tasks/{file}\ntask: local_{task}\ndataset_path: parquet\n"
            f"dataset_kwargs:\n  data_files:\n    {path.stem}: {path}\n"
        )
    subprocess.run(
        [
            *(python, "-m", "lmms_eval", "eval", "--model", "llava_hf", "--device", "cpu"),
            *("--model_args", f"pretrained={model_path()},{SETTINGS}", "--batch_size", "1"),
            *("--include_path", root, "--tasks", ",".join(f"local_{task}" for task in TASKS)),
            *("--log_samples", "--output_path", root / "out"),
        ],
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
    )
    (record,) = root.glob("out/*/*_results.json")
    numbers = json.loads(record.read_text())["results"]
    return {task: (_answers(root, task), numbers[f"local_{task}"]) for task in TASKS}


def _answers(root, task):
    (path,) = root.glob(f"out/*/*_samples_local_{task}.jsonl")
    lines = map(json.loads, path.read_text().splitlines())
    return {str(line["doc_id"]): line["filtered_resps"] for line in lines}


@pytest.mark.parametrize(
    "model",
    [
        ("hf:{}", "--dtype", "float32", "--device", "cpu"),
        (f"lmms:llava_hf,pretrained={{}},{SETTINGS}",),
    ],
    ids=["hf", "lmms"],
)
def test_both_harnesses_give_the_same_answers_and_numbers(theirs, data, evalkit, tmp_path, model):
    spec, *options = model
    names = [f"lmms/{task}" for task in TASKS]
    done = evalkit(
        *("run", *names, "--model", spec.format(model_path()), *options),
        *("--data", data, "--out", tmp_path, "--json"),
    )
    assert done.code == 0, done.err
    for result in done.record["results"]:
        task = result["task"].removeprefix("lmms/")
        answers, numbers = theirs[task]
        (path,) = tmp_path.glob(f"*/*/predictions/lmms-{task}.jsonl")
        lines = map(json.loads, path.read_text().splitlines())
        assert {line["sample_id"]: line["text"] for line in lines} == answers
        for name, value in result["metrics"].items():
            assert value["value"] == numbers[f"{name},none"], (task, name)
        assert result["metrics"]
