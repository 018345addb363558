"""What judges write to evalkit's own words: laws of reading it, and of refusing it."""

import re
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from evalkit.answers.judge_prose import LONGEST, written_grade, written_pair, written_verdict
from evalkit.answers.judge_reply import first_line_pair, leading_grade
from evalkit.mmvp_review import JUDGED
from evalkit.pair_review import own_review
from evalkit.registry import load_task

GRADES, PAIRS = (0.0, 1.0), (1.0, 10.0)
FORMS = (
    *("{} {}", "{}, {}", "{} and {}", "{} | {}", "Ratings: {} {}", "Scores: {}, {}.", "[{}, {}]"),
    *("Answer 1: {}, Answer 2: {}", "Answer 1: {}\nAnswer 2: {}", "answer_1: {} answer_2: {}"),
    "The score of answer 1: {}; the score of answer 2: {}",
)
grades = st.integers(0, 100).map(lambda n: n / 100)
ratings = st.integers(2, 20).map(lambda n: n / 2)
marks = st.sampled_from(["", "**", "*", "`", "__", "***"])
blanks = st.text(" \t\n", max_size=3)
labels = st.sampled_from(
    ["", "Grade: ", "grade ", "Score = ", "The grade is ", "Final grade: ", "My rating: "]
)


def dress(scales):
    """Marks around a number, what its scale is called, and blanks around all."""
    return st.tuples(marks, st.sampled_from(scales), blanks)


reasons = st.sampled_from(
    ["", ".", "\nOne part is missing.", ".\nOne part is missing.", "\n\n- It misses 2 of 3 parts."]
)


@given(grades, labels, dress(["", "/1", " / 1.0"]), reasons)
def test_a_grade_is_read_in_whatever_dress(grade, label, worn, reason):
    mark, scale, blank = worn
    assume(not (reason.startswith(".\n") and f"{label}{grade:g}{scale}" in {"0", "1"}))
    reply = f"{blank}{label}{mark}{grade:g}{mark}{scale}{reason}{blank}"
    assert written_grade(reply, GRADES) == (grade,)
    assert written_grade(f"{blank}{mark}{label}{mark}{grade:g}{scale}{blank}", GRADES) == (grade,)


@pytest.mark.parametrize(
    "reply",
    [
        *("1. The answer mentions that the picture shows", "1. None of the parts are given"),
        *("1. **Question**: what is it", "1: the picture shows a dog", "1 - no: zero"),
        *("1: no. Grade: zero", "1, minus half a point", "1 - one of two parts", "1 (of ten)"),
        *("Score: 1 (one of ten points)", "0. The answer", "1.\nThe answer mentions", "1)"),
        *("0.9, no wait", "0.7 because it misses a part", "0.7 out of 1", "> 0.5", "#1", "< 0.5"),
    ],
)
def test_a_number_with_words_on_its_line_is_no_grade(reply):
    assert written_grade(reply, GRADES) is None
    assert not load_task("mmvet").judging.own.is_cut(reply, "length")


@pytest.mark.parametrize(
    "more",
    [
        *("0.9", "Actually 0.9", "Corrected grade: 0.9", "Grade (final): 0.9", "Grade: zero"),
        *(
            "Sorry, I take that back",
            "No, wait: half of it",
            "It gives 90 %",
            "It gives 2/3",
            "\u00bd",
        ),
        *(
            "1. It misses a part",
            "Nine out of ten, or 9 out of 10",
            "The score is zero",
            "\uff10.9",
        ),
    ],
)
@pytest.mark.parametrize("first", ["0.4", "Grade: 0.4", "**0.4**."])
def test_a_line_that_may_give_another_grade_leaves_none(first, more):
    assert written_grade(first, GRADES) == (0.4,)
    assert written_grade(f"{first}\n{more}", GRADES) is None


def test_a_grade_may_stand_below_its_reason_where_it_is_called_one():
    assert written_grade("It says two of three parts.\n\n## **Grade:** 0.7", GRADES) == (0.7,)
    assert written_grade("It says two of three parts.\n0.7", GRADES) is None
    assert written_grade("It says 1 part.\nGrade: 0.7", GRADES) is None


@given(grades, grades, labels, marks, st.sampled_from(
    [" or ", " to ", "-", " - ", " and ", ", ", "; ", " ", "/", ", maybe ", " (or ", "\nGrade: ",
     " because the next would be "]
))  # fmt: skip
@example(0.4, 0.7, "", "", " or ")
def test_two_grades_are_none(one, two, label, mark, between):
    assume(one != two and not (between == "/" and two == 1))
    assert written_grade(f"{label}{mark}{one:g}{mark}{between}{two:g}", GRADES) is None
    if "\n" not in between:
        assert written_grade(f"{label}between {one:g}{between}{two:g}", GRADES) is None


@given(st.integers(101, 99999).map(lambda n: n / 100) | grades.map(lambda g: -g), labels, marks)
def test_a_grade_beyond_the_scale_or_of_another_is_none(number, label, mark):
    assume(number > 1 or number < 0)
    assert written_grade(f"{label}{mark}{number:g}{mark}", GRADES) is None
    assert written_grade(f"{label}0.5/{number:g}", GRADES) is None
    assert written_grade(f"{label}{abs(number):g}%", GRADES) is None


@given(st.text(max_size=60) | st.from_regex(r"[0-9.,/*_ \n-]{0,12}", fullmatch=True))
def test_what_is_read_stands_there_and_is_of_the_scale(reply):
    read = written_grade(reply, GRADES)
    numbers = {float(text) for text in re.findall(r"[0-9]*\.?[0-9]+", re.sub(r"[*_`]", "", reply))}
    assert read is None or (read[0] in numbers and 0 <= read[0] <= 1)
    pair = written_pair(reply, PAIRS)
    assert pair is None or (set(pair) <= numbers and all(1 <= n <= 10 for n in pair))
    if written_verdict(reply):
        assert written_verdict(reply) in reply.lower()


@given(grades, ratings, ratings, st.sampled_from([" ", ",", "\n"]))
def test_what_was_asked_for_is_read_as_the_official_scripts_read_it(grade, one, two, end):
    assert written_grade(str(grade), GRADES) == leading_grade(str(grade))
    for reply in (f"{one} {two}\nwhy", f"{one:g},{two:g}"):
        assert written_pair(reply, PAIRS) == first_line_pair(reply)


@given(ratings, ratings, dress(["", "/10", " / 10"]), st.sampled_from(FORMS))
def test_a_pair_is_read_in_whatever_dress(one, two, worn, form):
    mark, scale, blank = worn
    said = form.format(*(f"{mark}{n:g}{mark}{scale}" for n in (one, two)))
    assert written_pair(f"{blank}{said}{blank}\nAnswer 1 says 3 things.", PAIRS) == (one, two)


@pytest.mark.parametrize(
    "reply",
    [
        *("1 8\n2 7", "7 8\nSorry, I mean 8 7", "8,7\n3,4", "7 8\n9", "7 8\nRather 8, 7 in all."),
        *("Answer 1: 8\nAnswer 2: 7\nAnswer 1: 3", "8 7\n**Answer 2**: 3", "7 8\nI meant it so."),
        *("7 8\nBoth are good. Correction: the first is better", "7 8\nRevised ratings follow."),
        *("Answer 1: 8\nAnswer 2: 7\n\nRatings: 3 4", "1. 8\n2. 7", "> 7 8"),
    ],
)
def test_two_pairs_or_a_correction_are_none(reply):
    assert written_pair(reply, PAIRS) is None


@pytest.mark.parametrize(
    "why",
    [
        *("Answers 1 and 2 both see 3 dogs; there are 4.", "1. Answer 1 says 5 of 6 things."),
        *("Answer 1: 7, as it names the dog.", "Answer 2 says sorry, and gives 10 points."),
        *("It shows 2 dogs, 3 cats and 1990 birds.", "Answer 2 is sharper than answer 1 (8/10)."),
        "The caption, I believe, says 12:30, 5 minutes later.",
    ],
)
def test_an_explanation_below_a_pair_may_hold_numbers(why):
    assert written_pair(f"7 8\n{why}", PAIRS) == (7, 8)


@given(ratings, ratings)
def test_no_pair(one, two):
    for form in ("{}", "{} {} {}", "{}/{}", "{}-{}", "{} or {}", "Answer 2: {}, Answer 1: {}"):
        reply = form.format(*(f"{n:g}" for n in (one, two, one)))
        assert written_pair(reply, PAIRS) is None, reply


@pytest.mark.parametrize("reply", ["0 5", "11 5", "5 11", "-1 -1", "nan 5", "8,5 7,5", "8/5 7/5"])
def test_a_pair_beyond_the_scale_or_of_another_is_none(reply):
    assert written_pair(reply, PAIRS) is None


@given(st.sampled_from(["yes", "no", "Yes", "NO"]), marks, blanks, st.sampled_from(
    ["", ".", "!", ", it chooses option (a).", ". That is the option.", "\nIt is (b).", " - it is"]
))  # fmt: skip
def test_a_yes_or_no_is_read_in_whatever_dress(word, mark, blank, reason):
    for label in ("", "Answer: ", "The verdict is: "):
        said = f"{blank}{label}{mark}{word}{mark}{reason}{blank}"
        assert written_verdict(said) == word.lower(), said


@pytest.mark.parametrize(
    "reply",
    [
        *("yes and no", "yes or no", "Yes, but no", "no, yes", "Yes, it is not right", "Yes, but"),
        *("maybe", "yesterday", "nothing", "", " ", "No way of knowing", "The answer is right"),
        *("Yes.\nHowever, the other option is right.", "No. Or yes?"),
        *("No.\nWait, the option is that one.", "No. Sorry, it is right."),
    ],
)
def test_no_verdict(reply):
    assert written_verdict(reply) is None


@pytest.mark.parametrize(
    "part",
    ["0", "*", "a ", "0*", "_ ", "x", "grade (", "1 ", "1,", "i ", "answer 1: 8 ", "\n", '"'],
)
@pytest.mark.parametrize("first", ["", "0.4\n", "7 8\n", "yes\n"])
def test_a_long_reply_takes_no_longer_than_its_length_and_a_longer_one_is_unreadable(first, part):
    for length in (LONGEST, 30 * LONGEST):
        reply = (first + part * length)[:length]
        started = time.process_time()
        read = written_grade(reply, GRADES), written_pair(reply, PAIRS), written_verdict(reply)
        assert time.process_time() - started < 1
        assert length == LONGEST or read == (None, None, None)


def test_what_follows_up_to_the_longest_is_read():
    why = "a " * (LONGEST // 2 - 2)
    assert written_grade(f"0.4\n{why}", GRADES) == (0.4,)
    assert written_grade(f"0.4\n{why}a", GRADES) is None


def test_the_own_rubrics_read_like_this_and_the_official_ones_do_not():
    mmvet = load_task("mmvet").judging
    official = mmvet.read("Question | Ground truth | Prediction | Correctness\n")
    for reply in (" 0.7", "**0.7**", "Grade: 0.7"):
        assert mmvet.own.read(reply) == (0.7,)
        assert official.read(reply) is None
    assert mmvet.own.read("0.4 or 0.7") is None
    assert official.read("0.4 or 0.7") == (0.4,)
    assert own_review().read("**8** 7") == (8, 7)
    judged = JUDGED["judging"]
    assert judged.own.read("**Yes.**") == (1,)
    assert judged.read("a\n---\n{{ answer }}\n").read("**Yes.**") is None
