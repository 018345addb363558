"""Datasets on the Hugging Face hub, of which only the files of the asked split are fetched.

Which files those are is said by the repository's README (its `configs`), else by the usual names.
They are kept in the hub's own cache, so other tools share them. The commit is resolved first, and
everything is taken from it. A hub that does not answer is an error even where an older copy is
cached: that copy is used when offline is asked for, never by accident.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from evalkit.data.files import KINDS, Found, TableFiles, require_all_shards, require_datasets
from evalkit.data.layout import split_files
from evalkit.errors import DataError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

    from evalkit.task import DatasetRef, Task

_README = "README.md"
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_CREDENTIALS = (
    "set HF_TOKEN to a token that may read it, and accept its terms on "
    "https://huggingface.co/datasets/{} if it is gated."
)


class _MissingRepositoryError(Exception):
    """A repository does not exist, or may not be seen: the hub does not tell a stranger which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """A repository at one commit, in the hub's cache: its list of files is there, few files are."""

    repository: str
    folder: Path
    offline: bool

    @property
    def commit(self) -> str:
        return self.folder.name

    def names(self) -> list[str]:
        """All files of the commit, or those that are cached where the list is not."""
        from huggingface_hub import get_cached_repo_tree
        from huggingface_hub.errors import CachedRepoTreeNotFoundError

        try:
            tree = get_cached_repo_tree(self.repository, repo_type="dataset", revision=self.commit)
        except CachedRepoTreeNotFoundError:
            files = (path for path in self.folder.rglob("*") if path.is_file())
            return [path.relative_to(self.folder).as_posix() for path in files]
        return [file.path for file in tree]

    def split(self, config: str | None, split: str) -> list[str]:
        """The files of a split, which may not be here yet."""
        readme = self.folder / _README
        found = split_files(self.names(), readme, config, split, self.repository)
        names = [name for name in found if PurePosixPath(name).suffix in KINDS]
        kinds = {PurePosixPath(name).suffix for name in names}
        if not found and self.offline:
            raise DataError(_partial(self.repository, self.commit))
        if len(kinds) != 1:
            message = (
                f"The split {split!r} of {self.repository} (config {config!r}, commit "
                f"{self.commit}) has no Parquet files; its files are: {', '.join(found) or 'none'}."
            )
            raise DataError(message)
        return names

    def fetch(self, config: str | None, split: str) -> TableFiles:
        """The files of a split, here."""
        names = self.split(config, split)
        _download(self.repository, self.commit, names, offline=self.offline)
        paths = tuple(self.folder / name for name in names)
        require_all_shards(paths)
        return TableFiles(name=config or split, paths=paths)


def find(task: Task, *, offline: bool) -> Found:
    """The task's files in the hub's cache, fetched first unless `offline`.

    Raises:
        DataError: The hub or the dataset cannot be reached, or the split is not there.
    """
    ref = task.dataset
    snapshot = _snapshot(ref, offline=offline)
    tables = [snapshot.fetch(config, split) for config, split in _splits(ref)]
    return Found(
        repository=snapshot.repository,
        revision=snapshot.commit,
        table=tables[0],
        joined=tables[1] if ref.join else None,
        notes=_fallback_notes(task, snapshot.repository),
    )


def check(task: Task) -> None:
    """Check that the hub has the task's splits; only a list of files and the README are fetched.

    Raises:
        DataError: The hub or the dataset cannot be reached, or the split is not there.
    """
    snapshot = _snapshot(task.dataset, offline=False)
    for config, split in _splits(task.dataset):
        snapshot.split(config, split)


def _splits(ref: DatasetRef) -> list[tuple[str | None, str]]:
    own: list[tuple[str | None, str]] = [(ref.config, ref.split)]
    return own if ref.join is None else [*own, (ref.join.config, ref.join.split or ref.split)]


def _fallback_notes(task: Task, repository: str) -> tuple[str, ...]:
    first = task.dataset.repositories[0]
    if repository == first:
        return ()
    return (f"{task.name}: {first} could not be had; {repository} was loaded in its place.",)


def _snapshot(ref: DatasetRef, *, offline: bool) -> _Snapshot:
    """The first repository that is there, at its commit, with its README."""
    require_datasets()
    from huggingface_hub.constants import is_offline_mode

    offline = offline or is_offline_mode()
    for repository in ref.repositories:
        try:
            if not offline:
                _require_repository(repository, ref.revision)
            folder = _download(repository, ref.revision or "main", [_README], offline=offline)
        except _MissingRepositoryError:
            continue
        return _Snapshot(repository=repository, folder=folder, offline=offline)
    names = " or ".join(ref.repositories)
    if offline:
        message = (
            f"The dataset {names} is not in the cache of this machine, and nothing is fetched "
            "offline: run once without --offline, or give a folder with its rows: "
            "`run --data`, `score --references`."
        )
        raise DataError(message)
    message = (
        f"The dataset {names} does not exist on the hub, or may not be read without a token: "
        + _CREDENTIALS.format(ref.repositories[-1])
    )
    raise DataError(message)


def _require_repository(repository: str, revision: str | None) -> None:
    """Ask the hub itself: downloads fall back on the cache in silence when it does not answer."""
    from huggingface_hub import HfApi

    with _translated(repository, revision):
        HfApi().dataset_info(repository, revision=revision, timeout=30)


def _download(repository: str, revision: str, names: list[str], *, offline: bool) -> Path:
    """The folder of the commit, which holds the files of these names."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        with _translated(repository, revision):
            folder = snapshot_download(
                repository,
                repo_type="dataset",
                revision=revision,
                allow_patterns=[glob.escape(name) for name in names],
                local_files_only=offline,
            )
    except LocalEntryNotFoundError as error:
        if not offline:
            raise DataError(_unreachable(repository, error.__cause__ or error)) from error
        if not isinstance(error, IncompleteSnapshotError):
            raise _MissingRepositoryError from error
        commit = Path(error.snapshot_path).name
        raise DataError(_partial(repository, commit)) from error
    return Path(folder)


def _partial(repository: str, commit: str) -> str:
    return (
        f"The cache of this machine holds {repository} only in part (commit {commit}), and nothing "
        "is fetched offline: run once without --offline."
    )


@contextmanager
def _translated(repository: str, revision: str | None) -> Iterator[None]:
    """The hub's errors in the words of this package."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalEntryNotFoundError:
        raise
    except errors.GatedRepoError as error:
        raise DataError(_refused(repository)) from error
    except errors.RepositoryNotFoundError as error:
        raise _MissingRepositoryError from error
    except errors.RevisionNotFoundError as error:
        message = f"The dataset {repository} has no commit, tag or branch {revision!r}."
        raise DataError(message) from error
    except errors.HfHubHTTPError as error:
        raise _refusal(repository, error) from error
    except (httpx2.HTTPError, OSError) as error:
        raise _trouble(repository, error) from error


def _trouble(repository: str, error: Exception) -> DataError:
    """The line, or the disk: errors of the disk have a number and are not about a connection."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None or isinstance(error, (ConnectionError, TimeoutError)):
        return DataError(_unreachable(repository, error))
    message = (
        f"The dataset {repository} could not be put into the hub's cache ({error}): free some "
        "space there, or set HF_HOME to another folder."
    )
    return DataError(message)


def _refusal(repository: str, error: HfHubHTTPError) -> Exception:
    """What an HTTP status means; 401 with no complaint about the token is "who are you?"."""
    if error.response.status_code not in {_UNAUTHORIZED, _FORBIDDEN}:
        return DataError(_unreachable(repository, error))
    complaint = error.response.headers.get("X-Error-Message") or ""
    if error.response.status_code == _UNAUTHORIZED and "Invalid credentials" not in complaint:
        return _MissingRepositoryError()
    return DataError(_refused(repository))


def _refused(repository: str) -> str:
    return f"The hub refuses access to the dataset {repository}: {_CREDENTIALS.format(repository)}"


def _unreachable(repository: str, error: BaseException) -> str:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return (
        f"The dataset {repository} could not be reached ({reason.rstrip('.')}): try again, run "
        "with --offline if it was fetched before, or give a folder with its rows: "
        "`run --data`, `score --references`."
    )
