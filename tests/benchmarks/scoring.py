"""How long `evalkit score` takes on full-size files, and how much memory, beside the official tool.

Run by hand: `python tests/benchmarks/scoring.py --official DIR --json`, where DIR is an exported
GT-Vision-Lab/VQA (`git archive a013f004 | tar -x -C DIR`). Files of the official sizes and layouts
are made in a temporary folder, and each is scored by `evalkit score ... --out` in a process of its
own, whose user time and peak memory the system counts (`wait4`); `mme_s`, `pope_s` and `gqa_s` are
wall time, start of the process included. Figures are medians.

The official tool is Python 2. It runs as it is under `python2.7` where there is one; else `lib2to3`
ports its two modules in the temporary folder, with tabs made spaces first. It scores the same
VQAv2 files in the same run, once, and the two overall accuracies are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

QUESTIONS, IMAGES = 214_354, 40_504
PROMISES = {"mme_s": 2.0, "pope_s": 2.0, "gqa_s": 2.0, "vqav2_peak_mb": 800.0}
NAMED = ("evalkit-vlm", "msgspec", "numpy", "pyarrow", "scipy")
SHORT = "\nAnswer the question using a single word or phrase."
MME = {
    "existence": 30,
    "count": 30,
    "position": 30,
    "color": 30,
    "posters": 147,
    "celebrity": 170,
    "scene": 200,
    "landmark": 200,
    "artwork": 200,
    "OCR": 20,
    "commonsense_reasoning": 70,
    "numerical_calculation": 20,
    "text_translation": 20,
    "code_reasoning": 20,
}
"""Images of each subtask; each has two questions, 2,374 lines in all."""

OFFICIAL = """
import json, sys
home, annotations, questions, results, report = sys.argv[1:]
sys.path[:0] = [home + "/PythonHelperTools/vqaTools", home + "/PythonEvaluationTools"]
from vqa import VQA
from vqaEvaluation.vqaEval import VQAEval
asked = VQA(annotations, questions)
scored = VQAEval(asked, asked.loadRes(results, questions), n=2)
scored.evaluate()
with open(report, "w") as file:
    json.dump(scored.accuracy, file)
"""
"""What the official demo does, without its plots; Python 2 and 3 both read it."""


@dataclass(frozen=True)
class Files:
    """What one command line needs."""

    task: str
    predictions: Path
    references: Path | None = None


@dataclass(frozen=True)
class Process:
    """What the system counted of one process."""

    wall: float
    user: float
    peak_mb: float


def measured(command: list[str], folder: Path) -> Process:
    """One process, from start to exit.

    Raises:
        SystemExit: It failed; the text is what it printed.
    """
    with (folder / "printed.txt").open("wb") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = (folder / "printed.txt").read_text(encoding="utf-8", errors="replace")[-4000:]
        message = f"{' '.join(command)} left with {process.returncode}\n{text}"
        raise SystemExit(message)
    return Process(wall=wall, user=usage.ru_utime, peak_mb=usage.ru_maxrss * 1024 / 1e6)


# The files


TYPES = ("yes/no", "number", "other")
STARTS = {
    "yes/no": ("is the", "is this", "are there", "does the", "is there a", "are the", "do you"),
    "number": ("how many", "how many people are", "what number is", "what time"),
    "other": ("what is the", "what color is the", "what", "where is the", "what kind of"),
}
AGREE = {"yes/no": (10, 10, 9, 8), "number": (10, 8, 6, 4), "other": (10, 7, 5, 3)}
SOUNDS = ("ba", "to", "ri", "cka", "mon", "sel", "dra", "pi", "wen", "ous", "fle", "gar")
TYPED = ("the {}", "{}.", "{}, {}", "a {}", "{}'s", "{}-{}", "{}/{}", "{}?", "two {}", "{}!")


class VqaWords:
    """Questions and answers as frequent as in the real data: yes and no, numbers, and a long tail.

    Of VQAv2's questions, 38 % ask for yes or no and 12 % for a number; a few thousand answers cover
    nearly all others, and some are typed in ways that need each step of the normalisation.
    """

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        made = {"".join(dice.choices(SOUNDS, k=dice.choice((1, 2, 2, 3)))) for _ in range(6000)}
        words = sorted(made)
        dice.shuffle(words)
        phrases = [f"{dice.choice(words)} {dice.choice(words)}" for _ in range(18_000)]
        odd = [form.format(*dice.sample(words, 2)) for form in TYPED for _ in range(300)]
        self.other = [*words, *phrases, *odd]
        ranks = range(1, len(self.other) + 1)
        self.weights = self._running(1 / (n + 3) for n in ranks)
        self.numbers = [str(n) for n in range(40)] + ["one", "two", "none", "1,000", "10:30", "2.5"]
        self.number_weights = self._running(1 / (n + 1) ** 1.4 for n in range(len(self.numbers)))

    @staticmethod
    def _running(weights: Iterable[float]) -> list[float]:
        total, sums = 0.0, []
        for weight in weights:
            total += weight
            sums.append(total)
        return sums

    def some(self, kind: str, count: int) -> list[str]:
        """Answers of a type, drawn by how frequent they are."""
        if kind == "yes/no":
            return self.dice.choices(("yes", "no"), k=count)
        if kind == "number":
            return self.dice.choices(self.numbers, cum_weights=self.number_weights, k=count)
        return self.dice.choices(self.other, cum_weights=self.weights, k=count)

    def answers(self, kind: str) -> list[str]:
        """Ten answers: most people agree, and a third of the questions are unanimous."""
        said = self.some(kind, 5)
        agree = self.dice.choice(AGREE[kind])
        ten = [said[0]] * agree + self.dice.choices(said, k=10 - agree)
        self.dice.shuffle(ten)
        return ten


def vqav2(folder: Path, dice: random.Random) -> Files:
    """Annotations, questions and results in the official layouts, results in another order."""
    folder.mkdir()
    words, confident = VqaWords(dice), ("yes", "maybe", "no")
    annotations, questions, results = [], [], []
    for number in range(QUESTIONS):
        kind = dice.choices(TYPES, cum_weights=(38, 50, 100))[0]
        ten, image = words.answers(kind), 42 + 14 * (number * IMAGES // QUESTIONS)
        start, identity = dice.choice(STARTS[kind]), 1000 * image + number % 6
        people = [
            {"answer": a, "answer_confidence": dice.choice(confident), "answer_id": i}
            for i, a in enumerate(ten, start=1)
        ]
        annotations.append(
            {
                "question_type": start,
                "multiple_choice_answer": ten[0],
                "answers": people,
                "image_id": image,
                "answer_type": kind,
                "question_id": identity,
            }
        )
        asked = f"{start.capitalize()} {words.other[number % 900]} in the picture?"
        questions.append({"image_id": image, "question": asked, "question_id": identity})
        said = ten[0] if dice.random() < 0.7 else words.some(kind, 1)[0]
        results.append({"question_id": identity, "answer": said})
    dice.shuffle(results)
    head = {"info": {"version": "2.0"}, "data_type": "mscoco", "data_subtype": "val2014"}
    head |= {"license": {"name": "made up"}, "task_type": "Open-Ended"}
    write(folder / "references" / "annotations.json", head | {"annotations": annotations})
    write(folder / "references" / "questions.json", head | {"questions": questions})
    write(folder / "results.json", results)
    return Files("vqav2", folder / "results.json", folder / "references")


def mme(folder: Path, dice: random.Random) -> Files:
    """A folder with one tab-separated file a subtask, as `eval_tool.zip` has it."""
    folder.mkdir()
    for subtask, images in MME.items():
        lines = [
            f"{n:06}.jpg\tIs there a {what} in this image? Please answer yes or no.\t{gold}\t"
            f"{gold if dice.random() < 0.8 else dice.choice(('Yes', 'No', 'No, there is not.'))}\n"
            for n in range(images)
            for what, gold in (("dog", "Yes"), ("cat", "No"))
        ]
        (folder / f"{subtask}.txt").write_text("".join(lines), encoding="utf-8")
    return Files("mme", folder)


def pope(folder: Path, dice: random.Random) -> Files:
    """Three files of labels, LLaVA's questions and LLaVA's answers: 9,000 lines."""
    (folder / "references").mkdir(parents=True)
    asked: list[dict[str, Any]] = []
    for category in ("adversarial", "popular", "random"):
        truth = [
            {
                "question_id": n + 1,
                "image": f"COCO_val2014_{n // 6:012}.jpg",
                "text": f"Is there a thing number {n} in the image?",
                "label": ("yes", "no")[n % 2],
            }
            for n in range(3000)
        ]
        write_lines(folder / "references" / f"coco_pope_{category}.json", truth)
        asked += [{**line, "category": category} for line in truth]
    questions, answers = [], []
    for n, line in enumerate(asked, start=1):
        prompt = line["text"] + SHORT
        right = dice.random() < 0.85
        said = line["label"] if right else dice.choice(("no", "yes"))
        questions.append(
            {"question_id": n, "image": line["image"], "text": prompt, "category": line["category"]}
        )
        answers.append(llava_line(n, prompt, said.capitalize()))
    write_lines(folder / "references" / "llava_pope_test.jsonl", questions)
    write_lines(folder / "answers.jsonl", answers)
    return Files("pope", folder / "answers.jsonl", folder / "references")


def gqa(folder: Path, dice: random.Random) -> Files:
    """Questions with every field of the official layout, and LLaVA's answers."""
    folder.mkdir()
    entries, answers = {}, []
    for n in range(12_578):
        identity, gold = f"20{n:07}", dice.choice(("yes", "no", "left", "table", "white", "woman"))
        entries[identity] = gqa_entry(n, identity, gold)
        said = gold if dice.random() < 0.6 else dice.choice(("yes", "no", "right", "chair"))
        answers.append(llava_line(identity, entries[identity]["question"] + SHORT, said))
    write(folder / "references" / "testdev_balanced_questions.json", entries)
    write_lines(folder / "answers.jsonl", answers)
    return Files("gqa", folder / "answers.jsonl", folder / "references")


def gqa_entry(n: int, identity: str, gold: str) -> dict[str, Any]:
    """One question of GQA."""
    steps = [("select", "table (12)"), ("relate", "person,on,s (7)"), ("query", "name")]
    structural = ("query", "verify", "choose", "logical", "compare")[n % 5]
    return {
        "semantic": [
            {"operation": operation, "dependencies": [k - 1] if k else [], "argument": argument}
            for k, (operation, argument) in enumerate(steps)
        ],
        "entailed": [f"20{n + 1:07}", f"20{n + 2:07}"],
        "equivalent": [identity],
        "question": f"Who is on the table number {n}?",
        "imageId": f"n{n // 30}",
        "isBalanced": True,
        "groups": {"global": None if n % 2 else "person", "local": f"14-table_on,s{n % 99}"},
        "answer": gold,
        "semanticStr": "select: table (12)->relate: person,on,s (7) [0]->query: name [1]",
        "annotations": {"answer": {"0": "7"}, "question": {"4": "12"}, "fullAnswer": {"1": "7"}},
        "types": {
            "detailed": "relS",
            "semantic": ("rel", "attr", "obj", "cat", "global")[n % 5],
            "structural": structural,
        },
        "fullAnswer": f"The {gold} is on the table.",
    }


def llava_line(identity: int | str, prompt: str, text: str) -> dict[str, Any]:
    """One line of LLaVA's answer files."""
    line = {"question_id": identity, "prompt": prompt, "text": text}
    return {**line, "answer_id": "3wn9aPE3PL7qsd7mzWnuyL", "model_id": "made-up", "metadata": {}}


def write(path: Path, value: Any) -> None:
    """A JSON file, in a folder that is made where it is missing."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_lines(path: Path, values: list[dict[str, Any]]) -> None:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


# evalkit


def scored(files: Files, folder: Path) -> tuple[Process, dict[str, Any]]:
    """`evalkit score` of one benchmark, from the files to the written run, and its record."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [str(Path(sys.executable).parent / "evalkit"), "score", files.task, "--offline"]
    command += ["--predictions", str(files.predictions), "--out", str(out)]
    if files.references is not None:
        command += ["--references", str(files.references)]
    counted = measured(command, folder)
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    if not (out / "scores" / f"{files.task}.parquet").exists():
        message = f"{files.task}: no scores were written"
        raise SystemExit(message)
    return counted, record["results"][0]


def medians(files: Files, folder: Path, repeats: int) -> tuple[Process, dict[str, Any]]:
    """The median of each figure over some runs, after one that warms the disk's cache."""
    scored(files, folder)
    runs = [scored(files, folder) for _ in range(repeats)]
    counted = [run for run, _ in runs]
    median = Process(
        wall=statistics.median(run.wall for run in counted),
        user=statistics.median(run.user for run in counted),
        peak_mb=statistics.median(run.peak_mb for run in counted),
    )
    return median, runs[-1][1]


# The official tool


def official(exported: Path, files: Files, folder: Path) -> tuple[Process, float, str]:
    """The official VQA tool on the same files: what it took, its accuracy, and who ran it."""
    home, python, name = exported, python2(), "Python 2.7"
    if python is None:
        home, python, name = port(exported, folder / "official"), sys.executable, "lib2to3 port"
    script, report = folder / "official.py", folder / "accuracy.json"
    script.write_text(OFFICIAL, encoding="utf-8")
    assert files.references is not None
    names = [files.references / "annotations.json", files.references / "questions.json"]
    words = [python, script, home.resolve(), *names, files.predictions, report]
    counted = measured([str(word) for word in words], folder)
    return counted, json.loads(report.read_text(encoding="utf-8"))["overall"], name


def python2() -> str | None:
    """A Python 2.7 that starts; None where there is none. A shim of pyenv may not start."""
    pyenv = (Path.home() / ".pyenv" / "versions").glob("2.7*/bin/python2.7")
    for name in filter(None, [shutil.which("python2.7"), *map(str, pyenv)]):
        if subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0:
            return name
    return None


def port(exported: Path, folder: Path) -> Path:
    """The tool's two modules as Python 3; its lines mix tabs and spaces, which Python 3 refuses."""
    for name in ("PythonHelperTools", "PythonEvaluationTools"):
        shutil.copytree(exported / name, folder / name)
    modules = [
        folder / "PythonHelperTools/vqaTools/vqa.py",
        folder / "PythonEvaluationTools/vqaEvaluation/vqaEval.py",
    ]
    for module in modules:
        text = module.read_text(encoding="utf-8")
        module.write_text(text.expandtabs(8), encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-m", "lib2to3", "-w", "-n", *map(str, modules)]
    measured(command, folder)
    return folder


# All of it


def environment() -> dict[str, str]:
    """The machine, and versions of what is timed."""
    found = {"machine": processor(), "cores": str(len(os.sched_getaffinity(0)))}
    found["python"] = platform.python_version()
    for name in NAMED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's name; the architecture where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def elsewhere(make: Callable[[Path, random.Random], Files], folder: Path) -> Files:
    """A benchmark's files, made in a process of their own.

    Linux counts the memory of a process from that of its parent on, so this one stays small.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, folder / make.__name__, random.Random(0)).result()


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures; the official tool's are None without its folder."""
    files = elsewhere(vqav2, folder)
    ours, record = medians(files, folder, options.repeats)
    accuracy = record["metrics"]["accuracy"]["value"]
    found: dict[str, Any] = {
        "vqav2_user_s": round(ours.user, 2),
        "vqav2_wall_s": round(ours.wall, 2),
        "vqav2_peak_mb": round(ours.peak_mb),
        "vqav2_accuracy": accuracy,
        "official_user_s": None,
    }
    if options.official:
        theirs, reported, name = official(options.official, files, folder)
        found |= {
            "official_user_s": round(theirs.user, 2),
            "official_peak_mb": round(theirs.peak_mb),
            "official_accuracy": reported,
            "official_python": name,
            "ratio": round(theirs.user / ours.user, 1),
            "same_accuracy": any(f"prints {reported}" in note for note in record["notes"]),
        }
    for make in (mme, pope, gqa):
        made = elsewhere(make, folder)
        found[f"{made.task}_s"] = round(medians(made, folder, options.repeats)[0].wall, 2)
    return {**found, "repeats": options.repeats, "environment": environment()}


def words(found: dict[str, Any]) -> list[str]:
    """The figures, one a line, beside what was promised."""
    limits = dict(PROMISES)
    if found["official_user_s"] is not None:
        times = 10 if found["official_python"] == "Python 2.7" else 5
        limits["vqav2_user_s"] = found["official_user_s"] / times
    lines = []
    for name, value in found.items():
        if not isinstance(value, dict):
            limit = f" (at most {limits[name]:.3g})" if name in limits else ""
            lines.append(f"{name:<18} {value}{limit}")
    return [*lines, ", ".join(f"{k} {v}" for k, v in found["environment"].items())]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--official", type=Path, metavar="DIR", help="an exported official VQA tool"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of evalkit on each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    print(json.dumps(found, indent=2) if options.json else "\n".join(words(found)))


if __name__ == "__main__":
    main()
