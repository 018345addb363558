"""Which way a model's requests take, and why: by what the model is, not by its name.

`FAMILIES` says what follows for the families that are tested; `sharing` finds it out of any model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Way = Literal["shared", "features", "plain"]
"""shared: a prefix is run once for all its questions. features: the picture goes through the vision
tower once, all else is run for every question. plain: every question by itself."""


IN_WORDS: Mapping[Way, str] = MappingProxyType(
    {
        "shared": "a picture and the words before a question are read once for all its questions",
        "features": "a picture is encoded once for all its questions",
        "plain": "every question is read by itself, with its picture",
    }
)
"""What each way means, for a user."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """The way that is taken.

    Attributes:
        way: As `Way` says.
        reason: Why, in a few words.
        window: With sliding windows, tokens up to which a prefix can be shared; None: any number.
    """

    way: Way
    reason: str
    window: int | None = None


CAUSAL = "tokens see only what stands before them"
BIDIRECTIONAL = "the question and the picture attend to each other"
RECURRENT = "recurrent layers would carry padding in their state"
REUSED = "its later layers read the keys of earlier ones"
CROSS = "pictures are read through layers of their own (cross attention)"
OLD_ATTENTION = "its attention does not follow transformers' interface"
SLIDING = "sliding windows, as long as nothing is longer than a window"

FAMILIES: Mapping[str, tuple[Way, str]] = MappingProxyType(
    {
        "llava": ("shared", CAUSAL),
        "llava_next": ("shared", CAUSAL),
        "llava_onevision": ("shared", CAUSAL),
        "qwen2_vl": ("shared", CAUSAL),
        "qwen2_5_vl": ("shared", CAUSAL),
        "qwen3_vl": ("shared", CAUSAL),
        "glm4v": ("shared", CAUSAL),
        "idefics2": ("shared", CAUSAL),
        "idefics3": ("shared", CAUSAL),
        "smolvlm": ("shared", CAUSAL),
        "internvl": ("shared", CAUSAL),
        "mistral3": ("shared", CAUSAL),
        "gemma3": ("shared", SLIDING),
        "gemma4": ("shared", SLIDING),
        "paligemma": ("features", BIDIRECTIONAL),
        "mllama": ("plain", CROSS),
        "qwen3_5": ("plain", RECURRENT),
    }
)
"""What `sharing` finds, by the `model_type` of families that people evaluate.

Each is held by a test on a tiny checkpoint; those of mistral3 and smolvlm need torchvision. Pixtral
is a llava here, PaliGemma 2 a paligemma. The small checkpoints of gemma4, whose later layers have
no keys of their own, go the plain way (`REUSED`).
"""


def sharing(model: Any) -> Sharing:
    """The way that requests to a model take, found in its configuration.

    Args:
        model: A decoder of transformers.
    """
    text = model.config.get_text_config()
    if getattr(text, "use_bidirectional_attention", None) in (True, "all"):
        way: Way = "features" if _takes_features(model) else "plain"
        return Sharing(way, BIDIRECTIONAL)
    if getattr(text, "cross_attention_layers", None):
        return Sharing("plain", CROSS)
    kinds, windows = _layers(model)
    if hinders := _hindrance(kinds):
        return Sharing("plain", hinders)
    if not getattr(model, "_supports_attention_backend", False):
        return Sharing("plain", OLD_ATTENTION)
    return Sharing("shared", SLIDING, min(windows)) if windows else Sharing("shared", CAUSAL)


def _hindrance(kinds: set[str]) -> str:
    """Why layers of a cache cannot continue a prefix; empty: they can."""
    if not kinds <= {"DynamicLayer", "DynamicSlidingWindowLayer", "DummyLayer"}:
        return RECURRENT
    return REUSED if "DummyLayer" in kinds else ""


def _layers(model: Any) -> tuple[set[str], list[int]]:
    """The kinds of layers of the model's own cache, and the windows of sliding ones."""
    from transformers import DynamicCache

    layers: list[Any] = list(DynamicCache(config=model.config).layers)
    windows = [layer.sliding_window for layer in layers if getattr(layer, "is_sliding", False)]
    return {type(layer).__name__ for layer in layers}, windows


def _takes_features(model: Any) -> bool:
    """Whether features of pictures, made before, can be given to the model."""
    import inspect

    inner = getattr(model, "model", None)
    takes = "mm_encoder_outputs" in inspect.signature(model.forward).parameters
    return takes and hasattr(inner, "get_image_features")
