"""What harnesses are compared on: benchmarks of made-up answers, in the official layouts.

The answers are files that `evalkit.rescore` scores under a protocol's name. The same questions and
texts go to the harness's functions in a process of their own, in the order of evalkit's samples, as
a harness's sums run in the order of its dataset.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evalkit.rescore import Order, Scored, score_file
from evalkit.tasks.mme import COGNITION, PERCEPTION

SPLITS = ("random", "popular", "adversarial")
SHORT = "\nAnswer the question using a single word or phrase."


@dataclass(frozen=True)
class Bench:
    """A benchmark's files, and its questions as rows of a dataset, by the sample's id."""

    task: str
    predictions: Path
    references: Path
    rows: Mapping[str, Mapping[str, Any]]

    def score(self, protocol: str) -> Scored:
        found = score_file(
            Order(
                task=self.task,
                predictions=self.predictions,
                references=self.references,
                protocol=protocol,
            )
        )
        assert len(found.scores) == len(self.rows)
        assert not found.result.coverage.failed
        return found

    def asked(self, found: Scored) -> list[tuple[Mapping[str, Any], str]]:
        """The row and the text of each sample."""
        return [(self.rows[s.id], found.predictions[s.id].text) for s in found.samples]


@pytest.fixture(scope="session")
def answered() -> Callable[[Sequence[str], list], tuple[list, dict]]:
    """Runs a script with what is asked as JSON: what it makes of each, and its totals."""

    def run(command: Sequence[str], asked: list) -> tuple[list, dict]:
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        each, sums = json.loads(done.stdout.splitlines()[-1])
        assert len(each) == len(asked)
        return each, sums

    return run


@pytest.fixture(scope="session")
def judged_alike() -> Callable[[Scored, Sequence[object], Sequence[object]], None]:
    """Compares every sample; what differs is shown with the text that was judged."""

    def compare(found: Scored, ours: Sequence[object], theirs: Sequence[object]) -> None:
        texts = [found.predictions[sample.id].text for sample in found.samples]
        both = zip(found.samples, texts, ours, theirs, strict=True)
        assert not [(s.targets, text, one, two) for s, text, one, two in both if one != two]
        assert len({json.dumps(one) for one in ours}) > 1

    return compare


# Questions and answers


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_lines(path: Path, rows: Sequence[Mapping]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def yes_no_text(dice: random.Random, odd: Sequence[str], gold: str) -> str:
    """A right word, a wrong one, or odd text around one of them or none."""
    word = dice.choice((gold, gold, "Yes", "No", "yes", "no", "YES", "y", "N", " no", "yes "))
    form = dice.choice(("{}", "{}", "{}.", "{}, {}", "**{}**", "The answer is {}.", "{} {}", "{1}"))
    return form.format(word, dice.choice(odd))


def pope(root: Path, dice: random.Random, odd: Sequence[str]) -> Bench:
    rows, questions, answers = {}, [], []
    for split in SPLITS:
        held = [
            {
                "question_id": n + 1,
                "image": f"COCO_{n // 6}.jpg",
                "label": dice.choice(("yes", "no")),
            }
            | {"text": f"Is there a {split} thing {n} in the image?"}
            for n in range(300)
        ]
        write_lines(root / "truth" / f"coco_pope_{split}.json", held)
        for row in held:
            place, prompt = len(questions) + 1, row["text"] + SHORT
            fields = {"question_id": place, "image": row["image"], "text": prompt}
            questions.append(fields | {"category": split})
            text = yes_no_text(dice, odd, row["label"])
            answers.append({"question_id": place, "prompt": prompt, "text": text})
            rows[f"{split}/{row['question_id']}"] = {
                "question_id": str(row["question_id"]),
                "category": split,
                "question": row["text"],
                "answer": row["label"],
            }
    write_lines(root / "truth" / "llava_pope_test.jsonl", questions)
    path = write_lines(root / "answers.jsonl", answers)
    return Bench("pope", path, root / "truth", rows)


def mme(root: Path, dice: random.Random, odd: Sequence[str]) -> Bench:
    rows, answers = {}, []
    for subtask in (*PERCEPTION, *COGNITION):
        lines = []
        for n in range(dice.randint(10, 40)):
            for what, gold in (("dog", "Yes"), ("cat", "No")):
                asked = f"Is there a {what} here? Please answer yes or no."
                lines.append(f"{n}.jpg\t{asked}\t{gold}\n")
                image, text = f"{subtask}/{n}.jpg", yes_no_text(dice, odd, gold)
                prompt = asked.removesuffix(" Please answer yes or no.") + SHORT
                answers.append({"question_id": image, "prompt": prompt, "text": text})
                rows[f"{image}#{gold}"] = {
                    "question_id": image,
                    "image_path": image,
                    "category": subtask,
                    "question": asked,
                    "answer": gold,
                }
        (root / "gt").mkdir(exist_ok=True)
        (root / "gt" / f"{subtask}.txt").write_text("".join(lines))
    return Bench("mme", write_lines(root / "answers.jsonl", answers), root / "gt", rows)


def people(dice: random.Random, odd: Sequence[str]) -> tuple[list[str], str]:
    """Ten answers, and an answer to be scored: often one of theirs, or one in other clothes."""
    pool = dice.sample(odd, k=dice.choice((1, 2, 3, 6)))
    text = dice.choice((dice.choice(pool), dice.choice(pool), dice.choice(odd)))
    form = dice.choice(("{}", "{}", "{}", "The {}.", " {}\n", "{}!", "{},"))
    return [dice.choice(pool) for _ in range(10)], form.replace("{}", text)


def vqav2(root: Path, dice: random.Random, odd: Sequence[str]) -> Bench:
    rows, results, annotations = {}, [], []
    for n in range(600):
        ten, text = people(dice, odd)
        given = [
            {"answer": a, "answer_confidence": "yes", "answer_id": k + 1} for k, a in enumerate(ten)
        ]
        rows[str(n)] = {"question_id": n, "answers": given}
        types = {"question_type": "what", "answer_type": "other"}
        annotations.append({"question_id": n, "image_id": n // 3, "answers": given} | types)
        results.append({"question_id": n, "answer": text})
    write(root / "truth" / "annotations.json", {"annotations": annotations})
    return Bench("vqav2", write(root / "results.json", results), root / "truth", rows)


def textvqa(root: Path, dice: random.Random, odd: Sequence[str]) -> Bench:
    rows, answers = {}, []
    for n in range(600):
        ten, text = people(dice, odd)
        rows[str(n)] = {"question_id": n, "image_id": f"i{n}", "answers": ten, "question": f"{n}?"}
        answers.append({"question_id": f"i{n}", "prompt": f"{n}?{SHORT}", "text": text})
    truth = write(root / "TextVQA_0.5.1_val.json", {"data": list(rows.values())})
    return Bench("textvqa", write_lines(root / "answers.jsonl", answers), truth, rows)


def scienceqa(root: Path, dice: random.Random, odd: Sequence[str]) -> Bench:
    rows, answers = {}, []
    forms = ("{}", "{}.", "{}. x", " {}\n", "({})", "The answer is {}.", "{}: {}", "{} {}")
    for n in range(900):
        choices = ["red", "green", "blue", "white", "black"][: dice.randint(2, 5)]
        rows[str(n)] = {
            "question": f"Which is {n}?",
            "choices": choices,
            "hint": "",
            "image": None,
            "answer": dice.randrange(len(choices)),
            "grade": "grade2",
            "topic": "physics",
            "subject": "natural science",
            "split": "test",
        }
        letter = dice.choice(("ABCDE"[rows[str(n)]["answer"]], dice.choice("ABCDEabcdeZ")))
        text = dice.choice((*forms, *forms, dice.choice(odd))).replace("{}", letter)
        answers.append({"question_id": str(n), "prompt": f"Which is {n}?", "text": text})
    write(root / "truth" / "problems.json", rows)
    write(root / "truth" / "pid_splits.json", {"test": list(rows)})
    path = write_lines(root / "answers.jsonl", answers)
    return Bench("scienceqa", path, root / "truth", rows)


def gqa(root: Path, dice: random.Random, odd: Sequence[str]) -> Bench:
    rows, answers, questions = {}, [], {}
    words = ("yes", "no", "t-shirt", "polar bear", "café", "dark blue", "İstanbul")
    for n in range(900):
        gold = dice.choice(words)
        rows[str(n)] = {"answer": gold}
        questions[str(n)] = {
            "imageId": f"n{n}",
            "question": f"What is {n}?",
            "answer": gold,
            "isBalanced": True,
            "types": {"structural": "query", "semantic": "obj", "detailed": "x"},
            "semantic": [{"operation": "select", "argument": "dog", "dependencies": []}],
            "groups": {"global": None, "local": "x"},
            "entailed": [],
            "annotations": {"question": {}, "fullAnswer": {}, "answer": {}},
        }
        form = dice.choice(("{}", "{}", "{}.", "{}!", " {}\n", "a {}", "{}\0", "{}-", "{} "))
        text = dice.choice(
            (form.replace("{}", dice.choice((gold, gold.upper()))), dice.choice(odd))
        )
        answers.append({"questionId": str(n), "prediction": text})
    truth = write(root / "truth" / "val_questions.json", questions)
    return Bench("gqa", write(root / "predictions.json", answers), truth, rows)


MAKERS = {made.__name__: made for made in (pope, mme, vqav2, textvqa, scienceqa, gqa)}


@pytest.fixture
def made(tmp_path, odd_texts, seed) -> Callable[[str], Bench]:
    """Makes a benchmark's files; answers too long for any model are left out."""

    def make(task: str) -> Bench:
        odd = [text for text in odd_texts(seed, 900) if len(text) < 1000]
        return MAKERS[task](tmp_path, random.Random(seed), odd)

    return make
