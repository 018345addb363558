"""Pages of the server: what they show, by which filter, and what they say of damaged runs."""

import json
import re
import shutil
from dataclasses import replace
from io import BytesIO

import PIL.Image
import pytest

from evalkit.store import RunFolder


def ids(page):
    return re.findall(r"<h2[^>]*><a [^>]*><bdi>(q\d+)</bdi>", page)


def scores(folder):
    return {score.sample_id: score for score in RunFolder(folder).read_scores("toy")}


@pytest.fixture
def samples(client_of, place, key_of):
    """(query) -> the page of the first run's samples, with a client that keeps it open."""
    client = client_of(place)
    address = f"/run/{key_of(place / 'results' / 'hash' / 'one')}/toy"

    def page(**query):
        answer = client.get(address, params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    return page


@pytest.fixture
def other(place, key_of):
    return key_of(place / "results" / "constant" / "two")


def test_all_runs_in_results_are_listed_with_numbers_and_intervals(client_of, place):
    page = client_of(place).get("/").text
    assert "hash (one)" in page
    assert "constant:yes (two)" in page
    assert re.search(r"0\.\d{4} to 0\.\d{4}", page)


def test_a_run_shows_metrics_fingerprint_and_the_way_to_samples(client_of, place, key_of):
    key = key_of(place / "results" / "hash" / "one")
    page = client_of(place).get(f"/run/{key}").text
    assert f'href="/run/{key}/toy"' in page
    record = json.loads((place / "results" / "hash" / "one" / "run.json").read_text())
    for fact in ("pair_accuracy", "dataset.digest", "scorer.protocol", record["digest"]):
        assert fact in page


def test_a_sample_shows_question_prompt_answer_target_score_and_tags(samples):
    page = samples(sample="q001")
    assert ids(page) == ["q001"]
    for text in (
        "Is 1 even? Think.</bdi>",
        "Is 1 even? Think. Answer yes or no.",
        ">no</bdi>",
        "kind: low",
        "scored with",
    ):
        assert text in page


def test_pages_are_of_fifty_and_lead_on(client_of, evalkit, toy_of, tmp_path, key_of):
    toy = toy_of(tmp_path / "large", 120)
    words = ("run", "toy", "--model", "dummy:hash", "--name", "n", *toy.options)
    assert evalkit(*words, cwd=tmp_path).code == 0
    client = client_of(tmp_path)
    address, found = f"/run/{key_of(tmp_path / 'results' / 'hash' / 'n')}/toy", []
    while address:
        page = client.get(address).text
        found.append(ids(page))
        onward = re.search(r'href="([^"]+)" data-swap rel="next"', page)
        address = onward and address.partition("?")[0] + onward[1].replace("&amp;", "&")
    assert [len(own) for own in found] == [50, 50, 20]
    assert [one for own in found for one in own] == [f"q{i:03}" for i in range(120)]


def test_states_are_those_of_the_scores(samples, place):
    known = scores(place / "results" / "hash" / "one").values()
    expected = {
        "wrong": [s.sample_id for s in known if not s.values["correct"]],
        "right": [s.sample_id for s in known if s.values["correct"]],
        "unparsed": [s.sample_id for s in known if s.answer is None and not s.failed],
        "failed": [],
        "ambiguous": [],
        "partly": [],
    }
    assert expected["wrong"]
    assert expected["right"]
    for show, wanted in expected.items():
        assert ids(samples(show=show)) == wanted


def test_tags_and_words_narrow_together(samples):
    assert ids(samples(tag="kind=low")) == [f"q{i:03}" for i in range(20)]
    assert ids(samples(tag="kind=low", q="is 1")) == [f"q{i:03}" for i in (1, *range(10, 20))]
    assert ids(samples(q="Q03")) == [f"q{i:03}" for i in range(30, 40)]
    assert ids(samples(tag="kind=none")) == []
    assert ids(samples(tag="nothing")) == []
    assert ids(samples(q="(*[")) == []


def test_flips_are_samples_whose_score_differs(samples, place, other):
    one = scores(place / "results" / "hash" / "one")
    two = scores(place / "results" / "constant" / "two")
    moved = {i: two[i].values["correct"] - one[i].values["correct"] for i in one}
    for show, sign in (("better", 1), ("worse", -1)):
        wanted = [i for i in one if moved[i] * sign > 0]
        assert wanted
        assert ids(samples(show=show, other=other)) == wanted
    assert ids(samples(show="flipped", other=other)) == [i for i in one if moved[i]]
    otherwise = [i for i in one if one[i].answer != two[i].answer]
    assert ids(samples(show="otherwise", other=other)) == otherwise
    assert ids(samples(show="missing", other=other)) == []


def test_a_last_bit_is_no_flip(client_of, place, key_of):
    one, two = (place / "results" / run for run in ("hash/one", "constant/two"))
    held = [
        replace(score, values={**score.values, "correct": score.values["correct"] * (1 - 1e-12)})
        for score in RunFolder(one).read_scores("toy")
    ]
    RunFolder(two).write_scores("toy", held)
    address = f"/run/{key_of(one)}/toy?other={key_of(two)}"
    page = client_of(place).get(address).text
    assert len(ids(page)) == 40
    assert "flipped (0)" in page
    assert 'class="moved' not in page


def test_the_first_run_leads_to_each_other_by_the_tasks_they_share(client_of, place, key_of):
    one, two = (key_of(place / "results" / run) for run in ("hash/one", "constant/two"))
    page = client_of(place, "hash/one", "constant/two").get("/").text
    words = "toy: hash (one) beside constant:yes (two)"
    assert f'<a href="/run/{one}/toy?other={two}">{words}</a>' in page
    assert "beside" not in client_of(place, "hash/one").get("/").text
    shutil.rmtree(place / "results" / "constant" / "two" / "scores")
    assert "beside" not in client_of(place, "hash/one", "constant/two").get("/").text


def test_a_score_is_no_count(samples, place):
    own = scores(place / "results" / "hash" / "one")["q001"].values["correct"]
    page = samples(sample="q001")
    assert f'<dt>Score</dt><dd>{own:.0f} of 1 <span class="dim">(correct)</span></dd>' in page


def test_two_runs_stand_side_by_side(samples, other):
    page = samples(sample="q001", other=other)
    assert re.findall(r"<h3>([\w:]+) \((\w+)\)", page) == [("hash", "one"), ("constant:yes", "two")]
    assert page.count("0 <span") + page.count("1 <span") == 2
    assert "model" not in page.partition("<form")[0].partition("differ")[2]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ({"show": "odd"}, "no state"),
        ({"show": "flipped"}, "beside another run"),
        ({"page": "-1"}, "no page"),
        ({"page": "1e9"}, "no page"),
        ({"q": "x" * 501}, "500 characters"),
        ({"other": "nobody"}, "no other run"),
    ],
)
def test_a_query_that_cannot_be_meant_is_a_sentence(client_of, place, key_of, query, what):
    key = key_of(place / "results" / "hash" / "one")
    answer = client_of(place).get(f"/run/{key}/toy", params=query)
    assert answer.status_code == 400
    assert what in answer.text


@pytest.mark.parametrize(
    "address", ["/nothing", "/run/0", "/run/{}/other", "/static/x.js", "/picture/{}/toy/999/0"]
)
def test_what_is_not_there_is_said(client_of, place, key_of, address):
    key = key_of(place / "results" / "hash" / "one")
    answer = client_of(place).get(address.format(key))
    assert answer.status_code == 404
    assert "There is no such page." in answer.text


# Pictures


def picture(client, key, row, number=0, **query):
    return client.get(f"/picture/{key}/toy/{row}/{number}", params=query)


def test_a_thumbnail_is_the_picture_of_its_sample(client_of, place, key_of):
    client, key = client_of(place), key_of(place / "results" / "hash" / "one")
    for row in (0, 7, 39):
        answer = picture(client, key, row)
        assert answer.headers["content-type"] == "image/jpeg"
        with PIL.Image.open(BytesIO(answer.content)) as shown:
            assert abs(shown.convert("L").getpixel((0, 0)) - row) <= 2
    assert picture(client, key, 0, 1).status_code == 404
    assert picture(client, key, 0, large="1").status_code == 200


def test_another_picture_than_the_model_saw_is_not_shown(client_of, place, key_of):
    data = place / "toy" / "data" / "toy"
    (data / "3.png").write_bytes((data / "4.png").read_bytes())
    client, key = client_of(place), key_of(place / "results" / "hash" / "one")
    answer = picture(client, key, 3)
    assert answer.status_code == 404
    assert "not the one that the model saw" in answer.text
    assert picture(client, key, 4).status_code == 200


def test_other_rows_than_were_scored_are_not_shown(client_of, place, key_of):
    path = place / "toy" / "data" / "toy" / "test.jsonl"
    rows = path.read_text()
    path.write_text(rows.replace('"answer": "no"', '"answer": "yes"'))
    client, key = client_of(place), key_of(place / "results" / "hash" / "one")
    page = client.get(f"/run/{key}/toy").text
    assert "are not those that one was scored on" in page
    assert "Is 1 even" not in page
    assert len(ids(page)) == 40


# Damage


def page_of(client, key):
    """The page when its files were checked."""
    for _ in range(200):
        page = client.get(f"/run/{key}/toy").text
        if "data-unchecked" not in page:
            return page
    raise AssertionError(page)


def test_edited_answers_are_shown_with_a_warning(client_of, place, key_of):
    folder = place / "results" / "hash" / "one"
    path = folder / "predictions" / "toy.jsonl"
    path.write_text(path.read_text().replace('"text":"', '"text":"edited ', 1))
    page = page_of(client_of(place), key_of(folder))
    assert "are not those that its record was made of" in page


def test_scores_of_another_run_are_shown_with_a_warning(client_of, place, key_of):
    folder = place / "results" / "hash" / "one"
    shutil.copy(
        place / "results" / "constant" / "two" / "scores" / "toy.parquet", folder / "scores"
    )
    page = page_of(client_of(place), key_of(folder))
    assert "does not hold the scores that its record is about" in page


def test_sound_files_have_no_warning(client_of, place, key_of):
    page = page_of(client_of(place), key_of(place / "results" / "hash" / "one"))
    assert 'class="warning"' not in page


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1"])
def test_damaged_scores_are_a_sentence(client_of, place, key_of, content):
    folder = place / "results" / "hash" / "one"
    (folder / "scores" / "toy.parquet").write_bytes(content)
    answer = client_of(place).get(f"/run/{key_of(folder)}/toy")
    assert answer.status_code == 400
    assert "cannot be read as Parquet" in answer.text


def test_a_damaged_line_is_said_beside_its_sample(client_of, place, key_of):
    folder = place / "results" / "hash" / "one"
    path = folder / "predictions" / "toy.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:-5]
    path.write_text("\n".join(lines) + "\n")
    page = page_of(client_of(place), key_of(folder))
    assert page.count("toy.jsonl, line 3, is not JSON") >= 1
    assert len(ids(page)) == 40


def test_numbers_alone_are_shown_without_samples(client_of, place, key_of):
    folder = place / "results" / "hash" / "one"
    shutil.rmtree(folder / "scores")
    page = client_of(place).get(f"/run/{key_of(folder)}").text
    assert "numbers alone" in page
    assert f"/run/{key_of(folder)}/toy" not in page


def test_of_all_runs_a_damaged_one_is_a_sentence_and_the_others_are_shown(client_of, place):
    path = place / "results" / "hash" / "one" / "run.json"
    path.write_text(path.read_text().replace('"failed": 0', '"failed": 1', 1))
    page = client_of(place).get("/").text
    assert "is not what was written" in page
    assert "constant:yes (two)" in page
    assert "hash (one)" not in page


def test_answers_in_another_order_are_found_by_id(client_of, place, key_of):
    folder = place / "results" / "hash" / "one"
    path = folder / "predictions" / "toy.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    told = {json.loads(line)["sample_id"]: json.loads(line)["text"] for line in lines}
    path.write_text("".join(reversed(lines)))
    page = client_of(place).get(f"/run/{key_of(folder)}/toy").text
    for card in re.findall(r"<article.*?</article>", page, re.DOTALL):
        assert told[ids(card)[0]] in card


# Judged tasks


def test_verdicts_and_the_judges_reasons_stand_by_their_samples(
    evalkit, client_of, tmp_path, key_of
):
    judge = ("--judge", "dummy:constant,text=Score: <b>0.7</b>", "--judge-cache", "none")
    words = ("run", "mmvet", "--model", "dummy:hash", "--data", "demo", "--name", "j")
    evalkit(*words, *judge, cwd=tmp_path)
    folder = tmp_path / "results" / "hash" / "j"
    page = client_of(tmp_path).get(f"/run/{key_of(folder)}/mmvet").text
    verdicts = RunFolder(folder).read_verdicts("mmvet")
    assert verdicts
    assert page.count("&lt;b&gt;0.7&lt;/b&gt;") >= len(verdicts)
    kinds = {verdict.failure.kind for verdict in verdicts if verdict.failure}
    assert all(f">{kind}</b>" in page for kind in kinds)
    ratings = {f"<b>{v.ratings[0]:g}</b>" for v in verdicts if v.ratings}
    assert all(rating in page for rating in ratings)
    assert kinds or ratings
    assert 'class="warning"' not in page
    path = folder / "verdicts" / "mmvet.jsonl"
    path.write_text(path.read_text().replace("0.7", "0.9"))
    page = client_of(tmp_path).get(f"/run/{key_of(folder)}/mmvet").text
    assert "is not the file with which the run" in page
