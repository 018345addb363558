"""A key is used and shown nowhere: not in a file, a cache, an output or the list of processes."""

import json
import sqlite3
import threading
import zlib
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

CANARY = "canary-7Qx-do-not-show-4411"
"""It does not begin as OpenAI's keys do, so that only knowing it can hide it."""


class Watcher:
    """Looks at the command lines of all processes, as any user of the machine can."""

    def __init__(self):
        self.seen, self._over = [], threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                self.seen.append(line)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()


def shown_in(folder):
    """Files that hold the canary, whatever kind they are."""
    held = [path for path in folder.rglob("*") if path.is_file()]
    found = [path for path in held if CANARY.encode() in path.read_bytes()]
    for path in held:
        if path.suffix == ".sqlite":
            with sqlite3.connect(path) as cache:
                rows = cache.execute("SELECT * FROM replies").fetchall()
            found += [path for row in rows if CANARY in str(row)]
    return found


HOSTILE = (
    *("echo", "echo_500", "echo_429", "echo_body", "echo_html", "echo_refusal"),
    *("echo_answer", "echo_escaped"),
)
"""A server's ways to give a key back: in errors, in what is no reply, in a refusal, in a reply."""


def judged(evalkit, server, folder, *more):
    """`evalkit run --judge` and `evalkit judge`, watched."""
    judge = (
        *("--judge", f"openai:toy-model,base_url={server.url},retries=1,concurrency=2"),
        *("--judge-cache", folder / "cache.sqlite", *more),
    )
    with Watcher() as watcher:
        first = evalkit(
            *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--limit", "30"),
            *("--out", folder / "out", "--name", "r", *judge),
            OPENAI_API_KEY=CANARY,
        )
        second = evalkit("judge", folder / "out" / "echo" / "r", *judge, OPENAI_API_KEY=CANARY)
    assert any(server.url.encode() in line for line in watcher.seen), "the watcher saw evalkit"
    assert not any(CANARY.encode() in line for line in watcher.seen)
    return first, second


def test_a_key_is_nowhere_though_a_hostile_server_echoes_it(chat_server, evalkit, tmp_path):
    used = set()

    def script(asked):
        used.update(v for n, v in asked.headers.items() if n.lower() == "authorization")
        number = zlib.crc32(asked.text.encode()) % (2 * len(HOSTILE))
        return dict(enumerate(HOSTILE)).get(number)

    with chat_server(script, answer=lambda asked: "0.4") as server:
        first, second = judged(evalkit, server, tmp_path)
    assert (first.code, second.code) == (14, 14), first.err
    assert used == {f"Bearer {CANARY}"}
    verdicts = (tmp_path / "out/echo/r/verdicts/mmvet.jsonl").read_text()
    replies = [row["reply"] or "" for row in map(json.loads, verdicts.splitlines())]
    assert {"0.4 said Bearer [key]", "0.4 said [key]"} <= set(replies)
    assert "Authorization: Bearer [key]" in verdicts, "what the server said is there"
    assert CANARY not in first.out + first.err + second.out + second.err
    assert shown_in(tmp_path) == []


@pytest.mark.parametrize("said", ["another key is taken", None])
def test_a_key_that_is_refused_is_not_shown(chat_server, evalkit, tmp_path, said):
    with chat_server(
        lambda asked: "echo_401" if said is None and len(server.asked) > 8 else None,
        answer=lambda asked: "0.4",
        key="another" if said else None,
    ) as server:
        first, second = judged(evalkit, server, tmp_path, "--json")
    assert (first.code, second.code) == (20, 20 if said is None else 2), second.err
    assert "[key]" in first.err
    assert (tmp_path / "out").exists() == (said is None), "a wrong key is told before the model"
    assert CANARY not in first.out + first.err + second.out + second.err
    assert shown_in(tmp_path) == []
