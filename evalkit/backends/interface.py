"""What a backend is: a class that turns requests into predictions, and says what it can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol, Self

from evalkit.errors import UsageError
from evalkit.records import Billed, Prediction, Request
from evalkit.run_record import ModelIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What a backend is told when it is made.

    Attributes:
        spec: The model's spec as the user gave it.
        name: What stands after the backend's prefix: a hub id, a folder, a file.
        revision: A hub commit, branch or tag; None is the default branch.
        dtype: "auto", "float32", "bfloat16" or "float16".
        device: "auto", "cpu", "cuda", "cuda:1", ...
        image_preprocess: "processor" or "pad-square".
        seed: Seeds decoding that samples.
        offline: Nothing may be fetched.
        unbilled: `preflight` may ask nothing that costs.
        batch_size: Requests in a batch; None: as many as `capacity` says.
        prefix_sharing: "auto" shares prefixes where it can be done, "on" refuses to run without,
            "off" never does.
        options: The spec's `key=value` pairs, such as {"attn": "sdpa"}.
    """

    spec: str
    name: str
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    image_preprocess: str = "processor"
    seed: int = 0
    offline: bool = False
    unbilled: bool = False
    batch_size: int | None = None
    prefix_sharing: str = "auto"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much is best answered at once, where the user does not say.

    Attributes:
        rows: Requests, at most.
        tokens: Tokens that are run, at most, as `evalkit.runner.plan` estimates them: a shared
            picture counts once. None: any number.
        image_tokens: Tokens that a picture is taken to cost (24 x 24 patches, as in LLaVA-1.5).
    """

    rows: int = 8
    tokens: int | None = None
    image_tokens: int = 576


class Allowance(Protocol):
    """What may be spent; asked from any thread."""

    def take(self, most: Billed) -> bool:
        """Set aside what a request may cost at most; False where it may not be sent."""

    def settle(self, most: Billed, billed: Billed | None) -> None:
        """Count what is billed for it, in place of what was set aside; None is nothing."""


class Backend(ABC):
    """A model behind one method.

    A backend knows no task. Anything that goes wrong with one request is a `Failure` in that
    request's prediction, or an exception, which the engine turns into failures.
    """

    shares_prefixes: bool = False
    """Whether requests that share pictures and leading text are answered in one pass, or are better
    sent together: the plan then keeps them in one bundle."""

    leases: int = 1
    """Bundles that may be in `generate` at once, each on a thread of its own, or that `answer_soon`
    may have begun; more than one only where the work is done elsewhere, as by a server."""

    option_names: ClassVar[frozenset[str]] = frozenset()
    """Keys that the spec may give as `key=value`."""

    neutral_options: ClassVar[frozenset[str]] = frozenset()
    """Those of the spec's keys that move no answer, such as where the model stands, and those that
    `identity` tells of; every other key makes another judge."""

    price_share: ClassVar[float] = 1.0
    """What its tokens cost, as a share of what a table of prices says."""

    any_option: ClassVar[bool] = False
    """Whether the spec may give any other key too, as where options go to another program."""

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Checks, without loading anything large, that the model can be had.

        Raises:
            EvalkitError: It cannot; the text says what is missing and what to do.
        """

    @classmethod
    def weights(cls, options: BackendOptions) -> str | None:  # noqa: ARG003 - a backend may
        """What `identity` will give as revision or digest, found without loading anything large.

        None where only the loaded model can say.
        """
        return None

    @classmethod
    @abstractmethod
    def load(cls, options: BackendOptions) -> Self:
        """Loads the model.

        Raises:
            EvalkitError: The model cannot be had.
        """

    @abstractmethod
    def identity(self) -> ModelIdentity:
        """Which model this is; constant over the backend's life."""

    def keep_within(self, allowance: Allowance) -> bool:  # noqa: ARG002 - a backend may
        """Spend no more than is allowed; whether each request is asked for before it is sent."""
        return False

    def preprocessing(self) -> Mapping[str, str]:
        """What happens to pictures before the model sees them, for the fingerprint."""
        return {}

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Answers one batch.

        Args:
            requests: One or more requests with equal generation settings.

        Returns:
            One prediction for each request, in the same order.
        """

    def prepare(self, requests: Sequence[Request]) -> Any:  # noqa: ARG002 - a backend may
        """What a CPU thread can do for a batch while another one is answered; None: nothing.

        Called on any thread, a few batches ahead: reading, decoding and resizing pictures, tokens.
        """
        return None

    def generate_prepared(self, requests: Sequence[Request], ready: Any) -> Sequence[Prediction]:  # noqa: ARG002
        """`generate`, with what `prepare` made of the same requests.

        Args:
            requests: As in `generate`.
            ready: What `prepare` returned for them.
        """
        return self.generate(requests)

    def answer_soon(self, requests: Sequence[Request], ready: Any) -> Future[Sequence[Prediction]]:
        """`generate_prepared` without waiting, for a backend whose work is on an event loop.

        Where a backend has it, and several leases, no thread waits for an answer. It may be called
        on any thread, and for three times as many leases as `leases` says: the backend itself lets
        them wait for their turn. To cancel the future gives up what is out.

        Args:
            requests: As in `generate`.
            ready: What `prepare` returned for them.
        """
        raise NotImplementedError

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an error of `generate` says that a smaller batch may well succeed."""
        return isinstance(error, MemoryError)

    def capacity(self) -> Capacity:
        """How much one batch should hold, if the user does not say; constant."""
        return Capacity()

    def note(self) -> str:
        """How requests are answered, in one line that a person may want to know; empty: nothing."""
        return ""

    def counters(self) -> Mapping[str, float]:
        """What has been counted since the backend was loaded, by name."""
        return {}

    def recover(self) -> None:
        """Called after `generate` raised, before a smaller batch is tried."""

    def close(self) -> None:
        """Frees what the model holds."""


def check_options(backend_class: type[Backend], options: BackendOptions) -> None:
    """Check that the backend knows every option of the spec.

    A misspelt `base_url` would send key and questions to the default server.

    Raises:
        UsageError: It does not know one.
    """
    unknown = set(options.options) - backend_class.option_names
    if unknown and not backend_class.any_option:
        close = get_close_matches(min(unknown), backend_class.option_names, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        known = ", ".join(sorted(backend_class.option_names)) or "none"
        message = (
            f"The model's option {min(unknown)!r} is not known; its backend knows: {known}.{guess}"
        )
        raise UsageError(message)
