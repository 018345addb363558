"""Records of published numbers are what their source gives, and what the publications print."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
CARDS = ("llava", "llava-gemma", "paligemma2")
ONE = "published/llava-gemma/llava-gemma-2b-clip-pretrained"
RUN = f"results/{ONE}"


def cells_by_model(records):
    return {record.name: record.publication.cells for record in records}


def test_records_are_what_their_source_gives(maker):
    assert list(maker.stale()) == []


def test_a_changed_cell_is_found(maker, tmp_path, monkeypatch):
    card = tmp_path / "llava"
    card.mkdir()
    source = (PUBLISHED / "llava" / "printed.toml").read_text(encoding="utf-8")
    (card / "printed.toml").write_text(source)
    monkeypatch.setattr(maker, "ROOT", tmp_path)
    assert maker.main(["--write"]) == 0
    assert list(maker.stale()) == []
    (card / "printed.toml").write_text(source.replace("90.92%", "90.93%"))
    assert list(maker.stale()) == [
        "llava/llava-scienceqa/run.json is not what llava/printed.toml gives"
    ]
    (card / "printed.toml").unlink()
    assert len(list(maker.stale())) == 3


@pytest.mark.parametrize("card", CARDS)
def test_every_number_is_a_printed_cell_and_nothing_more_is_said(card, published):
    for record in published(card):
        assert record.source == "self-reported"
        told = [(r.task, name) for r in record.results for name in r.metrics]
        assert told == [(c.task, c.metric) for c in record.publication.cells]
        for result in record.results:
            assert (result.protocol, result.version, result.scores) == ("unknown", 0, None)
            assert result.fingerprint.dataset.digest is None
            assert result.fingerprint.prompt is None
            assert {v.n for v in result.metrics.values()} == {None}


def test_values_are_in_evalkits_units_where_it_has_the_metric(published):
    from evalkit.registry import load_task

    known = ("gqa", "mme", "pope", "vqav2", "textvqa", "scienceqa", "mmvp")
    for record in [*published("llava-gemma"), *published("paligemma2")]:
        for result in record.results:
            if result.task in known:
                highs = {m.name: m.high for m in load_task(result.task).metrics}
                assert {n: v.maximum for n, v in result.metrics.items()}.items() <= highs.items()


def test_errata_are_kept_as_printed_and_noted(published):
    three = cells_by_model(published("paligemma2"))["paligemma2-3b"]
    odd = {(c.task, c.metric): c.text for c in three if c.erratum}
    assert odd == {
        ("total_text", "precision"): "73.8.",
        ("pubchem", "full_match"): "94.8",
        ("docci", "avg_sentences"): "7.74",
        ("docci", "nes"): "28.42",
        ("vsr_zeroshot", "accuracy"): "0.75",
        ("vsr_random", "accuracy"): "0.82",
    }
    record = next(r for r in published("paligemma2") if r.name == "paligemma2-3b")
    (total,) = (r for r in record.results if r.task == "total_text")
    assert total.metrics["precision"].value == 0.738
    assert any("dot too many" in note for note in total.notes)


# Beside the publications themselves


@pytest.mark.parametrize("card", CARDS)
def test_a_publication_is_named_by_file_and_digest(card, published, seeds):
    for record in published(card):
        content = (seeds.folder / record.publication.card).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record.publication.digest
        assert record.publication.title in content.decode("utf-8")


def test_every_number_of_llavas_page_is_there(published, seeds):
    text = "\n".join(seeds("003")).replace("90.92%.", "90.92%")
    printed = {c.text for cells in cells_by_model(published("llava")).values() for c in cells}
    assert printed == set(re.findall(r"\d+\.\d+%", text))


def test_llava_next_prints_no_number_of_a_benchmark(seeds):
    """Its percentages and decimals are settings of the training alone."""
    (evaluation,) = re.findall(r"## Evaluation (.*)", "\n".join(seeds("001")))
    assert "lmms-eval" in evaluation
    assert not re.search(r"\d", evaluation)


def test_every_cell_of_llava_gemmas_table_is_there(published, seeds):
    rows = [line for line in seeds("000") if line.startswith("| gemma-")]
    cells = [cell for row in rows for cell in re.findall(r"(?<=\| )\d+\.\d+", row)]
    printed = [c.text for made in cells_by_model(published("llava-gemma")).values() for c in made]
    assert sorted(printed) == sorted(cells)
    assert len(cells) == 57


def test_every_cell_of_paligemma_2s_tables_is_there(published, seeds):
    lines = seeds("002")
    start, end = lines.index("## Evaluation information"), lines.index("## Usage and limitations")
    rows = [line for line in lines[start:end] if re.match(r"\| \[|\| PaliGemma 2 ", line)]
    cells = [c for row in rows for c in re.findall(r"(?<=\| )\d+(?:\.\d+)?[.%]?(?=$| )", row)]
    cells += [c for line in lines[start:end] for c in re.findall(r"<td>(\d.*)</td>", line)]
    cells += [c for line in lines[start:end] for c in re.findall(r"Full Match: (.*)$", line)]
    printed = [c.text for made in cells_by_model(published("paligemma2")).values() for c in made]
    assert sorted(printed) == sorted(cells)
    assert len(cells) == 48 * 6 - 6 * 4 + 3 + 3 + 4 + 4 + 3 + 1 + 6 + 8 + 4 + 90


# The command line


def test_show_says_dashes_where_nothing_is_said(evalkit):
    done = evalkit("show", RUN, cwd=ROOT)
    (gqa,) = (line for line in done.out.splitlines() if " gqa " in line)
    assert gqa.split() == ["gqa", "unknown", "accuracy", "0.5310", "-", "1", *["-"] * 4]
    assert "None" not in done.out
    assert "not measured here" in done.out


def test_the_page_names_the_publication_and_no_settings(evalkit):
    done = evalkit("show", RUN, "--format", "markdown", cwd=ROOT)
    assert "000_a3123064b2fb4445.txt" in done.out
    assert "None" not in done.out
    assert "batch size" not in done.out


def test_it_is_found_by_its_name_in_results(evalkit):
    assert evalkit("show", ONE, cwd=ROOT).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "demo/baseline", ONE),
        ("compare", ONE, "demo/baseline"),
        ("baseline", "accept", ONE),
        (
            *("gate", "--baseline", "demo", "--candidate", RUN),
            *("--policy", "results/baselines/demo.toml"),
        ),
        (
            *("gate", "--baseline", RUN, "--candidate", "results/demo/baseline"),
            *("--policy", "results/baselines/demo.toml"),
        ),
    ],
    ids=["compare", "compare with", "accept", "gate", "gate beside"],
)
def test_what_needs_samples_is_refused_in_one_sentence(words, evalkit):
    done = evalkit(*words, cwd=ROOT)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert "copied from a publication, without samples" in done.err


def test_there_are_no_answers_that_could_be_judged(evalkit):
    done = evalkit("judge", "published/llava/llava-chat", "--judge", "dummy:hash", cwd=ROOT)
    assert done.code == 2
    assert done.err.endswith("from a publication: there are no answers that could be judged.\n")
    assert not (PUBLISHED / "llava" / "llava-chat" / "run.lock").exists()
