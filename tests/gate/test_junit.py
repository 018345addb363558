"""The JUnit page is valid by the common schema, whatever names hold."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.errors import ExitCode
from evalkit.report.junit import gate_junit

WHEN = "2026-11-26T04:00:00"
ODD = "a\x00b\x1b[31m\ud800\ufffe\u202e]]><failure type='x'/>&\"'\r\n\x0b"


@pytest.fixture(scope="session")
def schema():
    etree = pytest.importorskip("lxml.etree", reason="lxml (extra dev) reads the schema")
    return etree.XMLSchema(etree.parse(str(Path(__file__).with_name("junit.xsd"))))


def valid(schema, page):
    from lxml import etree

    schema.assertValid(etree.fromstring(page.encode("utf-8")))
    return ET.fromstring(page)  # noqa: S314 - written here


def outcomes(root):
    return [[child.tag for child in case] for case in root.iter("testcase")]


def test_each_verdict_is_the_element_that_readers_expect(schema, result, judgement):
    page = gate_junit(
        result(
            judgement(),
            judgement(verdict="regression", rule="min"),
            judgement(verdict="inconclusive", metric="f1"),
            judgement(verdict="incomplete", task="mme"),
            judgement(verdict="not comparable", task="gqa"),
            judgement(verdict="regression", task="mmvp", counts=False, waiver="ann: new data"),
            judgement(verdict="inconclusive", task="vqav2", counts=False, tier="supporting"),
            verdict="regression",
            exit_code=ExitCode.REGRESSION,
        ),
        WHEN,
    )
    root = valid(schema, page)
    assert outcomes(root) == [
        [],
        ["failure"],
        ["failure"],
        ["error"],
        ["error"],
        ["skipped"],
        ["skipped"],
    ]
    suite = root.find("testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "7", "failures": "2", "errors": "2", "skipped": "2"}
    first = root.find(".//testcase")
    assert (first.get("classname"), first.get("name")) == ("pope", "macro_f1 max_drop")
    assert "damage: 0.0012" in root.find(".//failure").text


@pytest.mark.parametrize(
    ("word", "expected"), [("fail", ["failure"]), ("neutral", ["skipped"]), ("pass", [])]
)
def test_what_the_policy_makes_of_doubt_is_what_junit_shows(
    schema, result, judgement, word, expected
):
    found = result(judgement(verdict="inconclusive"), inconclusive=word, verdict="inconclusive")
    assert outcomes(valid(schema, gate_junit(found, WHEN))) == [expected]


def test_control_characters_and_markup_in_names_are_text(schema, result, judgement, side):
    odd = judgement(task=ODD, metric=ODD, verdict="regression", reason=ODD, waiver=ODD)
    page = gate_junit(result(odd, candidate=side(name=ODD), notes=(ODD,)), WHEN)
    root = valid(schema, page)
    assert outcomes(root) == [["failure"]]
    assert root.find(".//testcase").get("classname").startswith("a\\x00b\\x1b[31m\\ud800\\ufffe")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(), min_size=1))
def test_any_text_gives_xml_that_can_be_read_back(result, judgement, name):
    page = gate_junit(result(judgement(task="t" + name, reason=name, verdict="regression")), WHEN)
    root = ET.fromstring(page.encode("utf-8"))  # noqa: S314 - written here
    assert outcomes(root) == [["failure"]]


def test_the_schema_refuses_what_is_not_junit(schema, result, judgement):
    page = gate_junit(result(judgement()), WHEN)
    from lxml import etree

    for broken in (
        page.replace(WHEN, "yesterday"),
        page.replace('tests="1"', ""),
        page.replace("<system-err />", ""),
        page.replace("<system-err", "<system-err2 /><system-err"),
    ):
        assert broken != page
        assert not schema.validate(etree.fromstring(broken.encode()))
