"""A stand-in for lmms-eval, rows for its tasks, and runs of them."""

import json
import sys
import textwrap
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FILES = {
    "tenacity.py": """
        class RetryError(Exception):
            pass
        """,
    "lmms_eval/__init__.py": "",
    "lmms_eval/api/__init__.py": "",
    "lmms_eval/filters/__init__.py": "",
    "lmms_eval/filters/transformation.py": """
        class StripThinkingFilter:
            def apply(self, resps, docs):
                return resps
        """,
    "lmms_eval/api/metrics.py": """
        def mean(items):
            return sum(items) / len(items)
        """,
    "lmms_eval/api/registry.py": """
        from lmms_eval.api.metrics import mean

        def get_metric_aggregation(name):
            return mean

        def is_higher_better(name):
            return True
        """,
    "lmms_eval/api/reasoning.py": """
        import json

        def parse_reasoning_tags_config(cli_value=None, task_value=None):
            return json.loads(cli_value if task_value is None else task_value)

        def strip_reasoning_tags(text, pairs):
            for begin, end in pairs:
                if begin in text and end in text:
                    text = text[: text.find(begin)] + text[text.find(end) + len(end) :]
            return text.strip()
        """,
    "lmms_eval/api/instance.py": """
        from dataclasses import dataclass, field

        @dataclass
        class Instance:
            request_type: str
            arguments: tuple
            idx: int
            metadata: dict = field(default_factory=dict)
            resps: list = field(default_factory=list)
            filtered_resps: dict = field(default_factory=dict)
        """,
    "lmms_eval/api/task.py": """
        import os

        import datasets

        class Config(dict):
            __getattr__ = dict.get

            def __setattr__(self, name, value):
                self[name] = value

        class First:
            filters = []

            def __init__(self, name):
                self.name = name

            def apply(self, instances, docs):
                for one in instances:
                    text = one.resps[0]
                    one.filtered_resps[self.name] = text[:2] if self.name == "two" else text

        class ConfigurableTask:
            def download(self):
                self.eval_docs = datasets.load_dataset(
                    self.config.dataset_path, **self.config.dataset_kwargs
                )["test"]

            def __init__(self, config):
                self._config = Config(config)
                named = config.get("filter_list") or [{"name": "none"}]
                self._filters = [First(one["name"]) for one in named]
                self.model_name = None
                self._prepare_model_specific_config()
                self.download()
                features = self.eval_docs.features
                pictures = [n for n in features if isinstance(features[n], datasets.Image)]
                self.eval_docs_no_media = self.eval_docs.remove_columns(pictures)

            @property
            def config(self):
                return self._config

            def _prepare_model_specific_config(self):
                words = self.config.lmms_eval_specific_kwargs
                self.words = words.get(self.model_name) or words["default"]

            def aggregation(self):
                return {entry["metric"]: entry["aggregation"] for entry in self.config.metric_list}

            def doc_to_target(self, doc):
                return doc["answer"]

            def process_results(self, doc, results):
                return self.config.process_results(doc, results)

        class ConfigurableMessagesTask(ConfigurableTask):
            def doc_to_messages(self, doc):
                decoded = doc["image"].getpixel((0, 0)) != (0, 0, 0)
                if decoded and os.path.exists(os.environ.get("DIES", "")):
                    if os.environ["DIES"].endswith("once"):
                        os.remove(os.environ["DIES"])
                    os.kill(os.getpid(), 9)
                if doc["question"].startswith("film"):
                    return [{"role": "user", "content": [{"type": "video", "url": "x"}]}]
                shown = {"type": "image", "url": doc["image"].convert("RGB")}
                text = {"type": "text", "text": doc["question"] + self.words["post_prompt"]}
                return [
                    {"role": "system", "content": [{"type": "text", "text": "Look."}]},
                    {"role": "user", "content": [shown, text]},
                ]
        """,
    "lmms_eval/tasks/__init__.py": """
        from lmms_eval.api.metrics import mean
        from lmms_eval.tasks import far, judged, near, plain

        WORDS = {"default": {"post_prompt": " Short."}, "other": {"post_prompt": " Answer:"}}
        BASE = {
            "dataset_path": "nobody/nothing",
            "test_split": "test",
            "generation_kwargs": {"max_new_tokens": 4, "temperature": 0.2, "do_sample": False},
            "lmms_eval_specific_kwargs": WORDS,
            "process_results": plain.process,
            "metric_list": [
                {"metric": "exact", "aggregation": mean},
                {"metric": "spread", "aggregation": plain.spread, "higher_is_better": True},
                {"metric": "paper", "aggregation": plain.paper, "higher_is_better": True},
                {"metric": "wrong", "aggregation": mean, "higher_is_better": False},
            ],
        }
        CONFIGS = {
            "toy": BASE,
            "judged": BASE | {"process_results": judged.process},
            "far": BASE | {"process_results": far.process},
            "near": BASE | {"process_results": near.process},
            "rounds": BASE | {"output_type": "generate_until_multi_round"},
            "twice": BASE | {"repeats": 2},
            "shots": BASE | {"num_fewshot": 3},
            "halves": BASE
            | {
                "process_results": plain.halves,
                "metric_list": [
                    {"metric": name, "aggregation": mean} for name in ("all", "first", "second")
                ],
            },
            "percent": BASE | {"process_results": plain.percent},
            "filters": BASE | {"filter_list": [{"name": "whole"}, {"name": "two"}]},
        }

        class TaskManager:
            task_index = {n: {"type": "task", "yaml_path": f"/x/{n}.yaml"} for n in CONFIGS}
            task_index["all"] = {"type": "group", "yaml_path": "/x/all.yaml"}
            all_tasks = sorted(task_index)
            all_subtasks = sorted(CONFIGS)

            def _get_tasklist(self, name):
                return ["toy", "judged"]

            def _get_config(self, name):
                return dict(CONFIGS[name])
        """,
    "lmms_eval/tasks/plain.py": """
        import os

        def process(doc, results):
            assert "image" not in doc
            if results[0] == "die":
                os.kill(os.getpid(), 9)
            hit = float(results[0] == doc["answer"])
            return {"exact": hit, "spread": {"score": hit, "n": 1}, "paper": 0, "wrong": 1 - hit}

        def halves(doc, results):  # as ChartQA: every sample counts for one of the two
            hit = float(results[0] == doc["answer"])
            return {"all": hit, "first" if doc["answer"] == "ab" else "second": hit}

        def percent(doc, results):
            return {k: 100 * v for k, v in process(doc, results).items() if k in ("exact", "wrong")}

        def spread(items):
            return {"hits": sum(item["score"] for item in items), "rate": 71.5}

        def paper(items, args):
            with open(os.path.join(args.output_path, "x.json"), "w") as file:
                file.write("{}")
        """,
    "lmms_eval/tasks/far.py": """
        def process(doc, results):
            from lmms_eval.tasks.between import rules

            return rules.process(doc, results)
        """,
    "lmms_eval/tasks/near.py": """
        from .plain import process as by_rule

        def process(doc, results):
            return by_rule(doc, results)
        """,
    "lmms_eval/tasks/between/__init__.py": "",
    "lmms_eval/tasks/between/rules.py": """
        from ..judged import process
        """,
    "lmms_eval/tasks/judged.py": """
        from lmms_eval.tasks import plain  # a task that would import openai

        def process(doc, results):
            return plain.process(doc, results)
        """,
}


ENCODED = pa.struct({"bytes": pa.binary(), "path": pa.string()})


@pytest.fixture(scope="module")
def lmms(tmp_path_factory):
    """A folder with the stand-in; what a run needs in its environment."""
    root = tmp_path_factory.mktemp("stand-in")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    cache = str(root / "cache")
    return {
        "PYTHONPATH": str(root),
        "EVALKIT_LMMS_PYTHON": sys.executable,
        "HF_DATASETS_CACHE": cache,
    }


@pytest.fixture(scope="session")
def picture():
    """Encodes a picture of one shade."""
    return _picture


def _picture(shade: int) -> bytes:
    written = BytesIO()
    PIL.Image.new("RGB", (40, 30), (shade, 10, 200)).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def rows(tmp_path):
    """A data folder: six questions about three pictures."""
    return _write(tmp_path)


@pytest.fixture
def write():
    """Writes a data folder into a folder."""
    return _write


def _write(folder: Path, question="How many?", pictures=None) -> Path:
    shown = pictures or [_picture(shade) for shade in (30, 30, 90, 90, 150, 150)]
    table = pa.table(
        {
            "question": [question] * 6,
            "answer": ["ab", "cd", "ab", "cd", "ab", "cd"],
            "image": pa.array([{"bytes": one} for one in shown], ENCODED),
        }
    )
    image = {"image": {"_type": "Image"}}
    text = {name: {"_type": "Value", "dtype": "string"} for name in ("question", "answer")}
    about = json.dumps({"info": {"features": {**text, **image}}})
    for task in ("toy", "halves", "percent", "filters"):
        place = folder / "data" / "lmms" / task
        place.mkdir(parents=True)
        file = place / "test.parquet"
        pq.write_table(table.replace_schema_metadata({"huggingface": about}), file)
    return folder / "data"


@dataclass
class Ran:
    """A finished command, its results folder and its record."""

    done: Any
    out: Path

    @property
    def result(self):
        (path,) = self.out.glob("*/*/run.json")
        (result,) = json.loads(path.read_text())["results"]
        return result

    @property
    def numbers(self):
        return {name: value["value"] for name, value in self.result["metrics"].items()}

    @property
    def predictions(self):
        (path,) = self.out.glob("*/*/predictions/lmms-toy.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def run(evalkit, lmms, rows, tmp_path):
    def started(*words, task="toy", data=rows, out="out", **more):
        place = tmp_path / out
        told = ("run", f"lmms/{task}", "--data", data, "--out", place, *words)
        done = evalkit(*told, **{**lmms, **more})
        return Ran(done, place)

    return started
