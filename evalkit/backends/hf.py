"""Any image-text-to-text model of transformers, from the hub or a folder.

The processor does what it was made for: chat template, image tokens, preprocessing. Decoding is
what the task says and nothing else: sampling settings of the checkpoint's own generation config are
dropped, only its special tokens are kept. Answers are stripped of white space at their ends, as
LLaVA's loaders do before they write an answer file. Greedy answers in fp32 do not depend on what
else is in the batch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from evalkit.backends import hf_checkpoint
from evalkit.backends.hf_inputs import Inputs
from evalkit.backends.interface import Backend, BackendOptions
from evalkit.backends.pictures import Opened, UnreadableError, open_picture, pad_square
from evalkit.errors import BackendError
from evalkit.records import Failure, Generation, Prediction, Request
from evalkit.run_record import ModelIdentity

if TYPE_CHECKING:
    import torch

MESSAGE_LENGTH = 300
"""Characters of a library's message that an error repeats."""


class HfBackend(Backend):
    """A model and its processor, on one device or spread by `device_map`."""

    option_names: ClassVar[frozenset[str]] = frozenset({"attn", "device_map", "trust_remote_code"})

    def __init__(self, model: Any, processor: Any, options: BackendOptions) -> None:
        """Answer with a loaded model."""
        self._model = model
        self._processor = processor
        self._options = options
        self._inputs = Inputs(processor)
        self._strip_generation_config()
        self._eos = _end_tokens(model)
        self._digest = hf_checkpoint.digest(options.name)

    @classmethod
    def weights(cls, options: BackendOptions) -> str | None:
        """The digest of a folder, or the commit that the hub (offline: its cache) has now."""
        return hf_checkpoint.weights(options)

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check that the checkpoint can be had, without reading its weights."""
        hf_checkpoint.check(options)
        if options.device.startswith("cuda"):
            _device(options)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Load processor and model.

        Weights keep the checkpoint's number format on an accelerator; on a CPU "auto" is float32,
        which is faster there and the format in which answers do not depend on the batch.

        Raises:
            BackendError: The checkpoint cannot be had, or is no image-text-to-text model.
        """
        try:
            with _quiet():
                return cls(_load_model(options), _load_processor(options), options)
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(_load_message(options, error)) from error

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

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Answer a batch; requests with and without pictures are run apart."""
        opened, broken = _open_all(requests)
        whole = [request for request in requests if request.sample_id not in broken]
        made = dict(broken)
        for batch in self._alike(whole):
            made.update({p.sample_id: p for p in self._answer(batch, opened)})
        return [made[request.sample_id] for request in requests]

    def _alike(self, requests: Sequence[Request]) -> Iterator[list[Request]]:
        """Requests with equally many pictures: processors cannot mix them, and must not.

        Without a chat template a text-only request stands alone: such models (PaliGemma) attend to
        the whole prompt in both directions, and padding would move their answers.
        """
        for count in dict.fromkeys(len(request.images) for request in requests):
            alike = [request for request in requests if len(request.images) == count]
            if count or self._inputs.chats:
                yield alike
            else:
                yield from ([request] for request in alike)

    def _answer(self, batch: Sequence[Request], opened: Mapping[str, Opened]) -> list[Prediction]:
        import torch

        started = time.perf_counter()
        shown = {key: self._squared(one) for key, one in opened.items()}
        with _quiet(), torch.inference_mode():
            inputs = self._inputs.tensors(batch, shown)
            placed = {name: self._placed(value) for name, value in inputs.items()}
            self._seed(batch)
            output = self._model.generate(
                **placed,
                generation_config=self._generation_config(batch[0].generation),
                **self._stopping(batch[0].generation),
            )
        prompt = inputs["input_ids"].shape[1]
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        seconds = (time.perf_counter() - started) / len(batch)
        return [
            self._prediction(request, tokens[prompt:].tolist(), length, opened, seconds)
            for request, tokens, length in zip(batch, output, lengths, strict=True)
        ]

    def _prediction(
        self,
        request: Request,
        tokens: list[int],
        prompt_tokens: int,
        opened: Mapping[str, Opened],
        seconds: float,
    ) -> Prediction:
        """One row's new tokens as text; what follows the first end token is padding."""
        ends = [i for i, token in enumerate(tokens) if token in self._eos]
        kept = tokens[: ends[0]] if ends else tokens
        words = self._inputs.words
        text, stopped = _cut(words.decode(kept, skip_special_tokens=True), request.generation.stop)
        finish: Literal["stop", "length"] = "stop" if ends or stopped else "length"
        return Prediction(
            sample_id=request.sample_id,
            text=text.strip(),
            finish=finish,
            prompt_tokens=int(prompt_tokens),
            output_tokens=len(kept) + bool(ends),
            images=tuple(opened[image.key].digest for image in request.images),
            seconds=round(seconds, 6),
        )

    def _squared(self, one: Opened) -> Any:
        if self._options.image_preprocess != "pad-square":
            return one.picture
        pictures = getattr(self._processor, "image_processor", None)
        mean = getattr(pictures, "image_mean", None) or (0.0, 0.0, 0.0)
        return pad_square(one.picture, mean)

    def _placed(self, value: Any) -> Any:
        """A tensor on the model's device, floating ones in its number format."""
        if not hasattr(value, "to"):
            return value
        if value.is_floating_point():
            return value.to(self._model.device, self._model.dtype)
        return value.to(self._model.device)

    def _stopping(self, generation: Generation) -> dict[str, Any]:
        if not generation.stop:
            return {}
        return {"stop_strings": list(generation.stop), "tokenizer": self._inputs.words}

    def _seed(self, batch: Sequence[Request]) -> None:
        """Seed sampling by the batch: whole batches of a resumed run draw as in an unbroken one."""
        if batch[0].generation.temperature == 0:
            return
        import torch

        text = "\n".join([str(self._options.seed), *(request.sample_id for request in batch)])
        torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))

    def _strip_generation_config(self) -> None:
        """Keep of the checkpoint's own generation settings its special tokens only."""
        from transformers import GenerationConfig

        own, words = self._model.generation_config, self._inputs.words
        self._model.generation_config = GenerationConfig(
            bos_token_id=own.bos_token_id,
            eos_token_id=own.eos_token_id if own.eos_token_id is not None else words.eos_token_id,
            pad_token_id=own.pad_token_id if own.pad_token_id is not None else words.pad_token_id,
            decoder_start_token_id=own.decoder_start_token_id,
        )

    def _generation_config(self, generation: Generation) -> Any:
        from transformers import GenerationConfig

        own = self._model.generation_config
        sampling = {}
        if generation.temperature > 0:
            sampling = {
                "temperature": generation.temperature,
                "top_p": generation.top_p,
                "top_k": 0,
            }
        return GenerationConfig(
            max_new_tokens=generation.max_new_tokens,
            num_beams=generation.num_beams,
            do_sample=generation.temperature > 0,
            bos_token_id=own.bos_token_id,
            eos_token_id=own.eos_token_id,
            pad_token_id=own.pad_token_id,
            decoder_start_token_id=own.decoder_start_token_id,
            **sampling,
        )

    def recover(self) -> None:
        """Give the failed batch's memory back to the accelerator."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Let go of the weights, and of the accelerator's memory."""
        self._model = None
        self.recover()


def _load_model(options: BackendOptions) -> Any:
    import torch
    from transformers import AutoModelForImageTextToText

    device = _device(options)
    dtype: Any = options.dtype if options.dtype == "auto" else getattr(torch, options.dtype)
    if dtype == "auto" and device.type == "cpu":
        dtype = torch.float32
    device_map = options.options.get("device_map")
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        options.name,
        output_loading_info=True,
        dtype=dtype,
        use_safetensors=True,
        attn_implementation=options.options.get("attn"),
        **({"device_map": device_map} if device_map else {}),
        **_source(options),
    )
    model, report = loaded
    if model.config.is_encoder_decoder:
        message = (
            f"The model {options.spec!r} is an encoder-decoder ({type(model).__name__}); the hf "
            "backend runs decoders only."
        )
        raise BackendError(message)
    if missing := sorted(report["missing_keys"]):
        message = (
            f"The model {options.spec!r} lacks weights, {missing[0]} among {len(missing)}; they "
            "would be random. Is the checkpoint whole?"
        )
        raise BackendError(message)
    return (model if device_map else model.to(device)).eval()


def _load_processor(options: BackendOptions) -> Any:
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    source = _source(options)
    config = AutoConfig.from_pretrained(options.name, **source)
    whole: Any = PROCESSOR_MAPPING.get(type(config), None)
    has_video = whole is not None and "video_processor" in whole.get_attributes()
    if has_video and importlib.util.find_spec("torchvision") is None:
        return _without_video(whole).from_pretrained(options.name, **source)
    return AutoProcessor.from_pretrained(options.name, **source)


def _without_video(whole: Any) -> Any:
    """A processor class less its video part, which exists only with torchvision (Qwen2-VL)."""

    class PicturesOnly(whole):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in super().get_attributes() if name != "video_processor"]

    PicturesOnly.__name__ = whole.__name__
    return PicturesOnly


def _source(options: BackendOptions) -> dict[str, Any]:
    return {
        "revision": options.revision or "main",
        "local_files_only": options.offline,
        "trust_remote_code": options.options.get("trust_remote_code") == "true",
    }


def _device(options: BackendOptions) -> torch.device:
    import torch

    if options.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(options.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        message = (
            f"The device {options.device} is not there: torch sees {torch.cuda.device_count()} "
            "CUDA devices (its CPU build sees none). Install torch for CUDA, or give --device cpu."
        )
        raise BackendError(message)
    return device


def _short_name(options: BackendOptions) -> str:
    """A folder's name; the spec itself where it is an alias, such as "demo"."""
    return Path(options.name).name if ":" in options.spec else options.spec


def _end_tokens(model: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    return frozenset(ends if isinstance(ends, (list, tuple)) else [] if ends is None else [ends])


def _open_all(
    requests: Sequence[Request],
) -> tuple[Mapping[str, Opened], dict[str, Prediction]]:
    """All pictures of a batch by key, each decoded once, and the failures of the broken ones."""
    opened: dict[str, Opened] = {}
    broken: dict[str, Prediction] = {}
    for request in requests:
        try:
            for image in request.images:
                if image.key not in opened:
                    opened[image.key] = open_picture(image)
        except UnreadableError as error:
            failure = Failure(kind="image_unreadable", message=str(error))
            broken[request.sample_id] = Prediction(sample_id=request.sample_id, failure=failure)
    return opened, broken


def _cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop string, and whether there was one."""
    places = [text.index(stop) for stop in stops if stop in text]
    return (text[: min(places)], True) if places else (text, False)


def _load_message(options: BackendOptions, error: Exception) -> str:
    first = str(error).strip().split("\n")[0][:MESSAGE_LENGTH]
    return f"The model {options.spec!r} cannot be loaded: {type(error).__name__}: {first}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' notes to developers off the user's terminal, here and not elsewhere."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
