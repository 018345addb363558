"""`evalkit verify` finds what is stale, edited or without a record; each case as a process."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.integrity import sealed
from evalkit.report.blocks import blocks_in, marked
from evalkit.store import RunFolder, load_run
from evalkit.verify import verify

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
    assert "found '**0.7600**⁂ (0.6500 to 0.8289)'" in done.out


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
    note = "- ⁂ of the demo's own made-up data, not of the benchmark's.\n"
    done = evalkit("verify", changed(copy, note, ""))
    assert done.code == 15
    assert "expected \"- ⁂ of the demo's own made-up data" in done.out
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
    said = f"README.md:{line}: model-index, evalkit demo: pope: metrics.0.value: expected 0.8283"
    assert f"{said}, found 0.9283" in done.out


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


def test_a_verb_that_is_not_known_hides_no_other_block(evalkit, copy):
    file = changed(copy, "**0.7500**", "**0.7600**")
    file.write_text(file.read_text() + "\n" + marked("x", {"verb": "rm"}, "x"), encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 15
    assert "no verb 'rm' writes blocks" in done.out
    assert "found '**0.7600**" in done.out


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


def test_what_cannot_be_verified_hides_nothing_of_other_files(evalkit, copy, tmp_path):
    bad, none = changed(copy, "**0.7500**", "**0.7600**"), tmp_path / "none.md"
    plain = tmp_path / "plain.md"
    plain.write_text("# x\n")
    done = evalkit("verify", none, plain, bad)
    assert done.code == 15
    assert "found '**0.7600**" in done.out
    assert "no marked block" in done.err
    assert f"{none} cannot be read" in done.err
    assert evalkit("verify", plain, "--quiet", bad.parent / "gone.md").code == 2


def test_another_name_of_the_model_in_the_front_matter(evalkit, copy):
    done = evalkit("verify", changed(copy, "- name: demo\n", "- name: gpt-5\n"))
    assert done.code == 15
    line = line_of(copy, "name: gpt-5")
    assert f"README.md:{line}: model-index: name: expected 'demo', found 'gpt-5'" in done.out


def test_a_number_that_stands_twice_in_the_front_matter(evalkit, copy):
    twice = "value: 0.9999\n      value: 0.8283"
    done = evalkit("verify", changed(copy, "value: 0.8283", twice))
    assert done.code == 15
    assert "has the key 'value' twice" in done.out


VALUES = ".eval_results/evalkit.yaml"


def test_values_that_no_block_asks_for(evalkit, copy):
    file = copy / "card" / VALUES
    file.parent.mkdir()
    file.write_text("- value: 0.99\n")
    done = evalkit("verify", copy / "card" / "README.md")
    assert done.code == 15
    assert f"{VALUES}:1: no block of the card asks for these values" in done.out


def test_a_long_path_of_a_record_is_told_in_short_and_with_its_line(evalkit, tmp_path):
    file = tmp_path / "README.md"
    for verb in ("card", "leaderboard"):
        for path in ("x" * 10_000, "x/" * 5_000):
            records = [{"path": path, "digest": "0", "scores": None}]
            text = "# x\n\n" + marked(verb, {"verb": verb, "records": records}, "x")
            file.write_text(text, encoding="utf-8")
            done = evalkit("verify", file)
            assert done.code == 15
            assert f"README.md:3: the block {verb} is of the record x" in done.out
            assert len(done.out + done.err) < 1000


def test_a_pipe_is_no_page(evalkit, tmp_path):
    import os

    os.mkfifo(tmp_path / "README.md")
    done = evalkit("verify", tmp_path / "README.md")
    assert done.code == 2
    assert "is no regular file" in done.err


# Leaderboards


@pytest.fixture(scope="module")
def board(evalkit, tmp_path_factory):
    """A folder with the demo's two runs and their leaderboard."""
    folder = tmp_path_factory.mktemp("board")
    for name in ("demo", "demo-early"):
        record = load_run(ROOT / "results" / name / "baseline")
        RunFolder(folder / "results" / name / "baseline").write_record(record)
    assert evalkit("leaderboard", "results", cwd=folder).code == 0
    return folder


def told_of(board):
    (block,) = blocks_in((board / "boards" / "leaderboard.md").read_text(encoding="utf-8"), "x")
    return block


@pytest.mark.parametrize(
    "options",
    [
        3,
        None,
        [],
        {"left_out": 3},
        {"left_out": [3]},
        {"task_paths": 3},
        {"task_paths": [3]},
        {"task_paths": "ab"},
        {"tasks": ["nope"]},
        {"reference": "nope"},
        {"reference": 3},
        {"aggregate": "mean"},
        {"more": 1},
        {"title": None},
    ],
    ids=str,
)
def test_options_of_a_leaderboard_are_checked_and_hide_no_other_block(
    board, tmp_path, monkeypatch, options
):
    monkeypatch.chdir(board)
    block = told_of(board)
    given = {**block.told["options"], **options} if isinstance(options, dict) else options
    text = marked("leaderboard", {**block.told, "options": given}, block.body)
    other = marked("card", {"verb": "card"}, "x")
    file = tmp_path / "page.md"
    file.write_text(f"{text}\n\n{other}\n", encoding="utf-8")
    found = verify(file)
    assert {one.line for one in found} == {1, blocks_in(file.read_text(), "x")[1].line}


@pytest.mark.parametrize(
    "records", [3, [3], [{}], [{"path": 3}], {"a": 1}, None, [{"path": "x", "more": 1}]], ids=str
)
def test_records_of_a_leaderboard_are_checked(board, tmp_path, monkeypatch, records):
    monkeypatch.chdir(board)
    block = told_of(board)
    file = tmp_path / "page.md"
    text = marked("leaderboard", {**block.told, "records": records}, block.body)
    file.write_text(text, encoding="utf-8")
    assert [one.line for one in verify(file)] == [1]


def test_a_leaderboard_as_it_was_made(board, monkeypatch):
    monkeypatch.chdir(board)
    assert verify(board / "boards" / "leaderboard.md") == ()


# What is its author's own


def test_words_of_an_own_template_are_said_to_be_unchecked(evalkit, made, tmp_path):
    import shutil

    shutil.copytree(made / "results", tmp_path / "results")
    (tmp_path / "t.j2").write_text("Accuracy 0.9999 {{ table }}")
    words = ("demo/baseline", "--allow-partial", "--template", "t.j2", "--out", "card")
    assert evalkit("card", *words, cwd=tmp_path).code == 0
    done = evalkit("verify", "card/README.md", cwd=tmp_path)
    assert done.code == 0
    line = next(
        number
        for number, line in enumerate((tmp_path / "card/README.md").read_text().split("\n"), 1)
        if "evalkit:begin" in line
    )
    said = f"card/README.md:{line}: note: the block card: the template ../t.j2 is not evalkit's own"
    assert said in done.out
    assert "every number" not in done.out
    assert evalkit("verify", "-q", "card/README.md", cwd=tmp_path).out == ""


@pytest.mark.parametrize(("scale", "is_said"), [("1.14", True), ("100", False), ("0.1", False)])
def test_scales_of_a_layout_are_named(evalkit, made, tmp_path, scale, is_said):
    import shutil

    shutil.copytree(made / "results", tmp_path / "results")
    (tmp_path / "l.toml").write_text(
        f'[[tables]]\nname = "a"\nkind = "models"\nscale = {scale}\n'
        '[[tables.columns]]\nlabel = "GQA"\ntask = "gqa"\nmetric = "accuracy"\n'
    )
    words = ("demo/baseline", "--allow-partial", "--template", "ablation", "--layout", "l.toml")
    done = evalkit("card", *words, "--out", "card", cwd=tmp_path)
    assert done.code == 0, done.err
    done = evalkit("verify", "card/README.md", cwd=tmp_path)
    assert done.code == 0
    assert ("by the layout ../l.toml numbers are scaled by 1.14" in done.out) == is_said
    assert ("every number is what its record gives" in done.out) != is_said
