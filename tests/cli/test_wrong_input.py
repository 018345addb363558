"""Wrong input: one sentence that says what, where and what to do, and its exit code."""

import pytest

MODEL = ("--model", "dummy:constant,text=yes")

USAGE, INFRASTRUCTURE = 2, 20


@pytest.fixture
def wrong(evalkit, toy, tmp_path):
    def go(*words, data=None):
        return evalkit(
            "run", *words, "--data", data or toy.data, "--task-path", toy.path,
            "--out", tmp_path / "results",
        )  # fmt: skip

    return go


CASES = {
    "unknown task": (("tou", *MODEL), USAGE, "Did you mean 'toy'?"),
    "unknown variant": (("toy:long", *MODEL), USAGE, "has no variant 'long'; it has: short"),
    "unknown prompt": (("toy", *MODEL, "--prompt", "x"), USAGE, "it has: plain, bare"),
    "no model": (("toy",), USAGE, "give --model backend:name"),
    "no backend in the spec": (("toy", "--model", "llava"), USAGE, "write backend:name"),
    "unknown backend": (("toy", "--model", "hg:llava"), USAGE, "Did you mean 'hf'?"),
    "backend class that is not there": (
        ("toy", "--model", "no.where:X:y"),
        USAGE,
        "cannot be imported",
    ),
    "unknown model option": (("toy", "--model", "dummy:echo,colour=red"), USAGE, "'colour'"),
    "option without a value": (("toy", "--model", "dummy:echo,log"), USAGE, "key=value"),
    "limit of zero": (("toy", *MODEL, "--limit", "0"), USAGE, "at least 1"),
    "limit that is no number": (("toy", *MODEL, "--limit", "ten"), USAGE, "--limit"),
    "batch size of zero": (("toy", *MODEL, "--batch-size", "0"), USAGE, "between 1 and 65536"),
    "batch size that is no number": (("toy", *MODEL, "--batch-size", "big"), USAGE, "'big'"),
    "no workers": (("toy", *MODEL, "--workers", "0"), USAGE, "between 1 and 4096"),
    "accelerators below zero": (
        ("toy", *MODEL, "--workers", "2", "--gpus-per-worker", "-1"),
        USAGE,
        "give 0 or more",
    ),
    "unknown prefix sharing": (("toy", *MODEL, "--prefix-sharing", "maybe"), USAGE, "'maybe'"),
    "prefixes that cannot be shared": (
        ("toy", *MODEL, "--prefix-sharing", "on"),
        INFRASTRUCTURE,
        "give --prefix-sharing auto",
    ),
    "task twice": (("toy", "toy", *MODEL), USAGE, "named twice"),
    "suite beside a task": (("demo", "toy", *MODEL), USAGE, "give it alone"),
    "name that leaves the folder": (("toy", *MODEL, "--name", "../up"), USAGE, "cannot name a run"),
    "unknown flag": (("toy", *MODEL, "--limits", "3"), USAGE, "--limit"),
    "missing list": (("none.toml",), USAGE, "cannot be read"),
    "model folder that is not there": (
        ("toy", "--model", "hf:./no/such/folder"),
        20,
        "no/such/folder",
    ),
    "replay of a missing file": (("toy", "--model", "replay:none.jsonl"), None, "none.jsonl"),
    "dtype that is not known": (("toy", "--model", "hf:a/b", "--dtype", "int3"), USAGE, "int3"),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_words(wrong, name):
    words, code, said = CASES[name]
    done = wrong(*words)
    assert said in done.err
    assert done.code == code if code else done.code in (USAGE, INFRASTRUCTURE)
    assert done.out == ""


def test_missing_data_folder(wrong, tmp_path):
    done = wrong("toy", *MODEL, data=tmp_path / "none")
    assert done.code in (USAGE, INFRASTRUCTURE)
    assert str(tmp_path / "none") in done.err


def test_a_column_that_is_not_there(wrong, toy):
    rows = toy.data / "toy" / "test.jsonl"
    rows.write_text(rows.read_text().replace('"answer"', '"reply"'))
    done = wrong("toy", *MODEL)
    assert done.code == INFRASTRUCTURE
    assert "answer" in done.err


def test_a_picture_that_is_not_there(wrong, toy):
    (toy.data / "toy" / "7.png").unlink()
    done = wrong("toy", *MODEL)
    assert done.code in (12, INFRASTRUCTURE)
    assert "7.png" in done.err + done.out or "failed" in done.out


def test_out_that_is_a_file(evalkit, toy, tmp_path):
    (tmp_path / "file").write_text("")
    done = evalkit("run", "toy", *MODEL, *toy.options, "--out", tmp_path / "file")
    assert done.code == USAGE
    assert "cannot be written" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks = [", "not valid TOML"),
        ("model = 'dummy:echo'", "needs tasks"),
        ("tasks = [3]", "without a name"),
        ("tasks = ['toy']\nlimits = 3", "'limits', which is not known"),
        ("tasks = [{name = 'toy', speed = 3}]", "'speed'"),
        ("tasks = ['toy']\nmodel = 'dummy:echo'\nlimit = 'ten'", "limit = 'ten'"),
        ("tasks = [{name = 'toy', limit = 'ten'}]\nmodel = 'dummy:echo'", "limit"),
    ],
)
def test_wrong_task_lists(wrong, tmp_path, text, said):
    (tmp_path / "list.toml").write_text(text)
    done = wrong(tmp_path / "list.toml")
    assert done.code == USAGE
    assert said in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:", "SyntaxError"),
        ("x = 1", "no constant TASK"),
        ("import nowhere", "nowhere"),
    ],
)
def test_wrong_task_files(evalkit, tmp_path, text, said):
    (tmp_path / "odd.py").write_text(text)
    done = evalkit(
        "run", "odd", *MODEL, "--task-path", tmp_path / "odd.py", "--out", tmp_path / "o"
    )
    assert done.code == USAGE
    assert said in done.err


def test_a_damaged_record_is_refused(evalkit, toy, tmp_path):
    words = ("run", "toy", *MODEL, *toy.options, "--out", tmp_path / "results")
    assert evalkit(*words).code == 0
    (record,) = (tmp_path / "results").glob("*/*/run.json")
    for text in ("{", "{}", record.read_text().replace('"asked"', '"asekd"')):
        record.write_text(text)
        done = evalkit("show", record)
        assert done.code == USAGE
        assert "run.json" in done.err
