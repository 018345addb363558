"""What trackers are told: all numbers of the record, and nothing of the machine or of secrets."""

import math
from dataclasses import replace
from pathlib import Path

from made_records import judge_report

from evalkit.trackers.entry import entry_of


def told(record):
    return entry_of(record, Path("run"))


def said(record):
    entry = told(record)
    return " ".join([entry.name, *entry.settings.values(), *entry.facts.values()])


def changed(record, **fields):
    """The record with its first task's result changed."""
    return replace(record, results=(replace(record.results[0], **fields), *record.results[1:]))


def test_all_numbers_of_the_record_are_told_as_they_are(record):
    numbers = told(record).numbers
    for result in record.results:
        for name, value in result.metrics.items():
            assert numbers[f"{result.task}/{name}"] == value.value
            assert numbers[f"{result.task}/{name}/low"] == value.low
            assert numbers[f"{result.task}/{name}/high"] == value.high
        assert numbers[f"{result.task}/coverage/asked"] == result.coverage.asked
    assert numbers["pope/coverage/failed"] == 0


def test_a_number_without_an_interval_has_no_ends_and_no_number_is_no_number(record):
    values = dict(record.results[0].metrics)
    values["perception"] = replace(values["perception"], low=None, high=None)
    values["cognition"] = replace(values["cognition"], value=math.nan, low=-math.inf)
    numbers = told(changed(record, metrics=values)).numbers
    assert "mme/perception" in numbers
    assert not {"mme/perception/low", "mme/perception/high"} & set(numbers)
    assert not {"mme/cognition", "mme/cognition/low"} & set(numbers)
    assert all(map(math.isfinite, numbers.values()))


def judged(failed=None):
    return judge_report(4, failed, judge="openai:j,base_url=https://me:pw@host/v1")


def test_of_a_task_without_a_verdict_no_number_is_told(record):
    some = told(changed(record, judge=judged({"timeout": 3})))
    assert "mme/perception" in some.numbers
    assert some.facts["mme/judge.healthy"] == "false"
    assert some.facts["mme/judge.missing"] == "3"
    none = told(changed(record, judge=judged({"timeout": 4})))
    assert not any(name.startswith("mme/per") for name in none.numbers)
    assert none.numbers["mme/coverage/asked"] == 112
    assert "pw" not in " ".join(none.facts.values())


def test_the_fingerprint_and_the_settings_are_told(record):
    entry = told(record)
    identity = record.results[1].fingerprint
    assert entry.facts["pope/fingerprint.dataset.digest"] == identity.dataset.digest
    assert entry.facts["pope/fingerprint.prompt.template"] == identity.prompt.template
    assert entry.facts["pope/protocol"] == "official"
    assert entry.facts["record.digest"] == record.digest
    assert entry.settings["config.model"] == "dummy:hash"
    assert entry.settings["config.tasks"] == "mme, pope"


def test_choices_of_a_task_are_told_by_its_name(record):
    first = replace(record.config.tasks[0], limit=8)
    config = replace(record.config, tasks=(first, *record.config.tasks[1:]))
    settings = told(replace(record, config=config)).settings
    assert settings["mme/limit"] == "8"
    assert not [name for name in settings if name.startswith("pope/")]


def test_nothing_of_this_machine_and_no_secret_is_told(record):
    spec = (
        "hf:/home/me/models/x y,prices=~/p.toml,api_key=sk-123,base_url=http://me:pw@h:1/v1?k=sk-9"
    )
    config = replace(
        record.config,
        model=spec,
        data="/home/me/data",
        task_paths=("/home/me/tasks",),
        ray_address="ray://me:pw@h:1",
    )
    model = replace(record.model, spec=spec, name="/home/me/models/x")
    words = said(replace(record, config=config, model=model))
    assert not [secret for secret in ("home", "sk-", "pw", "~") if secret in words]
    assert told(replace(record, config=config)).settings["config.model"] == (
        "hf:x y,prices=p.toml,api_key=[key],base_url=http://h:1/v1"
    )


def test_the_key_is_the_runs_and_not_the_sessions(record):
    key = told(record).key
    assert len(key) == 32
    later = replace(record, finished="2031-01-01T00:00:00Z", digest="0" * 64, results=())
    assert told(later).key == key
    others = [
        replace(record, created="2031-01-01T00:00:00Z"),
        replace(record, name="second"),
        replace(record, model=replace(record.model, name="other")),
    ]
    assert len({key, *(told(other).key for other in others)}) == 4
