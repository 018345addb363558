"""The command on a card is the run's: read by the command line, it gives the same configuration."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from evalkit.card.invocation import TASK_LIST, public_config, run_invocation
from evalkit.cli.run import command, configuration
from evalkit.run_record import RunConfig, TaskChoice
from evalkit.store import load_run
from evalkit.suites import suite_names

# A command is a line: names of models, tasks and folders with line ends are no test of it.
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
names = st.from_regex(r"[a-z_-][a-z0-9_:.-]{0,12}", fullmatch=True)
counts = st.none() | st.integers(1, 10**6)
configs = st.builds(
    RunConfig,
    model=words,
    tasks=st.lists(
        st.builds(TaskChoice, name=names, limit=counts, prompt=st.none() | words),
        min_size=1,
        max_size=3,
    ).map(tuple),
    prompt=st.none() | words,
    limit=counts,
    limit_by=st.sampled_from([None, "cluster"]),
    seed=st.integers(-5, 10**9),
    dtype=st.sampled_from(["auto", "float32", "bfloat16"]),
    image_preprocess=st.sampled_from(["processor", "pad-square"]),
    batch_size=counts,
    device=words,
    workers=st.integers(1, 64),
    gpus_per_worker=counts,
    ray_address=st.none() | words,
    prefix_sharing=st.sampled_from(["auto", "on", "off"]),
    data=st.none() | words,
    offline=st.booleans(),
    task_paths=st.lists(words, max_size=2).map(tuple),
)


def read(line, task_list, folder):
    """The configuration that the command line makes of a command."""
    first, verb, *rest = shlex.split(line)
    assert (first, verb) == ("evalkit", "run")
    context = command.make_context("run", rest, resilient_parsing=False)
    given_ = dict(context.params)
    tasks = given_.pop("tasks")
    if task_list is not None:
        assert tasks == (TASK_LIST,)
        file = folder / TASK_LIST
        file.write_text(task_list, encoding="utf-8")
        tasks = (str(file),)
    known = RunConfig.__dataclass_fields__
    chosen = {k: v for k, v in given_.items() if k in known and v is not None}
    return configuration(tasks, chosen)


@given(configs)
def test_the_command_parses_back(tmp_path_factory, config):
    made = run_invocation(config, suite_names())
    assert read(made.line, made.task_list, tmp_path_factory.mktemp("list")) == config


@given(configs)
def test_the_published_command_parses_back_to_what_is_public(tmp_path_factory, config):
    shown = public_config(config)
    made = run_invocation(shown, suite_names())
    assert read(made.line, made.task_list, tmp_path_factory.mktemp("list")) == shown


def test_the_demos_command(root, tmp_path):
    config = load_run(root / "results" / "demo" / "baseline").config
    made = run_invocation(public_config(config), suite_names())
    assert made.line == (
        "evalkit run --model demo --data demo gqa mme pope vqav2 textvqa scienceqa mmvp"
    )
    assert read(made.line, made.task_list, tmp_path) == config


def test_a_configuration_names_no_place():
    config = RunConfig(
        model="hf:/home/alice/m",
        tasks=(TaskChoice(name="gqa"),),
        data="/mnt/data",
        task_paths=("/home/alice/tasks",),
        ray_address="10.0.0.7:6379",
    )
    shown = public_config(config)
    assert (shown.model, shown.data) == ("hf:path/to/m", "path/to/data")
    assert (shown.task_paths, shown.ray_address) == (("path/to/tasks",), "auto")
