"""`evalkit card` as people call it: what it writes, keeps and refuses, with its exit codes."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from huggingface_hub import EvalResultEntry, ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import eval_results_to_model_index
from made_records import judge_report

from evalkit.report.blocks import blocks_in


def read(folder):
    return (folder / "README.md").read_bytes().decode()


def card(evalkit, folder, *words, out="card"):
    return evalkit("card", *words, "--out", folder / out, cwd=folder)


def test_the_demos_card(evalkit, root, tmp_path):
    done = evalkit("card", "demo/baseline", "--allow-partial", cwd=root)
    assert done.code == 0, done.err
    made = ModelCard(done.out)
    assert made.data.model_name == "demo"
    by_name = {(r.dataset_name, r.metric_type): r for r in made.data.eval_results}
    gqa = by_name["evalkit demo: gqa", "accuracy"]
    assert (gqa.metric_value, gqa.dataset_type) == (0.75, "evalkit-demo")
    assert by_name["evalkit demo: mme", "perception"].metric_value == 1362.5
    assert gqa.metric_name == "gqa accuracy (of 132 rows of the demo's own made-up data)"
    assert {r.dataset_type for r in made.data.eval_results} == {"evalkit-demo"}
    assert "12,578" not in done.out
    assert "12578" not in done.out
    again = eval_results_to_model_index("demo", made.data.eval_results)
    assert again == made.data.to_dict()["model-index"]
    row = (
        "| [GQA](https://arxiv.org/abs/1902.09506) (gqa) | accuracy | 0.7500⁂ | 0.6500 to 0.8289 |"
    )
    assert f"{row} 132 samples |" in re.sub(" +", " ", made.text)
    assert "- ⁂ of the demo's own made-up data, not of the benchmark's." in made.text
    assert "§" not in made.text
    assert "rounded half to even" in made.text
    assert "evalkit run --model demo --data demo gqa mme" in made.text
    assert str(tmp_path.home()) not in done.out
    assert str(root) not in done.out


def test_twice_gives_the_same_bytes_and_verifies(evalkit, tmp_path, write, complete):
    write(complete)
    assert card(evalkit, tmp_path, "model/run").code == 0
    first = read(tmp_path / "card")
    assert card(evalkit, tmp_path, "model/run").code == 0
    assert read(tmp_path / "card") == first
    assert evalkit("verify", tmp_path / "card" / "README.md").code == 0


OWN = (
    "---\r\n# a comment\r\nlicense:   gemma # mine\r\ntags: [a,  b]\r\n---\r\n"
    "# My *model*\r\n\r\nWith 7 words, tabs\tand  spaces.\r\n"
)


def test_a_card_that_is_there_is_kept_byte_for_byte(evalkit, tmp_path, write, complete):
    write(complete)
    file = tmp_path / "card" / "README.md"
    file.parent.mkdir()
    file.write_bytes(OWN.encode())
    assert card(evalkit, tmp_path, "model/run").code == 0
    text = read(tmp_path / "card")
    head, _, body = OWN.partition("---\r\n# My")
    assert text.startswith(head + "model-index:\r\n")
    assert f"---\r\n# My{body}\r\n<!-- evalkit:begin card" in text
    assert "\n" not in text.replace("\r\n", "")
    tail = "\r\nA last line.\r\n"
    file.write_bytes((text + tail).encode())
    assert card(evalkit, tmp_path, "model/run", "--metrics", "all").code == 0
    assert read(tmp_path / "card").endswith(tail)
    assert read(tmp_path / "card").startswith(head + "model-index:\r\n")
    assert evalkit("verify", file).code == 0


def test_others_results_are_kept(evalkit, tmp_path, write, complete):
    write(complete)
    file = tmp_path / "card" / "README.md"
    file.parent.mkdir()
    other = (
        "model-index:\n- name: theirs\n  results:\n  - task: {type: t}\n"
        "    dataset: {type: d, name: d}\n    metrics: [{type: wer, value: 9.25}]\n"
    )
    file.write_text(f"---\n{other}license: mit\n---\n# x\n", encoding="utf-8")
    assert card(evalkit, tmp_path, "model/run").code == 0
    made = ModelCard(read(tmp_path / "card")).data
    assert (made.license, made.model_name) == ("mit", "theirs")
    assert [r.metric_value for r in made.eval_results][:2] == [9.25, 0.75]
    assert evalkit("verify", file).code == 0
    file.write_text(read(tmp_path / "card").replace("9.25", "9.5"), encoding="utf-8")
    done = evalkit("verify", file)
    assert done.code == 15
    assert "results of others" in done.out


def test_meta_sets_keys_and_slices_and_benchmarks(evalkit, tmp_path, write, complete):
    write(complete)
    meta = tmp_path / "meta.toml"
    meta.write_text(
        'name = "Mine"\nlicense = "apache-2.0"\nlanguage = ["en", "de"]\nbase_model = "a/b"\n'
        'source_url = "https://example.com/records"\n[slices]\npope = "category"\n'
        '[eval_results.gqa]\ndataset = "lmms-lab/GQA"\ntask_id = "testdev"\nmetric = "accuracy"\n',
        encoding="utf-8",
    )
    done = card(evalkit, tmp_path, "model/run", "--meta", meta, "--eval-results")
    assert done.code == 0, done.err
    data = ModelCard(read(tmp_path / "card")).data
    assert (data.license, data.language, data.base_model) == ("apache-2.0", ["en", "de"], "a/b")
    assert data.model_name == "Mine"
    pope = [r for r in data.eval_results if r.dataset_type == "lmms-lab/pope"]
    assert len({r.unique_identifier for r in pope}) == 4  # all, and three categories
    assert all(r.source_url == "https://example.com/records" for r in pope)
    values = tmp_path / "card" / ".eval_results" / "evalkit.yaml"
    import yaml

    (entry,) = parse_eval_result_entries(yaml.safe_load(values.read_text(encoding="utf-8")))
    assert isinstance(entry, EvalResultEntry)
    assert (entry.dataset_id, entry.task_id, entry.value) == ("lmms-lab/GQA", "testdev", 0.75)
    assert "95 % interval 0.6500 to 0.8289, n 132, protocol official" in entry.notes
    assert evalkit("verify", tmp_path / "card" / "README.md").code == 0
    values.write_text(values.read_text(encoding="utf-8").replace("0.75", "0.76"), encoding="utf-8")
    assert evalkit("verify", tmp_path / "card" / "README.md").code == 15


def unhealthy(result):
    report = judge_report(10, {"timeout": 5})
    return replace(result, judge=report)


def test_what_is_not_whole_is_refused_unless_it_is_allowed(evalkit, tmp_path, write, complete):
    gqa, *rest = complete.results
    write(replace(complete, results=(unhealthy(gqa), *rest)))
    done = card(evalkit, tmp_path, "model/run")
    assert done.code == 14
    assert "too many verdicts on gqa" in done.err
    failed = replace(gqa, coverage=replace(gqa.coverage, answered=130, failed=2))
    write(replace(complete, results=(failed, *rest)))
    done = card(evalkit, tmp_path, "model/run")
    assert done.code == 12
    assert "gqa is with 2 failed" in done.err
    assert not (tmp_path / "card").exists()
    write(replace(complete, results=(unhealthy(failed), *rest)))
    assert card(evalkit, tmp_path, "model/run", "--allow-partial").code == 0
    text = read(tmp_path / "card")
    assert "0.7500§⚠" in text
    assert "too many verdicts of its judge are missing" in text


@pytest.mark.parametrize("template", ["grid", "ablation"])
def test_tables_need_no_layout(evalkit, tmp_path, write, complete, template):
    write(complete)
    write(replace(complete, seconds=complete.seconds + 1), "again")  # of one model's and run's name
    words = ("model/run", "again/run", "--template", template)
    done = card(evalkit, tmp_path, *words)
    assert done.code == 0, done.err
    text = read(tmp_path / "card").replace("&#35;<!-- -->", "#")
    assert "demo (baseline) #1" in text
    assert "demo (baseline) #2" in text
    assert "**0.7500**" in text
    assert "rounded half to even" in text
    assert "How the numbers of demo (baseline) #2 were made" in text
    assert evalkit("verify", "card/README.md", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing/here",), "no run"),
        (("model/run", "--template", "none"), "there are ablation, default, grid, minimal"),
        (("model/run", "--eval-results"), "--meta FILE.toml"),
        (("model/run", "--block", "A B"), "no name of a block"),
        (("model/run", "--out", "results/model/run"), "in a run's folder"),
    ],
)
def test_mistakes(evalkit, tmp_path, run, words, said):
    out = () if "--out" in words else ("--out", tmp_path / "card")
    done = evalkit("card", *words, *out, cwd=tmp_path)
    assert run.exists()
    assert (done.code, said in done.err) == (2, True), done.err


def test_damaged_marks_are_refused_and_nothing_is_written(evalkit, tmp_path, write, complete):
    write(complete)
    file = tmp_path / "card" / "README.md"
    file.parent.mkdir()
    file.write_text("# x\n<!-- evalkit:end card -->\n", encoding="utf-8")
    done = card(evalkit, tmp_path, "model/run")
    assert done.code == 2
    assert "line 2: the block card ends, but did not begin" in done.err
    assert file.read_text(encoding="utf-8") == "# x\n<!-- evalkit:end card -->\n"


def test_a_record_elsewhere_is_copied_or_refused(evalkit, tmp_path, write, complete):
    folder = write(complete)
    here = tmp_path / "here"
    here.mkdir()
    done = evalkit("card", folder, "--out", "card", cwd=here)
    assert done.code == 2
    assert "--copy-records" in done.err
    done = evalkit("card", folder, "--out", "card", "--copy-records", cwd=here)
    assert done.code == 0, done.err
    (block,) = blocks_in(read(here / "card"), "")
    assert block.told["records"][0]["path"].startswith("records/")
    assert str(tmp_path) not in read(here / "card")
    assert evalkit("verify", here / "card" / "README.md").code == 0


def test_what_a_copy_of_a_record_tells_is_said(evalkit, tmp_path, write, complete):
    write(complete)
    done = card(evalkit, tmp_path, "model/run", "--copy-records")
    assert done.code == 0, done.err
    assert "leave out" not in done.err
    place = "/srv/joe/my data"
    config = replace(complete.config, data=str(place), ray_address="ray://10.0.0.1:1")
    write(replace(complete, config=config))
    done = card(evalkit, tmp_path, "model/run", "--copy-records", out="other")
    assert done.code == 0, done.err
    (line,) = [line for line in done.err.splitlines() if "leave out" in line]
    assert "run.json tells what cards leave out: config.ray_address ray://10.0.0.1:1; " in line
    assert line.endswith("joe/my data.")
    assert "joe" not in read(tmp_path / "other")


def test_two_blocks_of_one_card(evalkit, tmp_path, write, complete):
    write(complete)
    assert card(evalkit, tmp_path, "model/run", "--template", "minimal").code == 0
    more = ("model/run", "--block", "all", "--metrics", "all", "--template", "minimal")
    done = card(evalkit, tmp_path, *more)
    assert done.code == 2
    assert "belong to its block card" in done.err
    assert card(evalkit, tmp_path, *more, "--no-front-matter").code == 0
    text = read(tmp_path / "card")
    assert [block.name for block in blocks_in(text, "")] == ["card", "all"]
    assert ModelCard(text).data.eval_results
    assert evalkit("verify", tmp_path / "card" / "README.md").code == 0


def test_a_template_of_the_users_is_escaped_and_pinned(evalkit, tmp_path, write, complete):
    write(replace(complete, model=replace(complete.model, name="<b>*x*</b>")))
    template = tmp_path / "mine.j2"
    template.write_text("# {{ title }}\n{{ runs[0].record.results[0].task }}\n", encoding="utf-8")
    assert card(evalkit, tmp_path, "model/run", "--template", template).code == 0
    text = read(tmp_path / "card")
    assert "\n# &#60;b>".replace(">", "&#62;") in text
    assert evalkit("verify", "card/README.md", cwd=tmp_path).code == 0
    template.write_text("{{ title }}", encoding="utf-8")
    done = evalkit("verify", "card/README.md", cwd=tmp_path)
    assert done.code == 15
    assert "mine.j2 was changed" in done.out


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ runs[0].record.__init__.__globals__ }}",
        "{{ runs.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ title | safe }}",
        "{% for",
    ],
)
def test_a_template_that_reaches_out_is_refused(demo, template):
    from evalkit.board.ranks import undistinguished
    from evalkit.card.entries import Entry
    from evalkit.card.render import Sheet, body
    from evalkit.errors import UsageError
    from evalkit.report.blocks import marked

    sheet = Sheet(entries=(Entry(record=demo, label="x"),), template=template, partial=True)
    with pytest.raises(UsageError):
        marked("card", {}, body(sheet, undistinguished))


def test_json_in_a_block_is_what_the_docs_say(evalkit, tmp_path, write, complete):
    write(complete)
    card(evalkit, tmp_path, "model/run")
    line = next(x for x in read(tmp_path / "card").splitlines() if "evalkit:begin" in x)
    told = json.loads(line.removeprefix("<!-- evalkit:begin card ").removesuffix(" -->"))
    assert told["verb"] == "card"
    assert told["records"] == [
        {"path": "../results/model/run/run.json", "digest": complete.digest, "scores": None}
    ]


def test_published_numbers_are_a_card_and_stand_beside_one(evalkit, tmp_path, write, run, paper):
    write(paper, "paper")
    done = card(evalkit, tmp_path, "paper/run", out="paper")
    assert done.code == 0, done.err
    text = read(tmp_path / "paper")
    assert "0.7500¶" in text
    assert "published in**: A &#42;paper&#42; (x&#46;md)" in text
    assert "evalkit run" not in text
    (gqa, *_) = ModelCard(text).data.eval_results
    assert (gqa.metric_value, gqa.dataset_args["source"]) == (0.75, "self-reported")
    done = card(evalkit, tmp_path, run, "--reference", "paper/run")
    assert done.code == 0, done.err
    assert "published: paper" in read(tmp_path / "card")
    for name in ("card", "paper"):
        assert evalkit("verify", tmp_path / name / "README.md").code == 0


def test_a_card_that_is_there_survives_values_that_cannot_be_written(
    evalkit, tmp_path, write, complete
):
    write(complete)
    meta = tmp_path / "meta.toml"
    meta.write_text('[eval_results.gqa]\nmetric = "accuracy"\ndataset = "a/b"\ntask_id = "gqa"\n')
    file = tmp_path / "card" / "README.md"
    file.parent.mkdir()
    file.write_bytes(b"# Mine\r\n")
    (file.parent / ".eval_results").write_text("mine")
    words = ("model/run", "--meta", meta, "--eval-results")
    assert card(evalkit, tmp_path, *words).code == 2
    assert file.read_bytes() == b"# Mine\r\n"
    assert sorted(path.name for path in file.parent.iterdir()) == [".eval_results", "README.md"]


def test_values_that_nobody_asks_for_are_named(evalkit, tmp_path, write, complete):
    write(complete)
    meta = tmp_path / "meta.toml"
    meta.write_text('[eval_results.gqa]\nmetric = "accuracy"\ndataset = "a/b"\ntask_id = "gqa"\n')
    words = ("model/run", "--meta", meta)
    done = card(evalkit, tmp_path, *words, "--eval-results")
    assert (done.code, "no block" in done.err) == (0, False), done.err
    done = card(evalkit, tmp_path, *words)
    assert done.code == 0
    assert "evalkit.yaml stands there, and no block of the card asks for it" in done.err


def test_two_that_write_at_once_both_have_their_block(tmp_path, write, complete):
    write(complete)
    words = [sys.executable, "-m", "evalkit", "card", "model/run", "--no-front-matter"]
    names = [f"block-{number}" for number in range(4)]
    begun = [
        subprocess.Popen([*words, "--out", "card", "--block", name], cwd=tmp_path) for name in names
    ]
    assert [one.wait(timeout=120) for one in begun] == [0] * len(names)
    assert {block.name for block in blocks_in(read(tmp_path / "card"), "x")} == set(names)


def test_a_folder_that_was_made_for_nothing_goes(evalkit, tmp_path, write, demo):
    write(demo)
    assert card(evalkit, tmp_path, "model/run").code == 12
    assert not (tmp_path / "card").exists()


def test_a_pipe_is_no_card(evalkit, tmp_path, write, complete):
    write(complete)
    (tmp_path / "card").mkdir()
    os.mkfifo(tmp_path / "card" / "README.md")
    done = card(evalkit, tmp_path, "model/run")
    assert done.code == 2
    assert "README.md is no regular file" in done.err


def test_a_card_of_several_models_says_so_and_of_whom_the_front_matter_is(
    evalkit, tmp_path, write, complete
):
    write(complete)
    write(replace(complete, model=replace(complete.model, name="other")), "other")
    done = evalkit("card", "model/run", "other/run", cwd=tmp_path)
    assert "\n# Comparison of two models\n" in done.out
    assert "holds the numbers of demo alone" in done.out
    assert ModelCard(done.out).data.model_name == "demo"
    done = evalkit("card", "model/run", "other/run", "--no-front-matter", cwd=tmp_path)
    assert "\n# Comparison of two models\n" in f"\n{done.out}"
    assert "front matter (" not in done.out
    done = evalkit("card", "model/run", cwd=tmp_path)
    assert "\n# demo\n" in done.out
    assert "front matter (" not in done.out
    meta = tmp_path / "meta.toml"
    meta.write_text('name = "My models"\n', encoding="utf-8")
    done = evalkit("card", "model/run", "other/run", "--meta", meta, cwd=tmp_path)
    assert "\n# My models\n" in done.out


def test_a_published_record_is_found_by_its_short_name(evalkit, root, tmp_path, write, complete):
    write(complete)
    name = "llava-gemma/llava-gemma-2b-clip-pretrained"
    shutil.copytree(root / "results" / "published" / name, tmp_path / "results/published" / name)
    done = evalkit("card", "model/run", "--reference", name, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "published: llava-gemma-2b" in done.out
    done = evalkit("card", "model/run", "--reference", f"{name}x", cwd=tmp_path)
    assert done.code != 0
    assert f"Did you mean results/published/{name}?" in done.err


@pytest.mark.parametrize("template", ["grid", "ablation"])
def test_layouts_show_intervals_and_units_of_measured_numbers(
    evalkit, tmp_path, write, complete, template
):
    write(complete)
    done = evalkit("card", "model/run", "--template", template, cwd=tmp_path)
    text = re.sub(" +", " ", done.out)
    assert "| GQA | accuracy | demo | 0.6500 to 0.8289 | 132 samples |" in text
    assert "| MMVP | pair_accuracy | demo | 0.1836 to 0.5497 | 30 groups |" in text
    assert "[MME perception][mme] (of 2000)" in text
    assert "\n[mme]: https://arxiv.org/abs/2306.13394\n" in text
    assert "Intervals are of 95 %" in text
