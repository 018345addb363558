"""Pictures, their PNG files and the questions about them."""

import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from evalkit.demo import glyphs, png, sketches
from evalkit.demo.facts import Relation, absent_name, lone, relation
from evalkit.demo.lessons import QUESTIONS_PER_PICTURE, page
from evalkit.demo.rows import mme, mmvp, pope
from evalkit.demo.scenes import Scene, Shape, Sign
from evalkit.demo.vocabulary import PALETTE


def test_a_seed_gives_one_page():
    assert page(3, 7) == page(3, 7)
    assert page(3, 7) != page(3, 8)
    assert page(3, 7) != page(4, 7)


def test_a_page_has_lessons_of_both_kinds():
    for number in range(50):
        drawn = page(5, number)
        assert 0 < len(drawn.seen) <= QUESTIONS_PER_PICTURE
        assert len(drawn.unseen) == 1


@pytest.mark.parametrize("category", mme.CATEGORIES)
def test_a_png_holds_the_pixels_that_were_drawn(category):
    scene = mme.CATEGORIES[category].draw(Random(1))
    with Image.open(io.BytesIO(scene.png())) as image:
        assert image.size == (64, 64)
        shown = np.asarray(image.convert("RGB"))
    assert (shown == np.array(list(PALETTE.values()))[scene.pixels()]).all()


def test_a_png_of_odd_width_is_refused():
    with pytest.raises(ValueError, match="odd"):
        png.encode(np.zeros((4, 3), np.uint8))


def test_letters_are_told_apart():
    assert len({glyphs.glyph(character).tobytes() for character in glyphs.CHARACTERS}) == 40


def test_shapes_stay_in_the_picture_and_apart():
    for seed in range(200):
        scene = sketches.still_life(Random(seed))
        areas = [Scene("white", (shape,)).pixels() != 0 for shape in scene.shapes]
        assert all(area.any() for area in areas)
        assert max(sum(area.astype(int) for area in areas).flat) == 1


def test_lone_shapes_and_relations():
    circle = Shape("circle", "red", "small", 8, 8)
    square = Shape("square", "red", "small", 40, 9)
    scene = Scene("white", (circle, square, square))
    assert lone(scene) == [circle]
    assert relation(Random(0), circle, square) == Relation(circle, "left of", square)
    assert relation(Random(0), circle, circle) is None
    assert absent_name(Random(0), scene, near=True) not in {"red circle", "red square"}


def test_pope_asks_three_of_each_answer_and_tells_the_truth():
    for seed in range(50):
        scene = pope.draw(Random(seed))
        held = {shape.name for shape in scene.shapes}
        rows = pope.ask(Random(seed), scene, 1)
        assert [row["answer"] for row in rows] == ["yes", "no"] * 3
        for row in rows:
            name = " ".join(row["question"].split()[3:5])
            assert (name in held) == (row["answer"] == "yes")


@pytest.mark.parametrize("category", mme.CATEGORIES)
def test_mme_asks_one_question_of_each_answer(category):
    for seed in range(20):
        scene = mme.CATEGORIES[category].draw(Random(seed))
        rows = mme.ask(Random(seed), scene, 1, category)
        assert sorted(row["answer"] for row in rows) == ["No", "Yes"]
        assert rows[0]["question"] != rows[1]["question"]


def test_mme_calculates():
    scene = Scene("white", (), (Sign("7-3=?", "black", "white", 0, 0),))
    assert mme.CATEGORIES["numerical_calculation"].truth(scene) == "4"


def test_mmvp_scenes_differ_in_one_respect():
    for seed in range(50):
        made = mmvp.contrast(Random(seed), mmvp.draw(Random(seed)))
        assert made.scenes[0] != made.scenes[1]
        assert made.scenes[0].signs == made.scenes[1].signs
        assert [mmvp.row(made, place, 1)["Correct Answer"] for place in (0, 1)] == ["(a)", "(b)"]
