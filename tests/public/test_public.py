"""Nothing of the user's machine, and no secret, is shown to others; all else stays as it is."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.public import public, public_place, public_spec, without_secrets

PLAIN = string.ascii_letters + string.digits
WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
FOLDER = st.from_regex(r"[A-Za-z0-9_.-]{1,9}", fullmatch=True).filter(lambda p: set(p) - {"."})


def letters(least, most=None, among=PLAIN):
    return st.text(among, min_size=least, max_size=most or least)


KEYS = st.one_of(
    st.builds("sk-{}".format, letters(20, 60)),
    st.builds("sk-proj-{}".format, letters(1, 60, f"{PLAIN}_-").filter(lambda t: t[-1] in PLAIN)),
    st.builds("sk-ant-api03-{}".format, letters(40, 60)),
    st.builds("hf_{}".format, letters(34)),
    st.builds("AIza{}".format, letters(35, among=f"{PLAIN}_-")),
    st.builds("AKIA{}".format, letters(16, among=string.ascii_uppercase + string.digits)),
    st.builds("{}_{}".format, st.sampled_from(["ghp", "gho", "ghs", "github_pat"]), letters(36)),
    st.builds("eyJ{}.eyJ{}.{}".format, letters(10, 40), letters(10, 40), letters(10, 40)),
)
NAMES = st.sampled_from(
    ["api_key", "WANDB_API_KEY", "HF_TOKEN", "--token", "password", "my-secret"]
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("read from /home/alice/a.jsonl, all of it", "read from a.jsonl, all of it"),
        ("/home/alice b/my data/a.jsonl and lmms-lab/GQA", "a.jsonl and lmms-lab/GQA"),
        ("//home/al@ice/q:r/x", "x"),
        ("file:///home/alice/a.jsonl", "a.jsonl"),
        ("~/models/x", "x"),
        ("~bob/models/x", "x"),
        ("C:\\Users\\alice\\x.json", "x.json"),
        ("at \\\\server\\share\\alice\\x", "at x"),
        ("a \\\\ b, \\\\alpha", None),
        ("../../home/alice b/x", "x"),
        ("..\\Users\\alice\\x", "x"),
        ("{/home/alice/x}|/home/alice/y", "{x}|y"),
        ("HF_TOKEN=hf_abc; MY_API_KEY=a", "HF_TOKEN=[key]; MY_API_KEY=[key]"),
        ("/data/", "[path]"),
        ("lmms-lab/GQA and ../results/x", "lmms-lab/GQA and ../results/x"),
        ("Yes/No, 3 / 4, a/b", "Yes/No, 3 / 4, a/b"),
        ("https://host/a/b, s3://a/-/b", None),
        ("https://me:pw@host/a?key=1", "https://host/a"),
        ("https://me:p@w@host/a#b", "https://host/a"),
        ("https://key@host/v1?api-version=1,votes=2", "https://host/v1,votes=2"),
        ("sk-abcdefghijklmnopqrstuvwx", "[key]"),
        ("sk-learn, hf_prefix_cache, the bearer of news", None),
        ("The key: it is Authorization", None),
        ("wrong key sk-ab***yz. Try again", "wrong key [key]. Try again"),
        ("Authorization: abc", "Authorization: [key]"),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': [key]}"),
        ("Bearer abc, yes", "Bearer [key], yes"),
        ("bearer abc1, yes", "bearer [key], yes"),
        ('{"api_key": "a b", "votes": "2"}', '{"api_key": [key], "votes": "2"}'),
        ("openai:m,key=a b,votes=2", "openai:m,key=[key],votes=2"),
        ("x=api_key=0123456789", "x=api_key=[key]"),
        ("WANDB_API_KEY: " + "0a" * 20, "WANDB_API_KEY: [key]"),
        ("commit " + "0a" * 20, None),
        ("hf:llava-hf/llava-1.5-7b-hf@abc", None),
        ("hf:/models/a", "hf:a"),
        ("lmms/mme, mmvp:corrected", None),
    ],
)
def test_texts(text, shown):
    assert public(text) == (text if shown is None else shown)


PIECES = st.sampled_from(
    ["/", "~", ":", ",", "=", "@", "?", " ", "a", "key", "sk-", "//", "http:", "\\", "."]
)


@given(st.text() | st.lists(PIECES | KEYS).map("".join))
@example("~" * 3 + "/a")
def test_what_is_public_stays(text):
    shown = public(text)
    assert public(shown) == shown
    assert without_secrets(shown) == shown
    assert public_spec(public_spec(text)) == public_spec(text)


@given(st.sampled_from(["", "a ", "x=", '"', "(", "https://host/", "/home/", "é,"]), KEYS,
       st.sampled_from(["", " b", ".", '"', ")", ", c", "\n"]))  # fmt: skip
def test_a_key_is_found_by_its_shape(before, key, after):
    assert key not in public(before + key + after)
    assert key not in without_secrets(before + key + after)


@given(NAMES, st.sampled_from(["=", ": ", " "]), letters(40, among="0123456789abcdef"))
def test_a_key_without_a_shape_is_found_by_its_name(name, sign, key):
    assert without_secrets(f"see {name}{sign}{key}, now") == f"see {name}{sign}[key], now"


@given(st.sampled_from(["http", "https", "postgresql"]), WORD, WORD, WORD)
def test_an_address_keeps_no_user_and_no_password(scheme, user, word, host):
    assert without_secrets(f"{scheme}://{user}:{word}@{host}/v1") == f"{scheme}://{host}/v1"


@given(
    st.lists(FOLDER | WORD, min_size=2, max_size=5), st.sampled_from(["", "hf:", "x=", "(", "at "])
)
def test_of_an_absolute_path_the_last_part_stays(path, before):
    assert public(f"{before}/{'/'.join(path)}") == before + path[-1]


@given(
    st.text(f"{PLAIN} @:;()'", min_size=1).filter(str.strip),
    WORD,
    st.sampled_from(["/", "~/", "file:///"]),
)
def test_of_a_specs_folder_the_last_part_stays_whatever_it_is_called(folder, last, root):
    assert public_spec(f"hf:{root}{folder}/{last},dtype=auto") == f"hf:{last},dtype=auto"


@given(st.text(), FOLDER, st.sampled_from(["/", "~/", "~bob/", "../", "C:\\", "\\\\server\\"]))
@example("joe's (old), stuff", "x", "/")
def test_of_a_path_that_is_known_as_one_the_last_part_stays(folder, last, root):
    assert public_place(f"{root}{folder}/{last}", "path/to/") == f"path/to/{without_secrets(last)}"


ORDINARY = st.one_of(
    st.from_regex(r"[A-Za-z]{1,12}[.,;:!?]?", fullmatch=True),
    st.from_regex(r"https?://[a-z]{2,8}\.org(/[A-Za-z0-9_-]{1,8}){0,3}", fullmatch=True),
    st.builds("{}/{}".format, st.integers(0, 999), st.integers(1, 999)),
    st.dates().map(str),
    st.dates().map("{:%d/%m/%Y}".format),
    st.from_regex(r"[a-z]{1,8}/[A-Za-z]{1,8}-[0-9]\.[0-9]-[0-9]{1,2}[bB](-hf)?", fullmatch=True),
)


@given(
    st.lists(ORDINARY)
    .map(" ".join)
    .filter(lambda text: not {"bearer", "sk-"} & set(re.findall("bearer|sk-", text.lower())))
)
def test_ordinary_texts_stay(text):
    assert public(text) == text


def test_a_spec_keeps_its_form():
    assert public_spec("hf:/home/alice/m,dtype=auto", "path/to/") == "hf:path/to/m,dtype=auto"
    assert public_spec("openai:m,api_key=abc,x=1") == "openai:m,api_key=[key],x=1"
    assert public_spec("hf:/home/me/a b/x y,prices=~/p.toml") == "hf:x y,prices=p.toml"
    assert public_spec("hf://home/me/a") == "hf:a"
    assert public_spec("C:\\Users\\me\\a,x=1") == "a,x=1"
    assert public_spec("hf:../../my models/a", "path/to/") == "hf:path/to/a"
    assert public_spec("openai:m,base_url=http://me:pw@h:1/v1?k=sk-9") == (
        "openai:m,base_url=http://h:1/v1"
    )
