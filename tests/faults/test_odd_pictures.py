"""Pictures as people have them: each is answered, or fails alone and says why."""

import io
import json
import struct
import zlib

import pytest

pytest.importorskip("transformers", reason="the extra hf is not installed")
PIL_Image = pytest.importorskip("PIL.Image", reason="the extra data is not installed")


def encoded(picture, kind="PNG", **more):
    content = io.BytesIO()
    picture.save(content, kind, **more)
    return content.getvalue()


def colours(mode="RGB", size=(40, 30)):
    return PIL_Image.effect_noise(size, 80).convert(mode)


def bomb():
    """A PNG of a few bytes that claims 60,000 x 60,000 pixels."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


def rotated():
    exif = PIL_Image.Exif()
    exif[274] = 6
    return encoded(colours(), "JPEG", exif=exif)


READABLE = {
    "one_pixel.png": lambda: encoded(colours(size=(1, 1))),
    "wide.png": lambda: encoded(colours(size=(20_000, 100))),
    "cmyk.jpg": lambda: encoded(colours("CMYK"), "JPEG"),
    "animated.gif": lambda: encoded(
        colours("P"), "GIF", save_all=True, append_images=[colours("P"), colours("P")]
    ),
    "sixteen_bits.png": lambda: encoded(colours("I;16")),
    "palette.png": lambda: encoded(colours("P"), transparency=3),
    "transparent.webp": lambda: encoded(colours("RGBA"), "WEBP"),
    "rotated.jpg": rotated,
    "grey.jpg": lambda: encoded(colours("L"), "JPEG"),
}
UNREADABLE = {
    "cut.png": lambda: encoded(colours())[:-200],
    "cut.jpg": lambda: encoded(colours(), "JPEG")[:300],
    "empty.png": lambda: b"",
    "text.png": lambda: b"not a picture at all",
    "bomb.png": bomb,
    "thread.png": lambda: encoded(colours(size=(20_000, 4))),
}


@pytest.fixture
def odd(toy):
    """The toy task's rows with an odd picture each, in their usual pairs."""
    folder = toy.data / "toy"
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    names = [*READABLE, *UNREADABLE, *READABLE, *UNREADABLE]
    for name, make in {**READABLE, **UNREADABLE}.items():
        (folder / name).write_bytes(make())
    for row, name in zip(rows, names, strict=False):
        row["image"] = name
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return toy, {row["id"]: row["image"] for row in rows}


def run(evalkit, toy, tmp_path):
    options = ("--model", "demo", *toy.options, "--out", tmp_path / "out", "--name", "odd")
    return evalkit("run", "toy", *options, "--json")


def predictions(tmp_path):
    (path,) = tmp_path.glob("out/*/odd/predictions/toy.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_odd_pictures_are_answered_or_fail_alone(evalkit, odd, tmp_path):
    toy, shown = odd
    done = run(evalkit, toy, tmp_path)
    assert done.code == 12
    made = predictions(tmp_path)
    assert [one["sample_id"] for one in made] == list(shown)
    for one in made:
        failure = one["failure"]
        if shown[one["sample_id"]] in UNREADABLE:
            assert failure["kind"] == "image_unreadable"
            assert shown[one["sample_id"]] in failure["message"]
        else:
            assert failure is None, shown[one["sample_id"]]
    assert done.record["results"][0]["coverage"]["failed"] == 2 * len(UNREADABLE)


def test_a_resume_asks_the_broken_ones_again_and_takes_mended_ones(evalkit, odd, tmp_path):
    toy, shown = odd
    run(evalkit, toy, tmp_path)
    before = {one["sample_id"]: one["text"] for one in predictions(tmp_path)}
    for name in UNREADABLE:
        (toy.data / "toy" / name).write_bytes(encoded(colours()))
    done = run(evalkit, toy, tmp_path)
    assert done.code == 0
    after = {one["sample_id"]: one["text"] for one in predictions(tmp_path)}
    assert all(after[key] is not None for key in shown)
    assert all(after[key] == text for key, text in before.items() if text is not None)


def test_a_missing_picture_is_said_before_anything_runs(evalkit, odd, tmp_path):
    toy, _ = odd
    (toy.data / "toy" / "grey.jpg").unlink()
    done = run(evalkit, toy, tmp_path)
    assert done.code == 20
    assert "grey.jpg" in done.err
