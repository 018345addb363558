"""ScienceQA answered by two models: GPT-4 complemented by the other, and GPT-4 as their judge.

LLaVA (Liu et al., NeurIPS 2023, arXiv:2304.08485, section 5.2) combines its answers with those of
GPT-4 in two ways. Complement: GPT-4's answer, and where that cannot be read, LLaVA's. Judge: where
the two differ, GPT-4 is asked again with both, and gives a final answer. Their scripts are
haotian-liu/LLaVA `llava/eval/eval_science_qa_gpt4.py` and `eval_science_qa_gpt4_requery.py`
(c121f043).

Quirks, kept: an answer that cannot be read, or a letter beyond the choices, is a random choice,
drawn in the order of the files' questions and never seeded. The judge's script takes the reply
where one can be read, whether or not it was asked for, and ours everywhere else: GPT-4's first
answer has no part in it. A letter of GPT-4's beyond the choices is not complemented, but guessed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.answers.sentence import sentence_letter
from evalkit.errors import UsageError
from evalkit.records import Sample

Guess = Callable[[Sequence[int]], int | None]
"""Indices of a question's choices -> the index that stands for an unreadable answer."""

COLUMNS = ("ours", "gpt4", "complement", "judge", "upper")
"""What is counted: two models, their two combinations, and whether either model is right."""

SLICES = {
    "NAT": ("subject", "natural science"),
    "SOC": ("subject", "social science"),
    "LAN": ("subject", "language science"),
    "TXT": ("context", "TXT"),
    "IMG": ("context", "IMG"),
    "NO": ("context", "NO"),
    "G1-6": ("grade", "G1-6"),
    "G7-12": ("grade", "G7-12"),
}
"""Columns of ScienceQA's official table -> tag and value of the samples in it."""

_LETTERS = "ABCDE"  # the scripts' `--options`: a sixth choice can be right, but never be read
_ALL_LETTERS = "ABCDEFGHIJ"  # of the gold answers
_NAMED = 10


def no_guess(choices: Sequence[int]) -> int | None:
    """Evalkit's own reading: an unreadable answer is none, and counts as unanswered."""
    del choices
    return None


def seeded_guess(seed: int) -> Guess:
    """The scripts' own reading after `random.seed(seed)`: one of the choices, drawn in order."""
    return random.Random(seed).choice  # noqa: S311 - as the official scripts draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What became of one question; indices of choices from 0, None where there is none.

    Attributes:
        sample: The question.
        gold: Index of the right choice.
        ours: Our answer.
        gpt4: GPT-4's own answer.
        complement: GPT-4's answer, or ours where GPT-4's text names no letter.
        judge: The final choice; None in the complement's script, which knows no judge.
        is_gpt4_read: Whether GPT-4's text names a letter, be it beyond the choices.
        is_upper: Whether one of the two answers is right: the most that a judge can reach by
            choosing between them.
        may_be_upper: Whether it is, or might be if an answer without an index were right.
        is_agreed: Whether both answers are the same choice, or neither is one, before any guess.
        is_replied: Whether the judge replied.
        is_missing: Whether the models differ and no reply of the judge can be read: its choice may
            be any.
    """

    sample: Sample
    gold: int
    ours: int | None
    gpt4: int | None
    complement: int | None
    judge: int | None
    is_gpt4_read: bool
    is_upper: bool
    may_be_upper: bool
    is_agreed: bool
    is_replied: bool
    is_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many answers are right, of how many.

    Attributes:
        right: Right answers; those without an index are none.
        certain: What `right` would be if every choice that is missing were wrong.
        possible: What `right` would be if every choice that is missing were right, and every answer
            without an index.
        total: Questions.
    """

    right: int
    certain: int
    possible: int
    total: int

    @property
    def unanswered(self) -> int:
        """Questions that nothing is known of."""
        return self.possible - self.certain

    @property
    def percent(self) -> float:
        """The accuracy in per cent, as the scripts compute it."""
        return self.right / self.total * 100

    @property
    def least(self) -> float:
        """The accuracy in per cent if all that nothing is known of were wrong."""
        return self.certain / self.total * 100

    @property
    def most(self) -> float:
        """The accuracy in per cent if all that nothing is known of were right."""
        return self.possible / self.total * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Two models' answers to ScienceQA, combined.

    Attributes:
        questions: By pid, in the order of the problems.
        is_judged: Whether this is the judge's script; else it is the complement's.
    """

    questions: Mapping[str, Combined]
    is_judged: bool

    @property
    def tallies(self) -> dict[str, Tally]:
        """The counts of all questions by `COLUMNS`; "judge" only where there is one."""
        return _tallies(self.questions.values(), is_judged=self.is_judged)

    @property
    def slices(self) -> dict[str, dict[str, Tally]]:
        """The same counts by the slices in `SLICES`; without those that have no question."""
        held = {
            name: [q for q in self.questions.values() if _is_in(q.sample, tag, value)]
            for name, (tag, value) in SLICES.items()
        }
        return {
            name: _tallies(found, is_judged=self.is_judged) for name, found in held.items() if found
        }

    @property
    def printed(self) -> dict[str, int]:
        """The counts that the script prints, under its own names and in its order."""
        counts = {name: tally.right for name, tally in self.tallies.items()}
        unread = sum(not q.is_gpt4_read for q in self.questions.values())
        failed = {"GPT-4 NO-ANS (RANDOM)": unread}
        if not self.is_judged:
            return {
                "Correct": counts["complement"],
                "Correct (upper)": counts["upper"],
                **failed,
            }
        return {
            "Our-Correct": counts["ours"],
            "GPT-4-Correct": counts["gpt4"],
            **failed,
            "GPT-4-OursVisual-Correct": counts["complement"],
            "Requery-Correct": counts["judge"],
            "Correct upper": counts["upper"],
        }

    @property
    def disagreements(self) -> tuple[str, ...]:
        """Pids on which the two models differ: what a judge has to be asked."""
        return tuple(pid for pid, question in self.questions.items() if not question.is_agreed)

    @property
    def missing_requery(self) -> tuple[str, ...]:
        """Pids on which the two differ and no reply of the judge can be read; ours counts there."""
        return tuple(pid for pid, question in self.questions.items() if question.is_missing)

    @property
    def needless_requery(self) -> tuple[str, ...]:
        """Pids of replies to questions on which both agree; the script takes them all the same."""
        return tuple(p for p, q in self.questions.items() if q.is_agreed and q.is_replied)


def combine(
    problems: Sequence[Sample],
    ours: Mapping[str, str],
    gpt4: Mapping[str, str],
    requery: Mapping[str, str] | None,
    guess: Guess = no_guess,
) -> Ensemble:
    """Both models' answers combined as one of the two scripts does it.

    Args:
        problems: The questions in the order of the split, on which seeded guesses depend.
        ours: Our texts by pid.
        gpt4: GPT-4's texts by pid.
        requery: The judge's replies by pid, some of which may be missing: the judge's script. None:
            the complement's script, which leaves out questions that one of the models lacks.
        guess: Called for each unreadable answer in the script's own order, question by question:
            ours, GPT-4's, the judge's (also where there is no reply).

    Raises:
        UsageError: There are replies of a judge, and a model lacks a question; or no question is
            answered by both.
    """
    if requery is not None:
        for name, answers in (("our", ours), ("GPT-4's", gpt4)):
            require_all(problems, answers, f"The file of {name} answers")
    questions = {
        sample.id: _combined(sample, ours[sample.id], gpt4[sample.id], requery, guess)
        for sample in problems
        if sample.id in ours and sample.id in gpt4
    }
    if not questions:
        message = "No question is answered in both files, so there is nothing to combine."
        raise UsageError(message)
    return Ensemble(questions=questions, is_judged=requery is not None)


def missing_pids(problems: Sequence[Sample], answers: Mapping[str, str]) -> tuple[str, ...]:
    """Pids of the problems that have no answer, in the problems' order."""
    return tuple(sample.id for sample in problems if sample.id not in answers)


def require_all(problems: Sequence[Sample], answers: Mapping[str, str], name: str) -> None:
    """Refuse answers that are not whole, as the judge's script does.

    Raises:
        UsageError: A question has no answer; the text names the first ones.
    """
    missing = missing_pids(problems, answers)
    if missing:
        rest = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        message = (
            f"{name} lacks {len(missing)} of {len(problems)} questions, and the judge's script "
            f"takes only whole files: pid {', '.join(missing[:_NAMED])}{rest}."
        )
        raise UsageError(message)


def _combined(
    sample: Sample, our_text: str, gpt4_text: str, requery: Mapping[str, str] | None, guess: Guess
) -> Combined:
    our_letter, gpt4_letter = _letter(our_text), _letter(gpt4_text)
    ours = _index(our_letter, sample, guess)
    gpt4 = _index(gpt4_letter, sample, guess)
    judge = None if requery is None else _final(requery.get(sample.id), sample, ours, guess)
    complement = ours if gpt4_letter is None else gpt4
    gold = _ALL_LETTERS.index(sample.targets[0])
    agreed = _index(our_letter, sample, no_guess) == _index(gpt4_letter, sample, no_guess)
    read = requery is None or _letter(requery.get(sample.id, "")) is not None
    # The two scripts differ here: one has substituted GPT-4's answer before, the other has not.
    either = (complement if requery is None else gpt4, ours)
    return Combined(
        sample=sample,
        gold=gold,
        ours=ours,
        gpt4=gpt4,
        complement=complement,
        judge=judge,
        is_gpt4_read=gpt4_letter is not None,
        is_upper=gold in either,
        may_be_upper=gold in either or None in either,
        is_agreed=agreed,
        is_replied=requery is not None and sample.id in requery,
        is_missing=not agreed and not read,
    )


def _final(reply: str | None, sample: Sample, ours: int | None, guess: Guess) -> int | None:
    """The judge's choice, or ours where there is no reply that can be read."""
    letter = None if reply is None else _letter(reply)
    index = _index(letter, sample, guess)  # drawn even where it is not used, as in the script
    return ours if letter is None else index


def _letter(text: str) -> str | None:
    return sentence_letter(text).answer


def _index(letter: str | None, sample: Sample, guess: Guess) -> int | None:
    """The index of a letter among the choices; a guess where it is none of them."""
    number = len(sample.choices)
    if letter is not None and letter in _LETTERS[:number]:
        return _LETTERS.index(letter)
    return guess(range(number))


def _tallies(questions: Iterable[Combined], *, is_judged: bool) -> dict[str, Tally]:
    rows = [list(_marks(question)) for question in questions]
    return {
        name: Tally(
            right=sum(right for right, _, _ in marks),
            certain=sum(certain for _, certain, _ in marks),
            possible=sum(possible for _, _, possible in marks),
            total=len(rows),
        )
        for name, marks in zip(COLUMNS, zip(*rows, strict=True), strict=True)
        if is_judged or name != "judge"
    }


def _marks(question: Combined) -> Iterator[tuple[bool, bool, bool]]:
    """Whether each of `COLUMNS` is right, whether it is for certain, and whether it may be."""
    for index in (question.ours, question.gpt4, question.complement):
        right = index == question.gold
        yield right, right, right or index is None
    right, missing = question.judge == question.gold, question.is_missing
    yield right, right and not missing, right or missing or question.judge is None
    yield question.is_upper, question.is_upper, question.may_be_upper


def _is_in(sample: Sample, tag: str, value: str) -> bool:
    held = sample.tags.get(tag, ())
    return value == held or (isinstance(held, tuple) and value in held)
