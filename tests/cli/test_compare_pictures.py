"""Pictures and questions on a page of flips: from the data that were scored, or a clear line."""

import base64
import json
import re
import shutil
from io import BytesIO

import PIL.Image
import pytest

from evalkit.cli.asked import SIDE, thumbnail
from evalkit.records import Image

FAST = ("--draws", "200")


@pytest.fixture
def place(evalkit, toy, tmp_path):
    """A folder with two runs of the toy task; runs remember where its rows are."""
    for model, name in (("dummy:hash", "one"), ("dummy:constant,text=yes", "two")):
        words = ("run", "toy", "--model", model, "--name", name, *toy.options)
        assert evalkit(*words, cwd=tmp_path).code == 0
    return tmp_path


def page_of(evalkit, place, *words):
    given = ("compare", "hash/one", "constant/two", *FAST, "--out", "page.html", *words)
    done = evalkit(*given, cwd=place)
    assert done.code == 0, done.err
    return (place / "page.html").read_text()


CARD = re.compile(r"<article.*?</article>", re.DOTALL)


def shades(card):
    """The grey of each picture on a card."""
    for content in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', card):
        with PIL.Image.open(BytesIO(base64.b64decode(content))) as picture:
            yield picture.convert("L").getpixel((0, 0))


def test_each_card_has_the_picture_of_its_sample(evalkit, place):
    cards = CARD.findall(page_of(evalkit, place))
    assert len(cards) > 10
    for card in cards:
        number = int(re.search(r"<span>q(\d+)</span>", card)[1])
        assert f"Is {number} even?" in card
        (shade,) = shades(card)
        assert abs(shade - number) <= 2


def test_a_baseline_file_remembers_where_pictures_are(evalkit, place):
    assert evalkit("baseline", "accept", "hash/one", "--out", "kept.json", cwd=place).code == 0
    words = ("compare", "kept.json", "kept.json", "constant/two", *FAST, "--out", "page.html")
    assert evalkit(*words, cwd=place).code == 0
    assert len(list(shades((place / "page.html").read_text()))) > 10


def test_data_that_moved_are_named_by_an_option(evalkit, place, toy):
    shutil.move(toy.data, place / "elsewhere")
    page = page_of(evalkit, place)
    assert "toy: questions and pictures are not shown." in page
    assert "evalkit compare --data DIR" in page
    assert not list(shades(page))
    assert "even?" not in page
    found = page_of(evalkit, place, "--data", "elsewhere")
    assert len(list(shades(found))) > 10


def test_other_data_under_the_same_ids_are_not_shown(evalkit, place, toy):
    """A wrong picture is worse than none."""
    table = toy.data / "toy" / "test.jsonl"
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    rows[0]["answer"] = "no"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = page_of(evalkit, place)
    assert "are not those that results/constant/two was scored on" in page
    assert not list(shades(page))


def test_a_picture_that_is_not_the_one_that_was_seen_is_not_shown(evalkit, place, toy):
    other = (toy.data / "toy" / "0.png").read_bytes()
    for number in range(1, 40, 2):
        (toy.data / "toy" / f"{number}.png").write_bytes(other)
    for card in CARD.findall(page_of(evalkit, place)):
        number = int(re.search(r"<span>q(\d+)</span>", card)[1])
        assert ("is not the one that the model saw" in card) == bool(number % 2)
        assert len(list(shades(card))) == (0 if number % 2 else 1)


def test_a_damaged_picture_is_a_line_on_its_card(evalkit, place, toy):
    for number in range(40):
        (toy.data / "toy" / f"{number}.png").write_bytes(b"no picture")
    cards = CARD.findall(page_of(evalkit, place))
    assert all("No picture: the picture" in card and "<img" not in card for card in cards)
    assert all("even?" in card for card in cards)


def test_a_large_picture_is_made_small():
    content = BytesIO()
    PIL.Image.new("RGB", (3000, 1000), "red").save(content, "PNG")
    url = thumbnail(Image(key="a", read=content.getvalue))
    head, _, code = url.partition(",")
    assert head == "data:image/jpeg;base64"
    with PIL.Image.open(BytesIO(base64.b64decode(code))) as made:
        assert made.size == (SIDE, SIDE // 3)
    assert len(url) < 20_000
