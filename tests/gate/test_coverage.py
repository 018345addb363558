"""Samples are paired by id; what failed or is missing never leaves in silence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.gate.coverage import align
from evalkit.gate.policy import Missing
from evalkit.records import Outcome, SampleScore
from evalkit.registry import load_task

POPE = load_task("pope")
WORST, FAIL = Missing(kind="worst"), Missing(kind="fail")
RIGHT = {"correct": 1.0, "tp": 1.0, "fp": 0.0, "tn": 0.0, "fn": 0.0, "yes": 1.0, "gold_yes": 1.0}


def score(i, *, failed=False, cluster=None):
    return SampleScore(
        sample_id=f"s{i}",
        answer=None if failed else "yes",
        targets=("yes",),
        values=RIGHT | ({"correct": 0.0, "tp": 0.0, "fn": 1.0, "yes": 0.0} if failed else {}),
        group=None,
        cluster=cluster or f"c{i}",
        tags={"category": "random"},
        failed=failed,
    )


def run(n, failed=()):
    return [score(i, failed=i in failed) for i in range(n)]


def test_order_does_not_matter():
    one, two = run(10, {3}), run(10, {4})
    straight, turned = align(POPE, one, two, WORST), align(POPE, one, two[::-1], WORST)
    assert straight.verdict is turned.verdict is None or straight == turned
    assert [s.sample_id for s in straight.second] == [s.sample_id for s in straight.first]


def test_what_failed_in_the_candidate_is_wrong_at_worst():
    found = align(POPE, run(1000), run(1000, range(600)), WORST)
    assert found.verdict is None
    assert sum(s.values["correct"] for s in found.second) == 400
    assert (
        "600 of 1,000 samples failed or are missing in the candidate; they count as what the"
        in (found.notes[0])
    )


def test_what_was_recorded_of_a_failure_does_not_matter():
    """A record could say that all that crashed was right."""
    crashed = [replace(s, failed=True, answer=None) for s in run(1000)]
    found = align(POPE, run(1000), crashed, WORST)
    assert sum(s.values["correct"] for s in found.second) == 0
    assert all(s.values["fn"] == 1.0 for s in found.second)
    bare = [replace(s, targets=()) for s in crashed]
    assert align(POPE, run(1000), bare, WORST).second[0].values == found.second[0].values
    assert align(POPE, [replace(s, targets=()) for s in run(1000)], bare, WORST).verdict


def test_a_scorer_that_credits_a_failure_is_not_said_to_count_it_as_wrong():
    generous = replace(POPE, score=lambda *_: Outcome(answer=None, values=RIGHT))
    found = align(generous, run(10), run(10, {3}), WORST)
    assert found.second[3].values == RIGHT
    assert "count as what the task's scorer gives for none" in found.notes[0]
    assert "wrong" not in found.notes[0]


def test_what_is_not_in_the_candidate_is_scored_as_failed_from_what_was_recorded():
    found = align(POPE, run(1000), run(1000)[:400], WORST)
    assert len(found.second) == 1000
    lost = found.second[400:]
    assert all(s.failed and s.values["fn"] == 1.0 and s.values["correct"] == 0.0 for s in lost)
    assert all(s.tags == {"category": "random"} for s in lost)


def test_what_cannot_be_scored_as_failed_is_incomplete():
    without = [replace(s, targets=()) for s in run(10)]
    found = align(POPE, without, run(9), WORST)
    assert found.verdict == "incomplete"
    assert "cannot be counted as wrong" in found.reason


def test_a_judged_number_cannot_be_made_up():
    mmvet = load_task("mmvet").judged("evalkit")
    found = align(mmvet, run(10), run(9), WORST)
    assert found.verdict == "incomplete"


def test_a_broken_baseline_makes_no_room_for_damage():
    found = align(POPE, run(1000, range(600)), run(1000), WORST)
    assert found.verdict == "incomplete"
    assert "600 of 1,000 samples failed in the baseline" in found.reason
    few = align(POPE, run(1000, {7}), run(1000), WORST)
    assert few.verdict is None
    assert len(few.first) == len(few.second) == 999
    assert "they are left out of both runs" in few.notes[0]


def test_what_failed_in_both_makes_no_room_either():
    """Wrong on both sides would be no damage: of so many samples nothing is known."""
    for both in (40, 119):
        found = align(POPE, run(120, range(both)), run(120, range(both)), WORST)
        assert found.verdict == "incomplete"
        assert f"{both} of 120 samples failed in the baseline" in found.reason
    few = align(POPE, run(1000, {7}), run(1000, {7, 8}), WORST)
    assert len(few.first) == 999
    assert "1 of 1,000 samples failed or are missing in the candidate" in few.notes[0]
    assert "1 of 1,000 samples failed in the baseline" in few.notes[1]


def test_what_the_records_tell_of_and_the_scores_do_not_hold_counts_too():
    """`score --missing exclude` leaves failures out of the scores of both."""
    both, third = run(995), Missing(kind="exclude", share=0.006)
    for missing in (WORST, FAIL):
        found = align(POPE, both, both, missing, unseen=(5, 5))
        assert found.verdict == "incomplete"
    assert (
        "5 samples of the candidate failed" in align(POPE, both, both, WORST, unseen=(5, 5)).reason
    )
    assert "10 of 1,000 samples failed or are missing (5 in" in (
        align(POPE, both, both, FAIL, unseen=(5, 5)).reason
    )
    broken = align(POPE, both, both, WORST, unseen=(6, 0))
    assert "6 of 1,001 samples failed in the baseline" in broken.reason
    assert align(POPE, both, both, third, unseen=(5, 0)).verdict is None
    assert align(POPE, both, both, third, unseen=(5, 5)).verdict == "incomplete"
    # Those that the other run has are known by their ids, and counted once.
    assert align(POPE, run(1000), both, third, unseen=(0, 5)).verdict is None
    assert len(align(POPE, run(1000), both, WORST, unseen=(0, 5)).second) == 1000


def test_fail_allows_no_failure_on_either_side():
    assert align(POPE, run(10), run(10), FAIL).verdict is None
    for one, two in ((run(10, {1}), run(10)), (run(10), run(10, {1})), (run(10), run(9))):
        found = align(POPE, one, two, FAIL)
        assert found.verdict == "incomplete"
        assert "1 of 10 samples failed or are missing" in found.reason


def test_exclude_leaves_out_up_to_its_share_of_both():
    one, two = run(1000, {1, 2}), run(1000, {2, 3})
    few = align(POPE, one, two, Missing(kind="exclude", share=0.003))
    assert len(few.first) == len(few.second) == 997
    assert (
        "(2 in the baseline, 2 in the candidate); they are left out of both runs." in few.notes[0]
    )
    assert align(POPE, one, two, Missing(kind="exclude", share=0.0029)).verdict == "incomplete"


def test_half_a_pair_is_no_pair():
    pairs = [replace(s, group=f"g{i // 2}") for i, s in enumerate(run(1000))]
    lost = [replace(s, failed=s.sample_id == "s7") for s in pairs]
    for missing, one, two in (
        (Missing(kind="exclude", share=0.002), pairs, lost),
        (WORST, lost, pairs),
    ):
        found = align(POPE, one, two, missing)
        assert found.verdict is None
        assert len(found.first) == 998
        assert not {"s6", "s7"} & {s.sample_id for s in found.first}
        assert any("with the 1 others of their groups" in note for note in found.notes)
    assert len(align(POPE, pairs, lost, WORST).first) == 1000  # wrong, and not left out


@pytest.mark.parametrize("missing", [Missing(kind="exclude", share=0.005), WORST])
def test_the_rest_of_a_group_counts_as_left_out(missing):
    """One sample of a large group must not take all damage with it."""
    large = [replace(s, group="all" if i < 200 else None) for i, s in enumerate(run(1000))]
    lost = [replace(s, failed=s.sample_id == "s7") for s in large]
    found = align(POPE, lost, large, missing)
    assert found.verdict == "incomplete"
    assert "with the 199 others of their groups" in found.reason


def test_nothing_in_common_is_not_comparable():
    others = [replace(s, sample_id=f"o{i}") for i, s in enumerate(run(10))]
    for missing in (WORST, FAIL, Missing(kind="exclude", share=0.99)):
        assert align(POPE, run(10), others, missing).verdict == "not comparable"


def test_the_same_id_on_another_picture_is_not_the_same_question():
    moved = [*run(9), score(9, cluster="c0")]
    found = align(POPE, run(10), moved, WORST)
    assert found.verdict == "not comparable"
    assert "'s9'" in found.reason


def test_flaky_samples_leave_both_runs_and_are_counted():
    found = align(POPE, run(10), run(10, {3}), FAIL, ["s3"])
    assert found.verdict is None
    assert len(found.first) == 9
    assert found.notes == ("pope: 1 of 10 samples are left out as flaky.",)
    with pytest.raises(UsageError, match="the flaky sample 'nobody' of pope, which neither run"):
        align(POPE, run(10), run(10), WORST, ["s1", "nobody"])


@given(
    n=st.integers(1, 30),
    one=st.sets(st.integers(0, 29)),
    two=st.sets(st.integers(0, 29)),
    absent=st.sets(st.integers(0, 29)),
    share=st.floats(0, 0.99),
)
def test_every_sample_is_compared_or_told_of(n, one, two, absent, share):
    first = run(n, one)
    second = [s for i, s in enumerate(run(n, two)) if i not in absent]
    for missing in (WORST, FAIL, Missing(kind="exclude", share=share)):
        found = align(POPE, first, second, missing)
        if found.verdict is not None:
            assert found.reason
            continue
        assert [s.sample_id for s in found.first] == [s.sample_id for s in found.second]
        assert len(found.first) == n or found.notes
        if missing.kind != "worst":
            assert not any(s.failed for s in (*found.first, *found.second))
        lost = sum(s.failed for s in found.second)
        assert not lost or "count as what" in "".join(found.notes)


def test_a_scorer_that_breaks_on_a_failure_is_told_of():
    def breaks(sample, text):
        if text is None:
            raise KeyError(text)
        return Outcome(answer=text, values={})

    found = align(replace(POPE, score=breaks), run(10), run(9), WORST)
    assert found.verdict == "incomplete"
    assert "broke on the sample 's9'" in found.reason


def judged(i, grade):
    values = {"official": grade or 0.0, "grade": grade or 0.0, "low": grade or 0.0}
    values |= {"high": 1.0 if grade is None else grade, "judged": float(grade is not None)}
    return replace(score(i), values=values)


def test_what_has_no_verdict_has_failed():
    """Left out of the mean of what was judged, it would narrow the bounds and hide the worst."""
    mmvet = load_task("mmvet").judged("evalkit")
    whole, lost = ([judged(i, 0.5 if i >= n else None) for i in range(1000)] for n in (0, 5))
    found = align(mmvet, whole, lost, WORST)
    assert [s.values["grade"] for s in found.second[:6]] == [0.0] * 5 + [0.5]
    assert all(s.values["judged"] and s.failed for s in found.second[:5])
    assert "5 in the candidate; they are taken as failed" in found.notes[0]
    assert len(align(mmvet, lost, whole, WORST).first) == 995
    more = [judged(i, 0.5 if i >= 6 else None) for i in range(1000)]
    assert align(mmvet, more, more, WORST).verdict == "incomplete"
    assert align(mmvet, lost, lost, FAIL).verdict == "incomplete"
