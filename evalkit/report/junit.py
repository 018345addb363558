"""A gate's verdict as JUnit XML: one test case for each task, metric and rule. Pure.

The elements, their order and their attributes are what Ant's and Jenkins' schemas have in common,
so that both accept the file. Characters that XML cannot hold are made visible.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from evalkit.report.gate_page import title, verdict_words
from evalkit.report.spoken import spoken
from evalkit.report.table import number, printable
from evalkit.verdicts import GateResult, Judgement

_ERRORS = frozenset({"stale", "not comparable", "judge unhealthy", "incomplete"})
"""Verdicts that say nothing of the candidate: the rule could not be judged."""


def gate_junit(result: GateResult, when: str) -> str:
    """The XML document.

    A regression is a failure, and so is what is inconclusive; what could not be judged is an error;
    what does not decide (waived, advisory, or inconclusive where the policy lets that be) is
    skipped, unless nothing decides.

    Args:
        result: The verdict.
        when: UTC, ISO 8601, to the second and without a zone, as the schemas want it.
    """
    cases = [(j, _outcome(result, j)) for j in result.judgements]
    counts = {
        name: str(sum(outcome == kind for _, outcome in cases))
        for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    root = ET.Element("testsuites")
    about = {
        "name": "evalkit gate",
        "package": "evalkit",
        "id": "0",
        "timestamp": when,
        "hostname": "evalkit",
        "tests": str(len(cases)),
        "time": "0",
    }
    suite = ET.SubElement(root, "testsuite", about | counts)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(result):
        ET.SubElement(properties, "property", name=name, value=printable(value))
    for judgement, outcome in cases:
        _case(suite, judgement, outcome)
    ET.SubElement(suite, "system-out").text = _lines(title(result), *result.waived, *result.notes)
    ET.SubElement(suite, "system-err").text = ""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _outcome(result: GateResult, j: Judgement) -> str:
    """The element that a test case holds; empty for a pass."""
    if j.verdict == "pass":
        return ""
    if not j.counts:
        return "skipped" if any(each.counts for each in result.judgements) else "error"
    if j.verdict == "inconclusive" and result.inconclusive != "fail":
        return "skipped" if result.inconclusive == "neutral" else ""
    return "error" if j.verdict in _ERRORS else "failure"


def _properties(result: GateResult) -> tuple[tuple[str, str], ...]:
    return (
        ("verdict", result.verdict),
        ("exit_code", str(int(result.exit_code))),
        ("baseline", result.baseline.name),
        ("candidate", result.candidate.name),
        ("policy", result.policy),
    )


def _case(suite: ET.Element, j: Judgement, outcome: str) -> None:
    name = printable(f"{j.metric} {j.rule}")
    case = ET.SubElement(suite, "testcase", classname=printable(j.task), name=name, time="0")
    if outcome == "skipped":
        message = printable(f"{verdict_words(j)}: {j.reason}")
        ET.SubElement(case, outcome, message=message)
    elif outcome:
        found = ET.SubElement(case, outcome, type=j.verdict, message=printable(j.reason))
        found.text = _lines(*_facts(j))


def _facts(j: Judgement) -> tuple[str, ...]:
    values = ("baseline", "candidate", "damage", "low", "high", "margin", "detectable")
    shown = ((name, getattr(j, name)) for name in values)
    return (
        *(f"{name}: {number(value, j.maximum)}" for name, value in shown if value is not None),
        *(
            f"{name}: {value:.4g}"
            for name, value in (("p", j.p), ("adjusted", j.adjusted))
            if value
        ),
        f"samples: {j.n}, clusters: {j.clusters}, in {j.discordant} of them the runs differ",
    )


def _lines(*lines: str) -> str:
    return "\n".join(map(spoken, lines))
