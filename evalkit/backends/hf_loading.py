"""A checkpoint of transformers, loaded: the model, its processor, and the device they stand on."""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from evalkit.backends.interface import BackendOptions
from evalkit.errors import BackendError

if TYPE_CHECKING:
    import torch

MESSAGE_LENGTH = 300
"""Characters of a library's message that an error repeats."""


NEEDS_VIDEO = frozenset({"SmolVLMProcessor"})
"""Processors whose chat template asks the video part, even where only pictures are shown."""


def load_model(options: BackendOptions) -> Any:
    """The model in evaluation mode, on its device.

    Raises:
        BackendError: It is no decoder, lacks weights, or its device is not there.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    place = device(options)
    dtype: Any = options.dtype if options.dtype == "auto" else getattr(torch, options.dtype)
    if dtype == "auto" and place.type == "cpu":
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
    return (model if device_map else model.to(place)).eval()


def load_processor(options: BackendOptions) -> Any:
    """The checkpoint's processor, less its video part where that cannot be had.

    Raises:
        BackendError: It does nothing without its video part.
    """
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    source = _source(options)
    config = AutoConfig.from_pretrained(options.name, **source)
    whole: Any = PROCESSOR_MAPPING.get(type(config), None)
    has_video = whole is not None and "video_processor" in whole.get_attributes()
    if has_video and importlib.util.find_spec("torchvision") is None:
        if whole.__name__ in NEEDS_VIDEO:
            raise BackendError(_video_message(options))
        return _without_video(whole).from_pretrained(options.name, **source)
    return AutoProcessor.from_pretrained(options.name, **source)


def _video_message(options: BackendOptions) -> str:
    return (
        f"The processor of the model {options.spec!r} needs torchvision and num2words; install "
        "them: pip install torchvision num2words."
    )


def _without_video(whole: Any) -> Any:
    """A processor class less its video part, which exists only with torchvision (Qwen2-VL)."""

    class Loaded(whole):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in super().get_attributes() if name != "video_processor"]

    class PicturesOnly(whole):  # type: ignore[misc]
        @classmethod
        def _get_arguments_from_pretrained(cls, *args: Any, **kwargs: Any) -> list[Any]:
            parts = list(Loaded._get_arguments_from_pretrained(*args, **kwargs))  # noqa: SLF001
            parts.insert(cls.get_attributes().index("video_processor"), None)
            return parts

        def check_argument_for_proper_class(self, name: str, part: Any) -> Any:
            return part and super().check_argument_for_proper_class(name, part)

    Loaded.__name__ = PicturesOnly.__name__ = whole.__name__
    return PicturesOnly


def _source(options: BackendOptions) -> dict[str, Any]:
    return {
        "revision": options.revision or "main",
        "local_files_only": options.offline,
        "trust_remote_code": options.options.get("trust_remote_code") == "true",
    }


def device(options: BackendOptions) -> torch.device:
    """The device that the options mean.

    Raises:
        BackendError: It is not there.
    """
    import torch

    if options.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    named = torch.device(options.device)
    if named.type == "cuda" and (named.index or 0) >= torch.cuda.device_count():
        message = (
            f"The device {options.device} is not there: torch sees {torch.cuda.device_count()} "
            "CUDA devices (its CPU build sees none). Install torch for CUDA, or give --device cpu."
        )
        raise BackendError(message)
    return named


def load_message(options: BackendOptions, error: Exception) -> str:
    """What a user is told when a library failed to load the model."""
    first = str(error).strip().split("\n")[0][:MESSAGE_LENGTH]
    return f"The model {options.spec!r} cannot be loaded: {type(error).__name__}: {first}"


class _Quiet:
    """Keeps transformers' notes to developers off the user's terminal while anybody wants it.

    transformers' verbosity and Python's warnings are the process's own, and batches are prepared on
    other threads than they are run on: the first to come switches them off, the last to go on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._before = _silenced()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._before.close()


def _silenced() -> ExitStack:
    """Silence; closing the stack ends it."""
    from transformers.utils import logging

    stack = ExitStack()
    stack.callback(logging.set_verbosity, logging.get_verbosity())
    if logging.is_progress_bar_enabled():
        stack.callback(logging.enable_progress_bar)
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return stack


quiet = _Quiet()
"""`with quiet():` keeps libraries' notes and warnings off the terminal; on any thread."""
