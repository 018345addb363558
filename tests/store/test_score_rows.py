"""Scored samples from Parquet: what went in comes out, and nothing else is let in."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.columns import score_table
from evalkit.errors import StaleError, StoreError
from evalkit.integrity import ScoreDigest, digest_of_scores
from evalkit.records import SampleScore
from evalkit.score_rows import (
    read_clusters,
    read_scores,
    score_columns,
    score_pieces,
    scores_at,
)
from evalkit.store import RunFolder

SCORE = SampleScore(
    sample_id="a",
    answer="sí",
    targets=("yes", "", "答"),
    values={"correct": 0.1},
    group="g",
    cluster="c",
    tags={"kind": "low"},
    failed=False,
    rule="r",
    ambiguous=True,
)
BARE = replace(
    SCORE, sample_id="b", answer=None, targets=(), group=None, values={}, tags={}, failed=True
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
several = st.lists(texts, min_size=1, max_size=3).map(tuple)
scored = st.builds(
    SampleScore,
    sample_id=st.uuids().map(str),
    answer=st.none() | texts,
    targets=st.lists(texts, max_size=3).map(tuple),
    values=st.dictionaries(
        st.sampled_from("xyz"), st.floats(allow_nan=False, allow_infinity=False)
    ),
    group=st.none() | texts,
    cluster=texts,
    tags=st.fixed_dictionaries({}, optional={"one": texts, "more": several}),
    failed=st.booleans(),
    rule=texts,
    ambiguous=st.booleans(),
)
many = st.lists(scored, max_size=8, unique_by=lambda score: score.sample_id)


def listed(scores):
    """The scores with all tags as tuples."""
    return [
        replace(s, tags={n: (t,) if isinstance(t, str) else t for n, t in s.tags.items()})
        for s in scores
    ]


@given(many)
def test_what_is_written_is_read(tmp_path_factory, scores):
    folder = RunFolder(tmp_path_factory.mktemp("scores"))
    digest = folder.write_scores("toy", scores)
    read = folder.read_scores("toy", digest)
    assert listed(read) == listed(scores)
    assert digest_of_scores(read) == digest
    assert folder.read_clusters("toy") == {s.sample_id: s.cluster for s in scores}


def test_a_tag_is_a_text_unless_a_sample_has_several(tmp_path):
    folder = RunFolder(tmp_path)
    several_ = replace(BARE, tags={"kind": ("low", "high"), "only": "x"})
    folder.write_scores("toy", [SCORE, several_])
    assert [s.tags for s in folder.read_scores("toy")] == [
        {"kind": ("low",)},
        {"kind": ("low", "high"), "only": "x"},
    ]
    folder.write_scores("toy", [SCORE, BARE])
    assert folder.read_scores("toy") == (SCORE, BARE)


def test_equal_texts_and_mappings_are_one_object(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_scores("toy", [replace(SCORE, sample_id=str(i)) for i in range(20_000)])
    first, *_, last = folder.read_scores("toy")  # of other row groups and batches
    for name in ("answer", "targets", "values", "tags", "cluster", "rule"):
        assert getattr(first, name) is getattr(last, name)


def test_no_scores_are_none(tmp_path):
    RunFolder(tmp_path).write_scores("toy", [])
    assert RunFolder(tmp_path).read_scores("toy") == ()


# Digests


@given(many, st.integers(1, 4))
def test_a_digest_does_not_depend_on_the_pieces(scores, size):
    total = ScoreDigest()
    for start in range(0, len(scores), size):
        total.add(iter(scores[start : start + size]))
    assert total.value == digest_of_scores(scores)


@given(scored, scored)
def test_other_scores_have_another_digest(one, two):
    same = listed([replace(one, targets=())]) == listed([replace(two, targets=())])
    assert (digest_of_scores([one]) == digest_of_scores([two])) == same


def test_order_and_number_count_and_targets_do_not():
    digests = {
        digest_of_scores(scores)
        for scores in ([], [SCORE], [BARE], [SCORE, BARE], [BARE, SCORE], [SCORE, SCORE])
    }
    assert len(digests) == 6
    assert digest_of_scores([replace(SCORE, targets=())]) == digest_of_scores([SCORE])


def test_the_digest_is_this_one():
    """Committed baselines hold it: it may not move."""
    assert digest_of_scores([SCORE, BARE]) == DIGEST


DIGEST = "bb0853f15722fa43306bb472c554ff00396394bc513b082a708e04d902388ebf"


def test_numbers_count_as_floats_and_what_no_file_holds_as_files_hold_it(tmp_path):
    whole = replace(SCORE, values={"correct": 1})
    assert digest_of_scores([whole]) == digest_of_scores([replace(SCORE, values={"correct": 1.0})])
    odd = replace(SCORE, cluster="\ud800", tags={"kind": "\ud800", "none": ()})
    digest = RunFolder(tmp_path).write_scores("toy", [odd])
    (read,) = RunFolder(tmp_path).read_scores("toy", digest)
    assert (read.cluster, read.tags) == ("?", {"kind": "?"})


def test_another_digest_is_stale(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_scores("toy", [SCORE])
    with pytest.raises(StaleError, match=r"toy\.parquet does not hold the scores"):
        folder.read_scores("toy", "0" * 64)


# What is refused


def write(path, table):
    pq.write_table(table, path)
    return path


TABLE = score_table([SCORE, BARE])


def replaced(name, values, kind=None):
    place = TABLE.column_names.index(name)
    return TABLE.set_column(place, name, pa.array(values, kind))


TABLES = {
    "a column less": TABLE.drop_columns(["rule"]),
    "a column more": TABLE.append_column("odd", pa.array([1, 2])),
    "a number as text": replaced("value.correct", ["1", "2"]),
    "an integer": replaced("value.correct", [1, 2]),
    "a text for a list": replaced("targets", ["a", "b"]),
    "a list of numbers": replaced("targets", [[1], [2]]),
    "a tag that is no list": replaced("tag.kind", ["a", "b"]),
    "a number for a text": replaced("cluster", [1, 2]),
    "a sample twice": replaced("sample_id", ["a", "a"]),
    "no id": replaced("sample_id", ["a", None]),
    "no cluster": replaced("cluster", ["a", None]),
    "no flag": replaced("failed", [True, None]),
    "no number": replaced("value.correct", [float("nan"), 0.0]),
    "endless": replaced("value.correct", [float("inf"), 0.0]),
    "a gap in a list": replaced("targets", [["a", None], []]),
    "a gap in a tag": replaced("tag.kind", [["a"], [None]]),
    "no column": pa.table({}),
}


@pytest.mark.parametrize("what", TABLES)
def test_another_table_is_one_sentence(tmp_path, what):
    path = write(tmp_path / "t.parquet", TABLES[what])
    with pytest.raises(StoreError, match=r"t\.parquet holds no scored samples: [^\n]*\.$"):
        read_scores(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100, b"nonsense"])
def test_what_is_no_parquet_is_one_sentence(tmp_path, content):
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    for read in (read_scores, read_clusters):
        with pytest.raises(StoreError, match="cannot be read as Parquet"):
            read(path)


def test_half_a_file_is_one_sentence(tmp_path):
    path = write(tmp_path / "t.parquet", TABLE)
    content = bytearray(path.read_bytes())
    content[10:200] = bytes(190)
    path.write_bytes(content)
    with pytest.raises(StoreError):
        read_scores(path)


def test_no_file_is_said(tmp_path):
    with pytest.raises(StoreError, match="There are no scored samples at"):
        RunFolder(tmp_path).read_scores("toy")
    assert RunFolder(tmp_path).read_clusters("toy") == {}


def test_columns_rows_and_pieces_say_what_all_scores_say(tmp_path):
    made = [
        SampleScore(
            sample_id=f"s{i}",
            answer=None if i % 7 == 0 else f"a{i % 5}",
            targets=("x",) * (i % 3),
            values={"correct": float(i % 2)},
            group=None,
            cluster=f"c{i // 2}",
            tags={"kind": "low" if i % 2 else "high"},
            failed=i % 7 == 0,
            rule="as written",
        )
        for i in range(20_000)
    ]
    path = tmp_path / "scores.parquet"
    pq.write_table(score_table(made), path, row_group_size=8192)
    assert [score for some in score_pieces(path) for score in some] == made
    columns = score_columns(path, ("answer",))
    assert columns["sample_id"].to_pylist() == [score.sample_id for score in made]
    assert columns["answer"].to_pylist() == [score.answer for score in made]
    assert "targets" not in columns.column_names
    rows = [19_999, 0, 8191, 8192]
    found = scores_at(path, rows)
    assert sorted(found) == sorted(rows)
    for row in rows:
        assert found[row].sample_id == made[row].sample_id
        assert found[row].targets == made[row].targets
