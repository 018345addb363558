"""Prints every official number of ../shared/reference beside evalkit's: run it as a script.

One line a number: its name, the official value, evalkit's value, the difference. Slices are
counted, and shown where they differ. `--protocols` prints the other harnesses' figures instead.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.rescore import Order, score_file

ROOT = Path(__file__).parents[3] / "shared" / "reference"


def read(name: str) -> Any:
    path = ROOT / name
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)


@dataclass(frozen=True)
class Case:
    """A file, how it is scored, and the numbers that the official tool or a harness gave."""

    task: str
    predictions: str
    references: str | None
    numbers: Mapping[str, float]
    slices: Mapping[str, Mapping[str, Mapping[str, float]]]
    published: str = "-"
    protocol: str | None = None
    format: str | None = None
    convert: str | None = None
    scale: float = 1.0
    digits: int | None = None


def pope() -> Iterator[Case]:
    keys = ("accuracy", "precision", "recall", "f1", "yes_ratio")
    for name, entry in read("pope/expected.json")["files"].items():
        found = entry["expected"]
        splits = {k: v for k, v in found.items() if "f1" in v and "over" not in k}
        pooled = found.get("pooled_over_categories", next(iter(splits.values())))
        numbers = {k: pooled[k] for k in keys} if len(splits) in (1, 3) else {}
        if mean := found.get("mean_over_categories"):
            numbers["macro_f1"] = mean["f1"]
        yield Case(
            task="pope",
            predictions=f"pope/{name}",
            references=f"pope/{entry['gt']}",
            numbers=numbers,
            slices={"category": {s: {k: v[k] for k in keys} for s, v in splits.items()}},
            published="macro_f1 85.9" if mean else "-",
        )


def mme() -> Iterator[Case]:
    for name, entry in read("mme/expected.json")["files"].items():
        found, said = entry["expected"], entry["published"]
        table = {
            subtask: {
                "accuracy": one["acc"],
                "accuracy_plus": one["acc_plus"],
                "score": one["score"],
            }
            for subtask, one in found["subtasks"].items()
        }
        yield Case(
            task="mme",
            predictions=f"mme/{name}".rstrip("/"),
            references=None,
            numbers={k.lower(): v for k, v in found["total"].items()},
            slices={"subtask": table},
            published=f"{said['perception']} / {said['cognition']}",
        )


def gqa() -> Iterator[Case]:
    tables = {
        "structural": "accuracyPerStructuralType",
        "semantic": "accuracyPerSemanticType",
        "steps": "accuracyPerSteps",
        "words": "accuracyPerLength",
    }
    for name, entry in read("gqa/expected.json")["files"].items():
        found = entry["expected"]
        yield Case(
            task="gqa",
            predictions="gqa/pred/llava-v1.5-13b.xgqa_subset.jsonl.gz",
            references="gqa" if name == "both" else f"gqa/{name}",
            numbers={k: found[k] for k in ("accuracy", "binary", "open")}
            | {"distribution x100": 100 * found["distribution"]},
            slices={
                tag: {k: {"accuracy": v["accuracy"]} for k, v in found[table].items()}
                for tag, table in tables.items()
            },
            published="63.3 (all questions)",
            scale=100,
        )


def vqav2() -> Iterator[Case]:
    small, real = "vqav2/synthetic_small", "vqav2/real_textvqa_as_vqa"
    awkward = read(f"{small}/expected.json")
    answers = read(f"{real}/expected.json.gz")["llava-v1.5-13b"]
    results = f"{small}/v2_OpenEnded_mscoco_val2014_synth_results.json"
    converted = awkward["after_llava_convert_vqav2_for_submission"]
    for predictions, references, found, convert in (
        (results, small, awkward["official_py27"]["accuracy_n12"], None),
        (results, small, {"overall": converted["overall_n12"]}, "llava"),
        (
            f"{real}/results_llava-v1.5-13b.json.gz",
            real,
            answers["official_py27"]["accuracy_n12"],
            None,
        ),
        (
            f"{real}/results_llava-v1.5-13b.json.gz",
            real,
            answers["after_llava_convert_vqav2_for_submission_py27"]["accuracy_n12"],
            "llava",
        ),
    ):
        yield Case(
            task="vqav2",
            predictions=predictions,
            references=references,
            numbers={"accuracy": found["overall"]},
            slices={
                tag: {k: {"accuracy": v} for k, v in found.get(table, {}).items()}
                for tag, table in (
                    ("answer_type", "perAnswerType"),
                    ("question_type", "perQuestionType"),
                )
            },
            convert=convert,
            scale=100,
            digits=12,
        )


def textvqa() -> Iterator[Case]:
    for name, entry in read("textvqa/expected.json").items():
        folder = "textvqa/synthetic" if name == "synthetic" else "textvqa"
        file = "synthetic/answers.jsonl" if name == "synthetic" else f"pred/{name}.jsonl.gz"
        yield Case(
            task="textvqa",
            predictions=f"textvqa/{file}",
            references=folder,
            numbers={"accuracy": entry["accuracy"]},
            slices={},
            published=str(entry.get("published", "-"))[:5].replace("none", "-"),
        )


def scienceqa() -> Iterator[Case]:
    files = read("scienceqa/expected.json")["files"]
    for name, form in (
        ("pred/gpt3_QCM-ALE_2_seed_3.json.gz", None),
        ("pred/gpt3_QCM-ALE_2_seed_3.json.gz", "scienceqa-outputs"),
        ("pred/llava-v1.5-13b.answers.jsonl.gz", None),
    ):
        entry = files[name]
        texts = entry["expected"].get("llava_extractor_on_outputs", entry["expected"])
        counts = entry.get("via_official_evaluate_acc", entry["expected"]).get("counts", {})
        numbers = {"accuracy": texts.get("acc"), "image_accuracy": texts.get("img_acc")}
        slices: dict[str, dict[str, dict[str, float]]] = {}
        if "gpt3" in name and form is None:
            numbers = {
                "accuracy": counts["average"]["accuracy_x100"],
                "image_accuracy": counts["has_image"]["accuracy_x100"],
            }
        if form is None:
            slices = _scienceqa_slices(counts)
        yield Case(
            task="scienceqa",
            predictions=f"scienceqa/{name}",
            references="scienceqa",
            numbers=numbers,
            slices=slices,
            published="71.6 (IMG)" if "llava" in name else "75.17, IMG 67.43",
            format=form,
            scale=100,
        )


def _scienceqa_slices(counts: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    context = {"TXT": "has_text", "IMG": "has_image", "NO": "no_context"}
    slices = {"context": {k: {"accuracy": counts[v]["accuracy_x100"]} for k, v in context.items()}}
    for key, held in counts.items():
        tag, _, value = key.removeprefix("subset361:").partition("=")
        if key.startswith("subset361:grade"):
            tag, value = "grade", {"grade1-6": "G1-6", "grade7-12": "G7-12"}[tag]
        if key.startswith("subset361:") and value:
            slices.setdefault(tag, {})[value] = {"accuracy": held["accuracy_x100"]}
    return slices


def others() -> Iterator[Case]:
    """The figures of other harnesses on the same files."""

    def case(
        task: str, file: str, truth: str | None, protocol: str, scale: float = 1, **numbers: float
    ) -> Case:
        return Case(
            task=task,
            predictions=f"{task}/{file}",
            references=None if truth is None else f"{task}/{truth}",
            numbers=numbers,
            slices={},
            protocol=protocol,
            scale=scale,
        )

    verbose = read("pope/expected.json")["files"]["pred/llava1_popular_verbose.jsonl.gz"]
    told, truth = verbose["other_implementations"], "gt_coco_current/coco_pope_popular.json.gz"
    kit = {
        k.removesuffix("_x100").replace("acc", "accuracy"): v
        for k, v in told["vlmevalkit_exact_matching"].items()
    }
    yield case(
        "pope", "pred/llava1_popular_verbose.jsonl.gz", truth, "lmms-eval", **told["lmms_eval"]
    )
    yield case("pope", "pred/llava1_popular_verbose.jsonl.gz", truth, "vlmevalkit", 100, **kit)
    for name, entry in read("mme/expected.json")["files"].items():
        lmms, kit = entry["other_implementations"].values()
        yield case(
            "mme",
            name.rstrip("/"),
            None,
            "lmms-eval",
            perception=lmms["mme_perception_score"],
            cognition=lmms["mme_cognition_score"],
        )
        yield case(
            "mme",
            name.rstrip("/"),
            None,
            "vlmevalkit",
            perception=kit["perception"],
            cognition=kit["reasoning"],
        )
    for name, entry in read("gqa/expected.json")["files"].items():
        told, truth = entry["other_implementations"], "" if name == "both" else name
        file = "pred/llava-v1.5-13b.xgqa_subset.jsonl.gz"
        yield case("gqa", file, truth, "lmms-eval", accuracy=told["lmms_eval"]["exact_match"])
        yield case(
            "gqa", file, truth, "vlmevalkit", 100, accuracy=told["vlmevalkit"]["Overall_x100"]
        )
    told = read("scienceqa/expected.json")["files"]["pred/llava-v1.5-13b.answers.jsonl.gz"]
    lmms, kit = (
        told["other_implementations"]["lmms_eval"],
        list(told["other_implementations"].values())[1],
    )
    file = "pred/llava-v1.5-13b.answers.jsonl.gz"
    yield case(
        "scienceqa",
        file,
        "",
        "lmms-eval",
        accuracy=lmms["scienceqa exact_match (full)"],
        image_accuracy=lmms["scienceqa_img exact_match"],
    )
    yield case(
        "scienceqa",
        file,
        "",
        "vlmevalkit",
        accuracy=kit["full"],
        image_accuracy=next(v for k, v in kit.items() if k.startswith("img")),
    )
    told = read("vqav2/synthetic_small/expected.json")["other_protocols_on_same_files"]
    file = "synthetic_small/v2_OpenEnded_mscoco_val2014_synth_results.json"
    for protocol, key in (
        ("lmms-eval", "lmms_eval_75571cfe"),
        ("vlmevalkit", "vlmevalkit_e8e78f05_vqa_score"),
    ):
        yield case("vqav2", file, "synthetic_small", protocol, 100, accuracy=told[key]["mean_x100"])
    for name, entry in read("textvqa/expected.json").items():
        synthetic = name == "synthetic"
        file = "synthetic/answers.jsonl" if synthetic else f"pred/{name}.jsonl.gz"
        for protocol, key in (
            ("lmms-eval", "lmms_eval_75571cfe"),
            ("vlmevalkit", "vlmevalkit_e8e78f05_vqa_score"),
        ):
            yield case(
                "textvqa",
                file,
                "synthetic" if synthetic else "",
                protocol,
                100,
                accuracy=entry["other_protocols"][key]["mean_x100"],
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--protocols", action="store_true", help="the other harnesses' figures")
    given = parser.parse_args()
    if not ROOT.is_dir():
        print(f"skipped: the reference files ({ROOT}) are not here")
        return 0
    tables = (others,) if given.protocols else (pope, mme, gqa, vqav2, textvqa, scienceqa)
    cases = [case for table in tables for case in table()]
    missing = "exclude" if given.protocols else None
    wrong = sum(shown(case, missing) for case in cases)
    print(f"\n{wrong} numbers differ by more than the last bit of a float")
    return int(bool(wrong))


def shown(case: Case, missing: str | None) -> int:
    """Print a case; how many of its numbers differ by more than rounding."""
    order = Order(
        task=case.task,
        predictions=ROOT / case.predictions,
        references=ROOT / case.references if case.references is not None else None,
        protocol=case.protocol,
        format=case.format,
        convert=case.convert,
        missing=missing,
    )
    result = score_file(order).result
    options = " ".join(filter(None, (case.protocol, case.format, case.convert and "converted")))
    print(f"\n{case.predictions}  {options}  (published: {case.published})")
    wrong = 0
    for name, official in case.numbers.items():
        ours = case.scale * result.metrics[name.split()[0]].value
        wrong += line(name, official, ours, case.digits)
    equal = near = 0
    for tag, slices in case.slices.items():
        for value, held in slices.items():
            for name, official in held.items():
                ours = case.scale * result.breakdowns[tag][value][name]
                same = official == (round(ours, case.digits) if case.digits else ours)
                equal += same
                if not same:
                    near += 1
                    wrong += line(f"{tag}={value} {name}", official, ours, case.digits)
    if equal + near:
        print(f"  slices: {equal} of {equal + near} equal")
    return wrong


def line(name: str, official: float, ours: float, digits: int | None) -> int:
    compared = round(ours, digits) if digits else ours
    gap = compared - official
    print(f"  {name:<28} {official!r:>22} {ours!r:>22} {gap:g}")
    return abs(gap) > 1e-12 * max(1.0, abs(official))


if __name__ == "__main__":
    sys.exit(main())
