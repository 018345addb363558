"""Published verdicts: MM-Vet's grade files and LLaVA's review files, read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit import registry
from evalkit.answer_files import source
from evalkit.answers.judge_reply import first_line_pair, leading_grade
from evalkit.errors import UsageError
from evalkit.integrity import once
from evalkit.judge.kinds import LARGEST, is_beyond, is_rating
from evalkit.judge.review_notes import again, check_category, partial, repeated, repeated_keys
from evalkit.judge.review_questions import Question, read_questions
from evalkit.judge.units import UNREADABLE
from evalkit.official.interface import no_picture
from evalkit.records import Failure, Sample, Verdict
from evalkit.task import Task

FAILED_PAIR = (-1.0, -1.0)
"""What LLaVA's script stores for a review that it cannot read."""

HIGHEST = 10.0
"""The highest rating that LLaVA's judge is asked for; its script counts whatever it gives."""

_SHOWN = 60
"""Characters of a wrong value that an error shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A file of verdicts.

    Attributes:
        name: The file's.
        task: The name of the task whose numbers they make.
        samples: What was judged, with the slices that the file or the references give.
        verdicts: In the file's order; of MM-Vet's, one for each run.
        differing: Sample ids whose stored rating is not what the reply reads as, one a verdict.
        outside: Sample ids of LLaVA's with a rating that is not from 0 to 10, one a verdict: its
            script counts them.
        pictured: Whether clusters are pictures; else each question is taken for a cluster.
        notes: What a reader must know of what the file is about.
    """

    name: str
    task: str
    samples: tuple[Sample, ...]
    verdicts: tuple[Verdict, ...]
    differing: tuple[str, ...]
    outside: tuple[str, ...] = ()
    pictured: bool = True
    notes: tuple[str, ...] = ()


def read_review(path: Path, references: Path | None = None, *, text: str | None = None) -> Review:
    """A file of published verdicts.

    Args:
        path: A grade file of MM-Vet (one JSON object), or a review file of LLaVA (JSON lines); each
            plain or gzip.
        references: MM-Vet's `mm-vet.json`, with the capabilities; or LLaVA's `questions.jsonl`,
            which says what questions are about one picture.
        text: What the file holds, where that is known already.

    Raises:
        UsageError: A file cannot be read, or is of no known form.
    """
    text = source.text(path) if text is None else text
    grades = one_object(path, text)
    if grades is not None:
        graded = _grades(path, grades, references)
        return replace(graded, notes=(*graded.notes, *again(path.name, repeated_keys(text))))
    known = None if references is None else read_questions(references)
    review = _reviews(path, list(rows_of(path, text, _wrong)), known)
    if references is None or known is not None:
        return review
    ignored = (
        f"{references} is MM-Vet's, which says nothing of LLaVA's reviews: it was not used for "
        f"{path.name}."
    )
    return replace(review, notes=(ignored, *review.notes))


def _wrong(where: str, what: str) -> UsageError:
    return UsageError(
        f"{where} {what}; a file is a grade file of MM-Vet, or JSON lines of LLaVA's reviews."
    )


def one_object(path: Path, text: str) -> dict[str, Any] | None:
    """The JSON object of grades that a text is; None where it is lines about samples, or one.

    Raises:
        UsageError: It is nested too deeply.
    """
    try:
        raw = json.loads(text)
    except RecursionError as error:
        raise _wrong(str(path), "is nested too deeply") from error
    except ValueError:
        return None
    return raw if isinstance(raw, dict) and not {"question_id", "sample_id"} & set(raw) else None


def rows_of(
    path: Path, text: str, wrong: Callable[[str, str], UsageError]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file of lines, each with its place for errors.

    Args:
        path: The file, for errors.
        text: What stands in it; a reply may hold other ends of lines than a line feed.
        wrong: The error for a place and what is wrong there.

    Raises:
        UsageError: A line is no JSON object, or gives a field twice.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"Line {number} of {path}"
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=once)
        except (ValueError, RecursionError) as error:
            raise wrong(where, f"is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise wrong(where, "is no JSON object")
        yield where, row


def _ratings(where: str, raw: Any, count: int | None = None) -> tuple[float, ...]:
    """Finite ratings, as many as there must be."""
    if not isinstance(raw, list) or len(raw) != (len(raw) if count is None else count):
        said = f"{count} ratings" if count else "a list of ratings"
        raise _wrong(where, f"needs {said}, not {str(raw)[:_SHOWN]}")
    for rating in raw:
        if not is_rating(rating):
            told = f"{rating[:_SHOWN]!r}, a text," if isinstance(rating, str) else rating
            what = f"beyond {LARGEST:g}" if is_beyond(rating) else "no number"
            raise _wrong(where, f"has the rating {told!s:.{_SHOWN + 12}}, which is {what}")
    return tuple(map(float, raw))


def _text(where: str, raw: Any) -> str:
    if raw is not None and not isinstance(raw, str):
        raise _wrong(where, f"has the reply {str(raw)[:_SHOWN]}, which is no text")
    return raw or ""


def _grades(path: Path, raw: Mapping[str, Any], references: Path | None) -> Review:
    """MM-Vet's {id: {model, content, score}}, of which `score` counts."""
    told = {sample_id: _graded(path, sample_id, own) for sample_id, own in raw.items()}
    if not told:
        raise _wrong(str(path), "holds no grade")
    first, runs = next((name, len(own)) for name, own in told.items())
    if uneven := next((name for name, own in told.items() if len(own) != runs), None):
        what = f"has {runs} grades of {first!r}, but {len(told[uneven])} of {uneven!r}"
        raise _wrong(str(path), what)
    task = registry.load_task("mmvet")
    if references is None:
        message = "Grades say nothing of capabilities: give MM-Vet's mm-vet.json with --references."
        raise UsageError(message)
    known = _references(references)
    if unknown := sorted(set(raw) - set(known)):
        message = f"The references {references} have no question {unknown[0]!r}."
        raise UsageError(message)
    named = all(map(_is_named, known.values()))
    samples = tuple(_samples(task, raw, known, named=named))
    verdicts, differing = [], []
    for sample in samples:
        for run, (reply, score) in enumerate(told[sample.id], start=1):
            read = leading_grade(reply)
            failed = read is None
            if (read or (0.0,))[0] != score:
                differing.append(sample.id)
                failed = False
            verdicts.append(_verdict(sample.id, run, reply, None if failed else (score,)))
    return Review(
        name=path.name,
        task="mmvet",
        samples=samples,
        verdicts=tuple(verdicts),
        differing=tuple(differing),
        pictured=named,
        notes=tuple(partial(path.name, len(samples), known)),
    )


def _graded(path: Path, sample_id: str, own: Any) -> list[tuple[str, float]]:
    """The replies to a question and their grades, one for each run."""
    where = f"The question {sample_id!r} of {path}"
    if not isinstance(own, dict) or not {"content", "score"} <= own.keys():
        raise _wrong(where, "has no content and score")
    grades, replies = _ratings(where, own["score"]), own["content"]
    if odd := [grade for grade in grades if not 0 <= grade <= 1]:
        raise _wrong(where, f"has the rating {odd[0]:g}, which is not from 0 to 1")
    if not grades or not isinstance(replies, list) or len(replies) != len(grades):
        raise _wrong(where, "must have as many replies (content) as grades (score), at least one")
    told = list(zip(replies, grades, strict=True))
    if odd := [grade for reply, grade in told if reply is None and grade > 0]:
        message = (
            f"{where} has the grade {odd[0]:g} without a reply (its content is null); give the "
            "file with the replies from which the grades were read."
        )
        raise UsageError(message)
    return [(_text(where, reply), grade) for reply, grade in told]


def _is_named(own: Mapping[str, Any]) -> bool:
    """Whether references name a question's picture."""
    name = own.get("imagename")
    return isinstance(name, str) and bool(name.strip())


def _samples(
    task: Task, raw: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], *, named: bool
) -> Iterator[Sample]:
    """The questions that were graded, in the references' order; each its own picture if unnamed."""
    for sample_id, own in known.items():
        if sample_id in raw:
            name = own["imagename"] if named else sample_id
            row = {**own, "question_id": sample_id, "image": no_picture(name), "imagename": name}
            yield task.to_sample({**row, "capability": ",".join(own["capability"])})


def _references(path: Path) -> dict[str, Any]:
    """MM-Vet's {id: {question, answer, capability}}."""
    try:
        known: Any = json.loads(source.text(path))
    except (ValueError, RecursionError) as error:
        message = f"The references {path} cannot be read: {error}."
        raise UsageError(message) from error
    for sample_id, own in known.items() if isinstance(known, dict) else [("", None)]:
        told = own if isinstance(own, dict) else {}
        needed, texts = told.get("capability"), (told.get("question"), told.get("answer"))
        if (
            not isinstance(needed, list)
            or not all(isinstance(text, str) for text in (*needed, *texts))
            or not any(text.strip(" ,") for text in needed)
        ):
            message = (
                f"The references {path} are no mm-vet.json: {sample_id!r} needs question, answer "
                "and a list of capabilities."
            )
            raise UsageError(message)
    return dict(known)


def _reviews(
    path: Path,
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    known: Mapping[str, Question] | None,
) -> Review:
    """LLaVA's lines, each with what it is in a review."""
    if not rows:
        raise _wrong(str(path), "is empty")
    samples, verdicts, differing, outside, seen = [], [], [], [], set[str]()
    for number, (where, row) in enumerate(rows, start=1):
        question, reply, stored = _reviewed(where, row)
        if known is not None and question not in known:
            message = f"{where} is about the question {question!r}, which the references lack."
            raise UsageError(message)
        sample_id = f"line-{number}" if question in seen else question
        seen.add(question)
        category = str(row.get("category", "")).removeprefix("llava_bench_")
        if known is not None:
            check_category(where, question, category, known[question].category)
        tags = {"category": category} if category else {}
        told = Question(text="", image=question) if known is None else known[question]
        samples.append(Sample(id=sample_id, question=told.text, cluster=told.image, tags=tags))
        if (first_line_pair(reply) or FAILED_PAIR) != stored:
            differing.append(sample_id)
        failed = stored == FAILED_PAIR
        if not failed and not all(0 <= rating <= HIGHEST for rating in stored):
            outside.append(sample_id)
        verdicts.append(_verdict(sample_id, 1, reply, None if failed else stored))
    return Review(
        name=path.name,
        task="llava_bench_wild",
        samples=tuple(samples),
        verdicts=tuple(verdicts),
        differing=tuple(differing),
        outside=tuple(outside),
        pictured=known is not None,
        notes=(*partial(path.name, len(seen), known), *repeated(path.name, samples, seen)),
    )


def _reviewed(where: str, row: Mapping[str, Any]) -> tuple[str, str, tuple[float, ...]]:
    """A line's question, reply and pair: `tuple`, or `score` where there is no `tuple`."""
    stored = _ratings(where, row["tuple"] if "tuple" in row else row.get("score"), 2)
    reply = _text(where, row["content"] if "content" in row else row.get("text"))
    return _question(where, row), reply, stored


def _question(where: str, row: Mapping[str, Any]) -> str:
    question = row.get("question_id")
    if not isinstance(question, (str, int)) or isinstance(question, bool):
        raise _wrong(where, "has no question_id")
    return str(question)


def _verdict(
    sample_id: str, run: int, reply: str | None, ratings: tuple[float, ...] | None
) -> Verdict:
    shown = " ".join((reply or "").split())[:80]
    failure = Failure(kind=UNREADABLE, message=f"the judge's reply cannot be read: {shown!r}")
    return Verdict(
        sample_id=sample_id,
        repetition=run,
        ratings=ratings,
        reply=reply,
        failure=failure if ratings is None else None,
    )
