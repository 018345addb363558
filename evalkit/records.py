"""Everything that travels between the stages: frozen records, and nothing else.

Samples become requests, requests become predictions, predictions become scores; what scores become
is in `evalkit.run_record`. Each record is a frozen, slotted, keyword-only dataclass that holds
tuples, not lists. Validation happens at the door (`evalkit.store`), not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that is read late: the name it has in its dataset, and how to get its bytes.

    Attributes:
        key: Names the picture within its dataset. Equal keys mean the same picture; different keys
            may still hold the same bytes.
        read: Returns the encoded bytes (PNG, JPEG, ...). May raise `DataError`.
    """

    key: str
    read: Callable[[], bytes] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question of a benchmark with what is needed to ask and to score it.

    Attributes:
        id: Unique within the task.
        question: The question as the dataset has it.
        images: In the order in which they are shown; empty for text-only samples.
        choices: Options of a multiple-choice question, without letters.
        targets: Gold answers, as the official scorer compares them. Empty where the split has none.
        group: Ties what is scored together (an MME image, an MMVP pair); None where nothing is.
        cluster: Ties what is not independent (the image). Holds whole groups.
        tags: Slices by name, such as {"category": "adversarial"}; a tuple where the sample is in
            several slices, such as {"context": ("TXT", "IMG")}.
        inputs: What else a prompt template or a scorer may use (hint, OCR tokens, options).
    """

    id: str
    question: str
    images: tuple[Image, ...] = ()
    choices: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    group: str | None = None
    cluster: str
    tags: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Decoding settings. The default is greedy.

    Attributes:
        max_new_tokens: At most so many tokens are generated, at least 1.
        temperature: 0 is greedy; above 0 samples.
        top_p: Nucleus mass in (0, 1]; used only when temperature is above 0.
        num_beams: 1 is no beam search.
        stop: Strings that end the answer; the answer is cut before the first of them.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    num_beams: int = 1
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation: its role ("system", "user", "assistant") and parts in order."""

    role: str
    content: tuple[str | Image, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a backend is asked: one conversation that ends with the user's turn.

    `task` and `sample_id` name the request, for journals and for backends that look answers up; no
    backend may otherwise depend on them. `kin` is equal for requests of a task that probably show
    the same pictures (a picture that a table holds in every row has a key of its own in each): they
    are planned together, and who answers finds out. `verbatim` asks for the text as it was written,
    white space at its ends included: some official ways of reading a judge's reply look at it.
    `copy` tells requests apart that say the same and are to be answered one by one (a judge's
    votes); those of equal copies may share an answer.
    """

    task: str
    sample_id: str
    messages: tuple[Message, ...]
    generation: Generation
    kin: str = ""
    verbatim: bool = False
    copy: str = ""

    @property
    def images(self) -> tuple[Image, ...]:
        """The pictures of all messages, in order."""
        return tuple(p for m in self.messages for p in m.content if isinstance(p, Image))

    @property
    def text(self) -> str:
        """The text of all messages, joined by newlines."""
        return "\n".join(p for m in self.messages for p in m.content if isinstance(p, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no answer: `kind` is one of a few stable words, `message` is for people."""

    kind: str
    message: str


HOPELESS = frozenset({"unauthorized", "quota"})
"""Kinds of failures that all further requests share: a key has expired, or money is spent."""

UNASKED = "unasked"
"""The failure of what nobody was asked: the budget was spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """Tokens that a server bills for a request: those of all attempts, and of refusals too.

    Attributes:
        prompt_tokens: Tokens that were read, cached ones among them.
        output_tokens: Tokens that were written.
        cached_tokens: Tokens that were read before, which may be cheaper.
        share: Of the usual price that is asked; a batch service asks a half.
        bound: Whether the server did not tell some of them, and the most that they can be stand
            in their place.
    """

    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    share: float = 1.0
    bound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a backend made of a request: a text, or the failure that stands in its place.

    Attributes:
        sample_id: Which sample was asked.
        text: The generated text, which scorers take as it is; None when it failed. A model's
            backend strips its ends, as the loaders behind published answer files do.
        failure: Why there is no text; None when there is one.
        finish: "stop" (end of text, or a stop string) or "length"; None when it failed.
        prompt_tokens: Tokens of the prompt, image tokens included; None where unknown.
        output_tokens: Tokens that were generated; None where unknown.
        images: SHA-256 (hexadecimal) of the bytes of each picture that was shown.
        seconds: The sample's share of the wall time of its batch; None where unknown.
        served: What a server said of itself with the text: model, system fingerprint, date; None
            where it says nothing, and where nobody asked (`Request.verbatim`).
        billed: What a server bills, also for a failure; None as for `served`.
    """

    sample_id: str
    text: str | None = None
    failure: Failure | None = None
    finish: Literal["stop", "length"] | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    images: tuple[str, ...] = ()
    seconds: float | None = None
    served: tuple[str, ...] | None = None
    billed: Billed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge said of one answer, or why it said nothing.

    Attributes:
        sample_id: Whose answer.
        repetition: The how manyth time of the same question, from 1.
        swapped: Whether the two answers of a pairwise rubric were shown in the other order.
        ratings: What the rubric read, the reference's rating first in a pairwise one; None when it
            failed.
        reply: The judge's last reply; None where there was none.
        failure: Why there are no ratings; None when there are.
        requests: How often the judge was asked for it.
        cached: Whether all its replies had been given before.
        served: What the server said of itself with the reply: model, system fingerprint, date;
            empty where it says nothing.
        about: The first 16 digits of the SHA-256 of the answer that is judged; None where nothing
            says which it was.
    """

    sample_id: str
    repetition: int = 1
    swapped: bool = False
    ratings: tuple[float, ...] | None = None
    reply: str | None = None
    failure: Failure | None = None
    requests: int = 1
    cached: bool = False
    served: tuple[str, ...] = ()
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a normaliser reads in one text, and by which of its rules.

    Attributes:
        answer: The answer, as it is compared; None when the text could not be parsed.
        rule: The rule that decided, in a few words that stay the same ("first word", "no letter").
        ambiguous: Whether a careful reader could have read something else.
    """

    answer: str | None
    rule: str
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a scorer makes of one text.

    Attributes:
        answer: The parsed answer; None when the text could not be parsed.
        values: Numbers by name; the task's metrics are sums of them.
        rule: By which rule the answer was read; empty where the scorer does not say.
        ambiguous: Whether a careful reader could have read something else: the audit counts such
            answers, and says what the numbers were if all of them had been right, or wrong.
    """

    answer: str | None
    values: Mapping[str, float]
    rule: str = ""
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScore:
    """One scored sample: all that metrics, intervals and comparisons need of it."""

    sample_id: str
    answer: str | None
    targets: tuple[str, ...]
    values: Mapping[str, float]
    group: str | None
    cluster: str
    tags: Mapping[str, str | tuple[str, ...]]
    failed: bool
    rule: str = ""
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """A number with what is known of its uncertainty.

    Attributes:
        value: In the metric's own unit (a fraction for accuracies, 0-2000 for MME perception).
        low: Lower end of the 95 % interval; None where there is none (fewer than two clusters).
        high: Upper end.
        method: How the interval was made, such as "cluster-robust t" or "Wilson".
        n: Units that were counted (samples, or pairs); None where a publication does not say.
        clusters: Independent clusters among them; None likewise.
        maximum: The largest possible value (1 for fractions, 2000 for MME perception); None where
            another harness computed it, or a publication prints it, and does not say.
    """

    value: float
    low: float | None
    high: float | None
    method: str
    n: int | None
    clusters: int | None
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many samples were asked, answered, failed (no text) and unparsed (text, no answer)."""

    asked: int
    answered: int
    failed: int
    unparsed: int


def plain(value: Any) -> Any:
    """A record as JSON-ready dicts and lists, fields in order of declaration.

    Args:
        value: A record, or a tuple, mapping or scalar inside one.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value


def differences(first: Any, second: Any, path: str = "") -> tuple[str, ...]:
    """Where two records differ, as dotted paths such as "dataset.revision"; `true` is not 1.

    Args:
        first: A record or a plain value.
        second: Another of the same kind.
        path: Where the two stand in a larger record.
    """
    one, two = plain(first), plain(second)
    if isinstance(one, dict) and isinstance(two, dict):
        found = [
            differences(one.get(key), two.get(key), f"{path}.{key}" if path else key)
            for key in dict.fromkeys([*one, *two])
        ]
        return tuple(difference for inner in found for difference in inner)
    return () if _is_same(one, two) else (path,)


def _is_same(one: Any, two: Any) -> bool:
    """Whether two plain values are the same, and of the same kind: Python takes `true` for 1."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and not any(map(differences, one, two))
    return bool(one == two) and isinstance(one, bool) == isinstance(two, bool)
