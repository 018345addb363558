"""What a task file may say: prompts are sandboxed, variants are copies."""

import pytest

from evalkit.errors import UsageError
from evalkit.records import Image, Sample
from evalkit.registry import load_task
from evalkit.task import Prompt

SAMPLE = Sample(
    id="1",
    question="Which?",
    images=(Image(key="p", read=lambda: b""),),
    choices=("red", "blue"),
    cluster="p",
    inputs={"hint": ""},
)


def test_a_template_sees_question_choices_letters_and_inputs():
    template = (
        "{{ hint or 'N/A' }} {{ question }}"
        "{% for c in choices %} {{ letters[loop.index0] }}. {{ c }}{% endfor %}\n"
    )
    assert Prompt(template=template).render(SAMPLE) == "N/A Which? A. red B. blue\n"


def test_text_in_a_sample_is_never_a_template():
    odd = Sample(id="1", question="{{ 7 * 7 }} <b>&", cluster="p")
    assert Prompt(template="{{ question }}").render(odd) == "{{ 7 * 7 }} <b>&"


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing }}",
        "{{ question",
        "{{ question.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_bad_or_hostile_template_is_one_sentence(template):
    with pytest.raises(UsageError, match="cannot be rendered"):
        Prompt(template=template).render(SAMPLE)


@pytest.mark.parametrize(("first", "kinds"), [(True, [Image, str]), (False, [str, Image])])
def test_pictures_stand_where_the_prompt_says(first, kinds):
    content = Prompt(template="{{ question }}", images_first=first).content(SAMPLE)
    assert [type(part) for part in content] == kinds


def test_a_variant_is_a_task_of_its_own_name():
    task = load_task("mmvp:corrected")
    assert (task.name, task.folder, task.file_stem) == ("mmvp:corrected", "mmvp", "mmvp-corrected")
    with pytest.raises(UsageError, match="no variant"):
        task.variant("corrected")
