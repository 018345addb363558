"""Nothing of the user's machine, and no secret, is published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.card.public import public, public_config, public_spec
from evalkit.run_record import RunConfig, TaskChoice

parts = st.from_regex(r"[A-Za-z0-9_.-]{1,9}", fullmatch=True).filter(lambda p: set(p) - {"."})


@given(st.lists(parts, min_size=2, max_size=5), st.sampled_from(["", "hf:", "x=", "(", "at "]))
def test_of_an_absolute_path_the_last_part_stays(path, before):
    assert public(f"{before}/{'/'.join(path)}") == before + path[-1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("read from /home/alice/a.jsonl, all of it", "read from a.jsonl, all of it"),
        ("file:///home/alice/a.jsonl", "a.jsonl"),
        ("~/models/x", "x"),
        ("C:\\Users\\alice\\x.json", "x.json"),
        ("/data/", "[path]"),
        ("lmms-lab/GQA and ../results/x", "lmms-lab/GQA and ../results/x"),
        ("Yes/No, 3 / 4, a/b", "Yes/No, 3 / 4, a/b"),
        ("https://host/a/b", "https://host/a/b"),
        ("https://me:pw@host/a?key=1", "https://host/a"),
        ("sk-abcdefghijklmnopqrstuvwx", "[key]"),
        ("hf_abcdefghijklmnopqrstuvwx", "[key]"),
        ("hf:llava-hf/llava-1.5-7b-hf@abc", "hf:llava-hf/llava-1.5-7b-hf@abc"),
    ],
)
def test_texts(text, shown):
    assert public(text) == shown


def test_a_spec_keeps_its_form():
    assert public_spec("hf:/home/alice/m,dtype=auto") == "hf:path/to/m,dtype=auto"
    assert public_spec("openai:m,api_key=abc,x=1") == "openai:m,api_key=[key],x=1"


def test_a_configuration_names_no_place():
    config = RunConfig(
        model="hf:/home/alice/m",
        tasks=(TaskChoice(name="gqa"),),
        data="/mnt/data",
        task_paths=("/home/alice/tasks",),
        ray_address="10.0.0.7:6379",
    )
    shown = public_config(config)
    assert (shown.model, shown.data) == ("hf:path/to/m", "path/to/data")
    assert (shown.task_paths, shown.ray_address) == (("path/to/tasks",), "auto")
