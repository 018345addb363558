"""Files of the benchmarks' official sizes and layouts, made up; `scoring.py` beside it times them.

Each maker writes its files into a folder of its own, drawn with the dice that it is given.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUESTIONS, IMAGES = 214_354, 40_504
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


@dataclass(frozen=True)
class Files:
    """What one command line needs."""

    task: str
    predictions: Path
    references: Path | None = None


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
