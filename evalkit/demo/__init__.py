"""The embedded default: a small LLaVA, an early checkpoint of it, and small data for ten tasks.

Nothing here needs a network, a GPU or a key. `build` draws the data, `train` trains the model; what
they made is part of the package.
"""

from pathlib import Path

_HERE = Path(__file__).parent


def model_path() -> Path:
    """The folder of the trained model, as `AutoProcessor` and `AutoModel...` load it."""
    return _HERE / "model"


def early_model_path() -> Path:
    """The folder of the same model after 500 steps of training: clearly worse."""
    return _HERE / "model-early"


def data_path() -> Path:
    """The folder of the data, laid out as `--data` takes it: `<task>/<config>/<split>.parquet`."""
    return _HERE / "data"
