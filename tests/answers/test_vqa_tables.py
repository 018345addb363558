from evalkit.answers.vqa_tables import CONTRACTIONS, MARKS, NUMBER_WORDS


def test_sizes_of_the_official_tables():
    assert (len(CONTRACTIONS), len(NUMBER_WORDS), len(MARKS)) == (120, 12, 21)


def test_contractions_are_written_with_apostrophes_but_for_one():
    assert {word for word, written in CONTRACTIONS.items() if "'" not in written} == {"somebody'd"}


def test_letters_of_a_contraction_stay():
    letters = {word.replace("'", "") for word in CONTRACTIONS}
    assert letters == {written.replace("'", "") for written in CONTRACTIONS.values()}
