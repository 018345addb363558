"""A PNG writer whose bytes depend on nothing but the picture.

Pixels are stored uncompressed, four bits each, so that no version of a compression library can
change the bytes.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from evalkit.demo.vocabulary import PALETTE

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_STORED_BLOCK = 65535


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """Give the PNG file of a picture.

    Args:
        pixels: Indices into `vocabulary.PALETTE`, of shape (height, width); the width is even.

    Returns:
        The bytes of an indexed-colour PNG file.

    Raises:
        ValueError: If the picture is wider than even pairs or too large for one stored block.
    """
    height, width = pixels.shape
    if width % 2:
        message = f"width {width} is odd"
        raise ValueError(message)
    packed = (pixels[:, ::2] << 4) | pixels[:, 1::2]
    rows = b"".join(b"\x00" + row.tobytes() for row in packed)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(value for rgb in PALETTE.values() for value in rgb)),
            _chunk(b"IDAT", _stored(rows)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _stored(body: bytes) -> bytes:
    """Wrap bytes as a zlib stream of one block without compression."""
    if len(body) > _LARGEST_STORED_BLOCK:
        message = f"{len(body)} bytes do not fit one stored block"
        raise ValueError(message)
    length = struct.pack("<HH", len(body), len(body) ^ 0xFFFF)
    return b"\x78\x01\x01" + length + body + struct.pack(">I", zlib.adler32(body))
