"""The judge's cache at work: what is known is not asked, and what is not known is never made up."""

import json
import os
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

from evalkit import registry
from evalkit.errors import StaleError
from evalkit.judge.cache import VerdictCache
from evalkit.judge.design import server_of
from evalkit.judge.order import JudgeOrder
from evalkit.judge.result import fingerprint_of
from evalkit.judge.stage import JudgeStage
from evalkit.official.interface import no_picture
from evalkit.records import Prediction
from evalkit.rubric import Attempt
from evalkit.run_record import ModelIdentity

ROW = {
    "image": no_picture("one.png"),
    "imagename": "one.png",
    "answer": "a dog<OR>dog",
    "capability": "rec",
}


def samples_of(task, questions):
    rows = [{**ROW, "question_id": f"q{i}", "question": q} for i, q in enumerate(questions)]
    return [task.to_sample(row) for row in rows]


@pytest.fixture
def judge(chat_server, tmp_path):
    """Judges answers in a run folder: judge(server, "folder", texts, votes=3) -> Judged."""

    def made(server, folder, texts, task=None, questions=None, *, progress=None, **order):
        task = task or registry.load_task("mmvet")
        samples = samples_of(task, questions or [f"No. {i}?" for i in range(len(texts))])
        predictions = {
            s.id: Prediction(sample_id=s.id, text=text)
            for s, text in zip(samples, texts, strict=True)
        }
        told = {
            "model": f"openai:toy-model,base_url={server.url},retries=0",
            "cache": tmp_path / "cache.sqlite",
            **order,
        }
        with JudgeStage(JudgeOrder(**told), tmp_path / folder, [task]) as stage:
            return stage.judge(task, samples, predictions, progress)

    return made


TEXTS = [f"answer {i}" for i in range(12)]


def test_equal_answers_of_another_run_are_not_asked(chat_server, judge):
    with chat_server(answer=lambda asked: "0.4") as server:
        first = judge(server, "one", TEXTS)
        assert len(server.asked) == 12
        again = judge(server, "two", [*TEXTS[:-1], "something else"])
        assert len(server.asked) == 13
    assert (first.report.cached, again.report.cached) == (0, 11)
    assert again.report.requests == 1, "what was known is not paid for"
    known = [v for v in again.verdicts if v.cached]
    assert [replace(v, cached=False) for v in known] == list(first.verdicts[:11])
    assert known[0].served == ("toy-model-0613", "fp_toy", "2026-01-01")


def test_votes_are_asked_as_often_as_they_are_cast(chat_server, judge):
    with chat_server(answer=lambda asked: f"0.{asked.times}") as server:
        voted = judge(server, "one", TEXTS[:4], votes=3)
        assert set(Counter(a.text for a in server.asked).values()) == {3}
        more = judge(server, "two", TEXTS[:4], votes=5)
        assert set(Counter(a.text for a in server.asked).values()) == {5}
    grades = [v.ratings[0] for v in voted.verdicts if v.sample_id == "q0"]
    assert sorted(grades) == [0.1, 0.2, 0.3]
    assert more.report.cached == 12


@pytest.mark.parametrize("cache", ["cache", None])
def test_identical_questions_are_asked_once(chat_server, judge, tmp_path, cache):
    kept = {"cache": tmp_path / "own.sqlite" if cache else None}
    questions = ["same?"] * 5 + ["other?"]
    with chat_server(answer=lambda asked: "0.4") as server:
        found = judge(server, "one", ["a"] * 6, questions=questions, **kept)
        assert len(server.asked) == 2
        assert [v.ratings for v in found.verdicts] == [(0.4,)] * 6
        again = judge(server, "one", ["a"] * 6, questions=questions, **kept)
        assert len(server.asked) == 2, "nor when the same folder is judged again"
    assert again.report.requests == found.report.requests == 2


@pytest.mark.parametrize("cache", ["cache", None])
def test_what_is_asked_beside_the_model_is_asked_once(chat_server, tmp_path, cache):
    """A judge beside a model is told of answers as they come: equal ones come at any time."""
    task = registry.load_task("mmvet")
    samples = samples_of(task, ["same?", "same?", "other?", "same?"])
    answers = {sample.id: Prediction(sample_id=sample.id, text="a") for sample in samples}
    with chat_server(answer=lambda asked: f"0.{asked.times}") as server:
        order = JudgeOrder(
            model=f"openai:toy-model,base_url={server.url}",
            cache=tmp_path / "cache.sqlite" if cache else None,
        )
        with JudgeStage(order, tmp_path, [task]) as stage:
            for sample in samples:
                stage.judge(task, [sample], {sample.id: answers[sample.id]})
            found = stage.judge(task, samples, answers)
        assert len(server.asked) == 2
    assert {verdict.ratings for verdict in found.verdicts} == {(0.1,)}
    assert found.report.requests == 2


@pytest.mark.parametrize(("budget", "paid"), [(0.0001, 0), (0.08, 1)])
def test_equal_questions_that_cannot_be_paid_for_are_not_waited_for(
    chat_server, judge, tmp_path, budget, paid
):
    table = tmp_path / "prices.toml"
    table.write_text('date = "2026-11-01"\n[models.toy-model]\ninput = 90\noutput = 500\n')
    waves = []

    def progress(done, total):
        waves.append(done)
        assert len(waves) < 9, "the judge goes round in circles"

    with chat_server(answer=lambda asked: "0.4") as server:
        told = {"cache": None, "budget": budget, "progress": progress}
        told["model"] = f"openai:toy-model,base_url={server.url},prices={table}"
        questions = ["same?", "other?", "same?", "other?"]
        report = judge(server, "one", ["a"] * 4, questions=questions, **told).report
        assert (len(server.asked), report.failed["unasked"]) == (paid, 4 - 2 * paid)


def test_what_is_asked_otherwise_is_asked_anew(chat_server, judge):
    task = registry.load_task("mmvet")

    def variant(**rubric):
        judging = replace(task.judging, own=replace(task.judging.own, **rubric))
        return replace(task, judging=judging)

    with (
        chat_server(answer=lambda asked: "0.4") as server,
        chat_server(answer=lambda asked: "0.6") as another,
    ):
        assert judge(server, "one", TEXTS).report.cached == 0
        words = variant(words=task.judging.own.words + " ")
        assert judge(server, "two", TEXTS, task=words).report.cached == 0
        warm = variant(attempts=(Attempt(temperature=0.7),))
        assert judge(server, "three", TEXTS, task=warm).report.cached == 0
        longer = variant(max_tokens=9)
        assert judge(server, "four", TEXTS, task=longer).report.cached == 0
        moved = judge(another, "five", TEXTS)
        assert (moved.report.cached, len(another.asked)) == (0, 12)
        assert {v.ratings for v in moved.verdicts} == {(0.6,)}
        slash = f"openai:toy-model,base_url={server.url}/,retries=0"
        assert judge(server, "six", TEXTS, model=slash).report.cached == 12
        assert len(server.asked) == 4 * 12


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("503", "server"),
        ("429", "rate_limited"),
        ("refusal", "content_filter"),
        ("empty choices", "unreadable"),
        ("html page", "server"),
        ("cut", "unreadable"),
        ("cut grade", "cut"),
    ],
)
def test_an_outage_or_an_unreadable_reply_is_never_kept(chat_server, judge, fault, kind):
    wrong = [fault]

    def script(asked):
        return wrong[0] if wrong and "No. 5?" in asked.text else None

    with chat_server(script, answer=lambda asked: "0.4") as server:
        first = judge(server, "one", TEXTS)
        assert first.report.failed == {kind: 1}
        second = judge(server, "two", TEXTS)
        assert (second.report.failed, second.report.cached) == ({kind: 1}, 11)
        wrong.clear()
        before = len(server.asked)
        third = judge(server, "three", TEXTS)
        assert (third.report.failed, third.report.cached) == ({}, 11)
        assert len(server.asked) == before + 1


def test_a_second_try_that_can_be_read_is_kept_and_the_first_is_asked_anew(chat_server, judge):
    """The unreadable first reply is not in the cache, so it may be readable the next time."""
    with chat_server(
        lambda asked: "cut" if asked.body["temperature"] == 0 else None,
        answer=lambda asked: "0.4",
    ) as server:
        first = judge(server, "one", TEXTS[:3])
        assert [v.requests for v in first.verdicts] == [2, 2, 2]
        assert first.report.requests == 6
        judge(server, "one", TEXTS[:3])
        assert len(server.asked) == 6, "in its own folder both are known"
        judge(server, "two", TEXTS[:3])
    assert Counter(a.body["temperature"] for a in server.asked) == {0.0: 6, 0.5: 3}


def test_a_single_question_that_is_left_may_fail(chat_server, judge):
    """Not the judge is out of order, which gave all other verdicts, but one question."""
    with chat_server(
        lambda asked: "500" if "No. 5?" in asked.text else None, answer=lambda asked: "0.4"
    ) as server:
        for folder in ("one", "two", "two"):
            assert judge(server, folder, TEXTS).report.failed == {"server": 1}


def test_what_the_journal_knows_goes_into_a_cache_that_came_later(chat_server, judge, tmp_path):
    with chat_server(answer=lambda asked: "0.4") as server:
        judge(server, "one", TEXTS[:6], cache=None)
        judge(server, "one", TEXTS)
        assert len(server.asked) == 12
        assert judge(server, "two", TEXTS).report.cached == 12


def test_a_reply_that_the_journal_had_is_as_old_as_the_journal(chat_server, judge, tmp_path):
    """Else pruning what is older than a day would leave what was asked a year ago."""
    with chat_server(answer=lambda asked: "0.4") as server:
        judge(server, "one", TEXTS[:6], cache=None)
        (journal,) = (tmp_path / "one" / "judge").glob("mmvet-*.jsonl")
        os.utime(journal, (1_735_689_600, 1_735_689_600))
        judge(server, "one", TEXTS)
    with VerdictCache(tmp_path / "cache.sqlite") as cache:
        found = cache.statistics()
        assert (found.replies, found.oldest[:19]) == (12, "2025-01-01T00:00:00")
        assert found.newest > "2025-01-02"
        assert cache.prune(date(2025, 6, 1)) == 6


def journal_of(folder):
    (journal,) = (folder / "judge").glob("mmvet-*.jsonl")
    return journal


def test_a_journal_s_line_that_a_hand_changed_is_not_believed(chat_server, judge, tmp_path):
    with chat_server(answer=lambda asked: "0.4") as server:
        judge(server, "one", TEXTS, cache=None)
        journal = journal_of(tmp_path / "one")
        lines = journal.read_text().splitlines(keepends=True)
        changed = lines[4].replace('"text":"0.4"', '"text":"1.0"')
        assert changed != lines[4]
        journal.write_text("".join([*lines[:4], changed, *lines[5:]]))
        with pytest.raises(
            StaleError, match=r"mmvet-.*\.jsonl, line 5, .* Remove the line"
        ) as told:
            judge(server, "one", TEXTS)
        assert told.value.exit_code == 15
        journal.write_text("".join([*lines[:4], *lines[5:]]))
        again = judge(server, "one", TEXTS)
        assert len(server.asked) == 13
        assert judge(server, "two", TEXTS).report.cached == 12
    assert {verdict.ratings for verdict in again.verdicts} == {(0.4,)}


def test_a_line_without_a_seal_is_in_the_bill_and_asked_again(chat_server, judge, tmp_path):
    """Else a hand would take the seal away with the reply."""
    with chat_server(answer=lambda asked: "0.4") as server:
        judge(server, "one", TEXTS, cache=None)
        journal = journal_of(tmp_path / "one")
        first, *others = journal.read_text().splitlines(keepends=True)
        bare = {k: v for k, v in json.loads(first).items() if k != "seal"} | {"text": "1.0"}
        journal.write_text("".join([json.dumps(bare) + "\n", *others]))
        again = judge(server, "one", TEXTS)
        assert len(server.asked) == 13
        assert judge(server, "one", TEXTS).report.requests == 13
        assert len(server.asked) == 13
        assert judge(server, "two", TEXTS).report.cached == 12
    assert {verdict.ratings for verdict in again.verdicts} == {(0.4,)}
    assert again.report.requests == 13


@pytest.mark.parametrize("part", ["backend", "model", "rubric"])
def test_a_reply_that_says_it_is_another_judge_s_is_asked_for(chat_server, judge, tmp_path, part):
    """A hand changed it in an export, under the key of this very question."""
    with chat_server(answer=lambda asked: "0.4") as server:
        judge(server, "one", TEXTS)
        with VerdictCache(tmp_path / "cache.sqlite") as cache:
            cache.export(tmp_path / "all.jsonl")
        lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
        for row in lines[:5]:
            row |= {part: "another", "text": "1.0"}
        (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
        with VerdictCache(tmp_path / "other.sqlite") as cache:
            assert cache.import_file(tmp_path / "all.jsonl").new == 12
        found = judge(server, "two", TEXTS, cache=tmp_path / "other.sqlite")
        assert len(server.asked) == 12 + 5
    assert {verdict.ratings for verdict in found.verdicts} == {(0.4,)}
    assert found.report.cached == 7
    (note,) = found.report.notes
    assert note.startswith("5 replies in the cache other.sqlite say that they are of another judge")


def test_replies_that_were_paid_for_in_vain_stay_in_the_bill(chat_server, judge):
    wrong = ["cut"]
    with chat_server(
        lambda asked: wrong[0] if wrong else None, answer=lambda asked: "0.4"
    ) as server:
        first = judge(server, "one", TEXTS[:3])
        assert (first.report.failed, first.report.requests) == ({"unreadable": 3}, 9)
        wrong.clear()
        again = judge(server, "one", TEXTS[:3])
        assert (again.report.failed, len(server.asked)) == ({}, 12)
    assert again.report.requests == 12
    assert again.report.prompt_tokens == 1200


def test_two_judges_on_one_cache_at_the_same_time(chat_server, start, evalkit, tmp_path):
    """Two processes, two run folders with equal answers: both whole, nothing asked thrice."""
    common = ("run", "mmvet", "--data", "demo", "--limit", "30", "--no-judge")
    for name in ("a", "b", "c"):
        done = evalkit(*common, "--model", "dummy:echo", "--out", tmp_path, "--name", name)
        assert done.code == 0
    with chat_server(answer=lambda asked: "0.4", seconds=0.05) as server:
        judge = f"openai:toy-model,base_url={server.url},concurrency=3"
        words = ("--judge", judge, "--judge-cache", tmp_path / "cache.sqlite", "--json")
        both = [start("judge", tmp_path / "echo" / name, *words) for name in ("a", "b")]
        told = [(process.communicate(timeout=120), process.returncode) for process in both]
        assert [code for _, code in told] == [0, 0], told
        times = Counter(asked.text for asked in server.asked)
        assert set(times.values()) <= {1, 2}
        before = len(server.asked)
        third = evalkit("judge", tmp_path / "echo" / "c", *words)
        assert (third.code, len(server.asked)) == (0, before)
    records = [json.loads(out) for (out, _), _ in told] + [third.record]
    numbers = [r["results"][0]["metrics"]["judged"]["value"] for r in records]
    assert numbers == pytest.approx([40.0] * 3)
    assert (tmp_path / "cache.sqlite").stat().st_mode & 0o077 == 0


def test_what_a_server_is_not_sent_is_in_key_journal_and_fingerprint(chat_server, judge):
    def omitting(server, *omit):
        told = f",omit={'+'.join(omit)}" if omit else ""
        return {"model": f"openai:toy-model,base_url={server.url},retries=0{told}"}

    with chat_server(answer=lambda asked: "0.4") as server:
        plain = judge(server, "one", TEXTS, **omitting(server))
        without = judge(server, "one", TEXTS, **omitting(server, "temperature"))
        assert len(server.asked) == 24, "neither the journal nor the cache has these replies"
        assert all("temperature" not in asked.body for asked in server.asked[12:])
        again = judge(server, "one", TEXTS, **omitting(server, "seed", "temperature"))
        assert len(server.asked) == 24, "no judge is sent a seed"
    assert "omitted" not in plain.fingerprint
    assert without.fingerprint == {**plain.fingerprint, "omitted": "temperature"}
    assert again.fingerprint == without.fingerprint


def test_the_fingerprint_names_the_server_unless_it_is_the_usual_one(chat_server, judge):
    with (
        chat_server(answer=lambda asked: "0.4") as one,
        chat_server(answer=lambda asked: "0.4") as two,
    ):
        first, second = judge(one, "one", TEXTS[:2]), judge(two, "two", TEXTS[:2])
    assert first.fingerprint["server"] == one.url.partition("//")[2]
    assert second.fingerprint == {**first.fingerprint, "server": two.url.partition("//")[2]}
    usual = [
        server_of(JudgeOrder(model=f"openai:gpt-4o{told}"))
        for told in ("", ",base_url=https://api.openai.com/v1/")
    ]
    assert usual == ["", ""]


def test_the_fingerprint_has_the_revision_beside_the_weights():
    rubric = registry.load_task("mmvet").judging.own
    known = ModelIdentity(spec="hf:a/b", backend="hf", name="a/b", digest="d", revision="r")
    told = fingerprint_of(JudgeOrder(model="hf:a/b"), known, rubric, [])
    assert (told["weights"], told["revision"]) == ("d", "r")


@pytest.mark.parametrize("cache", ["cache", None])
def test_a_changed_answer_is_judged_anew_and_the_old_verdict_is_forgotten(
    chat_server, judge, tmp_path, cache
):
    """The server likes long answers; its old replies are in the journal under the same names."""
    kept = {"cache": tmp_path / "own.sqlite" if cache else None}
    with chat_server(answer=lambda asked: "0.9" if "longer" in asked.text else "0.1") as server:
        first = judge(server, "one", TEXTS, **kept)
        changed = judge(server, "one", [*TEXTS[:-2], "a longer one", TEXTS[-1]], **kept)
        assert len(server.asked) == 13
        assert [v.ratings for v in changed.verdicts] == [(0.1,)] * 10 + [(0.9,), (0.1,)]
        back = judge(server, "one", TEXTS, **kept)
        asked = [f"a longer No. {i}?" for i in range(12)]
        assert judge(server, "one", TEXTS, questions=asked, **kept).report.failed == {}
        assert len(server.asked) == 25, "and a question in other words is another"
    assert [v.ratings for v in back.verdicts] == [v.ratings for v in first.verdicts]
    assert (changed.report.requests, back.report.requests) == (13, 13)
