"""Which files of a dataset repository belong to a split.

The README's front matter lists configs, their splits and the patterns of their files; the package
`datasets` reads the same list. Repositories without one use the names that are customary.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from evalkit.errors import DataError

_CUSTOMARY = ("{}-*", "{}.*", "{}/*")


def split_files(
    names: Sequence[str], readme: Path, config: str | None, split: str, repository: str
) -> list[str]:
    """The names that belong to the split, in the order of the README's patterns.

    Args:
        names: All files of the repository, as paths relative to it.
        readme: The repository's README; it need not exist.
        config: The config; None is the repository's default.
        split: The split.
        repository: For errors.

    Raises:
        DataError: The README is broken, or has no such config or split.
    """
    chosen = _chosen_config(_configs(readme, repository), config, repository)
    if "data_files" not in chosen:
        folders = [config or chosen.get("data_dir") or "data", "."]
        return _first_match(names, folders, split)
    splits = _splits(chosen["data_files"])
    if split not in splits:
        message = (
            f"The dataset {repository} has no split {split!r} in its config {config!r}; it has: "
            f"{', '.join(splits)}."
        )
        raise DataError(message)
    return _matching(names, splits[split])


def _configs(readme: Path, repository: str) -> dict[str, dict[str, Any]]:
    import yaml
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    if not readme.is_file():
        return {}
    try:
        return dict(MetadataConfigs.from_dataset_card_data(DatasetCard.load(readme).data))
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        message = f"The README of the dataset {repository} cannot be understood: {reason}."
        raise DataError(message) from error


def _chosen_config(
    configs: dict[str, dict[str, Any]], config: str | None, repository: str
) -> dict[str, Any]:
    from datasets.utils.metadata import MetadataConfigs

    if not configs:
        return {}
    name = config or MetadataConfigs(configs).get_default_config_name()
    if name not in configs:
        message = (
            f"The dataset {repository} has no config {config or 'default'!r}; it has: "
            f"{', '.join(configs)}."
        )
        raise DataError(message)
    return configs[name]


def _splits(data_files: str | list[Any]) -> dict[str, list[str]]:
    from datasets.data_files import sanitize_patterns

    return {split: list(patterns) for split, patterns in sanitize_patterns(data_files).items()}


def _first_match(names: Sequence[str], folders: Sequence[str], split: str) -> list[str]:
    for folder in folders:
        prefix = "" if folder == "." else f"{folder.rstrip('/')}/"
        if found := _matching(names, [prefix + form.format(split) for form in _CUSTOMARY]):
            return found
    return []


def _matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    found = (
        name
        for pattern in patterns
        for name in sorted(names)
        if fnmatchcase(name, pattern.removeprefix("./"))
    )
    return list(dict.fromkeys(found))
