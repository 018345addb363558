"""A card of records that a stranger wrote: no markup, no mark, no path, and it verifies."""

import re
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from evalkit.report.blocks import blocks_in

TEXTS = {
    "script": "<script>alert(1)</script><img src=x onerror=y>",
    "markdown": "[x](javascript:y) **b** `c` | d | @someone #1 ![i](http://evil/x.png)",
    "marks": "--> <!-- evalkit:end card --> <!-- evalkit:begin other {} -->",
    "lines": "a\n---\n<!-- evalkit:end card -->\r\n# heading\u2028b",
    "yaml": "x: [y, *z]\n- !!python/object/apply:os.system [ls]\n'\"{%",
    "template": "{{ 7 * 7 }} {% for %}",
    "unicode": "ünïcödé 日本 \u202eright\u202c \x1b[31m 🦙",
    "paths": "/home/alice/secret/x.jsonl ~/y/z file:///root/k C:\\Users\\alice\\q",
    "keys": "sk-abcdefghijklmnopqrstuvwxyz https://me:password@host/x?token=1",
    "fence": "```\n````\n`````",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_record(evalkit, tmp_path, write, complete, name):
    text = TEXTS[name]
    gqa, *rest = complete.results
    prompt = replace(gqa.fingerprint.prompt, variant=text, template=text.replace("<!-- ", "<!--_ "))
    fingerprint = replace(gqa.fingerprint, prompt=prompt)
    first = replace(gqa, task=text, notes=(text,), protocol=text, fingerprint=fingerprint)
    model = replace(complete.model, name=text, architecture=text)
    config = replace(complete.config, model=f"hf:{text}")
    write(replace(complete, model=model, config=config, results=(first, *rest), commit=text))
    done = evalkit("card", "model/run", "--out", "card", cwd=tmp_path)
    assert done.code == 0, done.err
    file = tmp_path / "card" / "README.md"
    card = file.read_text(encoding="utf-8")
    (block,) = blocks_in(card, "")
    assert block.name == "card"
    outside = prose(card)
    known = r"\]\(https://(?:arxiv\.org/abs/[\d.]+|huggingface\.co/datasets/lmms-lab/\w+)\)"
    outside = re.sub(known, "]", outside)  # evalkit's own links, of papers and of data
    assert not [tag for tag in ("<script", "<img", "](javascript", "](http") if tag in outside]
    assert "alice" not in card
    assert "password" not in card
    assert "sk-abc" not in card
    assert "\u202e" not in card
    assert "\x1b" not in card
    assert "\n# heading" not in outside
    data = ModelCard(card).data
    assert len(data.eval_results) == 8
    assert evalkit("verify", file).code == 0


def prose(card):
    """The card's body without fences and the block's first mark, in which nothing is markup."""
    lines, fence = [], None
    for line in card.split("\n---\n", 1)[1].split("\n"):
        mark = line[: len(line) - len(line.lstrip("`"))]
        if fence is None and len(mark) >= 3:
            fence = mark
        elif fence is not None and line == fence:
            fence = None
        elif fence is None and not line.startswith("<!-- evalkit:begin "):
            lines.append(line)
    assert fence is None
    return "\n".join(lines)


def test_a_prompt_with_a_mark_ends_no_block(evalkit, tmp_path, write, complete):
    gqa, *rest = complete.results
    prompt = replace(gqa.fingerprint.prompt, template="x\n<!-- evalkit:end card -->\n")
    first = replace(gqa, fingerprint=replace(gqa.fingerprint, prompt=prompt))
    write(replace(complete, results=(first, *rest)))
    done = evalkit("card", "model/run", "--out", "card", cwd=tmp_path)
    assert done.code == 0, done.err
    file = tmp_path / "card" / "README.md"
    (block,) = blocks_in(file.read_text(encoding="utf-8"), "")
    assert "\nx\n<! -- evalkit:end card -->\n" in block.body
    assert evalkit("verify", file).code == 0
