"""Checkpoints that are made once, and requests with pictures of many shapes."""

import importlib.util
import io
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")

import numpy as np
import PIL.Image
import torch

from evalkit.backends.hf import HfBackend
from evalkit.backends.interface import BackendOptions
from evalkit.records import Generation, Image, Message, Request


def _module(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SIZES = ((30, 30), (60, 28), (28, 70), (44, 40))


def picture(seed, size=None):
    """The bytes of a PNG of random colours."""
    width, height = size or SIZES[seed % len(SIZES)]
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    PIL.Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


NEEDS = {
    "smolvlm": ("torchvision", "num2words"),
    "pixtral": ("torchvision",),
    "mistral3": ("torchvision",),
}
"""What a family's processor cannot do without."""


@pytest.fixture(scope="session")
def png():
    return picture


@pytest.fixture(scope="session")
def request_of():
    """Makes a request: request_of(3) shows picture 3; request_of(3, shown=None) shows none."""

    def make(number, text="What?", shown=..., generation=None):
        content = picture(number) if shown is ... else shown
        images = () if content is None else (Image(key=f"{number}", read=lambda: content),)
        return Request(
            task="toy",
            sample_id=f"{number}",
            messages=(Message(role="user", content=(*images, text + "x" * (number * 3 % 11))),),
            generation=generation or Generation(max_new_tokens=6),
        )

    return make


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """The folder of a family's checkpoint, made once."""
    torch.set_num_threads(1)
    families = _module("tiny").FAMILIES | _module("tiny_newer").FAMILIES
    made = {}

    def make(family):
        for package in NEEDS.get(family, ()):
            pytest.importorskip(package, reason=f"the processor of {family} needs {package}")
        if family not in made:
            made[family] = families[family](tmp_path_factory.mktemp(family))
        return made[family]

    return make


@pytest.fixture(scope="session")
def backend(checkpoint):
    """A family's backend, loaded once as a user would load it."""
    loaded = {}

    def load(family, **options):
        options = {"batch_size": 8} | options  # None: it would be found out, which takes a second
        key = (family, *sorted(options.items()))
        if key not in loaded:
            folder = checkpoint(family)
            told = BackendOptions(spec=f"hf:{folder}", name=str(folder), **options)
            HfBackend.preflight(told)
            loaded[key] = HfBackend.load(told)
        return loaded[key]

    return load
