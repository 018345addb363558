"""`evalkit verify` finds what is stale, edited or without a record; each case as a process."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.card.blocks import marked
from evalkit.integrity import sealed
from evalkit.store import RunFolder, load_run

ROOT = Path(__file__).parents[2]
GQA = "[GQA](https://arxiv.org/abs/1902.09506) (gqa)"
"""How the row of a task begins."""


@pytest.fixture(scope="module")
def made(evalkit, tmp_path_factory):
    """A folder with the demo's two runs and a card of both, as it was made."""
    folder = tmp_path_factory.mktemp("cards")
    for name in ("demo", "demo-early"):
        record = load_run(ROOT / "results" / name / "baseline")
        RunFolder(folder / "results" / name / "baseline").write_record(record)
    words = ("demo/baseline", "demo-early/baseline", "--allow-partial", "--out", "card")
    done = evalkit("card", *words, cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """A copy of it that a test may change."""
    import shutil

    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def changed(folder, before, after):
    """The card's file, in which a text that is there once is another now."""
    file = folder / "card" / "README.md"
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, text.count(before)
    file.write_text(text.replace(before, after), encoding="utf-8")
    return file


def line_of(folder, text):
    lines = (folder / "card" / "README.md").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_a_card_as_it_was_made(evalkit, made):
    done = evalkit("verify", made / "card" / "README.md")
    assert (done.code, done.err) == (0, "")
    assert "1 verified" in done.out


def test_other_ends_of_lines_are_the_same(evalkit, copy):
    file = copy / "card" / "README.md"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert evalkit("verify", file).code == 0


def test_the_authors_text_may_change(evalkit, copy):
    file = changed(copy, "# Comparison of two models\n", "# Ours\n\nBy me: 99.9 %.\n")
    assert evalkit("verify", file).code == 0


def test_a_changed_digit(evalkit, copy):
    file = changed(copy, "**0.7500**", "**0.7600**")
    done = evalkit("verify", file)
    assert done.code == 15
    where = f"README.md:{line_of(copy, '0.7600')}: in the row '{GQA}', expected "
    assert where in done.out
    assert "found '**0.7600**§ (0.6500 to 0.8289)'" in done.out


def test_a_changed_bold(evalkit, copy):
    done = evalkit("verify", changed(copy, "**0.7500**", "0.7500"))
    assert done.code == 15


def test_a_swapped_row(evalkit, copy):
    file = copy / "card" / "README.md"
    lines = file.read_text(encoding="utf-8").split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {GQA} "))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 15
    assert f"README.md:{at + 1}: expected nothing, found '| [MME]" in done.out
    assert "expected '| [MME]" in done.out


def test_a_removed_footnote(evalkit, copy):
    note = "- § of a part of the data: a limit, failed samples, or an early stop.\n"
    done = evalkit("verify", changed(copy, note, ""))
    assert done.code == 15
    assert "expected '- § of a part of the data" in done.out
    assert "found nothing" in done.out


def test_a_number_that_was_added(evalkit, copy):
    row = f"| {GQA} "
    done = evalkit("verify", changed(copy, row, f"| mine | accuracy | 0.99 |\n{row}"))
    assert done.code == 15
    assert "expected nothing, found '| mine | accuracy | 0.99 |'" in done.out


def test_a_record_that_was_edited_by_hand(evalkit, copy):
    file = copy / "results" / "demo" / "baseline" / "run.json"
    file.write_text(file.read_text(encoding="utf-8").replace("0.75", "0.95", 1), encoding="utf-8")
    done = evalkit("verify", copy / "card" / "README.md")
    assert done.code == 15
    assert "is not what was written" in done.out


def test_a_record_that_was_edited_and_sealed_again(evalkit, copy):
    folder = copy / "results" / "demo" / "baseline"
    record = load_run(folder)
    RunFolder(folder).write_record(sealed(replace(record, seconds=1.0)))
    done = evalkit("verify", copy / "card" / "README.md")
    assert done.code == 15
    assert "is another than the card was made from" in done.out


def test_a_record_that_is_missing(evalkit, copy):
    (copy / "results" / "demo" / "baseline" / "run.json").unlink()
    done = evalkit("verify", copy / "card" / "README.md")
    assert done.code == 15
    assert "../results/demo/baseline/run.json, which is missing" in done.out


def test_a_digit_of_the_front_matter(evalkit, copy):
    file = changed(copy, "value: 0.8283", "value: 0.9283")
    done = evalkit("verify", file)
    assert done.code == 15
    line = line_of(copy, "value: 0.9283")
    said = f"README.md:{line}: model-index, pope: metrics.0.value: expected 0.8283, found 0.9283"
    assert said in done.out


def test_an_interval_of_the_front_matter(evalkit, copy):
    done = evalkit("verify", changed(copy, "high: 0.8289\n", "high: 0.7289\n"))
    assert done.code == 15
    assert "metrics.0.args.high: expected 0.8289, found 0.7289" in done.out


def test_a_result_that_was_added_to_the_front_matter(evalkit, copy):
    added = (
        "  - task: {type: image-text-to-text}\n    dataset: {name: x, type: x}\n"
        "    metrics: [{type: accuracy, value: 0.99}]\n"
    )
    done = evalkit("verify", changed(copy, "  results:\n", f"  results:\n{added}"))
    assert done.code == 15
    assert "results of others" in done.out


def test_results_without_their_block(evalkit, copy):
    file = copy / "card" / "README.md"
    text = file.read_text(encoding="utf-8")
    head = text[: text.index("<!-- evalkit:begin")]
    told = {"verb": "card", "records": []}
    file.write_text(head + marked("card", told, "x") + "\n", encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 15
    assert "no block stands for it" in done.out


@pytest.mark.parametrize("mark", ["<!-- evalkit:begin card ", "<!-- evalkit:end card -->"])
def test_damaged_marks(evalkit, copy, mark):
    done = evalkit("verify", changed(copy, mark, mark.replace("evalkit:", "evalkit: ")))
    assert done.code == 15


def test_a_file_without_a_block(evalkit, tmp_path):
    file = tmp_path / "README.md"
    file.write_text("---\nlicense: mit\n---\n# x\n\n| gqa | 0.75 |\n", encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 2
    assert "no marked block" in done.err
    assert evalkit("verify", tmp_path / "none.md").code == 2


def test_a_verb_that_is_not_known(evalkit, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(marked("x", {"verb": "rm"}, "x"), encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 2
    assert "no verb 'rm'" in done.err


@pytest.mark.parametrize(
    "told",
    [
        {"verb": "card", "records": [{"path": "/etc/passwd", "digest": "0"}]},
        {"verb": "card", "records": [{"path": "", "digest": "0"}]},
        {"verb": "card", "records": "all"},
        {"verb": "card", "records": [7], "options": []},
        {"verb": "card", "records": [{"path": "x", "digest": "0", "more": 1}]},
        {"verb": "card"},
    ],
)
def test_what_a_block_says_is_checked(evalkit, tmp_path, told):
    file = tmp_path / "README.md"
    file.write_text(marked("card", told, "x"), encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 15, (done.out, done.err)
    assert "root:" not in done.out + done.err


def test_a_block_that_asks_for_wholeness_it_does_not_have(evalkit, copy):
    done = evalkit("verify", changed(copy, '"partial": true', '"partial": false'))
    assert done.code == 15
    assert "Not all of the numbers are whole" in done.out


def test_several_files(evalkit, made, copy):
    good, bad = made / "card" / "README.md", changed(copy, "**0.7500**", "**0.7600**")
    done = evalkit("verify", good, bad)
    assert done.code == 15
    assert str(good) not in done.out
    assert json.dumps("1 places in 1 of 2 files")[1:-1] in done.err
