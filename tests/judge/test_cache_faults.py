"""The judge's cache where others write too, processes are killed, and files are damaged."""

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from evalkit.errors import StoreError
from evalkit.judge.cache import CachedReply, VerdictCache
from evalkit.judge.cache_database import APPLICATION, SCHEMA

OWNER = {"backend": "openai", "model": "judge-1", "rubric": "a" * 64}
FEWER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root may write anywhere, unless it gives up the capabilities for it."""

WRITER = """
import sys
from pathlib import Path
from evalkit.judge.cache import CachedReply, VerdictCache

def reply(text):
    return CachedReply(text=text, finish="stop", prompt_tokens=1, output_tokens=1, served=("m",),
                       asked="2026-11-01T09:30:00Z")

path, me, first, rows, together = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
owner = {"backend": "openai", "model": "judge-1", "rubric": "a" * 64}
print("ready", flush=True)
sys.stdin.readline()
with VerdictCache(Path(path)) as cache:
    for start in range(first, first + rows, together):
        told = {f"{n:064x}": reply(f"{n} by {me}") for n in range(start, start + together)}
        assert cache.keep_all(told, **owner) <= together
        assert len(cache.find(list(told))) == together
        print(start, flush=True)
"""
"""Keeps `rows` replies from number `first` on, `together` at a time, and says each start."""


def key_of(number):
    return f"{number:064x}"


def reply_of(text):
    return CachedReply(
        text=text,
        finish="stop",
        prompt_tokens=1,
        output_tokens=1,
        served=(),
        asked="2026-11-01T09:30:00Z",
    )


def started(path, me, first, rows, together):
    words = [sys.executable, "-c", WRITER, *map(str, (path, me, first, rows, together))]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def sound(path):
    """Whether SQLite itself finds nothing wrong with the file."""
    connection = sqlite3.connect(path)
    (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return said == "ok"


def test_four_processes_write_at_once_into_a_cache_that_all_of_them_make(tmp_path):
    path = tmp_path / "new" / "judge.sqlite"
    writers = [started(path, me, me * 250, 500, 10) for me in range(4)]  # half of each is shared
    for writer in writers:
        go(writer)
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert (writer.returncode, said) == (0, "")
    with VerdictCache(path) as cache:
        found = cache.find([key_of(n) for n in range(2_000)])
        assert set(found) == {key_of(n) for n in range(1_250)}
        for key, reply in found.items():
            number, _, me = reply.text.partition(" by ")
            assert key == key_of(int(number))
            assert int(me) * 250 <= int(number) < int(me) * 250 + 500
        assert cache.statistics().replies == 1_250


def test_threads_share_one_cache(tmp_path):
    wrong = []
    with VerdictCache(tmp_path / "judge.sqlite") as cache:

        def work(me):
            try:
                for n in range(me * 50, me * 50 + 100):
                    cache.keep(key_of(n), reply_of(str(n)), **OWNER)
                    assert cache.find([key_of(n)])[key_of(n)].text == str(n)
            except (AssertionError, StoreError, KeyError, sqlite3.Error) as error:
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert cache.statistics().replies == 250


@pytest.mark.parametrize("seed", range(5))
def test_what_was_kept_before_a_kill_is_there_after_it_and_no_batch_is_torn(tmp_path, seed):
    path, together = tmp_path / "judge.sqlite", 7
    writer = started(path, "me", 0, 7_000_000, together)
    go(writer)
    until = random.Random(seed).randrange(1, 40)
    last = [int(writer.stdout.readline()) for _ in range(until)][-1]
    writer.kill()
    rest, _ = writer.communicate()
    last = max([last, *map(int, rest.split("\n")[:-1])])
    with VerdictCache(path) as cache:
        count = cache.statistics().replies
        assert count % together == 0
        assert count >= last + together
        assert len(cache.find([key_of(n) for n in range(count)])) == count
        assert cache.keep(key_of(count), reply_of("next"), **OWNER)
    assert sound(path)


def test_a_killed_import_has_imported_nothing(tmp_path):
    lines = tmp_path / "lines.fifo"
    os.mkfifo(lines)
    with VerdictCache(tmp_path / "other.sqlite") as other:
        other.keep_all({key_of(n): reply_of(str(n)) for n in range(50)}, **OWNER)
        other.export(tmp_path / "whole.jsonl")
    code = (
        "import sys; from pathlib import Path; from evalkit.judge.cache import VerdictCache\n"
        "with VerdictCache(Path(sys.argv[1])) as c: c.import_file(Path(sys.argv[2]))"
    )
    path = tmp_path / "judge.sqlite"
    process = subprocess.Popen([sys.executable, "-c", code, path, lines])
    with os.fdopen(os.open(lines, os.O_RDWR), "wb", buffering=0) as file:  # which never ends
        file.write((tmp_path / "whole.jsonl").read_bytes())
        with VerdictCache(path, patience=0.05) as cache:
            while not refused(cache):  # until the import holds the cache
                assert process.poll() is None
        process.kill()
        process.wait()
    with VerdictCache(path) as cache:
        assert not cache.find([key_of(n) for n in range(50)])


def refused(cache):
    try:
        cache.keep(key_of(10**9), reply_of("x"), **OWNER)
    except StoreError:
        return True
    return False


# Files that are something else


def read_all(path):
    with VerdictCache(path, patience=0.1) as cache:
        cache.statistics()
        cache.find([key_of(n) for n in range(5_000)])


def refusal(path):
    """The one sentence with which a cache is refused."""
    with pytest.raises(StoreError) as raised:
        read_all(path)
    said = str(raised.value)
    assert str(path) in said
    assert "\n" not in said
    assert "--judge-cache (--cache of `evalkit judge cache`) or EVALKIT_JUDGE_CACHE" in said
    return said


def full(path, rows=2_000):
    with VerdictCache(path) as cache:
        cache.keep_all({key_of(n): reply_of(f"reply {n} " * 20) for n in range(rows)}, **OWNER)
    return path


def test_a_text_file_is_no_database_and_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 200)
    assert "is no SQLite database" in refusal(path)
    assert path.read_text() == "my notes\n" * 200
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_file_becomes_a_cache(tmp_path):
    (tmp_path / "empty").touch()
    with VerdictCache(tmp_path / "empty") as cache:
        assert cache.keep(key_of(1), reply_of("x"), **OWNER)


def test_a_database_of_something_else_stays_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert "no judge's cache" in refusal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("schema", [0, SCHEMA + 1, 99])
def test_a_cache_of_another_schema_is_refused(tmp_path, schema):
    path = full(tmp_path / "judge.sqlite", rows=1)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema}")
    connection.close()
    said = refusal(path)
    assert f"schema {schema}" in said
    assert f"reads {SCHEMA}" in said


def test_a_head_without_a_table_is_damaged(tmp_path):
    path = tmp_path / "judge.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.close()
    refusal(path)


def test_a_truncated_cache_is_damaged(tmp_path):
    path = full(tmp_path / "judge.sqlite")
    os.truncate(path, path.stat().st_size // 2)
    assert "is damaged" in refusal(path)


@pytest.mark.parametrize("seed", range(8))
def test_an_overwritten_page_is_damaged(tmp_path, seed):
    path = full(tmp_path / "judge.sqlite")
    dice = random.Random(seed)
    page = dice.randrange(1, path.stat().st_size // 4096)
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(dice.randbytes(4096))
    assert "is damaged" in refusal(path)


@pytest.mark.parametrize(
    "change",
    [
        "served = 'x'",
        "served = '5'",
        "finish = 'error'",
        "prompt_tokens = 'many'",
        "asked = ''",
        "text = CAST(x'ff41' AS TEXT)",
    ],
)
def test_a_row_that_no_cache_writes_is_damaged(tmp_path, change):
    path = full(tmp_path / "judge.sqlite", rows=10)
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE replies SET {change} WHERE rowid = 3")  # noqa: S608
    connection.commit()
    connection.close()
    assert "is damaged" in refusal(path)


def test_a_lost_log_loses_only_what_it_held(tmp_path):
    path = full(tmp_path / "judge.sqlite", rows=10)
    with VerdictCache(path) as cache:
        cache.keep(key_of(11), reply_of("late"), **OWNER)
        copy = shutil.copy(path, tmp_path / "copy.sqlite")
        (tmp_path / "copy.sqlite-wal").write_bytes(b"torn" * 1_000)
    with VerdictCache(tmp_path / "copy.sqlite") as cache:
        assert len(cache.find([key_of(n) for n in range(20)])) == 10
    assert sound(copy)


# Places that cannot be written


def test_a_locked_cache_says_so_and_can_be_read(tmp_path):
    path = full(tmp_path / "judge.sqlite", rows=10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with VerdictCache(path, patience=0.1) as cache:
        assert len(cache.find([key_of(n) for n in range(10)])) == 10
        with pytest.raises(StoreError, match="locked by another process"):
            cache.keep(key_of(11), reply_of("x"), **OWNER)
        other.execute("ROLLBACK")
        assert cache.keep(key_of(11), reply_of("x"), **OWNER)
    other.close()


def test_a_locked_file_cannot_be_opened(tmp_path):
    path = tmp_path / "judge.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "locked by another process" in refusal(path)
    other.close()


def test_a_full_disk_loses_the_batch_and_nothing_else(tmp_path):
    path = full(tmp_path / "judge.sqlite", rows=100)
    with VerdictCache(path) as cache:
        pages = cache._database._connection.execute("PRAGMA page_count").fetchone()[0]
        cache._database._connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        many = {key_of(n): reply_of("long " * 100) for n in range(90, 1_000)}
        with pytest.raises(StoreError, match="disk is full"):
            cache.keep_all(many, **OWNER)
        assert cache.statistics().replies == 100
        assert cache.keep(key_of(101), reply_of("short"), **OWNER)
    assert sound(path)


def test_a_limit_on_the_size_of_files_is_one_sentence(tmp_path):
    path = full(tmp_path / "judge.sqlite", rows=100)
    limit = path.stat().st_size
    writer = subprocess.run(
        [sys.executable, "-c", WRITER, path, "me", "90", "100000", "1000"],
        input="go\n",
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    last = writer.stderr.splitlines()[-1]
    assert last.startswith("evalkit.errors.StoreError: The judge's cache")
    assert str(path) in last
    with VerdictCache(path) as cache:
        assert len(cache.find([key_of(n) for n in range(100)])) == 100
    assert sound(path)


@pytest.mark.parametrize("closed", ["folder", "file", "parent"])
@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None,
    reason="root may write anywhere, and setpriv is not there to take that away",
)
def test_what_is_read_only_is_refused_before_anything_is_asked(tmp_path, closed):
    folder = tmp_path / "shared"
    path = folder / "judge.sqlite"
    folder.mkdir()
    if closed == "parent":
        path = folder / "more" / "judge.sqlite"
    else:
        full(path, rows=1)
    path.chmod(0o444) if path.exists() else None
    folder.chmod(0o755 if closed == "file" else 0o555)
    code = (
        "import sys; from pathlib import Path; from evalkit.judge.cache import VerdictCache\n"
        "VerdictCache(Path(sys.argv[1]))"
    )
    told = [*(FEWER if os.geteuid() == 0 else ()), sys.executable, "-c", code, path]
    done = subprocess.run(told, check=False, capture_output=True, text=True)
    folder.chmod(0o755)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"evalkit.errors.StoreError: The judge's cache {path} cannot be")
    assert "writable" in last
    assert {one.name for one in folder.iterdir()} <= {"judge.sqlite"}


@pytest.mark.parametrize("kind", ["folder", "under a file", "with a null"])
def test_a_path_that_can_be_no_file_is_refused(tmp_path, kind):
    (tmp_path / "file").touch()
    path = {"folder": tmp_path, "under a file": tmp_path / "file" / "x", "with a null": None}[kind]
    refusal(path or tmp_path / "a\0b")


def test_a_failure_cannot_be_kept(tmp_path):
    with pytest.raises(TypeError):
        CachedReply(failure="timeout", asked="2026-11-01T09:30:00Z")
    with (
        VerdictCache(tmp_path / "judge.sqlite") as cache,
        pytest.raises((TypeError, AttributeError)),
    ):
        cache.keep(key_of(1), reply_of(None), **OWNER)
