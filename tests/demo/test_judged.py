"""The rows for judges: whatever their texts claim is read off the pixels, not off the scene."""

import re
from collections import Counter
from itertools import permutations
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest

from evalkit.demo import data_path
from evalkit.demo.rows import llava_bench, mmvet
from evalkit.demo.vocabulary import COLORS, COUNT_WORDS, PALETTE, SHAPES

COLOR, KIND = "|".join(COLORS), "|".join(SHAPES)
SAID = {
    "pale blue": "mist",
    "light blue": "sky",
    "sand-colored": "sand",
    "light gray": "silver",
    "green ground": "grass",
    **{name: name for name in PALETTE if name not in {"sky", "sand", "night", "grass", "mist"}},
}
FORMS = {"tower": "taller", "pyramid": "a point", "dome": "round at", "arch": "an opening"}
SEEDS = range(25)


def rows_of(name):
    return pq.read_table(data_path() / name).to_pylist()


def background(seen):
    names, counts = np.unique(seen.grid.astype(str), return_counts=True)
    return names[counts.argmax()]


def view(seen):
    """Name the place that a picture shows; "" if it shows none."""
    places = {
        "beach": {"sky", "blue", "sand"},
        "forest": {"sky", "green", "grass"},
        "night sky": {"night", "white", "yellow"},
        "snow": {"gray", "white"},
    }
    return next((name for name, colors in places.items() if seen.colors - {"yellow"} <= colors), "")


def tint(seen):
    return next(iter(seen.colors & set(COLORS)))


def building(seen):
    """Tell a building by its outline."""
    inked = seen.grid == tint(seen)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not inked[rows[-1], 32]:
        return "arch"
    if len(rows) > 2 * len(columns):
        return "tower"
    edge = np.diff([inked[row].sum() for row in rows])
    return "pyramid" if set(edge) <= {0, 2} else "dome"


def pattern(grid):
    """Tell a pattern by where its colours return."""
    inner = grid[8:56, 8:56]
    if (inner == inner[0]).all():
        return "vertical stripes"
    if (inner == inner[:, :1]).all():
        return "horizontal stripes"
    return "checks" if (inner[8:] != inner[:-8]).all() else "dots"


def lamp(seen):
    """Give the colour and the height of the lamp that is lit."""
    (spot,) = (spot for spot in seen.spots if spot.color != "gray")
    return spot.color, ("top", "middle", "bottom")[int(np.searchsorted([20, 36], spot.y))]


def quarter(spot):
    return "upper" if spot.y < 32 else "lower", "left" if spot.x < 32 else "right"


def in_words(text):
    """Count the shapes of a list such as "a red ring and two blue crosses"."""
    numbers = {"a": 1, **{word: number for number, word in enumerate(COUNT_WORDS)}}
    found = re.findall(rf"(\w+) ((?:{COLOR}) (?:{KIND}))", text)
    return Counter({name: numbers[word] for word, name in found})


def named(spots):
    return Counter(spot.name for spot in spots)


def taken(seen, left, gone, color):
    rest = [spot for spot in seen.spots if spot.color != color]
    others = [spot for spot in seen.spots if spot.color == color]
    return in_words(left) == named(rest) and in_words(gone) == named(others)


CLAIMS = [
    (
        rf"(\w+) ({COLOR}) ({KIND}) at the (\w+) (\w+)",
        lambda seen, *said: said in [(s.size, s.color, s.kind, *quarter(s)) for s in seen.spots],
    ),
    (rf"((?:{COLOR}) (?:{KIND}))", lambda seen, name: name in named(seen.spots)),
    (
        r"(?:says|the word|the name) (\w+)",
        lambda seen, text: text.lower() in [line.text for line in seen.lines],
    ),
    (
        r"sign at the (top|bottom)",
        lambda seen, said: {line.row < 4 for line in seen.lines} == {said == "top"},
    ),
    (
        r"(\w+) shapes? (?:can be seen|in a picture)",
        lambda seen, count: COUNT_WORDS.index(count.lower()) == len(seen.spots),
    ),
    (
        r"(?:on a (.+?) background|background is (.+?)\.)",
        lambda seen, *said: SAID["".join(said)] == background(seen),
    ),
    (r"the sky behind it is (.+?)\.", lambda seen, said: SAID[said] == seen.grid[0, 0]),
    (
        r"in (\w+) letters on (\w+)",
        lambda seen, *said: said in [(line.ink, line.plate) for line in seen.lines],
    ),
    (r"(\w+) (?:lamp is lit|one\.)", lambda seen, said: said == lamp(seen)[0]),
    (r"The (\w+) lamp,", lambda seen, said: said == lamp(seen)[1]),
    (
        r"(should stop|must wait|may go on)",
        lambda seen, said: lamp(seen)[0] == ("green" if said == "may go on" else "red"),
    ),
    (r"two of them are (gray)", lambda seen, said: [s.color for s in seen.spots].count(said) == 2),
    (r"\b(beach|forest|night sky|snow)\b", lambda seen, said: view(seen) == said.lower()),
    (r"there is no (building)", lambda seen, _: bool(view(seen))),
    (
        r"a (yellow) (sun|moon) is at the upper right",
        lambda seen, color, said: (
            seen.grid[12, 50] == color and (seen.grid[0, 0] == "sky") == (said == "sun")
        ),
    ),
    (r"(?:building is|wears|painting is) (\w+)", lambda seen, said: said in seen.colors),
    (r"wears (\w+)", lambda seen, said: seen.grid[34, 32] == said),
    (
        rf"(?:({COLOR})|an?) (tower|pyramid|dome|arch)\b",
        lambda seen, color, said: building(seen) == said and color in {"", tint(seen)},
    ),
    (
        rf"\b({'|'.join(FORMS.values())})\b",
        lambda seen, said: FORMS[building(seen)] == said,
    ),
    (
        rf"({COLOR}) (vertical stripes|horizontal stripes|checks|dots)",
        lambda seen, *said: (tint(seen), pattern(seen.grid)) == said,
    ),
    (r"sees the (.+?) canvas", lambda seen, said: SAID[said] == seen.grid[0, 0]),
    (r"painting is \w+ on (.+?),", lambda seen, said: SAID[said] == seen.grid[0, 0]),
    (r"(black) frame|frame is black", lambda seen, _: seen.grid[4, 32] == "black"),
    (
        r"(?:would be (horizontal|vertical)|still see (checks|dots))",
        lambda seen, *said: pattern(np.rot90(seen.grid)).split()[0] == "".join(said),
    ),
    (r"(?:It is a|A) ([\w -]+?) poster", lambda seen, said: SAID[said] == seen.grid[6, 6]),
    (
        r"left half would hold (.+?), because",
        lambda seen, said: in_words(said) == named(s for s in seen.spots if s.x > 32),
    ),
    (r"What is left would be (.+), because all else, (.+), is (\w+)\.", taken),
    (
        r"all shapes are (\w+)",
        lambda seen, said: {spot.color for spot in seen.spots} == {said},
    ),
]
"""What texts say, and how the pixels confirm it."""


def claims(text, seen):
    """List for each claim of a text whether the pixels confirm it."""
    found = [
        holds(seen, *(group or "" for group in match.groups()))
        for said, holds in CLAIMS
        for match in re.finditer(said, text, re.IGNORECASE)
    ]
    if " can be seen on " in text:
        listed = re.findall(rf"(?:small|large) ((?:{COLOR}) (?:{KIND}))", text)
        found.append(Counter(listed) == named(seen.spots))
    words = "|".join(sorted(SAID, key=len, reverse=True))
    said = re.findall(rf"\b({words})\b", text, re.IGNORECASE)
    return [*found, {SAID[word.lower()] for word in said} <= seen.colors] if found else []


def run_code(seen):
    first, second = (line.text for line in seen.lines)
    return str(int(first.removeprefix("a=")) + int(second.removeprefix("a+")))


def shape_ends(seen):
    across = sorted(seen.spots, key=lambda spot: spot.x)
    return [across[0].name, across[-1].name]


SHORT = [
    (r"sum of the two", lambda seen: [str(sum(int(line.text) for line in seen.lines))]),
    (
        r"How much larger is the number at the top",
        lambda seen: [str(int(seen.lines[0].text) - int(seen.lines[-1].text))],
    ),
    (
        r"number on the sign plus the number of shapes in the left half",
        lambda seen: [str(int(seen.lines[0].text) + sum(spot.x < 32 for spot in seen.spots))],
    ),
    (r"furthest to the left and which is furthest to the right", shape_ends),
    (r"all the scene texts", lambda seen: sorted(line.text for line in seen.lines)),
    (
        r"written on the (\w+) sign",
        lambda seen, plate: [line.text for line in seen.lines if line.plate == plate],
    ),
    (r"What is the yellow disc", lambda seen: ["sun" if view(seen) == "beach" else "moon"]),
    (r"disc in the sky move around", lambda seen: ["earth"] if view(seen) == "night sky" else []),
    (r"What gas do the plants", lambda seen: ["oxygen"] if view(seen) == "forest" else []),
    (r"flakes here turn into", lambda seen: ["water"] if view(seen) == "snow" else []),
    (r"Which lamp is lit", lambda seen: [lamp(seen)[1]]),
    (r"title of the poster", lambda seen: [line.text for line in seen.lines]),
    (
        r"What color is the (\w+)",
        lambda seen, kind: [spot.color for spot in seen.spots if spot.kind == kind],
    ),
    (r"output of this code", lambda seen: [run_code(seen)]),
    (r"written in the lower of the two", lambda seen: [seen.lines[-1].text]),
]
"""Questions of MM-Vet with short answers: what the pixels say to them."""


def same(alternative, truth):
    plain = alternative.lower().removeprefix("=").removeprefix("the ").removesuffix(" one")
    return plain == truth or {plain, truth} == {"o2", "oxygen"}


def short_answer_holds(row, seen):
    """Tell whether every alternative of every part says what the pixels say."""
    ((match, truth),) = (
        (match, truth) for said, truth in SHORT if (match := re.search(said, row["question"]))
    )
    parts = row["answer"].split("<AND>")
    parts = sorted(parts) if "all" in row["question"].split() else parts
    wanted = truth(seen, *match.groups())
    return len(parts) == len(wanted) and all(
        same(alternative, want)
        for part, want in zip(parts, wanted, strict=True)
        for alternative in part.split("<OR>")
    )


def long_answer_holds(row, seen):
    """Tell whether a text's claims hold; the meaning of a poster's word must speak of the word."""
    text = row["answer"]
    if "explain the word" in row["question"]:
        text, meaning = re.match(r"(.+?\.) (.+)", text).groups()
        if seen.lines[0].text not in meaning.lower():
            return False
    found = claims(text, seen)
    return bool(found) and all(found)


def holds(row, seen):
    return (long_answer_holds if is_long(row) else short_answer_holds)(row, seen)


def is_long(row):
    return "gen" in row["capability"].split(",")


def texts(row):
    return [row["caption"], row.get("answer") or row["gpt_answer"]]


def test_mmvet_tells_the_truth(look):
    for row in rows_of("mmvet/test.parquet"):
        assert holds(row, look(row["image"]["bytes"])), row


@pytest.mark.parametrize("kind", dict.fromkeys(mmvet.PICTURES))
def test_mmvet_tells_the_truth_of_every_scene(kind, look):
    for seed in SEEDS:
        scene = kind.draw(Random(seed))
        seen = look(scene.png())
        for row in mmvet.ask(kind, scene, 0):
            assert holds(row, seen), (seed, row)


@pytest.mark.parametrize("name", ["llava_bench_wild", "llava_bench_coco"])
def test_llava_bench_tells_the_truth(name, look):
    for row in rows_of(f"{name}/train.parquet"):
        for text in texts(row):
            found = claims(text, look(row["image"]["bytes"]))
            assert found, text
            assert all(found), text


@pytest.mark.parametrize("number", range(6))
def test_in_the_wild_tells_the_truth_of_every_scene(number, look):
    for seed in SEEDS:
        rng = Random(seed)
        scene = llava_bench.draw_wild(rng, number)
        rows = [row for key in range(3) for row in llava_bench.ask_wild(rng, scene, key)]
        seen = look(scene.png())
        for text in {text for row in rows for text in texts(row)}:
            found = claims(text, seen)
            assert found, (seed, text)
            assert all(found), (seed, text)


def test_coco_tells_the_truth_of_every_scene(look):
    for seed in SEEDS:
        rng = Random(seed)
        scene = llava_bench.draw_coco(rng)
        seen = look(scene.png())
        for text in {text for row in llava_bench.ask_coco(rng, scene, 0) for text in texts(row)}:
            found = claims(text, seen)
            assert found, (seed, text)
            assert all(found), (seed, text)


def twists(text, seen):
    """Make texts that are not true of a picture any more: one word of a claim is exchanged."""
    absent = next(color for color in COLORS if color not in seen.colors)
    swaps = {
        rf"({COLOR})(?= (?:{KIND}|lamp|tower|pyramid|dome|arch|checks|dots|\w+ stripes))": absent,
        r"(?<= at the )(?:upper|lower)": "middle",
        rf"(?:small|large)(?= (?:{COLOR}))": "tiny",
        r"\w+(?= shapes? (?:can be|in a))": "Six",
        r"(?<=says )\w+": "nonsense",
        r"(?<=the word )\w+": "nonsense",
        r"(?<=the name )\w+": "nonsense",
        r"(?<=The )(?:top|bottom)(?= lamp)": "middle",
        r"\b(?:beach|forest|night sky)\b": "tower",
    }
    for pattern_, word in swaps.items():
        for match in re.finditer(pattern_, text):
            yield text[: match.start()] + word + text[match.end() :]


def test_the_reader_notices_what_is_not_true(look):
    told = 0
    names = ("mmvet/test", "llava_bench_wild/train", "llava_bench_coco/train")
    for row in (row for name in names for row in rows_of(f"{name}.parquet")):
        seen = look(row["image"]["bytes"])
        long = row.get("gpt_answer") or row["answer"]
        for twisted in twists(long, seen):
            told += 1
            assert not all(claims(twisted, seen) or [False]), twisted
    assert told > 60


def test_the_answer_of_another_picture_is_noticed(look):
    rows = [row for row in rows_of("mmvet/test.parquet") if not is_long(row)]
    told = 0
    for row, other in permutations(rows, 2):
        if row["question"] == other["question"] and row["answer"] != other["answer"]:
            told += 1
            changed = {**row, "answer": other["answer"]}
            assert not short_answer_holds(changed, look(row["image"]["bytes"])), changed
    assert told >= 10
