"""Local folders: which files are taken, what rows look like, and what is refused."""

import json
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.data import DataSource, load, preflight
from evalkit.errors import DataError, UsageError
from evalkit.records import Generation, Image, Sample
from evalkit.task import DatasetRef, Join, Prompt, Task

pytest.importorskip("datasets")

FIRST, SECOND = b"\x89PNG first", b"\x89PNG second"
REF = DatasetRef(
    repositories=("nobody/nothing",),
    split="test",
    columns=("id", "question", "answers", "image"),
    image_columns=("image",),
    rows=3,
)
ROWS = [
    {"id": 1, "question": "a?", "answers": ["x", "y"], "image": {"bytes": FIRST, "path": None}},
    {"id": 2, "question": "b?", "answers": ["x"], "image": None},
    {"id": 3, "question": "c?", "answers": [], "image": {"bytes": SECOND, "path": "c.png"}},
]


def to_sample(row):
    return Sample(
        id=str(row["id"]),
        question=row["question"],
        images=() if row["image"] is None else (row["image"],),
        targets=tuple(row["answers"]),
        cluster=str(row["__index__"]),
    )


def task(ref=REF, to_sample=to_sample, name="made"):
    return Task(
        name=name,
        version=1,
        dataset=ref,
        to_sample=to_sample,
        prompts={"plain": Prompt(template="{{ question }}")},
        generation=Generation(max_new_tokens=1),
        score=None,
        metrics=(),
        headline=(),
    )


def parquet(path, rows=ROWS):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def mapped_megabytes():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssFile:\s+(\d+) kB", status)[1]) / 1024


@pytest.fixture(params=[0, 1 << 26], ids=["mapped", "in-memory"])
def both_ways(request, monkeypatch):
    """Large tables are mapped, small ones read into memory: nothing else may differ."""
    monkeypatch.setattr("evalkit.data.arrow._SMALL", request.param)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "made"


@pytest.fixture
def source(tmp_path):
    return DataSource(folder=tmp_path / "data")


def shown(loaded):
    return [[image.read() for image in sample.images] for sample in loaded.samples]


@pytest.mark.usefixtures("both_ways")
class TestParquet:
    def test_rows_become_samples(self, folder, source):
        parquet(folder / "test.parquet")
        loaded = load(task(), source)
        assert [sample.id for sample in loaded.samples] == ["1", "2", "3"]
        assert [sample.targets for sample in loaded.samples] == [("x", "y"), ("x",), ()]
        assert [sample.cluster for sample in loaded.samples] == ["0", "1", "2"]
        assert shown(loaded) == [[FIRST], [], [SECOND]]
        assert loaded.notes == ()

    def test_the_identity_is_that_of_local_rows(self, folder, source):
        parquet(folder / "test.parquet")
        identity = load(task(), replace(source, label="demo")).identity
        assert (identity.repository, identity.revision, identity.rows) == ("demo", None, 3)
        assert (identity.samples, identity.expected_rows, identity.images) == (3, 3, None)

    def test_shards_are_taken_in_order(self, folder, source):
        for number, row in enumerate(ROWS):
            parquet(folder / f"test-{number:05d}-of-00003.parquet", [row])
        loaded = load(task(), source)
        assert [sample.id for sample in loaded.samples] == ["1", "2", "3"]
        assert shown(loaded) == [[FIRST], [], [SECOND]]
        assert loaded.samples[2].images[0].key == "test/image/2"

    def test_optional_columns_are_read_where_all_files_have_them(self, folder, source):
        ref = replace(REF, optional_columns=("name", "other"))
        seen = []
        noting = task(ref, lambda row: seen.append(row) or to_sample(row))
        first, *rest = [{**row, "name": f"n{row['id']}", "more": 1} for row in ROWS]
        parquet(folder / "test-0.parquet", [first])
        parquet(folder / "test-1.parquet", rest)
        preflight(noting, source)
        load(noting, source)
        assert [row["name"] for row in seen] == ["n1", "n2", "n3"]
        assert not {"other", "more"} & seen[0].keys()
        parquet(folder / "test-1.parquet", ROWS[1:])
        seen.clear()
        assert [sample.id for sample in load(noting, source).samples] == ["1", "2", "3"]
        assert not any("name" in row for row in seen)

    def test_pictures_can_be_pickled(self, folder, source):
        parquet(folder / "test.parquet")
        image = pickle.loads(pickle.dumps(load(task(), source).samples[2].images[0]))  # noqa: S301
        assert (image.key, image.read()) == ("test/image/2", SECOND)

    def test_another_file_of_the_same_name_is_noticed(self, folder, source):
        parquet(folder / "test.parquet")
        load(task(), source)
        status = (folder / "test.parquet").stat()
        parquet(folder / "test.parquet", [{**row, "question": "longer?" * 9} for row in ROWS])
        os.utime(folder / "test.parquet", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert load(task(), source).samples[0].question.startswith("longer")

    def test_names_with_glob_characters_are_names(self, tmp_path):
        parquet(tmp_path / "[a]*" / "made" / "test.parquet")
        assert len(load(task(), DataSource(folder=tmp_path / "[a]*")).samples) == 3

    def test_a_picture_may_be_a_plain_binary_column(self, folder, source):
        parquet(folder / "test.parquet", [{**row, "image": FIRST} for row in ROWS])
        assert shown(load(task(), source)) == [[FIRST]] * 3

    def test_a_picture_may_be_a_file(self, folder, source):
        picture = {"bytes": None, "path": "../pictures/c.png"}
        parquet(folder / "test.parquet", [{**row, "image": picture} for row in ROWS])
        (folder.parent / "pictures").mkdir()
        (folder.parent / "pictures" / "c.png").write_bytes(FIRST)
        loaded = load(task(), source)
        assert shown(loaded) == [[FIRST]] * 3
        assert {sample.images[0].key for sample in loaded.samples} == {"pictures/c.png"}

    def test_a_text_column_holds_no_pictures(self, folder, source):
        parquet(folder / "test.parquet", [{**row, "image": 7} for row in ROWS])
        with pytest.raises(DataError, match=r"'image' of .*test\.parquet holds no pictures"):
            load(task(), source)

    def test_no_picture_is_read_while_samples_are_made(self, folder, source, monkeypatch):
        monkeypatch.setattr("evalkit.data.arrow._SMALL", 0)
        picture = {"bytes": bytes(1 << 20), "path": None}
        parquet(
            folder / "test.parquet", [{**ROWS[0], "id": n, "image": picture} for n in range(64)]
        )
        load(task(), source)  # converts
        before = mapped_megabytes()
        samples = load(task(), source).samples
        assert mapped_megabytes() - before < 8
        assert sum(len(sample.images[0].read()) for sample in samples) == 64 << 20


class TestJson:
    ROWS = (
        {"id": 1, "question": "a?", "answers": ["x"], "image": "images/a.png"},
        {"id": 2, "question": "b?", "answers": []},
        {"id": 3, "question": "c?", "answers": [], "image": "images/a.png"},
    )

    @pytest.fixture
    def images(self, folder):
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "a.png").write_bytes(FIRST)

    def test_rows_become_samples(self, folder, source, images):
        lines(folder / "test.jsonl", self.ROWS)
        loaded = load(task(), source)
        assert shown(loaded) == [[FIRST], [], [FIRST]]
        assert loaded.samples[0].images == loaded.samples[2].images

    def test_an_array_is_read_too(self, folder, source, images):
        (folder / "test.json").write_text(json.dumps(self.ROWS))
        assert len(load(task(), source).samples) == 3

    def test_a_missing_picture_names_its_row(self, folder, source):
        lines(folder / "test.jsonl", self.ROWS)
        with pytest.raises(
            DataError, match=r"Row 0 of test\.jsonl, column 'image'.*does not exist"
        ):
            load(task(), source)

    @pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd"])
    def test_a_path_may_not_leave_the_folder(self, folder, source, name):
        lines(folder / "test.jsonl", [{**row, "image": name} for row in self.ROWS])
        with pytest.raises(DataError, match="outside of the folder"):
            load(task(), source)

    def test_a_picture_that_vanishes_is_an_error(self, folder, source, images):
        lines(folder / "test.jsonl", self.ROWS)
        image = load(task(), source).samples[0].images[0]
        (folder / "images" / "a.png").unlink()
        with pytest.raises(DataError, match=r"a\.png cannot be read: No such file"):
            image.read()

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (b"\xff\xfe\x00", r"cannot be read"),
            (b'{"id": 1\n', r"is not JSON at line 1"),
            (b"[1]\n", r"Row 1 of .* must be a JSON object, not a list"),
            (b'{"id": 1}\n', r"lacks the columns question, answers, image; it has id"),
        ],
    )
    def test_broken_lines(self, folder, source, text, complaint):
        folder.mkdir(parents=True)
        (folder / "test.jsonl").write_bytes(text)
        for step in (load, preflight):
            with pytest.raises(DataError, match=complaint):
                step(task(), source)


@pytest.mark.usefixtures("both_ways")
class TestJoin:
    REF = replace(
        REF,
        config="questions",
        columns=("id", "imageId", "question", "answers"),
        join=Join(config="pictures", key="id", on="imageId", columns=("image",)),
    )
    QUESTIONS = (
        {"id": 1, "imageId": "n2", "question": "a?", "answers": ["x"]},
        {"id": 2, "imageId": "n1", "question": "b?", "answers": ["x"]},
        {"id": 3, "imageId": "n2", "question": "c?", "answers": ["x"]},
    )
    PICTURES = (
        {"id": "n1", "image": {"bytes": FIRST, "path": None}},
        {"id": "n2", "image": {"bytes": SECOND, "path": None}},
    )

    def test_pictures_come_from_the_second_table(self, folder, source):
        parquet(folder / "questions" / "test.parquet", self.QUESTIONS)
        parquet(folder / "pictures" / "test.parquet", self.PICTURES)
        preflight(task(self.REF), source)
        loaded = load(task(self.REF), source)
        assert shown(loaded) == [[SECOND], [FIRST], [SECOND]]
        assert loaded.samples[0].images == loaded.samples[2].images
        assert loaded.samples[0].images[0].key == "pictures/image/1"

    def test_rows_that_have_their_pictures_need_no_second_table(self, folder, source):
        rows = [{**row, "image": self.PICTURES[0]["image"]} for row in self.QUESTIONS]
        parquet(folder / "test.parquet", rows)
        assert shown(load(task(self.REF), source)) == [[FIRST]] * 3

    def test_a_picture_that_is_in_neither_table(self, folder, source):
        parquet(folder / "questions" / "test.parquet", self.QUESTIONS)
        with pytest.raises(DataError, match="lacks the columns image"):
            load(task(self.REF), source)

    def test_a_key_that_is_not_there(self, folder, source):
        parquet(folder / "questions" / "test.parquet", self.QUESTIONS)
        parquet(folder / "pictures" / "test.parquet", self.PICTURES[:1])
        with pytest.raises(DataError, match="row 0 has imageId 'n2', which is no id of the table"):
            load(task(self.REF), source)

    def test_a_key_that_is_there_twice(self, folder, source):
        parquet(folder / "questions" / "test.parquet", self.QUESTIONS)
        parquet(folder / "pictures" / "test.parquet", self.PICTURES * 2)
        with pytest.raises(DataError, match="has id 'n1' twice"):
            load(task(self.REF), source)

    def test_a_second_table_without_the_split(self, folder, source):
        parquet(folder / "questions" / "test.parquet", self.QUESTIONS)
        parquet(folder / "pictures" / "train.parquet", self.PICTURES)
        with pytest.raises(UsageError, match=r"No file of the split 'test' .*train\.parquet"):
            load(task(self.REF), source)


class TestFiles:
    @pytest.mark.parametrize("place", ["Full/test.parquet", "data/test-x.parquet", "test.parquet"])
    def test_where_a_split_is_looked_for(self, folder, source, place):
        parquet(folder / place)
        assert len(load(task(replace(REF, config="Full")), source).samples) == 3

    def test_another_split_of_a_similar_name_is_left_alone(self, folder, source):
        parquet(folder / "test.parquet")
        parquet(folder / "testdev.parquet", ROWS[:1])
        assert len(load(task(), source).samples) == 3

    def test_a_variant_shares_the_folder_of_its_task(self, folder, source):
        parquet(folder / "test.parquet")
        assert len(load(task(name="made:variant"), source).samples) == 3

    def test_files_of_another_name_are_not_guessed(self, folder, source):
        parquet(folder / "rows.parquet")
        with pytest.raises(UsageError, match=r"it is called test\*\.parquet.*rows\.parquet"):
            preflight(task(), source)

    def test_two_kinds_of_the_same_split(self, folder, source):
        parquet(folder / "test.parquet")
        lines(folder / "test.jsonl", [])
        with pytest.raises(UsageError, match=r"as \.jsonl and as \.parquet: keep one"):
            preflight(task(), source)

    def test_a_missing_shard(self, folder, source):
        parquet(folder / "test-00000-of-00002.parquet")
        with pytest.raises(DataError, match="missing is test-00001-of-00002"):
            preflight(task(), source)

    def test_a_folder_that_is_not_there(self, folder, source):
        with pytest.raises(UsageError, match="data does not exist: give a folder that holds one"):
            preflight(task(), source)
        folder.parent.mkdir()
        with pytest.raises(UsageError, match="made does not exist: it must hold the rows"):
            preflight(task(), source)

    def test_a_file_in_place_of_a_folder(self, folder, source):
        folder.parent.mkdir()
        folder.touch()
        with pytest.raises(UsageError, match="made is a file, not a folder"):
            preflight(task(), source)
        with pytest.raises(UsageError, match="made is a file, not a folder"):
            preflight(task(), DataSource(folder=folder))


@pytest.mark.usefixtures("both_ways")
class TestRows:
    def test_a_part_of_the_split_is_noted(self, folder, source):
        parquet(folder / "test.parquet", ROWS[:2])
        assert load(task(), source).notes == (
            "made: 2 rows of local data that may not be the benchmark's, whose split has 3.",
        )

    def test_more_rows_than_the_split_has_are_said_loudly(self, folder, source):
        parquet(folder / "test.parquet", [*ROWS, {**ROWS[0], "id": 4}])
        assert "has 4 rows, but the task expects 3" in load(task(), source).notes[0]

    def test_only_the_needed_columns_reach_the_task(self, folder, source):
        parquet(folder / "test.parquet", [{**row, "other": 1} for row in ROWS])
        seen = []
        load(task(to_sample=lambda row: seen.append(row) or to_sample(row)), source)
        assert list(seen[0]) == ["id", "question", "answers", "image", "__index__"]
        assert isinstance(seen[0]["image"], Image)

    def test_columns_that_are_missing(self, folder, source):
        parquet(folder / "test.parquet", [{"id": 1, "label": 2}])
        for step in (load, preflight):
            with pytest.raises(
                DataError, match="columns question, answers, image; it has id, label"
            ):
                step(task(), source)

    def test_an_id_that_is_there_twice(self, folder, source):
        parquet(folder / "test.parquet", [*ROWS, ROWS[0]])
        with pytest.raises(DataError, match="'1' is that of row 0 and of row 3"):
            load(task(), source)

    def test_a_task_that_fails_names_the_row(self, folder, source):
        parquet(folder / "test.parquet")
        broken = task(to_sample=lambda row: to_sample(row) if row["id"] < 3 else row["gold"])
        with pytest.raises(DataError, match=r"made: row 2 cannot be made .*KeyError: 'gold'"):
            load(broken, source)

    def test_an_empty_table(self, folder, source):
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(ROWS).slice(0, 0), folder / "test.parquet")
        with pytest.raises(DataError, match="has no rows"):
            load(task(), source)

    def test_a_file_that_is_not_parquet(self, folder, source):
        folder.mkdir(parents=True)
        (folder / "test.parquet").write_bytes(b"PAR1, or so it says")
        for step in (load, preflight):
            with pytest.raises(DataError, match=r"test\.parquet cannot be read as Parquet"):
                step(task(), source)

    def test_shards_that_do_not_fit_together(self, folder, source):
        parquet(folder / "test-00000-of-00002.parquet")
        parquet(folder / "test-00001-of-00002.parquet", [{**ROWS[0], "answers": 7}])
        with pytest.raises(DataError, match="do not fit together"):
            preflight(task(), source)

    def test_an_empty_list_of_lines(self, folder, source):
        lines(folder / "test.jsonl", [])
        with pytest.raises(DataError, match="the split 'test' has no rows"):
            load(task(), source)

    def test_a_file_that_is_damaged_inside(self, folder, source):
        parquet(folder / "test.parquet")
        whole = (folder / "test.parquet").read_bytes()
        (folder / "test.parquet").write_bytes(whole[:4] + b"\xff" * 400 + whole[404:])
        with pytest.raises(DataError, match=r"cannot be (converted|read)"):
            load(task(), source)
