"""Where a checkpoint of transformers lies, whether it can be had, and what it is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evalkit.backends.interface import BackendOptions
from evalkit.errors import BackendError, MissingExtraError, UsageError

DTYPES = ("auto", "float32", "bfloat16", "float16")
"""Number formats that `--dtype` knows."""

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SEPARATORS = ("/", ".", "~")


def check(options: BackendOptions) -> None:
    """Check, without reading weights, that the checkpoint can be had.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UsageError: A name or setting is wrong.
        BackendError: The folder is no checkpoint, or offline and not in the cache.
    """
    for package in ("torch", "transformers", "PIL"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "hf", "The backend hf")
    if options.dtype not in DTYPES:
        message = f"The number format {options.dtype!r} is not known; use {', '.join(DTYPES)}."
        raise UsageError(message)
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", options.device):
        message = f"The device {options.device!r} is not known; use auto, cpu, cuda or cuda:N."
        raise UsageError(message)
    _check_options(options)
    if is_local(options.name):
        _check_folder(Path(options.name).expanduser(), options.spec)
    elif not _HUB_ID.fullmatch(options.name):
        message = f"The model {options.spec!r} names neither a folder nor a hub id."
        raise UsageError(message)
    elif options.offline:
        _check_cache(options)
    else:
        _check_hub(options)


def _check_options(options: BackendOptions) -> None:
    """Settings that would otherwise be overruled in silence."""
    told = options.options
    if told.get("trust_remote_code", "false") not in ("true", "false"):
        message = f"trust_remote_code of the model {options.spec!r} must be true or false."
        raise UsageError(message)
    if "device_map" in told and options.device != "auto":
        message = "Give either --device or the model's option device_map, not both."
        raise UsageError(message)
    if options.revision and is_local(options.name):
        message = f"The model {options.spec!r} is a folder, which has no revision; leave @ out."
        raise UsageError(message)


def is_local(name: str) -> bool:
    """Whether a model's name is a path: it exists, or reads like one."""
    return Path(name).expanduser().exists() or name.startswith(_SEPARATORS) or name.count("/") > 1


def _check_folder(folder: Path, spec: str) -> None:
    if not folder.is_dir():
        message = f"The model folder {folder} does not exist."
        raise BackendError(message)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"The model folder {folder} has no readable config.json: {error}."
        raise BackendError(message) from error
    if not isinstance(config, dict) or "model_type" not in config:
        message = f"{folder / 'config.json'} names no model_type; it is no model of transformers."
        raise BackendError(message)
    if not any(folder.glob("*.safetensors")):
        message = (
            f"The model {spec!r} has no .safetensors file in {folder}; other weight formats can "
            "run code when they are loaded, and are not read."
        )
        raise BackendError(message)


def _check_hub(options: BackendOptions) -> None:
    files = _hub_info(options).siblings or ()
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        message = (
            f"The model {options.name!r} has no .safetensors file on the hub; other weight formats "
            "can run code when they are loaded, and are not read."
        )
        raise BackendError(message)


def _hub_info(options: BackendOptions) -> Any:
    """What the hub says of a model: its commit and its files.

    Raises:
        BackendError: It has no such model or revision, wants a token, or cannot be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return HfApi().model_info(options.name, revision=options.revision)
    except GatedRepoError as error:
        said = "is gated: accept its terms on the hub and set HF_TOKEN"
        raise BackendError(_hub_message(options, said)) from error
    except RevisionNotFoundError as error:
        said = f"has no revision {options.revision!r} on the hub"
        raise BackendError(_hub_message(options, said)) from error
    except RepositoryNotFoundError as error:
        said = "is not on the hub, or is private: mind the spelling, or set HF_TOKEN"
        raise BackendError(_hub_message(options, said)) from error
    except (HfHubHTTPError, HTTPError, OSError, RuntimeError) as error:
        said = f"cannot be asked for at the hub ({type(error).__name__}): is there a network"
        if "401" in str(error):
            said = "is not on the hub, or is private: mind the spelling, or set HF_TOKEN"
        raise BackendError(_hub_message(options, said)) from error


def _hub_message(options: BackendOptions, said: str) -> str:
    return f"The model {options.name!r} {said}."


def _check_cache(options: BackendOptions) -> None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(options.name, "config.json", revision=options.revision)
    if not isinstance(found, str):
        message = (
            f"The model {options.name!r} is not in this machine's cache and --offline fetches "
            "nothing; give the command once without --offline, or a folder."
        )
        raise BackendError(message)


def weights(options: BackendOptions) -> str | None:
    """A folder's digest, or the commit that a hub model's name stands for now."""
    if is_local(options.name):
        return digest(options.name)
    if not options.offline:
        return str(_hub_info(options).sha)
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(options.name, "config.json", revision=options.revision)
    return Path(found).parent.name if isinstance(found, str) else None


def digest(name: str) -> str | None:
    """SHA-256 over a local checkpoint's files, names included; None for the hub's."""
    if not is_local(name):
        return None
    total = hashlib.sha256()
    for path in _files(Path(name).expanduser()):
        with path.open("rb") as file:
            part = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.name}\0{part}\n".encode())
    return total.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    """What can move an answer: weights, configurations, tokenizer, templates, code."""
    kinds = {".safetensors", ".json", ".jinja", ".model", ".txt", ".py"}
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in kinds)
