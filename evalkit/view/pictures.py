"""Pictures for a page: made small on demand, and only of what is a picture of a known kind."""

from __future__ import annotations

import hashlib
import importlib.util
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from threading import Lock

from evalkit.errors import EvalkitError
from evalkit.records import Image

SMALL, LARGE = 320, 1600
"""Pixels of the longer side of a thumbnail, and of the picture behind it."""

_MOST_BYTES = 1 << 26
_MOST_PIXELS = 50_000_000
_MOST_PLAIN = 1 << 23  # bytes of a picture that is sent as it is
_KEPT = 256  # thumbnails
_QUALITY = 82  # of JPEG

_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
"""How files begin that may be sent as they are. SVG, which holds scripts, is not among them."""

OTHER = "No picture: the one that is here now is not the one that the model saw."


class NoPictureError(Exception):
    """A picture cannot be shown; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture as it is sent."""

    content: bytes
    kind: str


class Pictures:
    """Small pictures by what names them, of which the last ones are kept; for several threads."""

    def __init__(self) -> None:
        """None was made yet."""
        self._known: OrderedDict[tuple[object, ...], Shown] = OrderedDict()
        self._lock = Lock()  # one picture at a time is in memory

    def small(
        self, name: tuple[object, ...], image: Callable[[], Image], seen: str | None
    ) -> Shown:
        """A thumbnail.

        Args:
            name: Names the picture among all others.
            image: Gives the picture, where it is not known yet.
            seen: SHA-256 of the bytes that the model saw; None where it is not known.

        Raises:
            NoPictureError: It cannot be had, or is another.
        """
        with self._lock:
            if name not in self._known:
                self._known[name] = resized(image(), seen, SMALL)
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            self._known.move_to_end(name)
            return self._known[name]

    def large(self, image: Image, seen: str | None) -> Shown:
        """The picture itself, no larger than a screen; errors as `small`."""
        with self._lock:
            return resized(image, seen, LARGE)


def resized(image: Image, seen: str | None, side: int) -> Shown:
    """A picture that is no larger than so many pixels, as JPEG; without Pillow as it is.

    Raises:
        NoPictureError: It cannot be had, is another than the model saw, or too large.
    """
    content = _content(image)
    if seen is not None and hashlib.sha256(content).hexdigest() != seen:
        raise NoPictureError(OTHER)
    if importlib.util.find_spec("PIL") is None:
        return _as_it_is(content)
    return Shown(content=_decoded(content, side), kind="image/jpeg")


def _content(image: Image) -> bytes:
    try:
        content = image.read()
    except (EvalkitError, OSError, ValueError) as error:
        message = f"No picture: {error}"
        raise NoPictureError(message) from error
    if len(content) > _MOST_BYTES:
        message = f"No picture: {len(content):,} bytes are too many to show."
        raise NoPictureError(message)
    return content


def _as_it_is(content: bytes) -> Shown:
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None or len(content) > _MOST_PLAIN:
        message = "No picture: evalkit's extra 'data' (Pillow), which makes it small, is missing."
        raise NoPictureError(message)
    return Shown(content=content, kind=kind)


def _decoded(content: bytes, side: int) -> bytes:
    """The picture as JPEG, at most so many pixels wide and high.

    Raises:
        NoPictureError: The bytes are damaged, or claim too many pixels.
    """
    import PIL.Image

    try:
        # Not for this block alone: that would undo what other threads set meanwhile.
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        with PIL.Image.open(BytesIO(content)) as opened:
            _check_size(*opened.size)
            opened.draft("RGB", (side, side))
            picture = opened.convert("RGB")
            picture.thumbnail((side, side))
            made = BytesIO()
            picture.save(made, "JPEG", quality=_QUALITY)
    except NoPictureError:
        raise
    except Exception as error:  # a library's code on somebody's bytes
        message = f"No picture: its bytes cannot be read ({type(error).__name__})."
        raise NoPictureError(message) from error
    return made.getvalue()


def _check_size(width: int, height: int) -> None:
    if width * height > _MOST_PIXELS:
        message = f"No picture: {width:,} x {height:,} pixels are too many to show."
        raise NoPictureError(message)
