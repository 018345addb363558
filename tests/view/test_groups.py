"""Samples that are scored together: pairs beside another run's, and the way from one to another."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cli.view import _library
from evalkit.columns import score_table
from evalkit.compare.flips import flips_of
from evalkit.compare.matching import pair_by_id
from evalkit.compare.sides import load
from evalkit.store import RunFolder
from evalkit.view.beside import set_beside
from evalkit.view.groups import read_groups

NAMES = st.lists(st.one_of(st.none(), st.sampled_from("abc")), min_size=1, max_size=12)


def ids(page):
    return re.findall(r"<h2[^>]*><a [^>]*><bdi>(q\d+)</bdi>", page)


@pytest.fixture
def page_of(client_of, place, key_of):
    """(query) -> the page of the first run's samples, opened anew, maybe beside the second's."""
    one, two = (key_of(place / "results" / name) for name in ("hash/one", "constant/two"))

    def made(*, beside=True, **query):
        given = {**query, **({"other": two} if beside else {})}
        return client_of(place).get(f"/run/{one}/toy", params=given).text

    return made


@pytest.fixture
def right(place):
    """(run) -> whether all of a group is right, by group."""

    def made(run):
        found = {}
        for score in RunFolder(place / "results" / run).read_scores("toy"):
            found.setdefault(score.group, []).append(score)
        return {name: all(s.values["correct"] for s in held) for name, held in found.items()}

    return made


@pytest.fixture
def compared(place):
    """The toy task and the two runs' samples, as `evalkit compare` has them."""
    one, two = (load(place / "results" / run, [str(place / "toy" / "toy.py")]) for run in RUNS)
    return one.task("toy"), pair_by_id(one.scores("toy"), two.scores("toy"))


RUNS = ("hash/one", "constant/two")


@given(NAMES, st.data())
def test_a_group_is_worth_what_its_worst_answer_is(names, data):
    size = len(names)
    worth = st.one_of(st.floats(0, 1), st.just(np.nan))
    points = np.array(data.draw(st.lists(worth, min_size=size, max_size=size)))
    groups = read_groups(pa.chunked_array([pa.array(names, type=pa.string())]))
    for row, (name, least) in enumerate(zip(names, groups.least(points), strict=True)):
        own = [place for place, other in enumerate(names) if name and other == name]
        assert groups.mates(row) == [place for place in own if place != row]
        assert own == (groups.members(name).tolist() if name else [])
        wanted = np.nan if name is None else points[own].min()
        assert least == wanted or (np.isnan(least) and np.isnan(wanted))
    assert bool(groups) == any(names)


def test_the_groups_of_a_filter_are_right_in_one_run_alone(page_of, place, right):
    one, two = right(RUNS[0]), right(RUNS[1])
    group = {
        s.sample_id: s.group for s in RunFolder(place / "results" / RUNS[0]).read_scores("toy")
    }
    for show, moved in (("better", {(False, True)}), ("worse", {(True, False)})):
        wanted = [i for i, name in group.items() if (one[name], two[name]) in moved]
        page = page_of(show=f"group-{show}")
        assert ids(page) == wanted
        assert page.count(f"group {show} in the other run</span>") == len(wanted)
    wanted = [i for i, name in group.items() if one[name] != two[name]]
    assert wanted
    assert ids(page_of(show="group-flipped")) == wanted
    assert f"group flipped ({len(wanted)})" in page_of()


def test_a_groups_flips_are_those_of_compare(place, monkeypatch, compared):
    task, pairs = compared
    flips = flips_of(replace(task, headline=("pair_accuracy",)), pairs)
    monkeypatch.chdir(place)
    library = _library(RUNS, None, ())
    one, two = (library.open(run, "toy") for run in library.runs.values())
    beside = set_beside(one, two)
    changed = beside.in_state("flipped")  # of a group compare names the samples that changed
    for sign, show in ((1, "group-better"), (-1, "group-worse")):
        rows = np.flatnonzero(beside.in_state(show) & changed)
        assert set(one.index.named(rows.tolist())) == {
            f.sample_id for f in flips if f.gain * sign > 0
        }
    assert flips


@pytest.mark.parametrize("run", RUNS)
def test_half_a_pair_is_no_pair(page_of, place, run):
    whole = ids(page_of(show="group-flipped"))
    folder = RunFolder(place / "results" / run)
    scores = folder.read_scores("toy")
    group = {score.sample_id: score.group for score in scores}
    others = [one for one in group if group[one] not in {group[i] for i in whole}]
    for gone in (others[0], whole[0]):
        _rewrite(folder.scores_path("toy"), [s for s in scores if s.sample_id != gone])
        left = ids(page_of(show="group-flipped"))
        assert left == [one for one in whole if group[one] != group[gone]]


def _rewrite(path, scores):
    import pyarrow.parquet as pq

    pq.write_table(score_table(scores), path)


def test_the_other_of_a_pair_is_one_link_away(page_of, place):
    scores = RunFolder(place / "results" / RUNS[0]).read_scores("toy")
    own = next(s for s in scores if s.sample_id == "q001")
    pair = [s.sample_id for s in scores if s.group == own.group]
    (mate,) = [one for one in pair if one != "q001"]
    page = page_of(sample="q001", beside=False)
    links = dict(re.findall(r'<a href="(\?[^"]+)">(?:group )?<bdi>([^<]+)</bdi>', page))
    assert links[f"?sample={mate}"] == mate
    (together,) = [link for link, name in links.items() if name == own.group and "group=" in link]
    assert ids(page_of(group=own.group, beside=False)) == pair
    assert together == f"?group={own.group}"
    right = sum(s.values["correct"] for s in scores if s.group == own.group)
    assert f"<dt>Group</dt><dd>{right:.0f} of 2 right</dd>" in page


def test_without_groups_there_is_no_word_of_them(client_of, place, key_of):
    for run in RUNS:
        folder = RunFolder(place / "results" / run)
        alone = [replace(s, group=None) for s in folder.read_scores("toy")]
        _rewrite(folder.scores_path("toy"), alone)
    client = client_of(place)
    one, two = (key_of(place / "results" / run) for run in RUNS)
    page = client.get(f"/run/{one}/toy", params={"other": two}).text
    assert "group" not in page.partition("<form")[2]
    answer = client.get(f"/run/{one}/toy", params={"other": two, "show": "group-flipped"})
    assert answer.status_code == 400
    assert "scores each sample alone" in answer.text
    answer = client.get(f"/run/{one}/toy", params={"group": "0"})
    assert ids(answer.text) == []


@pytest.mark.parametrize("most", [7, 40])
def test_an_exported_page_leads_only_to_samples_that_stand_on_it(evalkit, place, page_of, most):
    done = evalkit("view", *RUNS, "--export", "pages", "--samples", most, cwd=place)
    assert done.code == 0, done.err
    for path in (place / "pages").glob("*-toy.html"):
        page = path.read_text()
        led = set(re.findall(r'href="#sample=(\w+)"', page))
        assert led == set(re.findall(r'data-id="(\w+)"', page))
        assert page.count("#group=") == most
    (both,) = (place / "pages").glob("*+*-toy.html")
    states = re.findall(r'data-id="(\w+)" data-state="([^"]*)"', both.read_text())
    told = [one for one, held in states if "group-flipped" in held.split()]
    here = {one for one, _ in states}
    assert told == [one for one in ids(page_of(show="group-flipped")) if one in here]
