"""Where a prefix cannot be shared, a picture still goes through the vision tower once a batch."""

import pytest


@pytest.fixture
def watched(backend, request):
    """A family's backend, and the rows that its vision tower was given, call by call."""
    model = backend(request.param)
    rows = []
    tower = model._model.model.vision_tower
    hook = tower.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(len(kwargs.get("pixel_values", *args[:1]))),
        with_kwargs=True,
    )
    yield model, rows
    hook.remove()


def processed(model, monkeypatch):
    """How many pictures the image processor was given, call by call."""
    counts = []
    kind = type(model._processor.image_processor)
    real = kind.preprocess

    def counted(self, images, *args, **kwargs):
        counts.append(len(images))
        return real(self, images, *args, **kwargs)

    monkeypatch.setattr(kind, "preprocess", counted)
    return counts


def texts(predictions):
    return [p.text for p in predictions]


@pytest.mark.parametrize("watched", ["paligemma", "paligemma2"], indirect=True)
def test_each_picture_is_looked_at_once_a_batch(watched, request_of, png, backend, monkeypatch):
    model, rows = watched
    shown = [png(i % 3) for i in range(10)]
    asked = [request_of(i, shown=content) for i, content in enumerate(shown)]
    counts = processed(model, monkeypatch)
    together = model.generate(asked)
    assert rows == [3]
    assert counts == [3]
    assert texts(together) == [model.generate([one])[0].text for one in asked]
    family = model._model.config.text_config.model_type
    off = backend({"gemma": "paligemma", "gemma2": "paligemma2"}[family], prefix_sharing="off")
    assert texts(together) == texts(off.generate(asked))


@pytest.mark.parametrize("watched", ["paligemma"], indirect=True)
def test_different_pictures_are_all_looked_at(watched, request_of):
    model, rows = watched
    model.generate([request_of(i) for i in range(4)])
    assert rows == [4]


@pytest.mark.parametrize("watched", ["llava"], indirect=True)
def test_a_shared_prefix_shows_its_picture_once_too(watched, request_of, png):
    model, rows = watched
    asked = [request_of(i, shown=png(i % 2)) for i in range(8)]
    model.generate(asked)
    assert rows == [2]
