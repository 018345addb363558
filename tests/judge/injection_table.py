"""How each rubric fares with answers that try to write their own grade.

`python tests/judge/injection_table.py [REFERENCES]` prints a table: which hostile answers put words
where a judge takes orders ("outside"), and the rating that a gullible judge, which obeys such
words, gives to an answer that is wrong. A sober judge gives the worst rating to all. evalkit's own
rubrics fence what is judged; the official ones are the authors' words, and fence nothing.
"""

import sys
from pathlib import Path

from injections import HOSTILE, NEUTRAL, gullible, official_exams, outside, own_exams, sober

from evalkit.report.table import Table
from evalkit.report.text_table import text_table

REFERENCES = Path(__file__).resolve().parents[3] / "shared" / "reference"


def rows(exams):
    """A line for each hostile answer, and a last one with counts."""
    fooled = dict.fromkeys((exam.name for exam in exams), 0)
    for name, answer in HOSTILE.items():
        cells = []
        for exam in exams:
            messages = exam.asked(answer)
            escaped = bool(outside(messages, exam.asked(NEUTRAL)))
            said, honest = gullible(exam, messages), sober(exam, messages)
            fooled[exam.name] += said != honest
            cells.append(f"{'outside' if escaped else 'inside':<8}{said}")
        yield (name, *cells)
    yield ("fooled", *(f"{count} of {len(HOSTILE)}" for count in fooled.values()))


def main():
    """Print the table."""
    references = Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCES
    exams = own_exams()
    if references.is_dir():
        exams += official_exams(references)
    else:
        print(f"The official rubrics are not at {references}; give their folder.")
    header = ("answer", *(exam.name for exam in exams))
    print(text_table(Table(header=header, rows=tuple(rows(exams)), notes=()), ""), end="")


if __name__ == "__main__":
    main()
