"""Yes and no from end to end: MMVP's verdicts beside people's, and beside a later judge's."""

import json
import zlib

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")


def said(asked):
    return "yes" if zlib.crc32(asked.text.encode()) % 3 else "no"


class Mind:
    """What a judge says to a question: changed[n] is what it says to every n-th it was asked."""

    def __init__(self):
        self.every = 0
        self.seen = 0
        self.word = None

    def __call__(self, asked):
        self.seen += 1
        if self.every and self.seen % self.every == 0:
            return self.word or ("no" if said(asked) == "yes" else "yes")
        return said(asked)


@pytest.fixture(scope="module")
def mind():
    return Mind()


@pytest.fixture(scope="module")
def run(evalkit, chat_server, mind, tmp_path_factory):
    """A judged run of MMVP's demo set: (folder, the judge's options, its verdicts by sample)."""
    out = tmp_path_factory.mktemp("labels")
    with chat_server(answer=mind) as server:
        judge = ("--judge", f"openai:toy-model,base_url={server.url}", "--judge-cache", "none")
        done = evalkit(
            *("run", "mmvp:judged", "--model", "dummy:hash", "--data", "demo", "--out", out),
            *("--name", "r", *judge),
        )
        assert done.code == 0, done.err
        folder = out / "hash" / "r"
        rows = (folder / "verdicts" / "mmvp-judged.jsonl").read_text().splitlines()
        yield folder, judge, {row["sample_id"]: row["ratings"][0] for row in map(json.loads, rows)}


@pytest.fixture
def changed(mind):
    """Lets the judge say another word to every n-th question: changed(n, word=None)."""

    def change(every, word=None):
        mind.every, mind.word, mind.seen = every, word, 0

    yield change
    change(0)


@pytest.fixture
def people(run, tmp_path):
    """Writes what people say: the judge's label, but for every n-th sample; on every m-th."""
    verdicts = run[2]

    def written(every, of=1, name="label", words=("no", "yes"), prefix=""):
        lines = []
        for place, (sample_id, rating) in enumerate(sorted(verdicts.items())):
            human = int(rating) ^ (place % every == 0)
            if place % of == 0:
                lines.append({"sample_id": f"{prefix}{sample_id}", name: words[human]})
        path = tmp_path / "human.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return written


def test_labels_of_people_beside_those_of_a_judge(evalkit, run, people):
    folder, _, verdicts = run
    labels = people(4)
    done = evalkit("judge", "calibrate", folder, "--labels", labels, "--json")
    assert done.code == 0, done.err
    found = done.record
    assert (found["kind"], found["positive"]) == ("labels", "yes")
    assert (found["answers"], found["labelled"], found["n"]) == (60, 60, 60)
    assert found["agreement"]["value"]["value"] == 0.75
    assert found["judge_mean"]["value"]["value"] == sum(verdicts.values()) / 60
    assert found["confusion"]["labels"] == ["no", "yes"]
    human = [json.loads(line)["label"] for line in labels.read_text().splitlines()]
    assert found["human_mean"]["value"]["value"] == human.count("yes") / 60
    assert found["human_mean"]["value"]["clusters"] == 30, "both questions of a pair"
    page = evalkit("judge", "calibrate", folder, "--labels", labels)
    assert "on labels, of which 'yes' counts as 1" in page.out
    assert "Cohen's kappa" in page.out


def test_the_positive_label_can_be_chosen(evalkit, run, people):
    folder, _, verdicts = run
    words = ("judge", "calibrate", folder, "--labels", people(4), "--json", "--positive")
    found = evalkit(*words, "no").record
    assert found["judge_mean"]["value"]["value"] == pytest.approx(1 - sum(verdicts.values()) / 60)
    wrong = evalkit(*words, "perhaps")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "'perhaps' is none of those given: no, yes" in wrong.err


def test_people_may_say_one_and_nought(evalkit, run, people):
    folder = run[0]
    words = ("judge", "calibrate", folder, "--json", "--labels")
    as_words = evalkit(*words, people(4)).record
    assert evalkit(*words, people(4, name="rating", words=(0, 1))).record == as_words
    half = evalkit(*words, people(4, name="rating", words=(0, 0.5)))
    assert (half.code, half.err.count("\n")) == (2, 1)
    assert "is no label: no (0), yes (1)" in half.err
    odd = evalkit(*words, people(4, words=("no", "Yes")))
    assert (odd.code, odd.err.count("\n")) == (2, 1)
    assert (
        "is 'Yes', which is none of: no, yes. Write it as 'yes': case and blanks count" in odd.err
    )


SAME, MOVED = "the judge gives the verdicts it gave", "the judge has moved"


@pytest.mark.parametrize(("every", "code", "verdict"), [(0, 0, SAME), (3, 14, MOVED)])
def test_a_judge_that_turns_to_no_has_moved(evalkit, run, changed, every, code, verdict):  # noqa: PLR0917
    folder, judge, _ = run
    changed(every, "no")
    words = ("judge", "drift", "--anchors", folder, "--task", "mmvp:judged")
    done = evalkit(*words, *judge, "--json")
    assert done.code == code, done.err
    found = done.record
    assert (found["kind"], found["verdict"], found["n"]) == ("labels", verdict, 60)
    assert found["direction"]["test"] == "McNemar's exact test"
    assert found["direction"]["gained"] == 0
    assert {flip["now"] for flip in found["flips"]} <= {"no"}
    assert bool(found["flips"]) == bool(every)


def test_a_judge_that_fails_has_not_given_the_verdicts_it_gave(evalkit, run, changed):
    """A fifth of the questions gets no reply that can be read, whatever the others get."""
    folder, judge, _ = run
    words = ("judge", "drift", "--anchors", folder, *judge)
    changed(5, "Perhaps")
    done = evalkit(*words)
    assert done.code == 14, done.out
    page = " ".join(done.out.split())
    assert page.startswith("Too many of the judge's verdicts are missing: ")
    assert "of 60 verdicts are missing (unreadable " in page
    assert "gives the verdicts it gave" not in page
    assert "Judging mmvp:judged: 60 questions if" in done.err
    assert "UNHEALTHY" in done.err
    changed(1, "Perhaps")  # those that are missing are asked for again, and no others
    allowed = evalkit(*words, "--max-judge-failures", "0.5", "--json")
    assert (allowed.code, allowed.record["verdict"]) == (0, SAME)
    assert any("verdicts are missing (unreadable" in note for note in allowed.record["notes"])


def test_verdicts_that_are_there_are_compared_without_a_judge(evalkit, run):
    folder, judge, _ = run
    done = evalkit("judge", "drift", "--anchors", folder, "--now", folder, *judge)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "leave --judge away" in done.err
    assert evalkit("judge", "drift", "--anchors", folder, "--now", folder).code == 0


def test_a_run_that_was_unhealthy_cannot_show_that_a_judge_is_as_it_was(
    evalkit, run, changed, tmp_path
):
    folder, judge, _ = run
    changed(5, "Perhaps")
    other = evalkit(
        *("run", "mmvp:judged", "--model", "dummy:hash", "--data", "demo", *judge),
        *("--out", tmp_path, "--name", "s"),
    )
    assert other.code == 14
    later = tmp_path / "hash" / "s"
    assert evalkit("judge", "drift", "--anchors", folder, "--now", later).code == 14
    back = evalkit("judge", "drift", "--anchors", later, "--now", folder, "--json")
    assert (back.code, back.record["verdict"]) == (0, SAME)
    assert any(note.startswith(f"{later}: ") for note in back.record["notes"])


def test_too_few_anchors_are_exit_code_11(evalkit, tmp_path):
    judge = ("--judge", "dummy:constant,text=yes", "--judge-cache", "none")
    words = ("--model", "dummy:hash", "--data", "demo", "--limit", "4", "--out", tmp_path)
    assert evalkit("run", "mmvp:judged", *words, "--name", "few", *judge).code == 0
    folder = tmp_path / "hash" / "few"
    done = evalkit("judge", "drift", "--anchors", folder, *judge, "--json")
    assert (done.code, done.record["verdict"]) == (11, "too few anchors to tell")
