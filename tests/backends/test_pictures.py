"""Pictures: decoded to RGB, never rotated, padded as LLaVA-1.5's evaluation did."""

import io

import PIL.Image
import pytest

from evalkit.backends.pictures import UnreadableError, open_picture, pad_square
from evalkit.errors import BackendError
from evalkit.records import Image


def image(content):
    return Image(key="p", read=lambda: content)


def encoded(picture, kind="PNG", **more):
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_mode_becomes_rgb(mode):
    picture = PIL.Image.new(mode, (3, 2))
    kind = "TIFF" if mode == "CMYK" else "PNG"
    opened = open_picture(image(encoded(picture, kind))).picture
    assert (opened.mode, opened.size) == ("RGB", (3, 2))


def test_exif_orientation_is_ignored():
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    content = encoded(PIL.Image.new("RGB", (30, 10)), "JPEG", exif=exif)
    opened = open_picture(image(content)).picture
    assert opened.size == (30, 10)
    assert not dict(opened.getexif())


@pytest.mark.parametrize("content", [b"", b"text", encoded(PIL.Image.new("RGB", (9, 9)))[:40]])
def test_broken_bytes_are_one_error(content):
    with pytest.raises(UnreadableError, match="'p' cannot be read"):
        open_picture(image(content))


def test_a_picture_that_claims_to_be_huge_is_not_decoded():
    side = int((2 * PIL.Image.MAX_IMAGE_PIXELS) ** 0.5) + 1
    content = bytearray(encoded(PIL.Image.new("L", (1, 1))))
    content[16:24] = side.to_bytes(4, "big") * 2
    with pytest.raises(UnreadableError):
        open_picture(image(bytes(content)))


@pytest.mark.parametrize("size", [(4, 2), (2, 4), (5, 2), (3, 3)])
def test_padding_centres_on_a_square_of_the_mean(size):
    padded = pad_square(
        PIL.Image.new("RGB", size, (255, 0, 0)), (0.48145466, 0.4578275, 0.40821073)
    )
    side = max(size)
    assert padded.size == (side, side)
    reds = [
        (x, y) for x in range(side) for y in range(side) if padded.getpixel((x, y)) == (255, 0, 0)
    ]
    assert len(reds) == size[0] * size[1]
    assert reds[0] == ((side - size[0]) // 2, (side - size[1]) // 2)
    if size[0] != size[1]:
        corner = padded.getpixel((0, 0))
        assert corner == (122, 116, 104)


def test_a_reader_that_does_not_work_is_no_fault_of_the_picture():
    def read():
        message = "gone"
        raise BackendError(message)

    with pytest.raises(BackendError, match="gone"):
        open_picture(Image(key="p", read=read))
