"""Pictures as servers are sent them: data URLs of bytes that every server reads alike.

PNG, JPEG, WebP and GIF go out as they are. What servers read differently, or not at all, goes out
as a PNG of what `evalkit.backends.pictures` sees: other formats, CMYK, 16 bits, several frames,
transparency, and an EXIF orientation, which some servers obey.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.backends.pictures import UnreadableError, open_picture
from evalkit.records import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

RULE = "PNG, JPEG, WebP, GIF as they are; odd ones as opaque PNG, unrotated"
"""What is done, for the fingerprint."""

ALIKE = frozenset({"1", "L", "P", "RGB"})
"""Pixel formats that every server reads alike."""

ORIENTATION = 274
"""EXIF's number for how a picture is to be turned."""


@dataclass(frozen=True, slots=True)
class DataUrl:
    """A picture as a data URL, and the SHA-256 of the bytes that the dataset holds."""

    url: str
    digest: str


def data_url(image: Image) -> DataUrl:
    """Read a picture, see that it can be decoded, and write it as a data URL.

    Raises:
        UnreadableError: The bytes are missing, damaged or claim an absurd size.
    """
    kept: list[bytes] = []

    def read() -> bytes:
        kept.append(image.read())
        return kept[0]

    opened = open_picture(Image(key=image.key, read=read))
    content = kept[0]
    mime = sniffed(content)
    if mime is None or _is_odd(image.key, content):
        mime, content = "image/png", _png(opened.picture)
    return DataUrl(f"data:{mime};base64,{b64encode(content).decode()}", opened.digest)


def sniffed(content: bytes) -> str | None:
    """The MIME type that the first bytes show; None where it is none that servers must know."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _is_odd(key: str, content: bytes) -> bool:
    """Whether servers may read the picture differently; its pixels could be decoded.

    Raises:
        UnreadableError: What follows the pixels, such as further frames, is damaged.
    """
    import warnings
    from io import BytesIO

    import PIL.Image

    # Not for this block alone: that would undo what other threads set meanwhile.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        with PIL.Image.open(BytesIO(content)) as opened:
            turned = _orientation(opened) not in (None, 1)
            frames = getattr(opened, "n_frames", 1)
            clear = "transparency" in opened.info
            return turned or clear or frames > 1 or opened.mode not in ALIKE
    except Exception as error:
        message = f"the picture {key!r} cannot be read: {type(error).__name__}: {error}"
        raise UnreadableError(message) from error


def _orientation(opened: Picture) -> int | None:
    """The EXIF orientation; 0 where the EXIF block is damaged."""
    try:
        return opened.getexif().get(ORIENTATION)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return 0


def _png(picture: Picture) -> bytes:
    from io import BytesIO

    content = BytesIO()
    picture.save(content, "PNG", compress_level=1)
    return content.getvalue()
