"""The prompts that the demo model is taught: those of the tasks' own `llava` variant."""

from typing import Final, NamedTuple

from evalkit.demo.facts import Row
from evalkit.demo.rows import mme

SHORT_SUFFIX: Final = "\nAnswer the question using a single word or phrase."
"""Asks for a short answer."""

LETTER_SUFFIX: Final = "\nAnswer with the option's letter from the given choices directly."
"""Asks for a letter."""

LETTERS: Final = "ABCDE"
"""Names of the choices, in order."""


class Lesson(NamedTuple):
    """A prompt and the answer that the model is to learn.

    `fact` is what one has to find out before one can answer, such as the colour of what is asked
    about; "" where that is the answer itself.
    """

    prompt: str
    answer: str
    fact: str = ""


def short(question: str, answer: str) -> Lesson:
    """Give the lesson of a question with a short answer."""
    return Lesson(question + SHORT_SUFFIX, answer)


def gqa(row: Row) -> Lesson:
    """Give the lesson of a GQA row."""
    return short(row["question"], row["answer"])


def pope(row: Row) -> Lesson:
    """Give the lesson of a POPE row."""
    return short(row["question"], row["answer"].capitalize())


def mme_row(row: Row) -> Lesson:
    """Give the lesson of an MME row."""
    return short(row["question"].replace(mme.SUFFIX, ""), row["answer"])


def vqav2(row: Row) -> Lesson:
    """Give the lesson of a VQAv2 row."""
    return short(row["question"], row["multiple_choice_answer"])


def textvqa(row: Row, *, ocr: bool = False) -> Lesson:
    """Give the lesson of a TextVQA row: its most frequent answer, small letters.

    Args:
        row: The row.
        ocr: Whether the prompt holds the OCR tokens.
    """
    said = [answer.lower() for answer in row["answers"]]
    answer = max(sorted(set(said)), key=said.count)
    tokens = f"\nReference OCR token: {', '.join(row['ocr_tokens'])}" if ocr else ""
    return short(row["question"] + tokens, answer)


def scienceqa(row: Row) -> Lesson:
    """Give the lesson of a ScienceQA row."""
    context = f"Context: {row['hint']}\n" if row["hint"] else ""
    choices = "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(LETTERS, row["choices"], strict=False)
    )
    return Lesson(
        f"{context}{row['question']}\n{choices}{LETTER_SUFFIX}",
        LETTERS[row["answer"]],
        row["choices"][row["answer"]],
    )


def mmvp(row: Row) -> Lesson:
    """Give the lesson of an MMVP row; the letter is said as in ScienceQA, "A" for "(a)"."""
    first, second = row["Options"].removeprefix("(a) ").split(" (b) ")
    letter = row["Correct Answer"].strip("()").upper()
    prompt = f"{row['Question']} {row['Options']}{LETTER_SUFFIX}"
    return Lesson(prompt, letter, first if letter == "A" else second)
