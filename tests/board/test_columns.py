"""Who may stand beside whom: each part of a fingerprint sets apart, and is named."""

from dataclasses import replace

import pytest
from made_records import judge_report

from evalkit.board.entries import read
from evalkit.board.group import rounded
from evalkit.board.making import Choice, make
from evalkit.errors import UsageError
from evalkit.run_record import Peeks
from evalkit.telemetry import TaskSpeed, Telemetry

from .conftest import answered, limited, published, record, result, written


def column_of(results, **choice):
    return make(read(results).entries, Choice(**choice)).columns[0]


def changed(part, **fields):
    """Changes a part of a result's fingerprint."""

    def change(result):
        known = result.fingerprint
        if not fields:
            return replace(result, fingerprint=replace(known, **{part: None}))
        held = getattr(known, part)
        held = {**held, **fields} if isinstance(held, dict) else replace(held, **fields)
        return replace(result, fingerprint=replace(known, **{part: held}))

    return change


def judged(result):
    return replace(result, fingerprint=replace(result.fingerprint, judge={"model": "another"}))


def test_what_is_the_same_stands_together(model, results):
    for seed, name in enumerate("abc"):
        model(name, 0.6, seed)
    (group,) = column_of(results).groups
    assert (group.title, group.comparable) == ("", True)
    assert {one.contender for one in group.standings} == set("abc")
    assert all(one.ranks for one in group.standings)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed("dataset", digest="f" * 64), "dataset.digest: ffffffffffff, not"),
        (changed("dataset", samples=30, digest="e" * 64), "asked 30 samples, another number than"),
        (changed("dataset", images="f" * 64), "dataset.images: ffffffffffff, not"),
        (changed("dataset", context="f" * 64), "dataset.context: ffffffffffff, not"),
        (changed("prompt", variant="qwen"), "prompt.variant: qwen, not llava"),
        (changed("prompt", digest="f" * 64), "prompt.digest: ffffffffffff, not"),
        (changed("prompt", images_first=False), "prompt.images_first: false, not true"),
        (changed("generation", temperature=0.5), "generation.temperature: 0.5, not 0.0"),
        (changed("generation", max_new_tokens=8), "generation.max_new_tokens: 8, not 16"),
        (changed("scorer", protocol="lmms-eval"), "scorer.protocol: lmms-eval, not official"),
        (changed("scorer", version=9), "scorer.version: 9, not 1"),
        (judged, "judge.model: another, not none"),
    ],
)
def test_each_part_sets_apart_and_is_named(model, results, change, told):
    model("a", seed=1)
    model("b", seed=2)
    model("other", seed=3, change=change, keep=False)
    main, apart = column_of(results).groups
    assert [one.contender for one in apart.standings] == ["other"]
    assert apart.title.startswith(told)
    assert len(main.standings) == 2
    assert apart.standings[0].ranks is None


def test_preprocessing_is_the_models_own_unless_it_is_asked_for(model, results):
    model("a", seed=1)
    model("b", seed=2, change=changed("preprocessing", processor="SigLIP"))
    assert len(column_of(results).groups) == 1
    _, apart = column_of(results, allow=()).groups
    assert "preprocessing.processor" in apart.title


def test_what_is_not_known_is_not_equal_even_to_itself(model, results):
    model("a", seed=1, change=changed("prompt"), keep=False)
    model("b", seed=2, change=changed("prompt"), keep=False)
    (group,) = column_of(results).groups
    assert not group.comparable
    assert all(one.ranks is None and not one.leads for one in group.standings)


def test_what_was_allowed_is_marked(model, results):
    model("a", seed=1, created="2026-02-01T00:00:00Z")
    model("b", seed=2, change=changed("prompt", variant="qwen"))
    model("c", seed=3, change=changed("generation", max_new_tokens=7))
    model("d", seed=4, change=changed("dataset", images="0" * 64))
    (group,) = column_of(results, allow=("prompt", "generation", "dataset")).groups
    marks = {one.contender: one.marks for one in group.standings}
    assert marks == {"a": (), "b": ("†",), "c": ("‖",), "d": ("◊",)}


def test_two_groups_of_one_title_are_two(model, results):
    for seed, name in enumerate("ab"):
        model(name, seed=seed)
    for seed, digest in enumerate("ef"):
        change = changed("dataset", digest=digest * 64)
        model(f"x{digest}", seed=seed, change=change, keep=False)
    titles = [group.title for group in column_of(results).groups]
    assert len(set(titles)) == 3


def test_the_newest_run_of_a_model_counts_and_others_are_its_history(model, results):
    model("a", 0.5, 1, run="old", created="2025-01-01T00:00:00Z")
    newest = model("a", 0.8, 2, run="new", created="2026-01-01T00:00:00Z")
    model("a", 0.9, 3, run="smoke", created="2026-06-01T00:00:00Z",
          change=changed("dataset", samples=5, digest="5" * 64), keep=False)  # fmt: skip
    model("b", 0.7, 4)
    column = column_of(results)
    (one,) = [one for one in column.groups[0].standings if one.contender == "a"]
    assert one.origin.record == (newest / "run.json").as_posix()
    (history,) = column.histories
    assert [past.created[:4] for past in history.past] == ["2025", "2026"]
    assert [past.value for past in history.past] == sorted(past.value for past in history.past)


def test_a_trial_run_of_all_models_takes_no_place_of_whole_runs(results):
    from evalkit.report.board_cells import sentences

    for seed, name in enumerate("abc"):
        scores = {task: answered(0.7, seed, task=task) for task in ("gqa", "pope")}
        made = [result(own, task) for task, own in scores.items()]
        if name != "c":
            written(results / name / "whole", record(name, *made))
        small = {task: answered(0.9, seed, clusters=13, task=task) for task in scores}
        made = [limited(result(own, task), 300) for task, own in small.items()]
        written(results / name / "trial", record(name, *made, created="2026-06-01T00:00:00Z"))
    made = make(read(results).entries)
    for column in made.columns:
        main, apart = column.groups
        assert {one.contender: one.origin.samples for one in main.standings} == {"a": 300, "b": 300}
        assert {one.contender for one in apart.standings} == set("abc")
        assert apart.title == "asked 39 samples, another number than the first rows"
    assert not any("different runs" in line for line in sentences(made))


def test_where_other_data_are_allowed_the_fullest_run_counts(results):
    for seed, (count, created) in enumerate(((100, "2025"), (13, "2026"))):
        own = answered(0.7, seed, clusters=count)
        made = record("a", limited(result(own), 300), created=f"{created}-01-01T00:00:00Z")
        written(results / "a" / created, made)
    column = column_of(results, allow=("dataset", "prompt"))
    ((one,),) = (group.standings for group in column.groups)
    assert one.origin.samples == 300


def test_a_row_of_several_runs_says_so(model, results):
    from evalkit.report.board_cells import sentences

    for name in "ab":
        model(name, seed=1)
    model("a", seed=1, task="pope", run="pope")
    told = [line for line in sentences(make(read(results).entries)) if "different runs" in line]
    assert told == [
        "Numbers of one row are of different runs: a (2); each column's own table says of which."
    ]


def test_seconds_are_of_the_columns_task(results):
    def speed(task, seconds):
        return TaskSpeed(
            task=task, samples=300, seconds=seconds, samples_per_second=300 / seconds,
            prompt_tokens_per_second=0, output_tokens_per_second=0, model_share=1,
            waiting_share=0, writing_share=0,
        )  # fmt: skip

    def went(*tasks):
        return Telemetry(workers=1, note="", resumed=False, tasks=tasks, peak_mib={}, counters={})

    gqa = [result(answered(0.5 + seed / 10, seed)) for seed in range(4)]
    pope = result(answered(0.7, 9, task="pope"), "pope")
    both = went(speed("gqa", 30), speed("pope", 300))
    written(results / "a" / "run", record("alone", gqa[0], seconds=60.0))
    written(results / "b" / "run", record("both", gqa[1], pope, seconds=330.0, telemetry=both))
    written(results / "c" / "run", record("unknown", gqa[2], pope, seconds=330.0))
    none = went(replace(speed("gqa", 30), samples=0))
    written(results / "d" / "run", record("asked nothing", gqa[3], seconds=60.0, telemetry=none))
    column = column_of(results)
    found = {one.contender: one.origin.seconds for one in column.groups[0].standings}
    assert found == {"alone": 0.2, "both": 0.1, "unknown": None, "asked nothing": None}
    assert {one.contender for one in column.economies["seconds per sample"]} == {"alone", "both"}


def test_other_weights_of_one_name_are_another_row(model, results):
    def weights(record_of):
        return replace(record_of, revision="other")

    model("a", 0.5, 1)
    folder = model("a", 0.6, 2, run="two")
    from evalkit.store import RunFolder, load_run

    held = load_run(folder)
    RunFolder(folder).write_record(replace(held, model=weights(held.model)))
    labels = {one.contender for one in column_of(results).groups[0].standings}
    assert labels == {"a (a-weights)", "a (other)"}


def test_labels_are_unique_whatever_models_are_called(model, results):
    model("a", 0.5, 1)
    model("a (card.md)", 0.6, 2)
    written(results / "published" / "a", published("a", 0.7))
    made = make(read(results).entries)
    labels = [row.label for row in made.contenders]
    assert sorted(labels) == ["a", "a (card.md)", "a (card.md) #2"]


def test_failures_stand_for_the_number_above_a_share(model, results):
    model("a", seed=1)
    model("few", seed=2, lost=9)
    model("many", seed=3, lost=111)
    found = {one.contender: one for one in column_of(results).groups[0].standings}
    assert (found["many"].value, found["many"].withheld) == (None, "37% failed")
    assert found["many"].ranks is None
    assert found["few"].value is not None
    assert found["few"].marks == ("§",)


def test_an_unhealthy_judge_is_marked_and_not_ranked(model, results):
    report = judge_report(100, {"timeout": 30})

    def change(result):
        known = replace(result.fingerprint, judge={"model": "j"})
        return replace(result, judge=report, fingerprint=known)

    for seed, name in enumerate("ab"):
        model(name, seed=seed, change=change, keep=False)
    standings = column_of(results).groups[0].standings
    assert all("⚠" in one.marks and one.ranks is None for one in standings)
    assert {one.unranked for one in standings} == {"too many verdicts are missing"}


def test_what_was_stopped_early_is_marked_and_not_ranked(model, results):
    def change(result):
        known = result.fingerprint
        peeks = Peeks(looks=(50, 100), made=1, rules=1, samples=600, planned=known)
        return replace(result, peeks=peeks)

    for seed, name in enumerate("ab"):
        model(name, 0.3 + 0.5 * seed, seed)
    model("early", 0.9, 3, change=change)
    found = {one.contender: one for one in column_of(results).groups[0].standings}
    assert found["early"].ranks is None
    assert "stopped early" in found["early"].unranked
    assert found["early"].marks == ("§",)
    assert (found["a"].ranks, found["b"].ranks) == ((2, 2), (1, 1))


def test_the_reference_stands_in_the_main_group_and_all_have_a_difference(model, results):
    for seed, name in enumerate("abc"):
        model(name, 0.6, seed)
    change = changed("prompt", variant="qwen")
    folder = model("ref", 0.5, 7, change=change)
    model("beside", 0.9, 8, change=change)
    column = column_of(results, reference=(folder / "run.json").as_posix())
    main, apart = column.groups
    assert {one.contender for one in main.standings} == {"ref", "beside"}
    (gap,) = [one.reference for one in main.standings if one.contender == "beside"]
    assert gap.beside == "ref"
    assert gap.low < gap.difference < gap.high
    assert all(one.reference is None for one in apart.standings)


def test_a_difference_is_what_compare_says(model, results):
    one, two = model("a", 0.6, 1), model("b", 0.75, 2)
    from evalkit.compare.comparing import compare
    from evalkit.compare.sides import load

    (told,) = compare(load(one), load(two)).comparison.tasks[0].differences
    column = column_of(results, reference=(one / "run.json").as_posix())
    (gap,) = [s.reference for s in column.groups[0].standings if s.reference]
    found = (gap.difference, gap.low, gap.high)
    assert found == tuple(rounded(value) for value in (told.difference, told.low, told.high))
    assert found == pytest.approx((told.difference, told.low, told.high), rel=1e-11)
    assert gap.method == told.method


def test_a_published_number_stands_apart_and_beside(model, results):
    model("lab/a", 0.7, 1)
    model("lab/b", 0.6, 2)
    written(results / "published" / "a", published("a", 0.65))
    main, apart = column_of(results).groups
    (copied,) = apart.standings
    assert "self-reported" in apart.title
    assert (copied.marks, copied.ranks, copied.leads) == (("¶",), None, False)
    found = {one.contender: one.published for one in main.standings}
    (gap,) = found["lab/a"]
    assert gap.value == 0.65
    assert gap.difference == pytest.approx(
        next(one.value for one in main.standings if one.contender == "lab/a") - 0.65
    )
    assert found["lab/b"] == ()


def test_a_copied_number_is_shown_as_it_is_printed(results):
    from evalkit.report.board_cells import notes, score, unit_of

    shown = {}
    for name, text, unit, value in (
        ("a", "0.6545", "fraction", 0.6545),
        ("b", "65", "percent", 0.65),
        ("c", "65.40", "percent", 0.654),
        ("d", "65.3.", "percent", 0.653),
    ):
        made = published(name, value)
        cell = replace(made.publication.cells[0], text=text, unit=unit, erratum=f"{name} slips.")
        made = replace(made, publication=replace(made.publication, cells=(cell,)))
        written(results / "published" / name, made)
    made = make(read(results).entries)
    (column,) = made.columns
    for one in column.groups[0].standings:
        shown[one.contender] = score(one, unit_of(column))
    assert shown == {"a": "65.45 ¶", "b": "65 ¶", "c": "65.40 ¶", "d": "65.3 ¶"}
    assert "gqa accuracy: d is as it was printed. d slips." in list(notes(made))


def test_only_the_tasks_that_were_asked_for_in_their_order(model, results):
    model("a", seed=1)
    model("a", seed=1, task="pope", run="pope")
    made = make(read(results).entries, Choice(tasks=("pope", "gqa")))
    assert [column.task for column in made.columns] == ["pope", "gqa"]
    with pytest.raises(UsageError, match="No record has a task 'mme'"):
        make(read(results).entries, Choice(tasks=("mme",)))


def test_what_nobody_measured_is_shown_only_if_it_is_asked_for(model, results):
    from evalkit.report.board_cells import sentences

    written(results / "published" / "a", published("a", 0.7, task="pope"))
    alone = make(read(results).entries)
    assert ([column.task for column in alone.columns], alone.unmeasured) == (["pope"], ())
    model("a", seed=1)
    entries = read(results).entries
    made = make(entries)
    assert ([column.task for column in made.columns], made.unmeasured) == (["gqa"], ("pope",))
    told = "1 task of which there are only published numbers is left out; `--tasks all` shows them."
    assert told in list(sentences(made))
    for tasks in (("all",), ("gqa", "pope")):
        made = make(entries, Choice(tasks=tasks))
        assert [column.task for column in made.columns] == ["gqa", "pope"]
        assert made.unmeasured == ()


def test_an_aggregate_is_of_ranks_and_only_if_asked(model, results):
    for task in ("gqa", "pope"):
        for seed, (name, share) in enumerate((("good", 0.9), ("bad", 0.3))):
            model(name, share, seed, task=task, run=task)
    entries = read(results).entries
    assert make(entries).aggregates == ()
    ranks = make(entries, Choice(aggregate="mean-rank")).aggregates
    assert [(one.contender, one.low, one.high) for one in ranks] == [("good", 1, 1), ("bad", 2, 2)]
    borda = make(entries, Choice(aggregate="borda")).aggregates
    assert [(one.contender, one.low) for one in borda] == [("good", 1.0), ("bad", 0.0)]


def test_published_numbers_alone_keep_no_aggregate_away(model, results):
    for seed, (name, share) in enumerate((("good", 0.9), ("bad", 0.3))):
        model(name, share, seed)
    written(results / "published" / "x", published("x", 0.5, metric="binary"))
    made = make(read(results).entries, Choice(aggregate="mean-rank"))
    assert [column.metric for column in made.columns] == ["accuracy", "binary"]
    assert [one.contender for one in made.aggregates] == ["good", "bad"]


def test_the_front_of_number_and_size(model, results):
    sizes = {
        "small": (0.3, 1_000),
        "large": (0.8, 9_000),
        "same": (0.4, 9_000),
        "big": (0.79, 9_500),
    }
    for seed, (name, (share, size)) in enumerate(sizes.items()):
        model(name, share, seed, parameters=size)
    found = column_of(results).economies["parameters"]
    assert [(one.contender, one.standing) for one in found] == [
        ("small", "front"),
        ("large", "front"),
        ("same", "behind"),
        ("big", "near"),
    ]


def test_a_self_reported_number_has_no_rank_whatever_its_record_says(model, results):
    for seed, name in enumerate("ab"):
        model(name, 0.6, seed)
    made = record("liar", result(answered(0.9)), source="self-reported")
    written(results / "liar", made)
    main, apart = column_of(results).groups
    assert [one.contender for one in apart.standings] == ["liar"]
    assert (apart.comparable, apart.standings[0].ranks) == (False, None)
    assert {one.contender for one in main.standings} == {"a", "b"}


def test_the_benchmarks_data_come_before_the_demos(model, results):
    for seed, name in enumerate("abc"):
        model(name, 0.9, seed, change=changed("dataset", repository="demo", digest="d" * 64))
    model("real", 0.6, seed=4)
    main, apart = column_of(results).groups
    assert [(one.contender, one.marks) for one in main.standings] == [("real", ())]
    assert {one.contender for one in apart.standings} == set("abc")
    assert all("⁂" in one.marks for one in apart.standings)
