"""Templates of strangers: nothing that is secret, no markup of a record, no code and no end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.board.ranks import undistinguished
from evalkit.card.entries import Entry
from evalkit.card.filters import FILTERS
from evalkit.card.made import Made, joined
from evalkit.card.render import Sheet, body, template_text
from evalkit.card.views import view_of
from evalkit.errors import UsageError
from evalkit.report.markdown import published

NAME = "a\nb \x1b[31m \u202e **b** [x](javascript:y) <b>"
PLACE = "/home/joe/my data/secret folder/x"
SECRETS = ("joe", "secret", "hunter2", "sk-abc", "\x1b", "\u202e", "](javascript", "**b**", "<b>")


@pytest.fixture(scope="module")
def hostile(demo):
    """A record of which nothing may be seen as it is."""
    spec = f"openai:{PLACE},api_key=hunter2,base_url=http://me:hunter2@h/v1?token=sk-abcdefghijkl0"
    gqa = demo.results[0]
    prompt = replace(
        gqa.fingerprint.prompt, template="see /home/joe/x\n\x1b <!-- evalkit:end c -->"
    )
    first = replace(gqa, fingerprint=replace(gqa.fingerprint, prompt=prompt), notes=(PLACE,))
    return replace(
        demo,
        name=NAME,
        model=replace(demo.model, name=NAME, spec=spec, architecture=PLACE),
        config=replace(demo.config, model=spec, data=PLACE, task_paths=(PLACE, "/a/joe/b.py")),
        results=(first,),
    )


def written(record, template, **given):
    sheet = Sheet(
        entries=(Entry(record=record, label="x"),), template=template, called="t.j2", partial=True,
        **given,
    )  # fmt: skip
    return body(sheet, undistinguished)


EXPRESSIONS = (
    *("runs[0].record.config.data", "runs[0].record.config.task_paths", "runs[0].record.name"),
    *("runs[0].record.model.spec", "runs[0].record.model.name", "runs[0].record.config.model"),
    *("runs[0].record.model.architecture", "runs[0].record.results[0].notes", "title", "runs"),
    *("runs[0].record.results[0].fingerprint.prompt.template", "runs[0].provenance.facts"),
    *("runs[0].record", "runs[0].label ~ runs[0].record.config.data", "runs[0]"),
)
WAYS = (
    *("", "|e", "|escape", "|forceescape", "|string", "|upper|lower", "|list", "|join"),
    *("|list|join('')", "|string|list|join", "|first", "|string|reverse|reverse", "|indent(2)"),
    *("|string|format", "|default('')|title|lower", " ~ table", "|string|truncate(900)", "|trim"),
    *("|batch(2)|list", "|slice(2)|list", "|map('string')|list", "|center(9)", "|wordcount"),
    "|replace('@', '')",
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_filter_brings_back_what_is_not_public(hostile, way):
    shown = 0
    for value in EXPRESSIONS:
        for template in (
            f"{{{{ ({value}){way} }}}}",
            f"{{% macro m(x) %}}{{{{ x{way} }}}}{{% endmacro %}}{{{{ m({value}) }}}}",
            f"{{% set x %}}{{{{ ({value}){way} }}}}{{% endset %}}{{{{ x }}}}",
            f"{{% autoescape false %}}{{{{ ({value}){way} }}}}{{% endautoescape %}}",
        ):
            try:
                text = written(hostile, template)
            except UsageError:
                continue  # a filter that does not take such a value
            shown += 1
            assert not [secret for secret in SECRETS if secret in text.lower()], text
    assert shown > 9


@pytest.mark.parametrize("name", ["safe", "xmlattr", "urlize", "tojson", "random", "pprint"])
def test_filters_that_make_no_sense_are_not_there(demo, name):
    with pytest.raises(UsageError, match=f"line 2, .*No filter named '{name}'"):
        written(demo, f"a\n{{{{ title|{name} }}}}")


@given(st.lists(st.text() | st.text().map(Made)), st.text() | st.text().map(Made))
def test_what_is_joined_to_markdown_is_escaped(parts, between):
    text = joined(parts, between)
    if any(isinstance(part, Made) for part in (*parts, between)):
        shown = [part if isinstance(part, Made) else published(part) for part in parts]
        middle = between if isinstance(between, Made) else published(between)
        assert isinstance(text, Made)
        assert str(text) == str(middle).join(map(str, shown))
    else:
        assert text == between.join(parts)
        assert not isinstance(text, Made)


def test_markdown_of_macros_and_blocks_is_escaped_once(demo):
    wanted = f"{published('a*b')}c*d"
    for template in (
        "{% macro m(x) %}{{ x }}c*d{% endmacro %}{{ m('a*b') }}",
        "{% macro m(x) %}{{ x }}c*d{% endmacro %}{{ m('a*b')|trim }}",
        "{% macro m() %}{{ caller() }}c*d{% endmacro %}{% call m() %}{{ 'a*b' }}{% endcall %}",
        "{% set x %}{{ 'a*b' }}c*d{% endset %}{{ x }}",
        "{% set x %}c*d{% endset %}{{ 'a*b' ~ x }}",
        "{% set x %}c*d{% endset %}{{ ['a*b', x]|join }}",
        "{% set x %}{{ 'a*b' }}c*d{% endset %}{{ x|indent }}",
    ):
        assert written(demo, template) == wanted


def test_a_view_shows_fields_and_calls_nothing(demo):
    view = view_of(demo)
    assert view.model.name == demo.model.name
    assert view.results[0].metrics["accuracy"].value == demo.results[0].metrics["accuracy"].value
    for name in ("to_frame", "_repr_html_", "_of", "missing"):
        with pytest.raises(UsageError, match=r"t\.j2, line 1, cannot be used: "):
            written(demo, f"{{{{ runs[0].record.{name}() }}}}")


BROKEN = {
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "calls itself without an end",
    "\n{{ 'x'|join(attribute=1, d=2, c=3) }}": "line 2, cannot be used: ",
    "{{ 1 / 0 }}": "division by zero",
    "{{ 'x'.encode() }}": "not safely callable",
    "{% include 'x' %}": "no loader",
    "{{ " + "(" * 3000 + ")" * 3000 + "}}": "cannot be used",
    "{% for i in [1] %}" * 30 + "{% endfor %}" * 30: "cannot be used",
    "\n\n{{ sections }}": r"line 3, asks for sections: --template t.j2 needs --layout FILE.toml",
    "\n{{ nothing }}": r"line 2, cannot be used: 'nothing' is undefined\.$",
}


@pytest.mark.parametrize("template", BROKEN)
def test_what_a_template_raises_is_one_sentence_with_its_line(demo, template):
    with pytest.raises(UsageError, match=BROKEN[template]) as error:
        written(demo, template)
    text = str(error.value)
    assert text.startswith("The template t.j2")
    assert "\n" not in text
    assert not text.endswith("..")


MANY = "{% set r = range(99999)|list %}{% for i in r %}"
TEXTS = "{% set x = ['a' * 9999] * 9999 %}"
GROWN = (
    "{%% set n = namespace(x=%s) %%}{%% for i in range(60) %%}{%% set n.x = %s %%}{%% endfor %%}"
)
ENDLESS = (
    *("{% set x = 'a' * 10**9 %}", "{% set x = [1] * 10**9 %}", "{{ 9**(9**9) }}"),
    *("{{ 'a'|center(10**9) }}", "{{ range(10**9)|list }}", "{{ '%*d' % (10**9, 1) }}"),
    *("{{ '%1000000000d' % 1 }}", "{{ '%1000000000d'|format(1) }}", "{{ 'a'.ljust(10**9) }}"),
    *("{{ '{:1000000000}'.format(1) }}", "{{ '{:{}}'.format(1, 10**9) }}"),
    *("{{ 'a'|indent(10**9, true) }}", "{{ [1]|batch(10**9, 1)|list }}"),
    *("{{ [1]|slice(10**9)|list }}", "{{ ('a' * 9999)|replace('', 'b' * 99999) }}"),
    *("{{ ('a' * 9999).replace('', 'b' * 99999) }}", "{{ ['a' * 9999] * 9999 }}"),
    *(TEXTS + "{{ x|join }}", TEXTS + "{{ '%s'|format(x) }}", TEXTS + "{{ x|string }}"),
    *(GROWN % ("'a'", "n.x + n.x"), GROWN % ("'a'", "n.x ~ n.x"), GROWN % ("9", "n.x * n.x")),
    GROWN % ("[1]", "[n.x, n.x]") + "{{ n.x }}",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% for i in range(99999) %}" + "a" * 99 + "{% endfor %}",
    *(MANY + "{{ r|sum }}{% endfor %}", MANY + "{{ -1 in r }}{% endfor %}"),
    *(MANY + "{{ -1 is in r }}{% endfor %}", MANY + "{{ r[1:][0] }}{% endfor %}"),
    MANY + "{% for j in r if false %}{% endfor %}{% endfor %}",
)


@pytest.mark.parametrize("template", ENDLESS)
def test_a_templates_work_has_an_end(demo, template):
    with pytest.raises(UsageError, match="does too much"):
        written(demo, template)


def test_what_comes_along_is_far_from_the_bound(demo, monkeypatch):
    monkeypatch.setattr("evalkit.card.sandbox.WORK", 100_000)
    assert written(demo, template_text("default"))


def test_a_line_that_looks_like_a_mark_is_broken_up(demo, hostile):
    told = written(hostile, "{{ runs[0].prompts[0].template }}")
    assert "<! -- evalkit:end c -->" in told
    assert written(demo, "  <!--evalkit:END card -->") == "  <! --evalkit:END card -->".strip("\n")


def test_what_is_counted_is_what_it_was(demo):
    template = (
        "{% for i in [1, 2, 3] if i != 2 %}{{ i }}{{ loop.last }}{% endfor %}"
        "{{ [1, 2, 3][1:]|join }}{{ runs[0].record.created[:4] }}{{ 'b' in 'abc' and 1 < 2 <= 2 }}"
    )
    assert written(demo, template) == "1False3True23" + demo.created[:4] + "True"


@pytest.mark.parametrize(
    "template",
    [
        "{{ runs|map(attribute='record._of')|join }}",
        "{{ '{0._of}'.format(runs[0].record) }}",
        "{{ runs[0].record|attr('_of') }}",
        "{{ runs[0].record['_of'].model }}",
        "{{ (runs|map(attribute='record')|list)[0]._of }}",
        "{{ range.__self__ }}",
    ],
)
def test_what_is_behind_a_view_is_not_reached(demo, template):
    with pytest.raises(UsageError, match=r"unsafe|has no attribute"):
        written(demo, template)


def test_filters_are_jinjas(demo):
    assert {"trim", "join", "number"} - {*FILTERS} == {"join", "number"}
    assert written(
        demo, "{{ 0.25|number(1) }} {{ '%.1f'|format(2) }} {{ '{:.2f}'.format(3) }}"
    ) == ("0.2500 2.0 3.00")
