"""Requests -> tensors, for any processor of transformers.

A processor with a chat template gets conversations; one without (PaliGemma) gets the bare prompt
behind its image token. Control tokens inside a question ("<image>", "</s>") are encoded as plain
text: by the tokenizer where it can, else by a space after their first character. Nothing of one
batch outlives it.

Processors and tokenizers keep state while they are called (padding, truncation, whether control
tokens are seen), so one thread at a time calls them.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evalkit.records import Generation, Image, Message, Request

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Pictures = Mapping[str, "Picture"]
"""Decoded pictures by `Image.key`."""

WITHOUT_PICTURES = {"PaliGemmaProcessor": "{bos}{text}\n"}
"""How a processor that refuses a call without pictures would write such a prompt."""


class Inputs:
    """Makes a model's inputs with its processor; on any thread.

    Attributes:
        processor: The checkpoint's processor.
        words: Its tokenizer.
        reader: A copy of the tokenizer that reads answers, and waits for nobody.
        chats: Whether there is a chat template.
        controls: Tokens that the tokenizer finds before all others; they part a text.
    """

    def __init__(self, processor: Any) -> None:
        """Learn what the processor can do."""
        self.processor = processor
        self.words = getattr(processor, "tokenizer", processor)
        self.words.padding_side = "left"
        if self.words.pad_token_id is None:
            self.words.pad_token = self.words.eos_token
        if _template(processor) is None and _template(self.words) is not None:
            processor.chat_template = _template(self.words)  # a processor reads its own alone
        self.chats = bool(_template(processor))
        self.controls = frozenset(self.words.added_tokens_decoder)
        self.reader = copy.deepcopy(self.words)
        self._lock = threading.RLock()
        self._tokenizer_defuses = self.chats and self._probe()

    def _probe(self) -> bool:
        """Whether control tokens in a question can be left to the tokenizer (Idefics3: not)."""
        known = inspect.signature(self.processor.apply_chat_template).parameters
        if "sanitize_control_tokens" not in known:
            return False  # transformers 5.18 would take it for the processor's, and drop `padding`
        import PIL.Image

        pictures = {"probe": PIL.Image.new("RGB", (32, 32))}
        image = Image(key="probe", read=bytes)
        control = getattr(self.processor, "image_token", None) or "<image>"
        message = Message(role="user", content=(image, f"Is {control} there?"))
        request = Request(
            task="",
            sample_id="",
            messages=(message,),
            generation=Generation(max_new_tokens=1),
        )
        try:
            self._by_template([request], pictures, sanitize_control_tokens=True)
        except (ValueError, TypeError, NotImplementedError):
            return False
        return True

    def tensors(
        self, requests: Sequence[Request], pictures: Pictures, *, distinct: bool = False
    ) -> dict[str, Any]:
        """The model's inputs for one batch, padded on the left.

        Args:
            requests: All with equally many pictures.
            pictures: Every picture of the requests, decoded; equal ones are one object.
            distinct: Whether `pixel_values` holds each picture once, in the order of the requests
                that show it first.

        Returns:
            Tensors by name; `input_ids` has shape (requests, tokens).
        """
        with self._lock, _looking(self.processor, _Distinct if distinct else None):
            inputs = self._inputs(requests, pictures)
        return {name: value for name, value in inputs.items() if name != "labels"}

    def _inputs(self, requests: Sequence[Request], pictures: Pictures) -> Any:
        if not self.chats:
            return self._by_bare_prompt(requests, pictures)
        if self._tokenizer_defuses:
            return self._by_template(requests, pictures, sanitize_control_tokens=True)
        return self._by_template(requests, pictures)

    def written(self, requests: Sequence[Request]) -> list[list[int]] | None:
        """Tokens of prompts in which a picture is still one mark; None without a chat template."""
        if not self.chats:
            return None
        more = {"sanitize_control_tokens": True} if self._tokenizer_defuses else {}
        conversations = self._conversations(requests, None, more)
        with self._lock:
            return self._tokenised(conversations, more)

    def _tokenised(self, conversations: Any, more: Mapping[str, bool]) -> list[list[int]]:
        settings = {"chat_template": self.processor.chat_template, "add_generation_prompt": True}
        if more:
            made = self.words.apply_chat_template(
                conversations, tokenize=True, return_dict=True, **settings, **more
            )
            return list(made["input_ids"])
        texts = self.processor.apply_chat_template(conversations, tokenize=False, **settings)
        return list(self.words(texts, add_special_tokens=False)["input_ids"])

    def one_by_one(self, requests: Sequence[Request], pictures: Pictures) -> list[list[int]]:
        """Tokens of each request, made by the processor itself; equal pictures are read once."""
        with self._lock, _looking(self.processor, _Once):
            return [self._inputs([r], pictures)["input_ids"][0].tolist() for r in requests]

    def _conversations(
        self, requests: Sequence[Request], pictures: Pictures | None, more: Mapping[str, bool]
    ) -> list[list[dict[str, Any]]]:
        return [
            [
                {
                    "role": m.role,
                    "content": [self._part(part, pictures, more) for part in m.content],
                }
                for m in request.messages
            ]
            for request in requests
        ]

    def _by_template(self, requests: Sequence[Request], pictures: Pictures, **more: bool) -> Any:
        return self.processor.apply_chat_template(
            self._conversations(requests, pictures, more),
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
            processor_kwargs={"padding": True},
            **more,
        )

    def _part(
        self, part: str | Image, pictures: Pictures | None, more: Mapping[str, bool]
    ) -> dict[str, Any]:
        if isinstance(part, Image):
            return {"type": "image"} | ({"image": pictures[part.key]} if pictures else {})
        return {"type": "text", "text": part if more else self._defused(part)}

    def _by_bare_prompt(self, requests: Sequence[Request], pictures: Pictures) -> Any:
        """The prompt as it is; pictures stand where their image token stands."""
        texts = ["".join(self._bare(request)) for request in requests]
        if requests[0].images:
            shown = [[pictures[image.key] for image in request.images] for request in requests]
            return self.processor(images=shown, text=texts, padding=True, return_tensors="pt")
        form = WITHOUT_PICTURES.get(type(self.processor).__name__)
        if form is None:
            return self.processor(text=texts, padding=True, return_tensors="pt")
        written = [form.format(bos=self.words.bos_token or "", text=text) for text in texts]
        return self.words(written, padding=True, return_tensors="pt", add_special_tokens=False)

    def _bare(self, request: Request) -> Sequence[str]:
        token = getattr(self.processor, "image_token", None) or "<image>"
        parts = [part for message in request.messages for part in message.content]
        return [token if isinstance(part, Image) else self._defused(part) for part in parts]

    def _defused(self, text: str) -> str:
        """The text with a space inside everything that the tokenizer would take for a control."""
        added = self.words.added_tokens_decoder.values()  # `all_special_tokens` has only named ones
        special = {token.content for token in added if token.special}
        for token in sorted(special.union(self.words.all_special_tokens)):
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


@contextmanager
def _looking(processor: Any, kind: type[_Images] | None) -> Iterator[None]:
    """Within the block the processor's image processor is one of a kind; None: its own."""
    if kind is None:
        yield
        return
    whole = processor.image_processor
    processor.image_processor = kind(whole)
    try:
        yield
    finally:
        processor.image_processor = whole


class _Images:
    """An image processor in the place of another one."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self._made: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


class _Once(_Images):
    """Remembers what it made."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        key = repr((_named(args), _named(kwargs)))
        if key not in self._made:
            self._made[key] = self._whole(*args, **kwargs)
        return copy.copy(self._made[key])


class _Distinct(_Images):
    """Makes each of the requests' pictures, one each, once."""

    def __call__(self, images: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        flat = [one[0] if isinstance(one, (list, tuple)) else one for one in images]
        return self._whole(
            [[one] for one in {id(one): one for one in flat}.values()], *args, **kwargs
        )


def _named(part: Any) -> Any:
    """Arguments with the digest of its pixels for a picture: processors make copies."""
    if isinstance(part, (list, tuple)):
        return [_named(one) for one in part]
    if isinstance(part, dict):
        return {name: _named(one) for name, one in part.items()}
    if hasattr(part, "tobytes"):
        shape = getattr(part, "size", ()), getattr(part, "mode", ""), getattr(part, "shape", ())
        return (*shape, hashlib.sha256(part.tobytes()).hexdigest())
    return part


def _template(part: Any) -> Any:
    return getattr(part, "chat_template", None)
