"""How a judge is asked, and how its reply is read: a rubric. What a judged task adds to a task.

A judge is a model that is asked another question. A rubric makes the question of a sample and of
the answer that is judged, says with which settings and how often it is asked, and reads ratings in
the reply. What the ratings are worth is the task's business (`Judging`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.records import Message, Outcome, Sample, SampleScore, Verdict

if TYPE_CHECKING:
    import jinja2

    from evalkit.task import Metric

OWN, OFFICIAL, FILE = "evalkit", "official", "file"
"""Whose words a rubric's are: evalkit's, those of the benchmark's authors, or anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that a judge is asked.

    Attributes:
        temperature: At which temperature.
        suffix: What is added to the question.
        read: Whether the reply is read; an official script may ask once more and not look.
    """

    temperature: float
    suffix: str = ""
    read: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """The question to a judge, and the reading of its reply.

    Attributes:
        words: All its words; their digest names the rubric.
        origin: Whose words they are: "evalkit", "official", or "file" (anybody's).
        ask: (sample, answer, swapped) -> the question's turns. `swapped` shows the two answers of a
            pairwise rubric in the other order. Raises UsageError where the words cannot ask that.
        read: Reply -> ratings in the rubric's own order (reference first in a pairwise one), or
            None where the reply cannot be read. Of a swapped question the ratings are in the order
            in which the answers were shown.
        attempts: How often it is asked at most, until a reply can be read.
        max_tokens: New tokens of a reply.
        pairwise: Whether two answers are compared, which can be shown in either order.
    """

    words: str
    origin: str
    ask: Callable[[Sample, str, bool], tuple[Message, ...]]
    read: Callable[[str], tuple[float, ...] | None]
    attempts: tuple[Attempt, ...]
    max_tokens: int
    pairwise: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of its words."""
        return digest_of(self.words)

    def ratings(self, reply: str, *, swapped: bool) -> tuple[float, ...] | None:
        """The ratings in a reply, the reference's first; None where it cannot be read."""
        read = self.read(reply)
        return read if read is None or not swapped else tuple(reversed(read))

    def is_cut(self, reply: str, finish: str | None) -> bool:
        """Whether a reply was ended by its length where its ratings stand: "0." may be a 0.9.

        Official scripts do not look at it, so in their words, and in anybody's, nothing is cut.

        Args:
            reply: The reply.
            finish: "length" where it was ended by its length.
        """
        if self.origin != OWN or finish != "length":
            return False
        ratings = self.read(reply)
        return ratings is not None and self.read(_without_last_word(reply)) != ratings


def _without_last_word(reply: str) -> str:
    """A reply without the word at its very end; as it is where it ends in white space."""
    if not reply or reply[-1].isspace():
        return reply
    return reply.removesuffix(reply.rsplit(maxsplit=1)[-1])


def unjudged(sample: Sample, text: str | None) -> Outcome:  # noqa: ARG001 - a scorer
    """The scorer of a task that has no number before it is judged."""
    return Outcome(answer=text, values={}, rule="" if text is None else "not judged")


def digest_of(words: str) -> str:
    """SHA-256 of a text, as `sha256sum` gives it for a file of it."""
    return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What a judged task adds to a task.

    Attributes:
        own: The rubric in evalkit's words.
        rubric: Makes the rubric of a text in the official form: (text, origin). Raises ValueError
            with what is wrong with the text.
        known: SHA-256 of official texts -> where they stand.
        score: (sample, answer, verdicts) -> outcome. The answer is None where the model failed, and
            then there are no verdicts; else there is at least one, and some may have failed.
        metrics: Numbers over such outcomes.
        headline: Names of those that stand for the task, by the rubric's origin.
        breakdowns: Tags by which metrics are also reported.
        further: Numbers that are no sums: (scores) -> {name: (value, how it was made)}.
        source: Whose conventions `score` follows.
        required: Whether the task has no number without a judge.
        labels: What the ratings 0, 1, ... say where verdicts are words ("no", "yes"), the best of
            them last; none where they are numbers.
        scale: The smallest and the largest rating that is asked for, where verdicts are numbers;
            None where nothing says it.
    """

    own: Rubric
    rubric: Callable[[str, str], Rubric]
    known: Mapping[str, str]
    score: Callable[[Sample, str | None, Sequence[Verdict]], Outcome]
    metrics: tuple[Metric, ...]
    headline: Mapping[str, tuple[str, ...]]
    breakdowns: tuple[str, ...] = ()
    further: Callable[[Sequence[SampleScore]], Mapping[str, tuple[float, str]]] | None = None
    source: str
    required: bool = True
    labels: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None

    def read(self, words: str) -> Rubric:
        """The rubric in a file of the official form; official where its digest is known.

        Raises:
            ValueError: It is not of that form.
        """
        return self.rubric(words, OFFICIAL if digest_of(words) in self.known else FILE)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A rubric's reading of replies that refuses what cannot be ratings."""

    task: str
    rubric: Rubric
    judging: Judging

    def __call__(self, reply: str) -> tuple[float, ...] | None:
        try:
            found = self.rubric.read(reply)
        except Exception as error:  # whatever a task file's reading does
            message = f"{self._told(reply)} broke: {type(error).__name__}: {error}."
            raise UsageError(message) from error
        if found is None:
            return None
        if wrong := self._fault(found):
            message = f"{self._told(reply)} gave {found!r}, {wrong}."
            raise UsageError(message)
        return found

    def _told(self, reply: str) -> str:
        return (
            f"The function `read` of the task {self.task!r}, on the judge's reply {reply[:60]!r},"
        )

    def _fault(self, found: object) -> str:
        """What is wrong with ratings; empty where nothing is."""
        count = "two numbers" if self.rubric.pairwise else "one number or more"
        if not isinstance(found, tuple) or not found or not all(map(_is_number, found)):
            return f"which is no tuple of {count}, and not None"
        if self.rubric.pairwise and len(found) != 2:  # noqa: PLR2004 - reference and answer
            return f"which is no tuple of {count}"
        if self.rubric.origin != OWN:  # in official words any number may count
            return ""
        if self.judging.labels and found[-1] not in range(len(self.judging.labels)):
            return f"which is the number of no label ({', '.join(self.judging.labels)})"
        low, high = self.judging.scale or (-math.inf, math.inf)
        beyond = not all(low <= rating <= high for rating in found)
        return f"beyond the scale of the task's judging, {low:g} to {high:g}" if beyond else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def checked(rubric: Rubric, task: str, judging: Judging) -> Rubric:
    """The rubric with a reading that raises UsageError where a task file's gives no ratings.

    Args:
        rubric: The task's, in anybody's words.
        task: Its name, for the error's text.
        judging: Whose scale and labels ratings are held against in evalkit's own words.
    """
    return replace(rubric, read=_Checked(task, rubric, judging))


TURNS = "\n---\n"
"""What stands between the system's turn and the user's in a rubric's words."""


def templated(
    words: str,
    *,
    origin: str,
    read: Callable[[str], tuple[float, ...] | None],
    attempts: tuple[Attempt, ...],
    max_tokens: int,
    pairwise: bool = False,
) -> Rubric:
    """A rubric whose words are a jinja2 template: the system's turn, a line `---`, the user's.

    The template sees `question`, `targets`, `answer`, `first` and `second` (the reference and the
    answer of a pairwise rubric in the order in which they are shown), and every key of
    `Sample.inputs`. `{{ answer | data("answer") }}` puts a text between tags as data.

    Raises:
        ValueError: There are not two turns, or the template is broken.
    """
    system, between, user = words.partition(TURNS)
    if not between or not user.strip():
        message = "it needs the system's turn, a line ---, and the user's turn"
        raise ValueError(message)
    ask = _Asked(system, user.rstrip("\n"))
    if origin != OWN:  # evalkit's own are tried by its tests, and need not wake jinja2 at import
        _template(ask.user)
    return Rubric(
        words=words,
        origin=origin,
        ask=ask,
        read=read,
        attempts=attempts,
        max_tokens=max_tokens,
        pairwise=pairwise,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The two turns of a templated rubric."""

    system: str
    user: str

    def __call__(self, sample: Sample, answer: str, swapped: bool) -> tuple[Message, ...]:  # noqa: FBT001
        reference = sample.targets[0] if sample.targets else ""
        first, second = (answer, reference) if swapped else (reference, answer)
        told = {
            **sample.inputs,
            "question": sample.question,
            "targets": sample.targets,
            "answer": answer,
            "first": first,
            "second": second,
        }
        try:
            text = _template(self.user).render(told)
        except Exception as error:  # whatever anybody's template does
            said = f"{type(error).__name__}: {error}"
            message = (
                f"the rubric's words cannot be filled in for the sample {sample.id!r} ({said})"
            )
            raise UsageError(message) from error
        return (
            Message(role="system", content=(self.system,)),
            Message(role="user", content=(text,)),
        )


@lru_cache(maxsize=32)
def _template(text: str) -> jinja2.Template:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["data"] = lambda value, tag: fenced(tag, str(value))
    try:
        template = environment.from_string(text)
    except jinja2.TemplateError as error:
        message = f"its template is broken: {error}"
        raise ValueError(message) from error
    template.globals = dict(template.globals)  # a chain of maps is copied slowly, each time anew
    return template


def fenced(tag: str, text: str) -> str:
    """A text that a judge is to take as data: between tags, which it cannot close itself."""
    for mark, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, written)
    return f"<{tag}>\n{text}\n</{tag}>"
