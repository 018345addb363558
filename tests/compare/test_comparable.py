"""What may be compared: equal fingerprints, known ones, and what was allowed to differ."""

from dataclasses import fields, replace

import pytest

from evalkit.compare import sides
from evalkit.compare.comparable import (
    PARTS,
    allowed,
    check,
    mismatches,
    mismatches_with_scores,
)
from evalkit.errors import ExitCode, NotComparableError, UsageError
from evalkit.run_record import Fingerprint


@pytest.fixture
def result(ran):
    return sides.load(ran()).result("toy")


def parted(result, part, **changes):
    """The result with something else in a part of its fingerprint."""
    held = getattr(result.fingerprint, part)
    return replace(
        result, fingerprint=replace(result.fingerprint, **{part: replace(held, **changes)})
    )


def other(result, **parts):
    return replace(result, fingerprint=replace(result.fingerprint, **parts))


def paths(found):
    return [m.part for m in found]


def test_the_parts_are_those_of_the_fingerprint():
    assert tuple(field.name for field in fields(Fingerprint)) == PARTS


def test_a_result_is_comparable_with_itself(result):
    assert mismatches(result, result) == ()


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("dataset", "digest", "0" * 64),
        ("dataset", "context", "0" * 64),
        ("dataset", "images", "0" * 64),
        ("dataset", "samples", 39),
        ("prompt", "digest", "0" * 64),
        ("prompt", "template", "{{ question }}?"),
        ("prompt", "images_first", False),
        ("prompt", "variant", "bare"),
        ("generation", "max_new_tokens", 5),
        ("generation", "temperature", 0.5),
        ("generation", "stop", ("\n",)),
        ("scorer", "version", 2),
        ("scorer", "protocol", "lmms-eval"),
        ("scorer", "conversion", "llava"),
        ("scorer", "task", "toy:short"),
    ],
)
def test_what_can_move_a_number_is_named_with_both_values(result, part, field, value):
    changed = parted(result, part, **{field: value})
    (found,) = mismatches(result, changed)
    (turned,) = mismatches(changed, result)
    assert found.part == f"{part}.{field}"
    assert (found.first, found.second) == (turned.second, turned.first)
    assert found.first != found.second
    with pytest.raises(NotComparableError) as told:
        check([found], "toy")
    assert told.value.exit_code == ExitCode.NOT_COMPARABLE == 13
    for word in (found.part, found.first, found.second, f"--allow {part}"):
        assert word in str(told.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("repository", "else"), ("revision", "a" * 40), ("rows", 41), ("expected_rows", 7)],
)
def test_names_of_equal_data_may_differ(result, field, value):
    """Digests cover what the samples are; a hub's commit may have moved its README alone."""
    assert mismatches(result, parted(result, "dataset", **{field: value})) == ()


def test_preprocessing_and_judges_are_compared_key_by_key(result):
    one = other(result, preprocessing={"size": "336"}, judge={"model": "a", "votes": "1"})
    two = other(result, preprocessing={"size": "448"}, judge={"model": "b", "votes": "1"})
    found = mismatches(one, two)
    assert paths(found) == ["preprocessing.size", "judge.model"]
    assert paths(mismatches(other(result), other(result, judge={"model": "a"}))) == ["judge.model"]
    (unjudged,) = mismatches(result, other(result, judge={"model": "a"}))
    assert (unjudged.first, unjudged.second) == ("none", "a")


def test_the_unknown_is_not_equal_to_itself(result):
    file = other(result, prompt=None, generation=None, preprocessing={})
    expected = ["prompt", "generation", "preprocessing"]
    assert paths(mismatches(file, file)) == expected
    assert {(m.first, m.second) for m in mismatches(file, file)} == {("unknown", "unknown")}
    run = other(result, preprocessing={"size": "336"})
    for found in (mismatches(file, run), mismatches(run, file)):
        assert paths(found) == expected
        assert {m.first for m in found} | {m.second for m in found} == {"unknown", "known"}


def test_a_context_that_was_not_recorded_is_unknown(result):
    old = parted(result, "dataset", context=None)
    assert paths(mismatches(old, old)) == ["dataset.context"]


def test_what_is_allowed_is_waived_and_written_down(result):
    changed = parted(parted(result, "prompt", digest="0" * 64), "generation", max_new_tokens=9)
    found = mismatches(result, changed, allowed(["prompt"]))
    assert [(m.part, m.waived) for m in found] == [
        ("prompt.digest", True),
        ("generation.max_new_tokens", False),
    ]
    with pytest.raises(NotComparableError, match="max_new_tokens is 4 and 9") as told:
        check(found, "toy")
    assert "digest" not in str(told.value)
    check(mismatches(result, changed, allowed(["prompt.digest,generation"])), "toy")


def test_a_path_allows_itself_and_not_its_neighbours(result):
    changed = parted(result, "prompt", digest="0" * 64, template="x")
    found = mismatches(result, changed, allowed(["prompt.digest"]))
    assert {m.part: m.waived for m in found} == {"prompt.digest": True, "prompt.template": False}


def test_a_word_that_names_no_part_is_wrong_usage():
    assert allowed(["prompt, judge", "dataset.images"]) == {"prompt", "judge", "dataset.images"}
    with pytest.raises(UsageError, match="no part 'promt' to allow; the parts are: dataset"):
        allowed(["promt"])


# Other samples of the same data


def with_scores(first, second, allow=()):
    one, two = (side.result("toy") for side in (first, second))
    return mismatches_with_scores(one, two, (first.scores("toy"), second.scores("toy")), allow)


def test_limits_may_differ_where_the_shared_samples_are_the_same(ran):
    whole, part = sides.load(ran()), sides.load(ran(limit=20))
    assert len(part.scores("toy")) == 20
    assert with_scores(whole, part) == with_scores(part, whole) == ()
    assert with_scores(part, sides.load(ran(limit=20, seed=1))) == ()


def test_another_prompt_is_found_although_other_samples_were_asked(ran):
    found = with_scores(sides.load(ran()), sides.load(ran(limit=20, prompt="bare")))
    assert set(paths(found)) == {"prompt.variant", "prompt.template"}


def test_shared_samples_that_differ_are_named(ran):
    whole, part = sides.load(ran()), sides.load(ran(limit=20))
    results = whole.result("toy"), part.result("toy")
    scores = part.scores("toy")
    for name, value in {
        "cluster": "p90",
        "group": "p90",
        "tags": {"kind": "new"},
        "targets": ("perhaps",),
    }.items():
        changed = (*scores[:-1], replace(scores[-1], **{name: value}))
        (found,) = mismatches_with_scores(*results, (whole.scores("toy"), changed))
        assert found.part == f"dataset.{name}"
        assert scores[-1].sample_id in found.second


def test_other_samples_of_data_that_nothing_names_are_unknown(ran):
    """Without targets and without a commit nothing shows that the questions are the same."""
    whole, part = sides.load(ran()), sides.load(ran(limit=20))
    bare = tuple(replace(score, targets=()) for score in whole.scores("toy"))
    results = whole.result("toy"), part.result("toy")
    (found,) = mismatches_with_scores(*results, (bare, part.scores("toy")))
    assert (found.part, found.first) == ("dataset.revision", "unknown")
    named = [parted(result, "dataset", revision="a" * 40) for result in results]
    assert mismatches_with_scores(*named, (bare, part.scores("toy"))) == ()
    moved = parted(results[1], "dataset", revision="b" * 40)
    found = mismatches_with_scores(named[0], moved, (bare, part.scores("toy")))
    assert "dataset.revision" in paths(found)


def test_the_same_samples_with_other_targets_are_other_data(ran):
    """A file that was changed under the same ids has another digest."""
    side = sides.load(ran())
    result = side.result("toy")
    changed = parted(result, "dataset", digest="0" * 64)
    scores = side.scores("toy")
    assert paths(mismatches_with_scores(result, changed, (scores, scores))) == ["dataset.digest"]
