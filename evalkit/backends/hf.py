"""Any image-text-to-text model of transformers, from the hub or a folder.

The processor does what it was made for: chat template, image tokens, preprocessing. Answers are
stripped of white space at their ends, as LLaVA's loaders do before they write an answer file.
Greedy answers in fp32 depend neither on what else is in the batch nor on the way that is taken:
requests about one picture share the reading of it where the model allows (`hf_families`).
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from evalkit.backends import hf_checkpoint, hf_probe
from evalkit.backends.hf_decoding import Decoder
from evalkit.backends.hf_families import IN_WORDS, Sharing
from evalkit.backends.hf_inputs import Inputs
from evalkit.backends.hf_layout import Layout, lay_out, pinned
from evalkit.backends.hf_loading import device, load_message, load_model, load_processor, quiet
from evalkit.backends.interface import Backend, BackendOptions, Capacity
from evalkit.backends.pictures import Opened, UnreadableError, open_picture, pad_square
from evalkit.backends.stopping import cut_at_stop
from evalkit.errors import BackendError
from evalkit.records import Failure, Prediction, Request
from evalkit.run_record import ModelIdentity


@dataclass(frozen=True, slots=True)
class _Part:
    """Requests that are run by one call.

    Attributes:
        requests: With equally many pictures.
        lengths: Tokens of each prompt.
        inputs: Their inputs; None where there is a layout.
        layout: Their prefixes and tails; None where each is run by itself.
        places: Which of the distinct pictures in `inputs` each request shows; None: there is one
            picture for every request, or several.
    """

    requests: Sequence[Request]
    lengths: Sequence[int]
    inputs: Mapping[str, Any] | None
    layout: Layout | None = None
    places: Sequence[int] | None = None

    def pinned(self) -> _Part:
        """The same in memory from which an accelerator copies while it computes."""
        inputs, layout = self.inputs, self.layout
        return replace(self, inputs=inputs and pinned(inputs), layout=layout and layout.pinned())


@dataclass(frozen=True, slots=True)
class _Ready:
    """A batch whose pictures are decoded and whose tokens are made."""

    parts: Sequence[_Part]
    digests: Mapping[str, str]
    broken: Mapping[str, Prediction]


class HfBackend(Backend):
    """A model and its processor, on one device or spread by `device_map`."""

    option_names: ClassVar[frozenset[str]] = frozenset({"attn", "device_map", "trust_remote_code"})
    neutral_options: ClassVar[frozenset[str]] = frozenset({"device_map"})

    def __init__(self, model: Any, processor: Any, options: BackendOptions) -> None:
        """Answer with a loaded model; which way it takes is tried out."""
        self._model = model
        self._processor = processor
        self._options = options
        self._inputs = Inputs(processor)
        self._decoder = Decoder(model, self._inputs.reader, options.seed)
        self._digest = hf_checkpoint.digest(options.name)
        self._image_tokens = _image_tokens(model, processor)
        self._counters = Counter[str]()
        self._sharing = Sharing("plain", "not asked for")
        if options.prefix_sharing != "off":
            self._sharing = hf_probe.tried(self._tried, model)
        if options.prefix_sharing == "on" and self._sharing.way == "plain":
            message = (
                f"The model {options.spec!r} cannot share prefixes ({self._sharing.reason}); give "
                "--prefix-sharing auto."
            )
            raise BackendError(message)
        self.shares_prefixes = self._sharing.way != "plain"
        self._capacity = self._learned_capacity()
        self._counters.clear()

    def _learned_capacity(self) -> Capacity:
        if self._options.batch_size is not None:
            return Capacity(rows=self._options.batch_size)
        one = self.prepare([hf_probe.probe(0, hf_probe.QUESTIONS[0])]).parts[0]
        return hf_probe.capacity(self._rehearsed, int(one.lengths[0]), self._model)

    def _rehearsed(self, requests: Sequence[Request]) -> Callable[[], Any]:
        """A batch that is prepared once, and answered at every call."""
        return partial(self.generate_prepared, requests, self.prepare(requests))

    def _tried(
        self, way: Sharing, requests: Sequence[Request]
    ) -> tuple[list[list[int]], Any] | None:
        """Tokens and first logits of requests about one picture, by a way."""
        import torch

        self._sharing = way
        (part,) = self.prepare(requests).parts
        if way.way == "shared" and part.layout is None:
            return None
        with quiet(), torch.inference_mode():
            output = self._tokens(part, return_dict_in_generate=True, output_logits=True)
        return output.sequences.tolist(), output.logits[0]

    @classmethod
    def weights(cls, options: BackendOptions) -> str | None:
        """The digest of a folder, or the commit that the hub (offline: its cache) has now."""
        return hf_checkpoint.weights(options)

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check that the checkpoint can be had, without reading its weights."""
        hf_checkpoint.check(options)
        if options.device.startswith("cuda"):
            device(options)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Load processor and model.

        Weights keep the checkpoint's number format on an accelerator; on a CPU "auto" is float32,
        which is faster there and the format in which answers do not depend on the batch.

        Raises:
            BackendError: The checkpoint cannot be had, or is no image-text-to-text model.
        """
        # Before torch is imported: its idle threads are to sleep, not to spin on busy cores.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            with quiet():
                return cls(load_model(options), load_processor(options), options)
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(load_message(options, error)) from error

    def identity(self) -> ModelIdentity:
        """The model: commit of the hub, or digest of a folder."""
        local = hf_checkpoint.is_local(self._options.name)
        return ModelIdentity(
            spec=self._options.spec,
            backend="hf",
            name=_short_name(self._options) if local else self._options.name,
            revision=None if local else getattr(self._model.config, "_commit_hash", None),
            digest=self._digest,
            architecture=type(self._model).__name__,
            dtype=str(self._model.dtype).removeprefix("torch."),
            parameters=sum(weight.numel() for weight in self._model.parameters()),
        )

    def preprocessing(self) -> Mapping[str, str]:
        """The image processor's class and the digest of its settings, and what precedes it."""
        pictures = getattr(self._processor, "image_processor", None)
        config = json.dumps(pictures.to_dict() if pictures else {}, sort_keys=True, default=str)
        return {
            "image_preprocess": self._options.image_preprocess,
            "processor": type(pictures).__name__,
            "settings": hashlib.sha256(config.encode()).hexdigest(),
        }

    def capacity(self) -> Capacity:
        """As it was found out when the model was loaded."""
        return self._capacity

    def note(self) -> str:
        """Which way requests take, and why."""
        return f"{self._sharing.way}: {IN_WORDS[self._sharing.way]} ({self._sharing.reason})"

    def counters(self) -> Mapping[str, float]:
        """Prompt tokens, and those of them that a shared prefix answered for."""
        return dict(self._counters)

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Answer a batch; requests with different numbers of pictures are run apart."""
        return self.generate_prepared(requests, self.prepare(requests))

    def prepare(self, requests: Sequence[Request]) -> _Ready:
        """Decode pictures and make tokens; needs no accelerator."""
        opened, broken = _open_all(requests)
        whole = [request for request in requests if request.sample_id not in broken]
        digests = {key: one.digest for key, one in opened.items()}
        with quiet():
            pictures = self._shown(opened)
            parts = [self._part(batch, pictures, digests) for batch in self._alike(whole, digests)]
        if self._model.device.type == "cuda":
            parts = [part.pinned() for part in parts]
        return _Ready(parts, digests, broken)

    def generate_prepared(self, requests: Sequence[Request], ready: _Ready) -> Sequence[Prediction]:
        """Answer a batch that was prepared."""
        made = dict(ready.broken)
        for part in ready.parts:
            made.update({p.sample_id: p for p in self._answer(part, ready.digests)})
        return [made[request.sample_id] for request in requests]

    def _alike(
        self, requests: Sequence[Request], digests: Mapping[str, str]
    ) -> Iterator[list[Request]]:
        """Requests with equally many pictures: processors cannot mix them, and must not.

        Those that show the same pictures follow one another. Without a chat template a text-only
        request stands alone: such models (PaliGemma) attend to the whole prompt in both directions,
        and padding would move their answers.
        """
        for count in dict.fromkeys(len(request.images) for request in requests):
            alike = [request for request in requests if len(request.images) == count]
            if count or self._inputs.chats:
                yield [request for group in _groups(alike, digests) for request in group]
            else:
                yield from ([request] for request in alike)

    def _part(
        self, batch: Sequence[Request], pictures: Mapping[str, Any], digests: Mapping[str, str]
    ) -> _Part:
        groups = _groups(batch, digests)
        repeated = len(groups) < len(batch)
        layout = self._layout(groups, pictures) if repeated else None
        if layout is not None:
            return _Part(batch, layout.lengths, None, layout)
        featured = repeated and self._sharing.way == "features" and len(batch[0].images) == 1
        inputs = self._inputs.tensors(batch, pictures, distinct=featured)
        places = [place for place, own in enumerate(groups) for _ in own] if featured else None
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        return _Part(batch, lengths, inputs, places=places)

    def _layout(
        self, groups: Sequence[Sequence[Request]], pictures: Mapping[str, Any]
    ) -> Layout | None:
        """Prefixes and tails, where this model and these requests allow it."""
        first = groups[0][0]
        if self._sharing.way != "shared" or not first.images or first.generation.num_beams > 1:
            return None
        layout = lay_out(self._inputs, groups, pictures, self._image_tokens)
        window = self._sharing.window
        if layout is None or window is None:
            return layout
        return layout if layout.length + first.generation.max_new_tokens <= window else None

    def _answer(self, part: _Part, digests: Mapping[str, str]) -> list[Prediction]:
        import torch

        started = time.perf_counter()
        with quiet(), torch.inference_mode():
            output = self._tokens(part).tolist()
        seconds = (time.perf_counter() - started) / len(part.requests)
        self._counters["prompt_tokens"] += sum(part.lengths)
        return [
            self._prediction(request, tokens, length, digests, seconds)
            for request, tokens, length in zip(part.requests, output, part.lengths, strict=True)
        ]

    def _tokens(self, part: _Part, **more: Any) -> Any:
        """New tokens of the part's requests, by the way that was laid out."""
        if part.layout is not None:
            saved = sum(part.layout.prefix_lengths)
            once = int(part.layout.prefix["attention_mask"].sum())
            self._counters["shared_tokens"] += saved - once
            return self._decoder.shared(part.requests, part.layout, **more)
        assert part.inputs is not None  # noqa: S101  one of the two is there
        if part.places is not None:
            return self._decoder.featured(part.requests, part.inputs, part.places, **more)
        return self._decoder.plain(part.requests, part.inputs, **more)

    def _shown(self, opened: Mapping[str, Opened]) -> dict[str, Any]:
        """Pictures as the processor gets them; equal ones are one object."""
        made = {one.digest: self._squared(one) for one in opened.values()}
        return {key: made[one.digest] for key, one in opened.items()}

    def _prediction(
        self,
        request: Request,
        tokens: list[int],
        prompt_tokens: int,
        digests: Mapping[str, str],
        seconds: float,
    ) -> Prediction:
        """One row's new tokens as text; what follows the first end token is padding.

        So is what a row that a stop string ended is filled up with while others go on.
        """
        ends = [i for i, token in enumerate(tokens) if token in self._decoder.ends]
        kept = tokens[: ends[0]] if ends else self._decoder.unpadded(tokens, request.generation)
        words = self._inputs.reader
        text, stopped = cut_at_stop(
            words.decode(kept, skip_special_tokens=True), request.generation.stop
        )
        finish: Literal["stop", "length"] = "stop" if ends or stopped else "length"
        return Prediction(
            sample_id=request.sample_id,
            text=text if request.verbatim else text.strip(),
            finish=finish,
            prompt_tokens=int(prompt_tokens),
            output_tokens=len(kept) + (bool(ends) and not stopped),
            images=tuple(digests[image.key] for image in request.images),
            seconds=round(seconds, 6),
        )

    def _squared(self, one: Opened) -> Any:
        if self._options.image_preprocess != "pad-square":
            return one.picture
        pictures = getattr(self._processor, "image_processor", None)
        mean = getattr(pictures, "image_mean", None) or (0.0, 0.0, 0.0)
        return pad_square(one.picture, mean)

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether torch, on any device, says that memory did not suffice."""
        return hf_probe.is_out_of_memory(error)

    def recover(self) -> None:
        """Give the failed batch's memory back to the accelerator."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Let go of the weights, and of the accelerator's memory."""
        self._model = None
        self._decoder.close()
        gc.collect()  # a model's modules refer to one another
        self.recover()


def _short_name(options: BackendOptions) -> str:
    """A folder's name; the spec itself where it is an alias, such as "demo"."""
    return Path(options.name).name if ":" in options.spec else options.spec


def _image_tokens(model: Any, processor: Any) -> set[int]:
    """Tokens that stand for pictures in a prompt, or in what a processor makes of one."""
    words = getattr(processor, "tokenizer", processor)
    named = getattr(processor, "image_token", None)
    found = [
        getattr(processor, "image_token_id", None),
        getattr(model.config, "image_token_id", None),
        words.convert_tokens_to_ids(named) if isinstance(named, str) else None,
    ]
    return {token for token in found if isinstance(token, int)}


def _groups(requests: Sequence[Request], digests: Mapping[str, str]) -> list[list[Request]]:
    """Requests that show the same pictures, in the order of their first ones."""
    found: dict[tuple[str, ...], list[Request]] = {}
    for request in requests:
        found.setdefault(tuple(digests[image.key] for image in request.images), []).append(request)
    return list(found.values())


def _open_all(
    requests: Sequence[Request],
) -> tuple[Mapping[str, Opened], dict[str, Prediction]]:
    """All pictures of a batch by key, each decoded once, and the failures of the broken ones."""
    opened: dict[str, Opened] = {}
    known: dict[str, Opened] = {}
    broken: dict[str, Prediction] = {}
    for request in requests:
        try:
            for image in request.images:
                if image.key not in opened:
                    opened[image.key] = open_picture(image, known)
        except UnreadableError as error:
            failure = Failure(kind="image_unreadable", message=str(error))
            broken[request.sample_id] = Prediction(sample_id=request.sample_id, failure=failure)
    return opened, broken
