"""Encoded bytes -> pictures in memory: decoded late, closed at once, never rotated or rescaled."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.errors import BackendError, MissingExtraError
from evalkit.records import Image

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from PIL.Image import Image as Picture


LONGEST = 300
"""How many times as long as wide a picture may be. Processors that scale the short side to some
hundred pixels would otherwise make gigabytes of it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture in RGB, and the SHA-256 of the bytes that it was decoded from."""

    picture: Picture
    digest: str


class UnreadableError(Exception):
    """A picture's bytes cannot be had or decoded; the text says whose and why."""


def open_picture(image: Image, known: MutableMapping[str, Opened] | None = None) -> Opened:
    """Decode a picture to RGB.

    EXIF orientation is ignored, as in LLaVA's own evaluation, which opens and converts. What claims
    more pixels than Pillow decodes (some 179 million) is unreadable, and so is what is more than
    `LONGEST` times as long as wide.

    Args:
        image: The picture.
        known: Pictures by digest: equal bytes are decoded once, and added here.

    Raises:
        UnreadableError: The bytes are missing, damaged or claim an absurd size.
        BackendError: What would read the picture does not work; no picture is to blame.
        MissingExtraError: It is not installed.
    """
    from io import BytesIO

    import PIL.Image

    try:
        content = image.read()
        digest = hashlib.sha256(content).hexdigest()
        if known is not None and digest in known:
            return known[digest]
        # Not for this block alone: that would undo what other threads set meanwhile.
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        with PIL.Image.open(BytesIO(content)) as opened:
            _check_shape(*opened.size)
            picture = opened.convert("RGB")
    except (BackendError, MissingExtraError):
        raise
    except Exception as error:
        message = f"the picture {image.key!r} cannot be read: {type(error).__name__}: {error}"
        raise UnreadableError(message) from error
    picture.info.clear()
    opened_once = Opened(picture, digest)
    if known is not None:
        known[digest] = opened_once
    return opened_once


def _check_shape(width: int, height: int) -> None:
    if max(width, height) > LONGEST * min(width, height):
        message = (
            f"{width} x {height} pixels; more than {LONGEST} times as long as wide is not shown"
        )
        raise ValueError(message)


def pad_square(picture: Picture, colour: Sequence[float]) -> Picture:
    """Centre a picture on a square of one colour, as LLaVA-1.5's own evaluation did.

    Args:
        picture: RGB.
        colour: The fill as fractions, usually the processor's `image_mean`; each is scaled to
            0-255 and cut to a whole number.
    """
    import PIL.Image

    side = max(picture.size)
    if picture.size == (side, side):
        return picture
    fill = tuple(int(part * 255) for part in colour)
    square = PIL.Image.new("RGB", (side, side), fill)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square
