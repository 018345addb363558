"""The baseline file: small, the same bytes each time, and nothing but what was written."""

import base64
import bz2
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.compare import baseline_file, sides
from evalkit.compare.baseline import accepted, changes
from evalkit.compare.baseline_file import Block, packed, unpacked
from evalkit.errors import ExitCode, IncompleteError, StaleError, StoreError, UsageError
from evalkit.integrity import record_digest
from evalkit.records import SampleScore
from evalkit.store import RunFolder, load_run

MOST = 200_000
"""Bytes that a baseline of 10,000 samples may take."""


@pytest.fixture
def kept(ran, tmp_path):
    """A baseline file of a run of the toy task."""
    path, run = tmp_path / "toy.json", sides.load(ran())
    baseline_file.write(path, run.record, accepted(run))
    return path


@pytest.fixture
def spoiled(kept):
    """Changes the file by hand: `change(raw)`."""

    def spoil(change):
        raw = json.loads(kept.read_text())
        change(raw)
        kept.write_text(json.dumps(raw))
        return kept

    return spoil


def test_a_baseline_is_the_run_without_targets(ran, kept):
    run, side = sides.load(ran()), sides.load(kept)
    assert side.record == run.record
    assert side.side == replace(run.side, kind="baseline", name=str(kept))
    assert side.scores("toy") == tuple(replace(s, targets=()) for s in run.scores("toy"))
    assert side.texts("toy") == {}
    assert [m.name for m in side.task("toy").metrics] == ["accuracy", "pair_accuracy"]


def test_the_same_run_gives_the_same_bytes(ran, kept, tmp_path):
    run = sides.load(ran())
    baseline_file.write(tmp_path / "again.json", run.record, accepted(run))
    assert (tmp_path / "again.json").read_bytes() == kept.read_bytes()
    side = sides.load(kept)
    baseline_file.write(tmp_path / "own.json", side.record, {"toy": side.scores("toy")})
    assert (tmp_path / "own.json").read_bytes() == kept.read_bytes()


def test_the_bytes_are_these():
    """bzip2's output may not move with a library: reviewed files would change by themselves."""
    score = SampleScore(
        sample_id="a",
        answer=None,
        targets=("x",),
        values={"correct": 0.1},
        group=None,
        cluster="é",
        tags={"kind": ("b", "c")},
        failed=True,
    )
    block = packed([score] * 3)
    assert (block.samples, block.bytes) == (3, 264)
    text = bz2.decompress(base64.b85decode(block.text))
    assert json.loads(text)["tags"] == {"kind": [["b", "c"]] * 3}
    assert block.text == BYTES


BYTES = (
    "LRx4!F+o`-Q(4!A&Bg!#e;bq#1z->W3cs)4iU1%805AZ#A);v1YJQ_eL@?7p#uF1J0$>0VB{V%q^)xaD"
    "O&TtO3=Ru(9DQpV>q{&r3CUKV(+{j|vKeS(G{biWL>$clnW>XCDIJPXgs!FSxN0#(Ek6Ndp@GSeUMl8M"
    "VmEAU+#@-MZG~!<g949NxDtWMgf<KV<f4-aZs=0EV3H^6@%rP4z^^;Sg-T55ZKHpctN6Q;DZ+$?ye@7q"
)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
scored = st.builds(
    SampleScore,
    sample_id=st.uuids().map(str),
    answer=st.none() | texts,
    targets=st.just(()),
    values=st.dictionaries(texts, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    group=st.none() | texts,
    cluster=texts,
    tags=st.dictionaries(texts, texts | st.tuples(texts, texts), max_size=3),
    failed=st.booleans(),
    rule=texts,
    ambiguous=st.booleans(),
)


@given(st.lists(scored, max_size=12, unique_by=lambda score: score.sample_id))
def test_what_is_packed_is_unpacked(scores):
    assert unpacked(packed(scores), "here") == tuple(scores)


def vqa(dice, words):
    image = 0
    for i in range(10_000):
        image += dice.random() < 0.2
        yield SampleScore(
            sample_id=str(dice.randrange(10**8, 10**9) * 10_000 + i),
            answer=words[min(int(dice.paretovariate(0.6)), len(words) - 1)],
            targets=("yes",) * 10,
            values={"score": dice.choice((0.0, 0.3, 0.6, 0.9, 1.0, 1.0))},
            group=None,
            cluster=str(image * 17),
            tags={
                "answer_type": dice.choice(("yes/no", "number", "other")),
                "question_type": f"what {dice.randrange(65)}",
            },
            failed=dice.random() < 0.001,
            rule=dice.choice(("normalised", "compared as written (people unanimous)")),
            ambiguous=dice.random() < 0.01,
        )


def gqa(dice, words):
    images = [f"n{dice.randrange(10**6)}" for _ in range(398)]
    for i in range(10_000):
        yield SampleScore(
            sample_id=str(dice.randrange(10**4, 10**5) * 10_000 + i),
            answer=words[min(int(dice.paretovariate(0.6)), len(words) - 1)],
            targets=("yes",),
            values={"correct": float(dice.random() < 0.6)},
            group=None,
            cluster=dice.choice(images),
            tags={
                "structural": dice.choice(("query", "choose", "verify", "logical", "compare")),
                "semantic": dice.choice(("rel", "attr", "obj", "cat", "global")),
                "steps": str(dice.randrange(1, 9)),
                "words": str(dice.randrange(3, 25)),
            },
            failed=False,
            rule=dice.choice(("as written", "lower case")),
        )


@pytest.mark.parametrize("made", [vqa, gqa])
def test_ten_thousand_samples_are_at_most_200_kb(ran, made, tmp_path):
    """With ids in no order, 14,000 different answers, and all tags of the benchmark."""
    dice = random.Random(0)
    words = [f"{dice.choice('abcdefgh')}{n:x}" for n in range(14_000)]
    record, path = load_run(ran()), tmp_path / "large.json"
    baseline_file.write(path, record, {"toy": list(made(dice, words))})
    assert MOST / 4 < path.stat().st_size <= MOST


# What is refused


def test_a_record_that_was_edited_is_stale(spoiled):
    path = spoiled(lambda raw: raw["record"]["results"][0]["notes"].append("well"))
    with pytest.raises(StaleError, match="is not what was written"):
        sides.load(path)


def test_scores_that_were_changed_are_stale(ran, spoiled):
    first, *rest = sides.load(ran()).scores("toy")
    block = packed([replace(first, values={"correct": 1 - first.values["correct"]}), *rest])

    def change(raw):
        raw["scores"]["toy"] = {"samples": 40, "bytes": block.bytes, "text": block.text}

    side = sides.load(spoiled(change))
    with pytest.raises(StaleError, match="scores of toy, does not hold the scores"):
        side.scores("toy")


def test_a_record_that_is_sealed_anew_still_has_other_scores(spoiled):
    def change(raw):
        raw["record"]["results"][0]["metrics"]["accuracy"]["value"] = 0.3
        raw["record"]["digest"] = record_digest(raw["record"])

    side = sides.load(spoiled(change))
    with pytest.raises(StaleError, match=r"the record says 0\.3"):
        side.scores("toy")


def block_of(text: bytes, /, **changes):
    told = {
        "samples": 40,
        "bytes": len(text),
        "text": base64.b85encode(bz2.compress(text)).decode(),
    }
    return {**told, **changes}


def columns_of(kept):
    block = json.loads(kept.read_text())["scores"]["toy"]
    return json.loads(bz2.decompress(base64.b85decode(block["text"])))


COLUMNS = {
    "a column less": lambda c: c.pop("rule"),
    "a column more": lambda c: c.update(odd=[1] * 40),
    "a short column": lambda c: c["answer"].pop(),
    "a short value": lambda c: c["values"]["correct"].pop(),
    "a short tag": lambda c: c["tags"]["kind"].pop(),
    "another type": lambda c: c.update(failed=["no"] * 40),
    "a text for a number": lambda c: c.update(values={"correct": ["1"] * 40}),
    "a sample twice": lambda c: c.update(sample_id=["q000"] * 40),
    "no list": lambda c: c.update(cluster="p"),
}


@pytest.mark.parametrize("what", COLUMNS)
def test_columns_that_do_not_fit_are_one_sentence(kept, spoiled, what):
    columns = columns_of(kept)
    COLUMNS[what](columns)
    text = json.dumps(columns).encode()
    side = sides.load(spoiled(lambda raw: raw["scores"].update(toy=block_of(text))))
    with pytest.raises(StoreError, match=r"scores of toy, are damaged: [^\n]*\.$"):
        side.scores("toy")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_refused(kept, spoiled, number):
    text = json.dumps(columns_of(kept)).replace("1.0", number, 1).encode()
    assert number.encode() in text
    side = sides.load(spoiled(lambda raw: raw["scores"].update(toy=block_of(text))))
    with pytest.raises(StoreError, match="are damaged"):
        side.scores("toy")
    bad = kept.with_name("bad.json")
    bad.write_text(kept.read_text().replace('"seconds": ', f'"seconds": {number}, "x": ', 1))
    with pytest.raises(StoreError, match="cannot be read as JSON"):
        sides.load(bad)


BLOCKS = {
    "a bomb": block_of(b" " * (1 << 24), bytes=5000),
    "a bomb that says so": block_of(b" " * 100, bytes=1 << 40),
    "a shorter text": block_of(b"{}", bytes=3),
    "a longer text": block_of(b"{}   ", bytes=2),
    "no byte": block_of(b"", bytes=0),
    "less than none": block_of(b"{}", bytes=-1),
    "another count": block_of(b"{}", samples=41),
    "fewer than none": block_of(b"{}", samples=-1),
    "half of it": block_of(b"{}", text=block_of(b"{}" * 99)["text"][:20]),
    "something behind it": block_of(
        b"{}", text=base64.b85encode(bz2.compress(b"{}") + b"more").decode()
    ),
    "no compression": block_of(b"{}", text="abcde"),
    "no base 85": block_of(b"{}", text='"\\é'),
    "nothing": block_of(b"{}", text=""),
    "deep nesting": block_of(b"[" * 100_000),
    "no Unicode": block_of(b'{"sample_id": ["\xff"]}'),
}


@pytest.mark.parametrize("what", BLOCKS)
def test_a_text_that_is_not_what_it_says_is_one_sentence(spoiled, what):
    side = sides.load(spoiled(lambda raw: raw["scores"].update(toy=BLOCKS[what])))
    with pytest.raises(StoreError, match=r"scores of toy, are damaged: [^\n]*\.$") as told:
        side.scores("toy")
    assert told.value.exit_code == ExitCode.USAGE


def test_a_bomb_is_not_unpacked():
    """Of 64 MiB that 5,000 bytes were promised to be, 5,001 are made; of 40 samples' none."""
    import tracemalloc

    for told in ({"bytes": 5000}, {}):
        bomb = block_of(b" " * (1 << 26), **told)
        tracemalloc.start()
        with pytest.raises(StoreError):
            unpacked(Block(**bomb), "here")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
        tracemalloc.stop()


def test_more_samples_than_were_asked_are_not_unpacked(spoiled):
    block = packed([])
    many = {"samples": 41, "bytes": block.bytes, "text": "never read"}
    side = sides.load(spoiled(lambda raw: raw["scores"].update(toy=many)))
    with pytest.raises(StoreError, match="they are 41, of 40 that were asked"):
        side.scores("toy")


def test_what_could_not_be_read_is_not_written():
    one = SampleScore(
        sample_id="a",
        answer="x" * (1 << 21),
        targets=(),
        values={},
        group=None,
        cluster="a",
        tags={},
        failed=False,
    )
    with pytest.raises(StoreError, match="1 scored samples take 2,09"):
        packed([one])
    assert unpacked(packed([replace(one, answer="x" * (1 << 20))]), "here")


FILES = {
    "another schema": lambda raw: raw.update(schema=2),
    "a schema that is true": lambda raw: raw.update(schema=True),
    "a count that is true": lambda raw: raw["scores"]["toy"].update(samples=True),
    "a field more": lambda raw: raw.update(odd=1),
    "a field less": lambda raw: raw.pop("scores"),
    "no scores of a task": lambda raw: raw["scores"].clear(),
    "scores of no task": lambda raw: raw["scores"].update(gqa=raw["scores"]["toy"]),
    "no mapping": lambda raw: raw.update(scores=[]),
    "no block": lambda raw: raw["scores"].update(toy="text"),
    "a block with more": lambda raw: raw["scores"]["toy"].update(odd=1),
    "a count as text": lambda raw: raw["scores"]["toy"].update(samples="40"),
    "no record": lambda raw: raw.update(record=None),
    "an older record": lambda raw: raw["record"].update(schema=4),
    "another format": lambda raw: raw.update(format="x"),
}


@pytest.mark.parametrize("what", FILES)
def test_another_file_is_one_sentence(spoiled, what):
    with pytest.raises(StoreError, match=r"toy\.json[^\n]*\.$"):
        sides.load(spoiled(FILES[what]))


# What may be accepted


def test_a_run_that_is_not_whole_is_no_baseline_unless_told(copied, result_of):
    coverage = result_of(copied).coverage
    beside = replace(coverage, asked=42, failed=2)  # as `score --missing exclude` counts them
    result_of(copied, coverage=beside)
    with pytest.raises(IncompleteError, match=r"samples of toy failed") as told:
        accepted(sides.load(copied))
    assert told.value.exit_code == ExitCode.INCOMPLETE
    assert len(accepted(sides.load(copied), allow_incomplete=True)["toy"]) == 40


def test_a_limit_is_a_choice_and_not_a_fault(ran):
    assert len(accepted(sides.load(ran(limit=20)))["toy"]) == 20


def test_nothing_and_a_baseline_are_no_baseline(copied, kept):
    with pytest.raises(UsageError, match="is a baseline already"):
        accepted(sides.load(kept))
    RunFolder(copied).write_record(replace(load_run(copied), results=()))
    with pytest.raises(UsageError, match="holds no result"):
        accepted(sides.load(copied))


def test_scores_that_are_stale_are_not_accepted(copied, edit):
    edit(copied, lambda raw: raw["results"][0]["metrics"]["accuracy"].update(value=0.3), seal=True)
    with pytest.raises(StaleError):
        accepted(sides.load(copied))


# What would change


def test_nothing_changes_by_the_same_run(ran, kept):
    (change,) = changes(sides.load(kept), sides.load(ran()))
    assert not change.is_any
    assert (change.same, change.failed) == (40, (0, 0))


def test_changes_are_counted(ran, kept):
    other = sides.load(ran("dummy:constant,text=yes"))
    before = {score.sample_id: score for score in sides.load(kept).scores("toy")}
    (change,) = changes(sides.load(kept), other)
    moved = sum(s.values != before[s.sample_id].values for s in other.scores("toy"))
    reread = sum(
        s.values == before[s.sample_id].values and s.answer != before[s.sample_id].answer
        for s in other.scores("toy")
    )
    assert (change.moved, change.reread, change.same) == (moved, reread, 40 - moved - reread)
    assert moved
    assert change.numbers["accuracy"][1] == 0.5
    assert change.parts == ()


def test_samples_that_come_and_go_are_counted(ran, kept):
    (change,) = changes(sides.load(kept), sides.load(ran(limit=20, prompt="bare")))
    assert (change.added, change.removed) == (0, 20)
    assert {m.part for m in change.parts} == {"prompt.variant", "prompt.template"}


def test_a_baseline_of_an_older_task_can_be_looked_at(ran, kept, toys, tmp_path):
    newer = tmp_path / "toy.py"
    newer.write_text(toys[0].path.read_text().replace("version=1", "version=2"))
    old = sides.load(kept, (str(newer),))
    with pytest.raises(StaleError):
        old.scores("toy")
    (change,) = changes(old, sides.load(ran(), (str(newer),)))
    assert not change.is_any
