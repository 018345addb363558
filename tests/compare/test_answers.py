"""What the models wrote is tied to the record: what was changed since is not shown as theirs."""

import json
from dataclasses import replace

import pytest

import evalkit as package
from evalkit.compare import sides
from evalkit.compare.comparing import Choice, compare
from evalkit.errors import StaleError
from evalkit.integrity import AnswerDigest
from evalkit.records import Failure, Prediction
from evalkit.report.compare_page import compare_html, compare_markdown
from evalkit.report.flips import both_said
from evalkit.store import load_run

FAST = Choice(draws=200)
FORGED = "a forged answer"


def forge(folder, **changes):
    """Change every line of a run's predictions; the record is as it was."""
    file = folder / "predictions" / "toy.jsonl"
    lines = [json.loads(line) | changes for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def digest_of(*predictions):
    digest = AnswerDigest()
    for made in predictions:
        digest.add(made)
    return digest.value


def test_the_digest_is_of_what_was_written_and_shown():
    made = Prediction(sample_id="a", text="yes", finish="stop", images=("f" * 64,), seconds=0.1)
    other = Prediction(sample_id="b", failure=Failure(kind="backend", message="no"))
    assert digest_of(made) == digest_of(replace(made, seconds=2.0, output_tokens=3))
    changed = (
        replace(made, text="no"),
        replace(made, sample_id="c"),
        replace(made, finish="length"),
        replace(made, images=("0" * 64,)),
        replace(made, text=None, finish=None),
    )
    found = {digest_of(made, other), digest_of(other, made), digest_of(made), digest_of(made, made)}
    assert len(found | {digest_of(one) for one in changed}) == len(changed) + 4
    assert digest_of(replace(made, text="\ud800")) == digest_of(replace(made, text="?"))


def test_a_record_says_which_answers_it_was_made_of(ran):
    folder = ran()
    (result,) = load_run(folder).results
    made = sides.RunFolder(folder).read_predictions("toy", result.predictions)
    assert digest_of(*made) == result.predictions


def test_changed_answers_are_not_shown_and_the_page_says_so_once(copied, ran):
    one, two = sides.load(copied), sides.load(ran("dummy:constant,text=yes"))
    forge(copied, text=FORGED)
    shown = compare(one, two, FAST).shown(20)
    assert shown.flips
    why = f"The answers in {copied / 'predictions' / 'toy.jsonl'} are not those that its record"
    for flip in shown.flips:
        assert flip.texts == (None, "yes")
        assert flip.withheld[0].startswith(why)
        assert flip.withheld[1] == ""
        assert both_said(flip)[0] in (flip.first, "(not shown)")
    (task,) = shown.comparison.tasks
    (note,) = [note for note in task.notes if "answers" in note.lower()]
    assert note.startswith(f"Answers are not shown. {why}")
    pages = ([shown.comparison], [shown.flips], {})
    markdown, page = compare_markdown(*pages), compare_html(*pages)
    assert FORGED not in markdown + page
    assert markdown.count("Answers are not shown") == 1
    assert page.count("not those that its record") == len(shown.flips) + 1


@pytest.mark.parametrize("change", [{"text": FORGED}, {"finish": "length"}, {"images": []}])
def test_whoever_asks_for_changed_answers_is_refused(copied, change):
    forge(copied, **change)
    side = sides.load(copied)
    for asked in (side.texts, side.images):
        with pytest.raises(StaleError, match=r"toy\.jsonl are not those that its record was made"):
            asked("toy")
    assert side.scores("toy")


def test_changed_digests_of_pictures_cannot_hide_other_pictures(copied, ran):
    """Of runs of other samples pictures are compared one by one, by what predictions say."""
    forge(copied, images=["0" * 64])
    with pytest.raises(StaleError, match="not those that its record was made of"):
        compare(sides.load(copied), sides.load(ran(limit=20)), FAST)


def test_an_earlier_record_does_not_tie_its_answers_which_is_said_once(copied, ran, result_of):
    result_of(copied, predictions=None)
    forge(copied, text=FORGED)
    one, two = sides.load(copied), sides.load(ran("dummy:constant,text=yes"))
    (task,) = compare(one, two, FAST).shown(1).comparison.tasks
    (note,) = [note for note in task.notes if "no digest of its answers" in note]
    assert note.startswith(f"The record of {copied} was made by an earlier evalkit")
    assert compare(two, two, FAST).shown(1).comparison.tasks[0].notes == ()


def test_an_earlier_record_is_as_it_was_where_its_command_is_given_again(
    ran, result_of, toys, tmp_path
):
    toy, _ = toys
    words = {
        "model": "dummy:hash",
        "tasks": ["toy"],
        "data": str(toy.data),
        "task_paths": (str(toy.path),),
        "out": tmp_path,
        "name": "r",
    }
    package.evaluate(**words)
    folder = tmp_path / "hash" / "r"
    result_of(folder, predictions=None)
    content = (folder / "run.json").read_bytes()
    package.evaluate(**words)
    assert (folder / "run.json").read_bytes() == content


def test_answers_without_a_record_of_them_are_not_scored_as_the_runs(copied, toys, evalkit):
    words = ("score", "toy", "-p", copied, "--task-path", toys[0].path)
    assert evalkit(*words).code == 0
    forge(copied, text="no")
    done = evalkit(*words)
    assert (done.code, done.out) == (15, "")
    assert "toy.jsonl are not those that its record was made of" in done.err
