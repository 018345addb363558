"""Which judge was asked, and how: the fingerprint's part on it, and what of it may differ. Pure.

Verdicts by another design (other words, settings, votes or orders) differ where no judge has moved,
so they are not compared. Those of another judge may be, as another judge's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from evalkit import registry
from evalkit.backends.openai_settings import BASE_URL
from evalkit.errors import NotComparableError
from evalkit.judge.order import JudgeOrder, spec_of
from evalkit.rubric import Rubric
from evalkit.run_record import ModelIdentity

DESIGN = ("task", "rubric", "temperature", "max_tokens", "omitted", "votes", "orders")
"""Parts that say how a judge was asked."""

WHO = ("backend", "model", "weights", "revision", "dtype", "options", "server")
"""Parts that say which judge it was."""

DIGEST, DIGITS = 64, 12
"""Characters of a SHA-256, and of those that are shown of one."""


def who_of(order: JudgeOrder, identity: ModelIdentity) -> dict[str, str]:
    """Which judge it is; empty parts are those that its backend does not have.

    Args:
        order: How it was ordered.
        identity: What it says of itself.
    """
    return {
        "backend": identity.backend,
        "model": identity.name,
        "weights": identity.digest or "",
        "revision": identity.revision or "",
        "dtype": identity.dtype or "",
        "options": options_of(order),
        "server": server_of(order),
    }


def asked_of(order: JudgeOrder, rubric: Rubric) -> dict[str, str]:
    """How a judge is asked; the temperatures of further attempts follow that of the first."""
    return {
        "rubric": rubric.digest,
        "temperature": ", ".join(f"{attempt.temperature:g}" for attempt in rubric.attempts),
        "max_tokens": str(rubric.max_tokens),
        "omitted": omitted_of(order),
        "votes": str(order.votes),
        "orders": "both" if order.swap and rubric.pairwise else "one",
    }


def place_of(order: JudgeOrder, identity: ModelIdentity) -> str:
    """What a reply may depend on beside the judge's name and weights: server, fields, settings.

    It is in the key of every reply and in the name of their journal.

    Args:
        order: How the judge was ordered.
        identity: What it says of itself.
    """
    place, omitted = server_of(order), omitted_of(order)
    place += f" without {omitted}" if omitted else ""
    place += f" in {identity.dtype}" if identity.dtype else ""
    options = options_of(order)
    return place + (f" with {options}" if options else "")


def server_of(order: JudgeOrder) -> str:
    """The judge's server, host and path; empty where its backend's name stands for it.

    Two servers may serve two models under one name.
    """
    spec = registry.parse_model(order.model)
    place, usual = (
        f"{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"
        for parts in map(urlsplit, (spec.options.get("base_url", BASE_URL), BASE_URL))
    )
    return "" if place == usual else place


def omitted_of(order: JudgeOrder) -> str:
    """Fields that the user has left out of what a server is sent, joined by "+"; else empty.

    The seed is not among them: no judge is sent one.
    """
    told = registry.parse_model(order.model).options.get("omit", "").split("+")
    return "+".join(sorted({*told} - {"", "seed"}))


def options_of(order: JudgeOrder) -> str:
    """The spec's options that can move an answer, as "attn=eager, ..." by name; else empty.

    Where a model stands and how fast it is asked are not among them.
    """
    spec = spec_of(order)
    if not spec.options or spec.backend == "replay":
        return ""
    neutral = registry.backend_class(spec).neutral_options
    told = sorted((name, value) for name, value in spec.options.items() if name not in neutral)
    return ", ".join(f"{name}={value}" for name, value in told)


def differences(
    then: Mapping[str, str], now: Mapping[str, str], names: Sequence[str]
) -> tuple[str, ...]:
    """The parts that differ, in words with both values; a part that one side lacks is unknown."""
    return tuple(
        f"{name} was {_shown(then[name])}, is {_shown(now[name])}"
        for name in names
        if name in then and name in now and then[name] != now[name]
    )


def _shown(value: str) -> str:
    """A part's value for people; of a digest its beginning."""
    return value[:DIGITS] if len(value) == DIGEST else value or "none"


def check_design(then: Mapping[str, str], now: Mapping[str, str], name: str) -> None:
    """Refuse to compare verdicts that were asked for in another way.

    Args:
        then: How those of `name` were.
        now: How the others are.
        name: The run or file with the earlier verdicts.

    Raises:
        NotComparableError: The text names what differs, with both values.
    """
    if found := differences(then, now, DESIGN):
        message = (
            f"The verdicts in {name} were asked for in another way than those now: "
            f"{'; '.join(found)}. They would differ where no judge has moved: ask in the same way."
        )
        raise NotComparableError(message)
