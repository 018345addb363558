"""The event file is read back by TensorBoard's own reader."""

from dataclasses import replace

import pytest

from evalkit.trackers.tensorboard import TensorBoard

pytest.importorskip("tensorboard", reason="the extra `trackers` is not installed")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def scalars(events):
    from tensorboard.util.tensor_util import make_ndarray

    tags = [t for t in events.Tags()["tensors"] if t != "evalkit/facts"]
    points = {tag: events.Tensors(tag) for tag in tags if not tag.startswith("_")}
    assert {len(held) for held in points.values()} == {1}
    return {tag: float(make_ndarray(held[0].tensor_proto)) for tag, held in points.items()}


def test_every_number_is_there(entry):
    TensorBoard().check()
    folder = TensorBoard().log(entry)
    assert folder == str(entry.record.parent / "tensorboard")
    assert scalars(read(folder)) == pytest.approx(dict(entry.numbers), rel=1e-6)


def test_settings_are_hyperparameters_and_facts_a_table(entry):
    from tensorboard.plugins.hparams import metadata
    from tensorboard.util.tensor_util import make_ndarray

    events = read(TensorBoard().log(entry))
    ((_, content),) = events.PluginTagToContent(metadata.PLUGIN_NAME).items()
    held = metadata.parse_session_start_info_plugin_data(content)
    assert held.hparams["config.model"].string_value == "dummy:hash"
    assert held.group_name == entry.key
    table = make_ndarray(events.Tensors("evalkit/facts")[0].tensor_proto)
    assert [[a.decode(), b.decode()] for a, b in table] == [[*pair] for pair in entry.facts.items()]


def test_a_run_that_is_told_again_has_one_file_with_the_last_numbers(entry):
    folder = TensorBoard().log(entry)
    (first,) = entry.record.parent.glob("tensorboard/*")
    before = first.read_bytes()
    TensorBoard().log(entry)
    assert first.read_bytes() == before
    TensorBoard().log(replace(entry, numbers={"pope/macro_f1": 0.25}))
    assert list(entry.record.parent.glob("tensorboard/*")) == [first]
    assert scalars(read(folder)) == {"pope/macro_f1": 0.25}
