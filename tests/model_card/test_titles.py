"""Titles, papers and units of tasks on a card."""

from dataclasses import replace

from evalkit.board.ranks import undistinguished
from evalkit.card.entries import Entry
from evalkit.card.numbers import methods, numbers
from evalkit.card.titles import Titled, titles


def test_titles_are_those_of_task_files(complete):
    found = titles([complete])
    assert found["mme"].title == "MME"
    assert found["mme"].paper == "https://arxiv.org/abs/2306.13394"
    assert list(found) == [result.task for result in complete.results]
    assert found["mme"].unit("perception", 40) == "groups"
    assert found["gqa"].unit("accuracy", 1) == "sample"
    assert found["gqa"].unit("another", 1) == ""


def test_a_variant_is_named_and_what_evalkit_does_not_bring_has_no_title(complete):
    def named(task, **changed):
        (one, *_) = complete.results
        scorer = replace(one.fingerprint.scorer, **changed)
        fingerprint = replace(one.fingerprint, scorer=scorer)
        return replace(complete, results=(replace(one, task=task, fingerprint=fingerprint),))

    (found,) = titles([named("mmvp:corrected")]).values()
    assert found.title == "MMVP, corrected"
    assert titles([named("mmvp:never"), named("mine"), named("lmms/gqa")]) == {}
    assert titles([named("gqa", source="0" * 64)]) == {}  # a file of the user's own


def test_a_row_says_of_which_benchmark_of_how_much_and_what_n_counts(complete):
    entry = Entry(record=complete, label="demo")
    table = numbers([entry], [], "headline", undistinguished, titles([complete]))
    rows = {cells[:2]: cells[2:] for cells in table.rows}
    mme = rows["[MME](https://arxiv.org/abs/2306.13394) (mme)", "perception"]
    assert (mme[0], mme[2]) == ("1362.50 of 2000", "40 groups")
    gqa = rows["[GQA](https://arxiv.org/abs/1902.09506) (gqa)", "accuracy"]
    assert (gqa[0], gqa[2]) == ("0.7500", "132 samples")
    assert table.has_groups
    bare = {"gqa": Titled(title="G<Q>A")}
    table = numbers([entry], [], "headline", undistinguished, bare)
    assert table.rows[0][0] == "G&#60;Q&#62;A (gqa)"
    assert not table.has_groups


def test_methods_are_spoken_of_in_words(complete):
    assert methods([Entry(record=complete, label="demo")], "headline") == (
        "Wilson's score interval",
        "a cluster-robust t interval (within the strata of the data)",
        "a cluster-robust t interval",
    )
