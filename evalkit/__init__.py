"""evalkit evaluates vision-language models; this page is the map.

    errors      what can go wrong, with exit codes
    records     everything that travels between the stages
    spool       records on disk, read again where they are asked for
    numbering   texts numbered without holding them
    telemetry   how a run went: the machine, and the speed
    judge_report  how a task was judged, and what that cost
    publication   where a self-reported number was published, as printed
    run_record  what a run becomes: numbers, fingerprints, the record
    comparison  what a comparison of two runs is
    verdicts    what a gate says
    standings   what a leaderboard says
    designs     what a plan and a calibration say
    task        what a task file may say
    rubric      how a judge is asked, and how its reply is read
    foreign     what another harness's code may do in a task's place
    prices      what tokens cost
    answers     text -> answer, one module per official normaliser
    pair_review  LLaVA's review of two answers side by side
    mmvet_review  MM-Vet's judge, who grades from 0 to 1
    mmvp_review  MMVP's judge, who says yes or no
    metrics     scores -> numbers, each a sum and a function of that sum
    strata      parts of a benchmark that clusters belong to
    sums        scores -> sums of a metric's rows
    gradient    how fast a metric moves with its sums
    stats       intervals over any metric, by clusters
    pairing     a metric's rows in two runs, side by side
    resampling  clusters drawn again, or their two runs exchanged
    sampling    what is known of a difference: a formula, or draws
    leverage    clusters that outweigh others, strata of one
    difference  how sure the difference of two runs is
    standard_error  how sure one number is: its error, or draws
    paired      by how much two runs differ, and how sure that is
    power       what samples can show
    sequential  which error each look at unfinished data may spend
    data        dataset reference -> samples
    columns     scored samples -> columns of a table
    score_rows  columns of a table -> scored samples
    integrity   digests that tie a record to what it says, and to its scores
    public      what of a text others may see: no secret, no place on this machine
    task_source  a task's file, with what it imports from its folder -> one digest
    small_files  files that people write by hand, read up to a size
    writing     the only writer of whole files
    store       the only reader and writer of run folders
    prediction_files  predictions by sample id, read from files on demand
    registry    name -> task or backend
    recorded_tasks  which own task files of a record are run
    suites      task lists
    lmms_tasks  tasks of lmms-eval, run by its own code
    backends    models that answer
    runner      plan, engine, journal
    answer_files  prediction files -> answers, one module per way to publish them
    official    benchmarks' own files: ground truth, and whose answer is whose
    score       predictions -> task results
    audit       how answers were read, and what hangs on it
    rescore     a file of answers -> a scored run
    scored_folder  a scored file as a run folder
    reviewed_folder  published verdicts as a run folder
    explain     why two protocols give two numbers
    report      records -> tables
    trackers    records -> experiment trackers
    compare     two runs beside each other, and the baseline file
    gate        whether a candidate may replace a baseline
    board       records below a folder ranked, side by side
    planning    how many samples of which tasks settle a question
    card        model cards: tables, provenance, front matter, marked blocks
    verify      whether a page says what its records say
    view        runs as pages to look through, by a local server or as files
    manifest    what a run is about, for resuming it
    progress    how far a run is
    provenance  versions, commit and machine
    check       whether a task file is sound
    prepare     what must be true before a model is loaded
    judge       a rubric over any backend: questions, replies, verdicts, cost
    stopping    tasks that end as soon as a gate's verdict is certain
    finish      the end of a task: everything on disk, scored
    judging     a run's answers judged, with the model or later
    alongside   a judge at work while the model answers
    rereading   a run in which nothing is left to ask
    pipeline    the stages wired together; what `run` and `evaluate` call
    cli         one module per verb
    demo        the embedded default: a small model and small data
    tasks       one file per benchmark

The public names below are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.errors import EvalkitError, ExitCode
    from evalkit.pipeline import evaluate
    from evalkit.records import Generation, Outcome, Sample
    from evalkit.run_record import RunConfig, RunRecord
    from evalkit.store import load_run
    from evalkit.task import DatasetRef, Metric, Prompt, Task

__version__ = "0.1.0"

_HOME = {
    "DatasetRef": "evalkit.task",
    "EvalkitError": "evalkit.errors",
    "ExitCode": "evalkit.errors",
    "Generation": "evalkit.records",
    "Metric": "evalkit.task",
    "Outcome": "evalkit.records",
    "Prompt": "evalkit.task",
    "RunConfig": "evalkit.run_record",
    "RunRecord": "evalkit.run_record",
    "Sample": "evalkit.records",
    "Task": "evalkit.task",
    "evaluate": "evalkit.pipeline",
    "load_run": "evalkit.store",
}

__all__ = [
    "DatasetRef",
    "EvalkitError",
    "ExitCode",
    "Generation",
    "Metric",
    "Outcome",
    "Prompt",
    "RunConfig",
    "RunRecord",
    "Sample",
    "Task",
    "evaluate",
    "load_run",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used."""
    if name not in _HOME:
        message = f"module 'evalkit' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME[name]), name)
