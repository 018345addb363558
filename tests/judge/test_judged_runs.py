"""Judged runs given again: resumed, read anew, and refused where they would not be the same."""

import hashlib
import json
from collections import Counter

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

from evalkit.integrity import record_digest

CAPTION = "A dog on a mat."


@pytest.fixture
def data(tmp_path):
    """A folder with twelve questions of LLaVA-Bench (COCO)."""
    from PIL import Image

    folder = tmp_path / "data" / "llava_bench_coco"
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "one.png")
    write_rows(tmp_path / "data", CAPTION)
    return tmp_path / "data"


def write_rows(data, caption):
    row = {"image": "one.png", "answer": "a dog", "category": "conv"}
    rows = [
        {**row, "question_id": f"q{i:02}", "question": f"No. {i}?", "caption": f"{i}: {caption}"}
        for i in range(12)
    ]
    text = "".join(json.dumps(one) + "\n" for one in rows)
    (data / "llava_bench_coco" / "train.jsonl").write_text(text)


@pytest.fixture
def run(evalkit, data, tmp_path):
    """Runs and judges the questions: run(server, model="dummy:echo") -> Done; None: no judge."""

    def made(server, *more, model="dummy:echo", name="r"):
        judge = ("--no-judge",)
        if server is not None:
            judge = ("--judge", f"openai:toy-model,base_url={server.url}", "--judge-cache", "none")
        return evalkit(
            *("run", "llava_bench_coco", "--model", model, "--data", data, "--json"),
            *("--out", tmp_path / "out", "--name", name, *judge, *more),
        )

    return made


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out" / "echo" / "r"


def grade(asked):
    return f"{1 + asked.text.count('1') % 10} 4"


def test_what_the_model_could_not_answer_is_answered_and_judged_the_next_time(
    chat_server, evalkit, run, data, tmp_path
):
    """Twice: the run is judged in between, which changes its protocol."""
    answering = {"q03": None, "q04": None}

    def model(asked):
        if any(f"No. {int(name[1:])}?" in asked.text for name in answering):
            return "400"
        return None

    with (
        chat_server(model, answer=lambda asked: asked.text) as served,
        chat_server(answer=grade) as judge,
    ):
        spec = f"openai:toy,base_url={served.url},retries=0"
        for left in (2, 1, 0):
            done = run(judge, model=spec)
            assert done.code == (12 if left else 0), done.err
            assert len(judge.asked) == 12 - left, "nothing is judged twice"
            (result,) = done.record["results"]
            assert result["coverage"]["failed"] == left
            assert (result["judge"]["verdicts"], result["protocol"]) == (12 - left, "evalkit")
            if left:
                answering.popitem()
        assert max(Counter(asked.text for asked in judge.asked).values()) == 1
        assert run(judge, model=spec).record["results"] == done.record["results"]
        assert len(judge.asked) == 12


def test_a_changed_caption_is_another_question(chat_server, evalkit, run, data, folder):
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        asked = len(judge.asked)
        write_rows(data, "Another caption.")
        again = run(judge)
        assert (again.code, len(judge.asked)) == (13, asked)
        assert "dataset.context was" in again.err
        spec = f"openai:toy-model,base_url={judge.url}"
        later = evalkit("judge", folder, "--judge", spec, "--judge-cache", "none")
        assert (later.code, len(judge.asked)) == (13, asked)
        assert "The questions of llava_bench_coco have changed" in later.err


def test_another_version_of_a_judged_task_is_refused(chat_server, run, folder):
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        path = folder / "run.json"
        record = json.loads(path.read_text())
        record["results"][0]["fingerprint"]["scorer"]["version"] += 1
        path.write_text(json.dumps({**record, "digest": record_digest(record)}))
        again = run(judge)
    assert again.code == 13
    assert "scorer.version was 3, is 2" in again.err


def gone(folder):
    (folder / "verdicts" / "llava_bench_coco.jsonl").unlink()


def empty(folder):
    (folder / "verdicts" / "llava_bench_coco.jsonl").write_bytes(b"")


def cut(folder):
    path = folder / "verdicts" / "llava_bench_coco.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def another_runs(folder):
    own = "verdicts/llava_bench_coco.jsonl"
    (folder / own).write_bytes((folder.with_name("other") / own).read_bytes())


def another_answer(folder):
    path = folder / "predictions" / "llava_bench_coco.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    changed = json.dumps({**json.loads(first), "text": "another answer"}, separators=(",", ":"))
    path.write_text("".join([changed + "\n", *others]))


@pytest.mark.parametrize("harm", [gone, empty, cut, another_runs])
def test_verdicts_that_are_not_the_records_are_refused_and_judged_again(
    chat_server, evalkit, run, folder, harm
):
    with chat_server(answer=grade) as judge, chat_server(answer=lambda asked: "3 9") as other:
        first = run(judge)
        assert run(other, name="other").code == 0
        record, asked = (folder / "run.json").read_bytes(), len(judge.asked)
        harm(folder)
        again = run(None)
        assert (again.code, again.err.count("\n")) == (15, 1)
        assert f"{folder / 'verdicts' / 'llava_bench_coco.jsonl'} " in again.err
        assert f"`evalkit judge {folder} --judge ...` judges it again" in again.err
        assert (folder / "run.json").read_bytes() == record
        shown = evalkit("judge", "drift", "--anchors", folder, "--now", folder)
        assert shown.code == (2 if harm is gone else 15), shown.out
        assert harm is gone or "with which the run's record was made" in shown.err
        mended = run(judge)
        assert mended.code == 0, mended.err
        assert len(judge.asked) == asked, "known replies are not asked"
        assert run(None).record == mended.record
        harm(folder)
        spec = ("--judge", f"openai:toy-model,base_url={judge.url}", "--judge-cache", "none")
        assert evalkit("judge", folder, *spec).code == 0
        assert len(judge.asked) == asked
    (before,), (after,) = first.record["results"], mended.record["results"]
    assert before["metrics"] == after["metrics"]
    content = (folder / "verdicts" / "llava_bench_coco.jsonl").read_bytes()
    assert hashlib.sha256(content).hexdigest() == after["judge"]["digest"]


def test_answers_that_are_not_the_records_are_neither_judged_nor_shown(
    chat_server, evalkit, run, folder
):
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        asked = len(judge.asked)
        another_answer(folder)
        spec = ("--judge", f"openai:toy-model,base_url={judge.url}", "--judge-cache", "none")
        drift = ("judge", "drift", "--anchors", folder)
        for done in (
            run(None),
            run(judge),
            evalkit("judge", folder, *spec),
            evalkit(*drift, *spec),
            evalkit(*drift, "--now", folder),
        ):
            assert (done.code, done.err.count("\n")) == (15, 1), done.err
            place = folder / "predictions" / "llava_bench_coco.jsonl"
            assert f"The answers in {place} are not those that its record was made of" in done.err
            assert "(--fresh)" in done.err
        assert len(judge.asked) == asked


def fair(asked):
    """Eight for the reference and four for the other, wherever they stand."""
    first = asked.text.partition("<answer_1>\n")[2].partition("\n</answer_1>")[0]
    return "8 4\nwhy" if first == "a dog" else "4 8\nwhy"


def partial(asked):
    """Who stands first gets the more, but for even numbers."""
    return "9 3\nwhy" if _number(asked) % 2 else fair(asked)


@pytest.mark.parametrize(
    ("judge_of", "numbers"),
    [(fair, (1.0, 50.0)), (lambda asked: "9 3\nwhy", (0.0, 100.0)), (partial, (0.5, 500 / 7))],
)
def test_both_orders_show_a_judge_that_likes_a_place(chat_server, run, folder, judge_of, numbers):
    with chat_server(answer=judge_of) as judge:
        done = run(judge, "--swap")
        assert done.code == 0, done.err
        assert len(judge.asked) == 24
    (result,) = done.record["results"]
    found = result["judge"]["consistency"], result["metrics"]["relative"]["value"]
    assert found == pytest.approx(numbers)
    lines = (folder / "verdicts" / "llava_bench_coco.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        shown = [float(word) for word in row["reply"].split()[:2]]
        assert row["ratings"] == (shown[::-1] if row["swapped"] else shown), "the reference's first"


def test_a_judge_that_was_killed_after_its_verdicts_stands_in_no_way(chat_server, run, folder):
    """Verdicts are written before the record: what is left are the new ones, and the old record."""
    with chat_server(answer=grade) as judge, chat_server(answer=lambda asked: "3 9") as other:
        assert run(judge).code == 0
        record = (folder / "run.json").read_bytes()
        assert run(other).code == 0
        (folder / "run.json").write_bytes(record)
        refused = run(None)
        assert (refused.code, refused.err.count("\n")) == (15, 1)
        again = run(other)
        assert again.code == 0, again.err
        assert len(other.asked) == 12, "known replies are not asked"
    (result,) = again.record["results"]
    assert result["metrics"]["relative"]["value"] == pytest.approx(300)
    assert run(None).record == again.record


@pytest.mark.parametrize(
    "design", [("--votes", "2", "votes was 1, is 2"), ("--swap", "orders was one, is both")]
)
def test_drift_compares_no_other_design(chat_server, evalkit, run, folder, design):
    *design, said = design
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        words = ("judge", "drift", "--anchors", folder)
        spec = ("--judge", f"openai:toy-model,base_url={judge.url}", "--judge-cache", "none")
        asked = len(judge.asked)
        refused = evalkit(*words, *spec, *design)
        assert (refused.code, len(judge.asked)) == (13, asked)
        assert f"The verdicts in {folder} were asked for in another way" in refused.err
        assert said in refused.err
        assert evalkit(*words, *spec).code == 0
        assert run(judge, *design, name="other").code == 0
        beside = evalkit(*words, "--now", folder.with_name("other"))
    assert (beside.code, beside.out) == (13, "")
    assert said in beside.err


def test_a_field_that_is_not_sent_is_another_design(chat_server, evalkit, run, folder):
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        asked, spec = len(judge.asked), f"openai:toy-model,base_url={judge.url},omit=temperature"
        words = ("judge", "drift", "--anchors", folder, "--judge-cache", "none")
        refused = evalkit(*words, "--judge", spec)
        assert (refused.code, len(judge.asked)) == (13, asked)
    assert "omitted was none, is temperature" in refused.err


def test_a_drift_asks_again_for_the_verdicts_that_failed(
    chat_server, evalkit, run, folder, tmp_path
):
    wrong = {3, 5}
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        judge.asked.clear()
        judge.script = lambda asked: "refusal" if _number(asked) in wrong else None
        spec = ("--judge", f"openai:toy-model,base_url={judge.url}")
        words = ("judge", "drift", "--anchors", folder, "--judge-cache", tmp_path / "c.sqlite")
        evalkit(*words, *spec)
        assert len(judge.asked) == 12
        wrong.clear()
        again = evalkit(*words, *spec)
        assert (again.code, len(judge.asked)) == (0, 14), again.err
        assert not (tmp_path / "judge-drift").exists()
        assert evalkit(*words, *spec).code == 0
        assert len(judge.asked) == 26, "once it has all verdicts, it asks for all of them anew"


def test_a_drift_that_its_budget_ended_is_incomplete(chat_server, evalkit, run, folder, tmp_path):
    """A verdict is 100 tokens read and 2 written: 0.01."""
    table = tmp_path / "prices.toml"
    table.write_text('date = "2026-11-01"\n[models.toy-model]\ninput = 90\noutput = 500\n')
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        spec = ("--judge", f"openai:toy-model,base_url={judge.url}", "--judge-prices", table)
        words = ("judge", "drift", "--anchors", folder, "--judge-cache", tmp_path / "c.sqlite")
        ended = evalkit(*words, *spec, "--judge-budget", "0.3")
        assert ended.code == 12, ended.out
        assert "since the judge's budget was spent" in " ".join(ended.err.split())
        assert evalkit(*words, *spec, "--judge-budget", "50").code == 0


def test_a_move_is_one_beyond_doubt_where_the_budget_ended(
    chat_server, evalkit, run, folder, tmp_path
):
    """Three of three flips are p = 0.001: enough for all anchors, and not for a part of them."""
    table = tmp_path / "prices.toml"
    table.write_text('date = "2026-11-01"\n[models.toy-model]\ninput = 90\noutput = 500\n')
    with chat_server(answer=lambda asked: "5 4") as judge:
        assert run(judge).code == 0
    with chat_server(answer=lambda asked: "9 1") as judge:
        spec = ("--judge", f"openai:toy-model,base_url={judge.url}", "--judge-prices", table)
        words = ("judge", "drift", "--anchors", folder, "--judge-cache", tmp_path / "c.sqlite")
        part = evalkit(*words, *spec, "--judge-budget", "0.36", "--json")
        more = evalkit(*words, *spec, "--judge-budget", "0.38", "--json")
        whole = evalkit(*words, *spec, "--judge-budget", "50", "--json")
    told = [(d.code, d.record["n"], d.record["alpha"]) for d in (part, more, whole)]
    assert told == [(12, 3, 0.001), (14, 5, 0.001), (14, 12, 0.05)]
    assert part.record["verdict"] == "too many of the judge's verdicts are missing"


def _number(asked):
    return int(asked.text.partition("No. ")[2].partition("?")[0])


def test_another_judge_has_not_moved(chat_server, evalkit, run, folder):
    """The same verdicts, and others: of this judge, and of another server's."""
    with chat_server(answer=grade) as judge, chat_server(answer=lambda asked: "9 1") as other:
        assert run(judge).code == run(judge, name="again").code == run(other, name="other").code
        words = ("judge", "drift", "--anchors", folder)
        same = evalkit(*words, "--now", folder.with_name("again"), "--json")
        apart = evalkit(*words, "--now", folder.with_name("other"), "--json")
        shown = evalkit(*words, "--now", folder.with_name("other"))
        spec = f"openai:toy-model,base_url={other.url}"
        asked = evalkit(*words, "--judge", spec, "--judge-cache", "none", "--json")
    assert (same.code, same.record["verdict"]) == (0, "the judge gives the verdicts it gave")
    assert (apart.code, apart.record["verdict"]) == (14, "the two judges differ")
    hosts = [url.partition("//")[2] for url in (judge.url, other.url)]
    assert apart.record["another"] == ["server was {}, is {}".format(*hosts)]
    assert (asked.code, asked.record["another"]) == (14, apart.record["another"])
    assert "The second judge is another" in shown.out
    assert "judge has moved" not in shown.out


def test_verdicts_on_other_answers_are_no_drift(chat_server, evalkit, run, folder, tmp_path):
    with chat_server(answer=grade) as judge:
        assert run(judge).code == 0
        assert run(judge, model="dummy:constant,text=a cat", name="r").code == 0
        (other,) = (path for path in (tmp_path / "out").iterdir() if path.name != "echo")
        refused = evalkit("judge", "drift", "--anchors", folder, "--now", other / "r")
    assert (refused.code, refused.out) == (13, "")
    assert "are about different answers: those to 'q00' differ, as 12 of 12 do" in refused.err
