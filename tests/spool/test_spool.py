"""Records on disk: what is read is what was written, in any order, and no function is lost."""

import gc
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ExitCode, UnwritableError
from evalkit.records import Generation, Image, Message, Request, Sample, SampleScore
from evalkit.spool import Lazy, Spool

LARGE = "x" * 100_000

words = st.text(max_size=20)
slices = st.dictionaries(words, words | st.lists(words, max_size=3).map(tuple), max_size=3)
samples = st.builds(
    Sample,
    id=words,
    question=words,
    images=st.lists(st.builds(Image, key=words, read=st.just(bytes)), max_size=2).map(tuple),
    choices=st.lists(words, max_size=3).map(tuple),
    targets=st.lists(words, max_size=3).map(tuple),
    group=st.none() | words,
    cluster=words,
    tags=slices,
    inputs=slices,
)


def sample(number: int, **changes) -> Sample:
    return Sample(**{"id": f"s{number}", "question": "?", "cluster": "c"} | changes)


@given(st.lists(samples, max_size=20), st.data())
def test_what_was_written_is_read_in_any_order(records, data):
    spool = Spool(Sample, records)
    assert len(spool) == len(records)
    assert list(spool) == records
    for place in data.draw(st.permutations(range(len(records)))):
        assert spool[place] == records[place]
        assert spool[place - len(records)] == records[place]
    part = data.draw(st.slices(len(records)))
    assert list(spool[part]) == records[part]


@pytest.mark.parametrize("count", [1, 255, 256, 257, 3000])
def test_large_ones_go_to_disk_and_come_back(count):
    records = [
        sample(number, question=f"{number} {'x' * (number % 700)}") for number in range(count)
    ]
    spool = Spool(Sample, records)
    assert list(spool) == records
    assert [spool[place] for place in reversed(range(count))] == records[::-1]


def test_one_may_be_added_while_others_are_read():
    spool = Spool(Sample)
    for number in range(1000):
        spool.append(sample(number, question="x" * 700))
        assert spool[number // 2].id == f"s{number // 2}"
        assert spool[-1].id == f"s{number}"
    assert [one.id for one in spool] == [f"s{number}" for number in range(1000)]


def test_no_place_beyond_the_end():
    spool = Spool(Sample, [sample(1)])
    for place in (1, -2):
        with pytest.raises(IndexError):
            spool[place]
    assert list(Spool(Sample)) == []


def content(word: str, number: int) -> bytes:
    return f"{word} {number}".encode()


class Place:
    def __init__(self, word: str) -> None:
        self.word = word

    def read(self, number: int) -> bytes:
        return content(self.word, number)


class Odd:
    """A callable that cannot be a key."""

    __hash__ = None

    def __call__(self) -> bytes:
        return b"odd"


def test_a_picture_is_read_as_before():
    one, two = Place("one"), Place("two")
    reads = [
        *(partial(place.read, number) for number in range(3) for place in (one, two)),
        *(lambda number=number: content("lambda", number) for number in range(3)),
        partial(content, "three", number=3),
        Odd(),
        bytes,
    ]
    records = [
        sample(number, images=(Image(key=f"{number}", read=read),))
        for number, read in enumerate(reads)
    ]
    spool = Spool(Sample, records)
    assert [one.images[0].read() for one in spool] == [read() for read in reads]
    again = Spool(Sample, spool)  # what is read may be written again
    assert [one.images[0].read() for one in again] == [read() for read in reads]


def test_requests_and_scores_are_records_too():
    request = Request(
        task="t",
        sample_id="s",
        messages=(Message(role="user", content=(Image(key="k", read=bytes), "what?")),),
        generation=Generation(max_new_tokens=3, stop=("\n",)),
        kin="k",
    )
    assert list(Spool(Request, [request])) == [request]
    score = SampleScore(
        sample_id="s",
        answer=None,
        targets=("a",),
        values={"third": 1 / 3, "tiny": 5e-324},
        group=None,
        cluster="c",
        tags=MappingProxyType({"kind": ("a", "b")}),
        failed=True,
    )
    assert list(Spool(SampleScore, [score])) == [score]


def test_texts_that_no_file_holds_are_held():
    records = [sample(1), sample(2, question="\ud800"), sample(3, targets=("\udfff",)), sample(4)]
    spool = Spool(Sample, records)
    assert list(spool) == records
    assert spool[1] == records[1]


def test_several_threads_may_read():
    records = [sample(number, question="x" * 500) for number in range(2000)]
    spool = Spool(Sample, records)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(spool.__getitem__, range(2000))) == records


def test_little_is_held_for_a_record():
    read = Place("one").read
    gc.collect()
    tracemalloc.start()
    try:
        spool = Spool(
            Sample,
            (
                sample(
                    number,
                    question="What is it? " * 5,
                    images=(Image(key=f"{number}", read=partial(read, number)),),
                    targets=("yes",) * 10,
                )
                for number in range(20_000)
            ),
        )
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(spool) == 20_000
    assert (held - 600_000) / 20_000 < 12, "what waits to be written, and eight bytes a record"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_file_goes_with_the_sequence(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = open_files()
    spool = Spool(Sample, [sample(number, question=LARGE) for number in range(9)])
    assert open_files() == before + 1
    assert list(tmp_path.iterdir()) == [], "nobody else can open it"
    part = spool[2:4]
    del spool
    assert [one.id for one in part] == ["s2", "s3"], "a part keeps the whole"
    del part
    assert open_files() == before


def test_no_room_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    many = (sample(number, question=LARGE) for number in range(9))
    with pytest.raises(UnwritableError, match=r"temporary file in .*gone \(TMPDIR") as told:
        Spool(Sample, many)
    assert told.value.exit_code == ExitCode.INFRASTRUCTURE


@given(st.lists(st.integers()), st.data())
def test_lazy_items_are_made_when_asked_for(given_, data):
    made = []
    lazy = Lazy(given_, lambda number: made.append(number) or number + 1)
    assert made == []
    assert len(lazy) == len(given_)
    assert list(lazy) == [number + 1 for number in given_]
    part = data.draw(st.slices(len(given_)))
    assert list(lazy[part]) == [number + 1 for number in given_[part]]
    if given_:
        made.clear()
        assert lazy[-1] == given_[-1] + 1
        assert made == [given_[-1]]


def test_few_are_read_once_and_many_each_time():
    few = Spool(Message, [Message(role="user", content=("a",))] * 3)
    assert all(one is other for one, other in zip(few, few, strict=True))
    few.append(Message(role="user", content=("b",)))
    assert [message.content for message in few] == [("a",)] * 3 + [("b",)]
    many = Spool(Message, [Message(role="user", content=("a" * 10_000,))] * 500)
    assert not any(one is other for one, other in zip(many, many, strict=True))
    assert list(many) == list(many)
