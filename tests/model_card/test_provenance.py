"""Where the numbers are from, in words that a reader of the card understands."""

from dataclasses import replace

import pytest

from evalkit.card.provenance import provenance
from evalkit.card.spelled import spelled
from evalkit.records import Generation

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def facts(record):
    return dict(provenance(record).facts)


def test_which_evalkit_it_was_is_said_without_an_address(complete):
    record = replace(complete, versions={"evalkit": "0.1.0", "python": "3.11"}, commit=COMMIT)
    assert facts(record)["source"] == (
        "measured by evalkit (the Python distribution evalkit-vlm, version 0.1.0), at commit "
        f"{COMMIT} of its source"
    )
    assert facts(record)["other versions"] == "python 3.11"
    changed = facts(replace(record, commit=f"{COMMIT}+changes"))["source"]
    assert changed.endswith("of its source, with changes that were not committed")
    assert facts(replace(record, commit=None))["source"].endswith("version 0.1.0)")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("hf:/data/runs/step-12000", 'a local folder "step-12000", read by the backend hf'),
        (
            "hf:/data/step-1,attention=eager",
            'a local folder "step-1", read by the backend hf, with attention=eager',
        ),
        ("hf:google/paligemma2@main,a=b", "hf:google/paligemma2@main,a=b"),
        ("replay:/data/x.jsonl", 'a local folder "x.jsonl", read by the backend replay'),
        ("demo", "demo"),
    ],
)
def test_a_local_checkpoint_is_called_one(complete, spec, told):
    if "jsonl" in spec:
        told = told.replace("folder", "file")
    record = replace(complete, model=replace(complete.model, spec=spec))
    assert facts(record)["model"] == told


@pytest.mark.parametrize(
    ("generation", "told"),
    [
        (Generation(max_new_tokens=16), "greedy, at most 16 new tokens"),
        (Generation(max_new_tokens=9, num_beams=3), "greedy, 3 beams, at most 9 new tokens"),
        (
            Generation(max_new_tokens=1024, temperature=0.2, top_p=0.9, stop=("x",)),
            "sampled at temperature 0.2, top-p 0.9, at most 1,024 new tokens, ended by 'x'",
        ),
        (None, "unknown"),
    ],
)
def test_how_answers_were_decoded_stands_with_each_task(complete, generation, told):
    (gqa, *_) = complete.results
    one = replace(gqa, fingerprint=replace(gqa.fingerprint, generation=generation))
    header, _, row = provenance(replace(complete, results=(one,))).table.splitlines()
    cells = dict(
        zip(map(str.strip, header.split("|")), map(str.strip, row.split("|")), strict=True)
    )
    assert cells["decoding"].replace("&#46;", ".") == told
    assert cells["data"].startswith("[lmms-lab/gqa](https://huggingface.co/datasets/lmms-lab/gqa)")
    assert cells["prompt variant, digest"].startswith("llava, `")


def test_how_answers_were_read_is_a_sentence(demo):
    notes = provenance(demo).notes
    assert "How the answers to gqa were read: 131 as written, 1 after lower-casing." in notes
    told = "77 compared as written (all people agree), 23 after normalising."
    assert f"How the answers to vqav2 were read: {told}" in notes
    assert not [note for note in notes if "read by" in note]


def test_pictures_are_spoken_of_in_words(demo):
    assert facts(demo)["pictures"] == "prepared as the model's own processor does it"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (f"commit {COMMIT}.", f"commit `{COMMIT}`."),
        ("2026-11-26T15:19:10Z to now", "`2026-11-26T15:19:10Z` to now"),
        ("hf:google/paligemma2", "`hf:google/paligemma2`"),
        ("`abcdef0` @abcdef0", "&#96;`abcdef0`&#96; &#64;<!-- -->`abcdef0`"),
        ("<b> abcdef0", "&#60;b&#62; `abcdef0`"),
        ("1,234,567", "1,234,567"),
    ],
)
def test_digests_and_times_can_be_copied_from_the_source(text, written):
    assert spelled(text) == written
