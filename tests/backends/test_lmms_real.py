"""The backend `lmms` with lmms-eval itself: `llava_hf` answers as the backend hf does."""

import importlib.util
import os

import pytest

from evalkit.backends.hf import HfBackend
from evalkit.backends.interface import BackendOptions
from evalkit.backends.lmms import LmmsBackend
from evalkit.backends.lmms_process import PYTHON
from evalkit.demo import model_path
from evalkit.records import Generation

pytestmark = [
    pytest.mark.lmms,
    pytest.mark.skipif(
        importlib.util.find_spec("lmms_eval") is None and PYTHON not in os.environ,
        reason=f"lmms-eval is not installed, and {PYTHON} names no Python that has it",
    ),
]


def test_the_chat_adapter_answers_as_the_hf_backend(request_of):
    folder = model_path()
    options = BackendOptions(
        spec="lmms:llava_hf",
        name="llava_hf",
        device="cpu",
        offline=True,
        options={"pretrained": str(folder), "timeout": "200"},
    )
    LmmsBackend.preflight(options)
    theirs = LmmsBackend.load(options)
    ours = HfBackend.load(BackendOptions(spec="hf", name=str(folder), device="cpu"))
    asked = [
        request_of(
            i, "Is there a red circle in the image?", generation=Generation(max_new_tokens=6)
        )
        for i in range(12)
    ]
    one, two = theirs.generate(asked), ours.generate(asked)
    assert [p.text for p in one] == [p.text for p in two]
    assert len({p.text for p in one}) > 1
    assert [p.images for p in one] == [p.images for p in two]
    assert theirs.identity().digest == ours.identity().digest
    theirs.close()
    ours.close()
