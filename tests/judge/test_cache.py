"""The judge's cache: what a key depends on, what is kept, and how it travels."""

import hashlib
import json
import os
import stat
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import StoreError, UsageError
from evalkit.judge.cache import CachedReply, VerdictCache, cache_key, default_path
from evalkit.judge.cache_lines import Imported
from evalkit.records import Generation, Image, Message, Request
from evalkit.run_record import ModelIdentity

OWNER = {"backend": "openai", "model": "judge-1", "rubric": "a" * 64}


def key_of(number):
    return f"{number:064x}"


def reply_of(text="Score: 1", **other):
    told = {
        "finish": "stop",
        "prompt_tokens": 20,
        "output_tokens": 3,
        "served": ("judge-1-0613", "fp_1"),
        "asked": "2026-11-01T09:30:00Z",
    }
    return CachedReply(text=text, **{**told, **other})


def exported(cache, path):
    cache.export(path)
    return path.read_bytes()


@pytest.fixture
def cache(tmp_path):
    with VerdictCache(tmp_path / "judge.sqlite") as opened:
        yield opened


# Keys


def picture(key, content):
    return Image(key=key, read=lambda: content)


FEW = st.sampled_from
MESSAGES = st.lists(
    st.tuples(
        FEW(["system", "user"]),
        st.lists(FEW(["", "a", "ab", "b", "\ud800", ("x", b"1"), ("y", b"1"), ("x", b"2")])),
    ),
    max_size=2,
)
GENERATIONS = st.builds(
    Generation,
    max_new_tokens=FEW([1, 2]),
    temperature=FEW([0, 0.0, -0.0, 1.0]),
    top_p=FEW([1, 1.0, 0.5]),
    num_beams=FEW([1, 2]),
    stop=FEW([(), ("",), ("a", "b"), ("ab",)]),
)
IDENTITIES = st.builds(
    ModelIdentity,
    spec=FEW(["s", "t"]),
    backend=FEW(["hf", "openai"]),
    name=FEW(["m", "n"]),
    revision=FEW([None, "", "m"]),
    digest=FEW([None, "", "m"]),
    architecture=FEW([None, "A"]),
    dtype=FEW([None, "float16"]),
    parameters=FEW([None, 7]),
)
ASKED = st.tuples(
    IDENTITIES,
    FEW(["r1", "r2"]),
    MESSAGES,
    GENERATIONS,
    FEW([0, 1]),
    st.tuples(FEW(["t1", "t2"]), FEW(["s1", "s2"]), FEW(["", "k"])),
)


def key_for(asked):
    identity, rubric, messages, generation, repetition, (task, sample, kin) = asked
    turns = tuple(
        Message(role=role, content=tuple(p if isinstance(p, str) else picture(*p) for p in parts))
        for role, parts in messages
    )
    request = Request(task=task, sample_id=sample, messages=turns, generation=generation, kin=kin)
    return cache_key(identity, rubric, request, repetition)


def named_parts(asked):
    """All that a key may depend on; pictures by their bytes."""
    identity, rubric, messages, generation, repetition, _ = asked
    turns = [(role, [p if isinstance(p, str) else p[1] for p in parts]) for role, parts in messages]
    model = (identity.backend, identity.name, identity.revision, identity.digest)
    return model, rubric, turns, generation, repetition


@settings(max_examples=300, deadline=None)
@given(ASKED, ASKED, st.sets(st.integers(0, 5)))
def test_keys_are_equal_where_the_named_parts_are_and_nowhere_else(one, two, shared):
    mixed = tuple(one[i] if i in shared else two[i] for i in range(6))
    assert (key_for(one) == key_for(mixed)) == (named_parts(one) == named_parts(mixed))


@pytest.mark.parametrize("part", ["backend", "name", "revision", "digest"])
def test_a_key_depends_on_each_part_of_the_identity(part):
    identity = ModelIdentity(spec="s", backend="hf", name="m")
    others = [[], Generation(max_new_tokens=1), 0, ("t", "s", "")]
    changed = replace(identity, **{part: "other"})
    assert key_for((identity, "r", *others)) != key_for((changed, "r", *others))


@pytest.mark.parametrize("part", Generation.__slots__)
def test_a_key_depends_on_every_field_of_the_settings(part):
    identity, plain = ModelIdentity(spec="s", backend="hf", name="m"), Generation(max_new_tokens=1)
    changed = replace(plain, **{part: ("x",) if part == "stop" else 3})
    keys = {key_for((identity, "r", [], one, 0, ("t", "s", ""))) for one in (plain, changed)}
    assert len(keys) == 2


def test_a_key_stays_what_it_was():
    """A cache outlives versions of evalkit: a key that moves makes all replies unknown."""
    identity = ModelIdentity(spec="s", backend="openai", name="judge-1")
    messages = [("system", ["Be fair."]), ("user", [("x", b"picture"), "Which is better?"])]
    asked = (identity, "r", messages, Generation(max_new_tokens=9), 0, ("t", "s", ""))
    digest = hashlib.sha256(b"picture").hexdigest()
    canonical = (
        '{"backend":"openai","digest":null,"generation":{"max_new_tokens":9.0,"num_beams":1.0,'
        '"stop":[],"temperature":0.0,"top_p":1.0},"messages":[{"parts":["Be fair."],'
        '"role":"system"},{"parts":[{"sha256":"' + digest + '"},"Which is better?"],'
        '"role":"user"}],"name":"judge-1","repetition":0,"revision":null,"rubric":"r"}'
    )
    assert key_for(asked) == hashlib.sha256(canonical.encode()).hexdigest()


# What is kept

TEXTS = st.text(max_size=20) | FEW(["\x00", "\n\u2028\r", "'); DROP TABLE replies; --", "é😀"])
REPLIES = st.builds(
    CachedReply,
    text=TEXTS,
    finish=FEW(["stop", "length", None]),
    prompt_tokens=st.none() | st.integers(0, 2**53),
    output_tokens=st.none() | st.integers(0, 2**53),
    served=st.lists(TEXTS, max_size=3).map(tuple),
    asked=st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
)
KEYS = st.integers(0, 2**256 - 1).map(key_of)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS, REPLIES, max_size=8), TEXTS, TEXTS, TEXTS)
def test_replies_come_back_and_an_export_is_the_whole(
    tmp_path_factory, kept, backend, model, rubric
):
    folder = tmp_path_factory.mktemp("law")
    owner = {"backend": backend, "model": model, "rubric": rubric}
    with VerdictCache(folder / "one") as one, VerdictCache(folder / "two") as two:
        assert one.keep_all(kept, **owner) == len(kept)
        assert one.find([*kept, key_of(2**256 - 1)]).items() >= kept.items()
        first = exported(one, folder / "one.jsonl")
        assert two.import_file(folder / "one.jsonl") == Imported(
            new=len(kept), known=0, differing=0
        )
        assert two.find(list(kept)) == kept
        assert exported(two, folder / "two.jsonl") == first
        assert two.import_file(folder / "one.jsonl") == Imported(
            new=0, known=len(kept), differing=0
        )
        assert one.statistics().groups == two.statistics().groups


def test_the_first_reply_wins(cache):
    assert cache.keep(key_of(1), reply_of("first"), **OWNER)
    assert not cache.keep(key_of(1), reply_of("second"), **OWNER)
    assert cache.keep_all({key_of(1): reply_of("third"), key_of(2): reply_of("new")}, **OWNER) == 1
    found = cache.find([key_of(1), key_of(2), key_of(3)])
    assert {key: reply.text for key, reply in found.items()} == {
        key_of(1): "first",
        key_of(2): "new",
    }


def test_many_keys_are_found_in_one_call(cache):
    kept = {key_of(i): reply_of(str(i)) for i in range(2_500)}
    cache.keep_all(kept, **OWNER)
    assert cache.find([key_of(i) for i in range(5_000)] * 2) == kept
    assert cache.find([]) == {}


def test_what_no_file_can_hold_becomes_the_replacement_character(cache):
    cache.keep(key_of(1), reply_of("a\ud800b", served=("\udc00",)), **OWNER)
    (found,) = cache.find([key_of(1)]).values()
    assert (found.text, found.served) == ("a\ufffdb", ("\ufffd",))


@pytest.mark.parametrize(
    ("key", "changes", "said"),
    [
        ("A" * 64, {}, "key"),
        ("a" * 63, {}, "key"),
        (key_of(1) + "\n", {}, "key"),
        (key_of(1), {"asked": "yesterday"}, "asked"),
        (key_of(1), {"asked": "2026-13-01T00:00:00Z"}, "asked"),
        (key_of(1), {"asked": "2026-11-01T00:00:00+01:00"}, "asked"),
        (key_of(1), {"prompt_tokens": -1}, "prompt_tokens"),
        (key_of(1), {"finish": "error"}, "finish"),
    ],
)
def test_what_could_not_be_exported_is_not_kept(cache, key, changes, said):
    with pytest.raises(StoreError, match=said):
        cache.keep_all({key_of(7): reply_of(), key: reply_of(**changes)}, **OWNER)
    assert cache.statistics().replies == 0


def test_statistics_count_by_judge_and_rubric(cache):
    other = {**OWNER, "rubric": "b" * 64}
    cache.keep(key_of(1), reply_of(asked="2026-10-02T00:00:00Z"), **OWNER)
    cache.keep(key_of(2), reply_of(prompt_tokens=None), **OWNER)
    cache.keep(key_of(3), reply_of(asked="2026-12-24T00:00:00Z"), **other)
    found = cache.statistics()
    counts = [(g.rubric[0], g.replies, g.prompt_tokens, g.output_tokens) for g in found.groups]
    assert counts == [("a", 2, 20, 6), ("b", 1, 20, 3)]
    assert (found.replies, found.oldest, found.newest) == (
        3,
        "2026-10-02T00:00:00Z",
        "2026-12-24T00:00:00Z",
    )
    assert found.size > 0


def test_an_empty_cache_has_no_dates(cache):
    found = cache.statistics()
    assert (found.replies, found.oldest, found.newest, found.groups) == (0, None, None, ())


def filled(cache):
    for number, (day, model, rubric) in enumerate(
        [("10-31", "m", "r"), ("11-01", "m", "q"), ("11-01", "n", "r"), ("12-01", "n", "q")]
    ):
        reply = reply_of(asked=f"2026-{day}T00:00:00Z")
        cache.keep(key_of(number), reply, backend="openai", model=model, rubric=rubric)


CHOICES = [
    ({"before": date(2026, 11, 1)}, {0}),
    ({"before": date(2026, 11, 2)}, {0, 1, 2}),
    ({"model": "n"}, {2, 3}),
    ({"rubric": "r"}, {0, 2}),
    ({"model": "n", "rubric": "r"}, {2}),
    ({"before": date(2026, 11, 1), "model": "n"}, set()),
]


@pytest.mark.parametrize(("choice", "chosen"), CHOICES)
def test_what_meets_every_condition_is_pruned(cache, choice, chosen):
    filled(cache)
    assert cache.prune(**choice) == len(chosen)
    everything = {key_of(number) for number in range(4)}
    assert set(cache.find(list(everything))) == everything - {key_of(n) for n in chosen}


@pytest.mark.parametrize(("choice", "chosen"), CHOICES)
def test_what_meets_every_condition_is_exported(cache, tmp_path, choice, chosen):
    filled(cache)
    assert cache.export(tmp_path / "out.jsonl", **choice) == len(chosen)
    lines = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert [line["key"] for line in lines] == [key_of(n) for n in sorted(chosen)]


def test_pruning_gives_the_disk_back_and_needs_a_condition(cache):
    cache.keep_all({key_of(i): reply_of("long " * 200) for i in range(2_000)}, **OWNER)
    before = cache.statistics().size
    with pytest.raises(UsageError, match="Nothing says which"):
        cache.prune()
    assert cache.prune(model="judge-1") == 2_000
    assert cache.statistics().size < before / 10


# Import


def line_of(**changes):
    told = {"key": key_of(1), **OWNER, "text": "1", "finish": None, "prompt_tokens": None}
    told |= {"output_tokens": 3, "served": [], "asked": "2026-11-01T09:30:00Z"}
    return json.dumps({**told, **changes})


def without(name):
    return json.dumps({k: v for k, v in json.loads(line_of()).items() if k != name})


@pytest.mark.parametrize(
    "bad",
    [
        line_of(key="abc"),
        line_of(key="A" * 64),
        line_of(api_key="sk-1"),
        line_of(text=None),
        line_of(text=5),
        line_of(text="\ud800"),
        line_of(finish="error"),
        line_of(output_tokens="3"),
        line_of(output_tokens=-3),
        line_of(output_tokens=2.5),
        line_of(output_tokens=True),
        line_of()[:-1] + ', "text": "2"}',
        line_of(prompt_tokens=2**70),
        line_of(served="x"),
        line_of(served=[1]),
        line_of(asked="2026-11-01"),
        line_of(failure={"kind": "timeout"}),
        *map(without, json.loads(line_of())),
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(cache, tmp_path, bad):
    path = tmp_path / "shared.jsonl"
    good = line_of(key=key_of(5)).encode()
    path.write_bytes(b"\n".join([good, bad.encode("latin-1"), good]) + b"\n")
    with pytest.raises(StoreError, match=r"shared\.jsonl, line 2") as raised:
        cache.import_file(path)
    assert "\n" not in str(raised.value)
    assert cache.statistics().replies == 0
    assert cache.keep(key_of(5), reply_of(), **OWNER)


def test_a_line_of_another_order_and_spacing_is_the_same_line(cache, tmp_path):
    turned = dict(reversed(json.loads(line_of()).items()))
    (tmp_path / "in").write_text(json.dumps(turned, indent=None, separators=(" , ", " : ")))
    assert cache.import_file(tmp_path / "in") == Imported(new=1, known=0, differing=0)


def test_where_an_import_differs_the_known_reply_stays(cache, tmp_path):
    cache.keep(key_of(1), reply_of("mine"), **OWNER)
    lines = [line_of(text="theirs"), line_of(key=key_of(2)), line_of(key=key_of(2), text="again")]
    (tmp_path / "in").write_text("\n".join(lines))
    assert cache.import_file(tmp_path / "in") == Imported(new=1, known=2, differing=2)
    found = cache.find([key_of(1), key_of(2)])
    assert (found[key_of(1)].text, found[key_of(2)].text) == ("mine", "1")


def test_a_missing_file_and_a_folder_cannot_be_imported(cache, tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(StoreError, match="cannot be read"):
            cache.import_file(path)


def test_an_export_never_replaces_the_cache_itself(cache, tmp_path):
    cache.keep(key_of(1), reply_of(), **OWNER)
    (tmp_path / "link").symlink_to(cache.path)
    for path in (cache.path, tmp_path / "link"):
        with pytest.raises(UsageError, match="itself"):
            cache.export(path)
    assert cache.statistics().replies == 1


def test_an_export_that_fails_leaves_the_old_file(cache, tmp_path):
    cache.keep_all({key_of(i): reply_of() for i in range(3)}, **OWNER)
    before = exported(cache, tmp_path / "out.jsonl")
    cache._database._connection.execute(
        "UPDATE replies SET served = '{' WHERE key = ?", (key_of(2),)
    )
    with pytest.raises(StoreError, match="is damaged"):
        cache.export(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert {path.name for path in tmp_path.glob("*out*")} == {"out.jsonl"}


# Where it lies


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"EVALKIT_JUDGE_CACHE": "/c/mine", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c/mine"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/evalkit/judge.sqlite"),
        ({"XDG_CACHE_HOME": "x", "HOME": "/h"}, "/h/.cache/evalkit/judge.sqlite"),
        ({"EVALKIT_JUDGE_CACHE": "", "HOME": "/h"}, "/h/.cache/evalkit/judge.sqlite"),
        ({}, str(Path.home() / ".cache/evalkit/judge.sqlite")),
        ({"EVALKIT_JUDGE_CACHE": "./none", "HOME": "/h"}, "none"),
    ],
)
def test_the_default_place(environ, place):
    assert default_path(environ) == Path(place)


def test_the_environment_may_name_no_cache():
    assert default_path({"EVALKIT_JUDGE_CACHE": "none", "HOME": "/h"}) is None


def test_nobody_else_may_read_it(tmp_path):
    path = tmp_path / "deep" / "evalkit" / "judge.sqlite"
    old = os.umask(0)
    try:
        with VerdictCache(path) as cache:
            cache.keep(key_of(1), reply_of(), **OWNER)
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert "judge.sqlite-wal" in modes


@pytest.mark.parametrize("name", ["100%.sqlite", "a?mode=ro#b", "b c é", "\udcff"])
def test_a_path_may_have_any_letters(tmp_path, name):
    with VerdictCache(tmp_path / name) as cache:
        cache.keep(key_of(1), reply_of(), **OWNER)
    assert (tmp_path / name).stat().st_size > 0
    with VerdictCache(tmp_path / name) as cache:
        assert key_of(1) in cache.find([key_of(1)])


def test_a_link_leads_to_the_cache(tmp_path):
    (tmp_path / "there").mkdir()
    with VerdictCache(tmp_path / "there" / "judge.sqlite") as cache:
        cache.keep(key_of(1), reply_of(), **OWNER)
    (tmp_path / "link").symlink_to(tmp_path / "there" / "judge.sqlite")
    with VerdictCache(tmp_path / "link") as cache:
        cache.keep(key_of(2), reply_of(), **OWNER)
        parts = [tmp_path / "there" / name for name in ("judge.sqlite", "judge.sqlite-wal")]
        assert cache.statistics().size == sum(part.stat().st_size for part in parts)
        assert len(cache.find([key_of(1), key_of(2)])) == 2
