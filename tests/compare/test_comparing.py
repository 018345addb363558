"""Whole runs beside each other: what is compared, what is refused, and what is said of it."""

import json
from dataclasses import dataclass, replace

import pytest

import evalkit
from evalkit.compare import sides
from evalkit.compare.comparing import Choice, compare, compare_all
from evalkit.errors import NotComparableError, StaleError, UsageError
from evalkit.paired import holm

YES = "dummy:constant,text=yes"
FAST = Choice(draws=500)


@pytest.fixture
def two(ran):
    """Two runs of the toy task: answers by chance, and always yes."""
    return sides.load(ran()), sides.load(ran(YES))


def test_the_values_are_those_of_the_records(two):
    found = compare(*two, replace(FAST, metrics="all")).comparison
    (task,) = found.tasks
    recorded = [side.result("toy").metrics for side in two]
    for d in task.differences:
        assert d.first == pytest.approx(recorded[0][d.metric].value, abs=1e-12)
        assert d.second == pytest.approx(recorded[1][d.metric].value, abs=1e-12)
        assert d.difference == pytest.approx(d.second - d.first, abs=1e-12)
        assert d.low <= d.difference <= d.high
    assert [(d.metric, d.headline) for d in task.differences] == [
        ("accuracy", True),
        ("pair_accuracy", False),
    ]
    assert (task.samples, task.only_first, task.only_second) == (40, 0, 0)
    assert (found.first, found.second) == (two[0].side, two[1].side)
    assert (found.draws, found.seed, found.alpha) == (500, 0, 0.05)


def test_won_and_lost_are_the_flips(two):
    found = compare(*two, FAST)
    (task,) = found.comparison.tasks
    (d,) = task.differences
    better = sum(count for count, _ in task.flips.values())
    worse = sum(count for _, count in task.flips.values())
    assert (d.won, d.lost) == (better, worse)
    assert better + worse == len(found.flips) > 0
    assert d.difference == pytest.approx((better - worse) / 40)


def test_a_run_beside_itself_is_identical(two):
    found = compare(two[0], two[0], FAST)
    (d,) = found.comparison.tasks[0].differences
    assert (d.difference, d.discordant, d.won, d.lost, d.p, d.adjusted) == (0, 0, 0, 0, 1, 1)
    assert found.flips == ()


@dataclass(frozen=True)
class Reversed:
    """The same scored samples in the other order."""

    source: sides.Source

    def scores(self, result):
        return self.source.scores(result)[::-1]

    def texts(self, result):
        return self.source.texts(result)

    def images(self, result):
        return self.source.images(result)


def test_the_order_of_samples_does_not_matter(two):
    """Digests are of samples in order, so data in another order are to be allowed."""
    other = replace(two[1], source=Reversed(two[1].source))
    straight, turned = (
        compare(two[0], side, replace(FAST, allow=frozenset({"dataset"})))
        for side in (two[1], other)
    )
    assert straight.comparison.tasks[0].differences == turned.comparison.tasks[0].differences
    assert straight.flips == turned.flips


def test_the_same_seed_gives_the_same_numbers(two):
    assert compare(*two, FAST).comparison == compare(*two, FAST).comparison


def test_a_smaller_alpha_widens_the_interval(two):
    wide, narrow = (
        compare(*two, replace(FAST, alpha=alpha)).comparison.tasks[0].differences[0]
        for alpha in (0.01, 0.2)
    )
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.detectable > narrow.detectable
    assert wide.p == narrow.p


def test_a_part_is_compared_on_what_both_have(ran):
    whole, part = sides.load(ran()), sides.load(ran(YES, limit=20))
    (task,) = compare(whole, part, FAST).comparison.tasks
    assert (task.samples, task.only_first, task.only_second) == (20, 20, 0)
    assert task.differences[0].n == 20
    assert task.differences[0].second == part.result("toy").metrics["accuracy"].value
    assert any("20 samples left out that the reference alone has" in n for n in task.notes)
    assert any("20 of the 40 rows" in note for note in task.notes)
    (turned,) = compare(part, whole, FAST).comparison.tasks
    assert turned.differences[0].difference == pytest.approx(-task.differences[0].difference)


def test_holms_family_is_every_headline_of_every_run(ran, two):
    third = sides.load(ran("dummy:constant,text=no"))
    found = compare_all(two[0], [two[1], third, two[0]], replace(FAST, metrics="all"))
    told = [d for one in found for d in one.comparison.tasks[0].differences]
    family = [d.p if d.headline else None for d in told]
    assert [d.adjusted for d in told] == list(holm(family))
    assert sum(d.adjusted is not None for d in told) == 3
    assert [one.comparison.second for one in found] == [two[1].side, third.side, two[0].side]


# What is refused


def test_what_differs_is_named_and_may_be_allowed(ran, two):
    bare = sides.load(ran(prompt="bare"))
    with pytest.raises(NotComparableError) as told:
        compare(two[0], bare, FAST)
    for part in ("prompt.variant is plain and bare", "prompt.template", "prompt.digest"):
        assert part in str(told.value)
    (task,) = compare(two[0], bare, replace(FAST, allow=frozenset({"prompt"}))).comparison.tasks
    assert {m.part for m in task.mismatches} == {
        "prompt.variant",
        "prompt.template",
        "prompt.digest",
    }
    assert all(m.waived for m in task.mismatches)


def test_all_that_differs_is_named_at_once_with_its_run(ran, two):
    bare, short = sides.load(ran(prompt="bare")), sides.load(ran(YES, prompt="bare"))
    with pytest.raises(NotComparableError) as told:
        compare_all(two[0], [bare, two[1], short], FAST)
    lines = str(told.value).split("\n")
    assert [line.partition(": ")[0] for line in lines] == [bare.side.name, short.side.name]


def test_long_values_are_shown_from_where_they_part(ran, two):
    result = two[0].result("toy")
    prompt = result.fingerprint.prompt
    texts = [f"{'long words ' * 50}{end}" for end in ("here", "there\nand \x1b[31m")]
    one, other = (
        replace(
            two[0],
            record=replace(
                two[0].record,
                results=(
                    replace(
                        result,
                        fingerprint=replace(
                            result.fingerprint, prompt=replace(prompt, template=text)
                        ),
                    ),
                ),
            ),
        )
        for text in texts
    )
    with pytest.raises(NotComparableError) as told:
        compare(one, other, FAST)
    assert "prompt.template is ...long words here and ...long words there and" in str(told.value)
    assert len(str(told.value)) < 300


def test_tasks_that_one_has_alone_are_said(tmp_path):
    for name, tasks in (("both", ["pope", "mmvp"]), ("pope", ["pope"]), ("mmvp", ["mmvp"])):
        evalkit.evaluate(model="dummy:hash", tasks=tasks, data="demo", out=tmp_path, name=name)
    both, pope, mmvp = (sides.load(tmp_path / "hash" / name) for name in ("both", "pope", "mmvp"))
    found = compare(both, pope, FAST).comparison
    assert [task.task for task in found.tasks] == ["pope"]
    assert found.absent == (f"mmvp: in {both.side.name} alone",)
    assert compare(both, both, replace(FAST, tasks=("mmvp",))).comparison.tasks[0].task == "mmvp"
    with pytest.raises(NotComparableError, match="no task in common"):
        compare(pope, mmvp, FAST)
    with pytest.raises(NotComparableError, match="no task in common"):
        compare(both, pope, replace(FAST, tasks=("mmvp",)))
    with pytest.raises(UsageError, match="has a task 'gqa'"):
        compare(both, pope, replace(FAST, tasks=("gqa",)))


def test_numbers_without_samples_are_not_compared(copied, result_of, two):
    result_of(copied, scores=None)
    bare = sides.load(copied)
    for pair in ((bare, two[0]), (two[0], bare)):
        with pytest.raises(NotComparableError, match="numbers of it but no scored samples"):
            compare(*pair, FAST)


def test_nothing_in_common_is_not_comparable(ran):
    """Two limits with other seeds may share no sample at all."""
    one, two = (sides.load(ran(limit=2, seed=seed)) for seed in (0, 1))
    shared = {s.sample_id for s in one.scores("toy")} & {s.sample_id for s in two.scores("toy")}
    assert not shared
    with pytest.raises(NotComparableError, match="no sample in common"):
        compare(one, two, FAST)


def test_what_is_stale_is_never_compared(copied, edit, two):
    edit(copied, lambda raw: raw["results"][0]["metrics"]["accuracy"].update(value=0.3), seal=True)
    with pytest.raises(StaleError):
        compare(two[0], sides.load(copied), FAST)


# What is shown


def test_what_the_models_wrote_is_read_for_what_is_shown(two):
    found = compare(*two, FAST)
    assert {flip.texts for flip in found.flips} == {(None, None)}
    shown = found.shown(1).flips
    assert [flip.gain for flip in shown] == [-1.0, 1.0]
    for flip in shown:
        assert flip.texts[1] == "yes"
        assert flip.texts[0] == two[0].texts("toy")[flip.sample_id]


def test_other_pictures_are_other_data_where_one_run_is_limited(ran, copied, result_of):
    """Digests over all pictures cannot tell, as the runs are of other samples."""
    result_of(copied, predictions=None)
    file = copied / "predictions" / "toy.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["images"] = ["0" * 64]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    other, part = sides.load(copied), sides.load(ran(limit=20))
    assert compare(sides.load(ran()), part, FAST).comparison.tasks[0].mismatches == ()
    with pytest.raises(NotComparableError, match=r"dataset\.images is 0000"):
        compare(other, part, FAST)
    (task,) = compare(other, part, replace(FAST, allow=frozenset({"dataset"}))).comparison.tasks
    assert [(m.part, m.waived) for m in task.mismatches] == [("dataset.images", True)]
