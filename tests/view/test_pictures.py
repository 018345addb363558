"""Pictures for a page: small, of known kinds, and never more than memory holds."""

import hashlib
import importlib.util
import struct
import zlib
from io import BytesIO

import PIL.Image
import pytest

from evalkit.errors import DataError
from evalkit.records import Image
from evalkit.view.pictures import NoPictureError, Pictures, resized


def image(content):
    return Image(key="k", read=lambda: content)


def encoded(size, kind="PNG", mode="RGB"):
    made = BytesIO()
    PIL.Image.new(mode, size).save(made, kind)
    return made.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "CMYK"), ("GIF", "P"), ("WEBP", "RGB"), ("TIFF", "1")],
)
def test_any_kind_becomes_a_small_jpeg(kind, mode):
    shown = resized(image(encoded((900, 300), kind, mode)), None, 320)
    with PIL.Image.open(BytesIO(shown.content)) as made:
        assert (made.format, made.size) == ("JPEG", (320, 107))
    assert shown.kind == "image/jpeg"


def bomb(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IHDR" + header
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT" + b"\0" * 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        encoded((40, 40))[:60],
        bomb(60_000, 60_000),
        bomb(10_000, 10_000),
        bomb(0, 0),
    ],
)
def test_what_is_no_picture_is_a_sentence(content):
    with pytest.raises(NoPictureError, match=r"^No picture: "):
        resized(image(content), None, 320)


def test_a_picture_that_cannot_be_read_is_a_sentence():
    def read():
        message = "the file is gone"
        raise DataError(message)

    with pytest.raises(NoPictureError, match="the file is gone"):
        resized(Image(key="k", read=read), None, 320)


def test_only_the_picture_that_the_model_saw_is_shown():
    content = encoded((4, 4))
    assert resized(image(content), hashlib.sha256(content).hexdigest(), 320).content
    with pytest.raises(NoPictureError, match="not the one that the model saw"):
        resized(image(content), "0" * 64, 320)


def test_without_pillow_known_kinds_are_sent_as_they_are(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for kind, told in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")):
        content = encoded((4, 4), kind)
        shown = resized(image(content), None, 320)
        assert (shown.kind, shown.content) == (told, content)
    for content in (
        b"<svg/>",
        b"<html>",
        b"",
        encoded((4, 4), "TIFF"),
        b"\xff\xd8\xff" * 9_000_000,
    ):
        with pytest.raises(NoPictureError, match="Pillow"):
            resized(image(content), None, 320)


def test_the_last_thumbnails_are_kept():
    pictures, asked = Pictures(), []

    def picture(number):
        asked.append(number)
        return image(encoded((4, 4)))

    for number in (0, 0, *range(1, 256), 0, 256, 0, 1):
        pictures.small((number,), lambda n=number: picture(n), None)
    assert asked == [*range(257), 1]
