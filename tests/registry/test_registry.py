"""Names become tasks, backends and suites; broken ones become sentences."""

import pytest

from evalkit import registry
from evalkit.errors import UsageError
from evalkit.suites import load_suite, suite_names

SEVEN = ["gqa", "mme", "mmvp", "pope", "scienceqa", "textvqa", "vqav2"]


def test_the_seven_are_found_without_being_imported():
    assert [name for name in registry.task_files() if name in SEVEN] == SEVEN


@pytest.mark.parametrize("name", [*SEVEN, "scienceqa:img", "mmvp:corrected", "vqav2:testdev"])
def test_tasks_and_variants_load(name):
    assert registry.load_task(name).name == name


def test_a_file_may_not_hide_a_built_in_task(tmp_path):
    (tmp_path / "pope.py").write_text('"""Another."""')
    with pytest.raises(UsageError, match="Two task files are called 'pope'"):
        registry.load_task("pope", [tmp_path])


def test_a_task_must_bear_its_files_name(toy):
    other = toy.path.with_name("other.py")
    toy.path.rename(other)
    with pytest.raises(UsageError, match="must name its task 'other'"):
        registry.load_task("other", [other])


@pytest.mark.parametrize(
    ("text", "backend", "name", "revision", "options"),
    [
        ("hf:org/model", "hf", "org/model", None, {}),
        ("hf:org/model@v1,attn=eager", "hf", "org/model", "v1", {"attn": "eager"}),
        ("dummy:constant,text=yes", "dummy", "constant", None, {"text": "yes"}),
        ("my.module:Class:some/where@2", "my.module:Class", "some/where", "2", {}),
    ],
)
def test_specs_are_taken_apart(text, backend, name, revision, options):
    spec = registry.parse_model(text)
    assert (spec.backend, spec.name, spec.revision) == (backend, name, revision)
    assert dict(spec.options) == options


def test_a_folder_may_hold_any_character(tmp_path):
    folder = tmp_path / "step@1,lr=2"
    folder.mkdir()
    spec = registry.parse_model(f"hf:{folder}")
    assert (spec.name, spec.revision, spec.folder) == (str(folder), None, "step__1__lr__2")


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("demo", "demo"),
        ("demo-early", "demo-early"),
        ("hf:org/model", "org__model"),
        ("hf:..", "hf"),
    ],
)
def test_a_models_folder_is_a_safe_name(text, folder):
    assert registry.parse_model(text).folder == folder


def test_suites_name_tasks_that_exist():
    for name in suite_names():
        for choice in load_suite(name).tasks:
            assert registry.load_task(choice["name"])


def test_a_task_list_is_small(tmp_path):
    large = tmp_path / "large.toml"
    large.write_text('tasks = ["pope"]\n' + "#" * (1 << 20))
    with pytest.raises(UsageError, match="has more than 1,048,576 bytes"):
        load_suite(str(large))
    large.unlink()
    large.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="has more than 1,048,576 bytes"):
        load_suite(str(large))


def test_a_backend_must_be_a_backend():
    spec = registry.ModelSpec(text="pathlib:Path:y", backend="pathlib:Path", name="y")
    with pytest.raises(UsageError, match="not a subclass"):
        registry.backend_class(spec)
