"""Laws of whole files: what `evalkit score` makes of a prediction file, whatever the benchmark.

Each benchmark has a small exam in its official layout, references and answers alike, which these
tests write. POPE is asked with LLaVA's question file, by which ids tell the splits apart. Left out
is what the official tools pair by position: RUCAIBox's pairs of POPE have no ids, so their order is
all that says which question was answered, and shuffled they are other answers.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.records import plain
from evalkit.registry import load_task
from evalkit.rescore import Order, Scored, score_file
from evalkit.run_record import TaskResult
from evalkit.sums import statistics
from evalkit.tasks.mme import COGNITION, PERCEPTION

SHORT = "\nAnswer the question using a single word or phrase."
ASK = " Please answer yes or no."
FEW = settings(max_examples=10, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
Gold = str | Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """One question as a prediction file names it.

    Attributes:
        group: What is scored together, and so never parted.
        gold: A right answer; by protocol where it is not the same under all.
        line: The entry's fields, but for the answer.
    """

    group: str
    gold: Gold
    line: Mapping[str, object]

    def right(self, protocol: str) -> str:
        if isinstance(self.gold, str):
            return self.gold
        return self.gold.get(protocol, self.gold["official"])


@dataclass(frozen=True)
class Exam:
    """A benchmark's questions, its references, and how its prediction files are written."""

    task: str
    asked: tuple[Asked, ...] = field(repr=False)
    references: Path
    answer: str  # the field of an entry that holds the answer
    layout: str  # "lines", "list" or "folder"

    def score(self, answers: Sequence[tuple[Asked, str]], **more) -> Scored:
        entries = [{**asked.line, self.answer: text} for asked, text in answers]
        path = WRITERS[self.layout](self.references.parent / "predictions", entries)
        order = Order(task=self.task, predictions=path, references=self.references, **more)
        return score_file(order)

    def answers(self, dice: random.Random) -> list[tuple[Asked, str]]:
        """An answer to each question, most of them right."""
        texts = [asked.right("official") for asked in self.asked]
        others = (*texts, "", "I cannot tell.")
        return [
            (asked, text if dice.random() < 0.6 else dice.choice(others))
            for asked, text in zip(self.asked, texts, strict=True)
        ]


# How predictions are written


def as_lines(place: Path, entries: Sequence[Mapping]) -> Path:
    path = place.with_suffix(".jsonl")
    text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def as_list(place: Path, entries: Sequence[Mapping]) -> Path:
    path = place.with_suffix(".json")
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def as_folder(place: Path, entries: Sequence[Mapping]) -> Path:
    """MME's: a file for each subtask, answers in the last column."""
    place.mkdir(exist_ok=True)
    held: dict[str, list[str]] = {name: [] for name in (*PERCEPTION, *COGNITION)}
    for entry in entries:
        columns = (entry[name] for name in ("image", "question", "label", "text"))
        held[str(entry["subtask"])].append("\t".join(map(str, columns)) + "\n")
    for name, lines in held.items():
        (place / f"{name}.txt").write_text("".join(lines), encoding="utf-8", newline="")
    return place


WRITERS: Mapping[str, Callable[[Path, Sequence[Mapping]], Path]] = {
    "lines": as_lines,
    "list": as_list,
    "folder": as_folder,
}


# The exams


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def llava(identity: object, prompt: str) -> dict[str, object]:
    return {"question_id": identity, "prompt": prompt}


def pope(root: Path) -> Exam:
    asked, questions = [], []
    for category in ("random", "popular", "adversarial"):
        truth = [
            {"question_id": n + 1, "image": f"COCO_{n // 2}.jpg", "label": ("yes", "no")[n % 2]}
            | {"text": f"Is there a {category} thing number {n} in the image?"}
            for n in range(8)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in truth)
        write(root / "truth" / f"coco_pope_{category}.json", lines)
        for row in truth:
            line = llava(len(questions) + 1, row["text"] + SHORT)
            fields = {"image": row["image"], "category": category, "text": line["prompt"]}
            questions.append({"question_id": line["question_id"]} | fields)
            asked.append(Asked(str(line["question_id"]), row["label"], line))
    lines = "".join(json.dumps(row) + "\n" for row in questions)
    write(root / "truth" / "llava_pope_test.jsonl", lines)
    return Exam("pope", tuple(asked), root / "truth", "text", "lines")


def mme(root: Path, layout: str = "lines") -> Exam:
    asked = []
    for subtask in (*PERCEPTION, *COGNITION):
        rows = [
            (f"{n}.jpg", f"Is there a {what} number {n}?{ASK}", gold)
            for n in range(2)
            for what, gold in (("dog", "Yes"), ("cat", "No"))
        ]
        write(root / "gt" / f"{subtask}.txt", "".join("\t".join(row) + "\n" for row in rows))
        for image, question, gold in rows:
            columns = {"subtask": subtask, "image": image, "question": question, "label": gold}
            line = llava(f"{subtask}/{image}", question.removesuffix(ASK) + SHORT)
            asked.append(Asked(f"{subtask}/{image}", gold, columns if layout == "folder" else line))
    return Exam("mme", tuple(asked), root / "gt", "text", layout)


def mme_folder(root: Path) -> Exam:
    return mme(root, "folder")


def mmvp(root: Path) -> Exam:
    asked, table = [], ["Index,Question,Options,Correct Answer"]
    for n in range(1, 13):
        question, options, letter = (
            f"Is door {(n + 1) // 2} open?",
            "(a) Open (b) Closed",
            "ba"[n % 2],
        )
        table.append(f"{n},{question},{options},({letter})")
        gold = {"official": f"({letter})", "vlmevalkit": letter.upper()}
        line = llava(n, f"{question} {options}")
        asked.append(Asked(str((n + 1) // 2), gold, line))
    path = write(root / "truth" / "Questions.csv", "\n".join(table) + "\n")
    return Exam("mmvp", tuple(asked), path.parent, "response", "lines")


def scienceqa(root: Path) -> Exam:
    asked, problems = [], {}
    for n in range(16):
        place, image = n % 3, "image.png" if n % 2 else None
        problems[str(n + 7)] = {
            "question": f"Which is number {n}?",
            "choices": ["red", "green", "blue"],
            "answer": place,
            "hint": "Look." if n % 3 else "",
            "image": image,
            "grade": f"grade{n % 12 + 1}",
            "subject": ("natural science", "social science")[n % 2],
            "topic": "physics",
            "split": "test",
        }
        gold = {"official": f"The answer is {'ABC'[place]}.", "lmms-eval": "ABC"[place]}
        prompt = "<image>\n" * bool(image) + f"Which is number {n}?"
        asked.append(Asked(str(n), gold, llava(str(n + 7), prompt)))
    write(root / "truth" / "problems.json", problems)
    write(root / "truth" / "pid_splits.json", {"test": list(problems)})
    return Exam("scienceqa", tuple(asked), root / "truth", "text", "lines")


def gqa(root: Path) -> Exam:
    """With what the further numbers need, but for scene graphs."""
    asked, questions = [], {}
    for n in range(20):
        gold = ("yes", "no", "red", "polar bear")[n % 4]
        questions[str(n)] = {
            "imageId": f"n{n // 3}",
            "question": f"What is thing {n}" + " there" * (n % 3) + "?",
            "answer": gold,
            "isBalanced": True,
            "types": {
                "structural": ("verify", "verify", "query", "choose")[n % 4],
                "semantic": ("obj", "attr", "rel")[n % 3],
                "detailed": "exist",
            },
            "semantic": [{"operation": "select", "argument": f"dog ({n})", "dependencies": []}],
            "groups": {"global": ("color", "animal", None)[n % 3], "local": "x"},
            "entailed": [str(n), str((n + 4) % 20)],
            "annotations": {"question": {}, "fullAnswer": {}, "answer": {}},
        }
        asked.append(Asked(str(n), gold, {"questionId": str(n)}))
    write(root / "truth" / "val_questions.json", questions)
    valid = {"valid": ["yes", "no", "red"], "plausible": ["yes", "polar bear"]}
    write(root / "truth" / "val_choices.json", dict.fromkeys(questions, valid))
    return Exam("gqa", tuple(asked), root / "truth", "prediction", "list")


def ten(n: int) -> list[str]:
    """Ten answers of which the first is the best, and sometimes the only one."""
    held = (("dog", "dog", "dog"), ("2", "two"), ("red", "dark red", "red"), ("yes",))[n % 4]
    return [held[0]] * 4 + [held[k % len(held)] for k in range(6)]


def vqav2(root: Path) -> Exam:
    asked, annotations = [], []
    for n in range(20):
        people = [{"answer": text, "answer_id": k + 1} for k, text in enumerate(ten(n))]
        types = {"question_type": f"what {n % 3}", "answer_type": ("other", "number")[n % 2]}
        annotations.append({"question_id": n, "image_id": n // 2, "answers": people} | types)
        asked.append(Asked(str(n), ten(n)[0], {"question_id": n}))
    write(root / "truth" / "annotations.json", {"annotations": annotations})
    return Exam("vqav2", tuple(asked), root / "truth", "answer", "list")


def textvqa(root: Path) -> Exam:
    held = [
        {"question_id": n, "image_id": f"i{n // 2}", "question": f"what is {n}?", "answers": ten(n)}
        for n in range(20)
    ]
    asked = [
        Asked(str(n), ten(n)[0], llava(row["image_id"], f"What is {n}?{SHORT}"))
        for n, row in enumerate(held)
    ]
    path = write(root / "TextVQA_0.5.1_val.json", {"data": held})
    return Exam("textvqa", tuple(asked), path, "text", "lines")


EXAMS = (pope, mme, mme_folder, mmvp, scienceqa, gqa, vqav2, textvqa)


@pytest.fixture(scope="module", params=EXAMS, ids=lambda made: made.__name__)
def exam(request, tmp_path_factory) -> Exam:
    return request.param(tmp_path_factory.mktemp(request.param.__name__))


def protocols(exam: Exam) -> tuple[str, ...]:
    """All but MMVP's official one, which scores a judge's replies and not answers."""
    task = load_task(exam.task)
    return (task.protocol, *(name for name in task.protocols if name != "official"))


def numbers(result: TaskResult) -> dict[str, object]:
    """All that is counted: values, intervals, slices, coverage, and how answers were read."""
    return {
        name: plain(getattr(result, name))
        for name in ("metrics", "breakdowns", "coverage", "audit")
    }


def flat(value: object, name: str = "") -> dict[str, object]:
    """The leaves of nested dicts and lists by their paths."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {name: value}
    return {k: v for key, held in value.items() for k, v in flat(held, f"{name}.{key}").items()}


def near(one: object, two: object) -> bool:
    return one == two or (isinstance(one, float) and math.isclose(one, two, rel_tol=1e-12))


# The laws


@FEW
@given(seed=SEEDS)
def test_the_order_of_lines_changes_no_number(exam, seed):
    """To the last digit, but for TextVQA: M4C's evaluator adds in the order of the lines."""
    dice = random.Random(seed)
    answers = exam.answers(dice)
    before = exam.score(answers)
    after = exam.score(dice.sample(answers, k=len(answers)))
    if exam.task == "textvqa":
        one, two = flat(numbers(before.result)), flat(numbers(after.result))
        assert one.keys() == two.keys()
        assert all(near(one[name], two[name]) for name in one)
    else:
        assert numbers(after.result) == numbers(before.result)
        assert list(after.scores) == list(before.scores)


@FEW
@given(seed=SEEDS)
def test_two_files_add_up_to_one(exam, seed):
    dice = random.Random(seed)
    answers = exam.answers(dice)
    whole = exam.score(answers)
    groups = sorted({asked.group for asked, _ in answers})
    first = set(dice.sample(groups, k=dice.randint(1, len(groups) - 1)))
    parts = [
        exam.score(
            [pair for pair in answers if (pair[0].group in first) == side], missing="exclude"
        )
        for side in (True, False)
    ]
    scores = {score.sample_id: score for part in parts for score in part.scores}
    assert sum(len(part.scores) for part in parts) == len(scores)
    assert [scores[score.sample_id] for score in whole.scores] == list(whole.scores)
    for name in ("answered", "unparsed"):
        counts = [getattr(part.result.coverage, name) for part in parts]
        assert sum(counts) == getattr(whole.result.coverage, name)
    for metric in whole.task.metrics:
        value = float(metric.value(sum(statistics(metric, part.scores).sums for part in parts)))
        known = whole.result.metrics.get(metric.name)
        assert near(value, known.value) if known else math.isnan(value)


def test_gold_answers_reach_the_maximum(exam):
    for protocol in protocols(exam):
        texts = [(asked, asked.right(protocol)) for asked in exam.asked]
        found = exam.score(texts, protocol=protocol)
        assert found.result.coverage.answered == len(exam.asked)
        for name in found.result.headline:
            value = found.result.metrics[name]
            assert value.value == value.maximum, (protocol, name)


@FEW
@given(seed=SEEDS)
def test_odd_texts_are_scored_and_accounted_for(exam, odd_texts, seed):
    dice = random.Random(seed)
    texts = odd_texts(seed, 400)
    if exam.layout == "folder":  # whose lines and columns no answer may break
        texts = [text for text in texts if len(text.splitlines()) < 2 and "\t" not in text]
    answers = [(asked, dice.choice(texts)) for asked in exam.asked]
    for protocol in protocols(exam):
        found = exam.score(answers, protocol=protocol)
        coverage = found.result.coverage
        assert coverage.asked == len(exam.asked)
        assert coverage.answered + coverage.unparsed + coverage.failed == coverage.asked
        for metric in found.task.metrics:
            if metric.name in found.result.metrics:
                value = found.result.metrics[metric.name].value
                assert metric.low <= value <= metric.high
