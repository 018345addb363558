"""Weights & Biases: a run of the project evalkit, or of WANDB_PROJECT, with the record as artifact.

The run's id is the entry's key, so a run that is written again is continued. Nothing is sent of the
machine, the program, its arguments, its output or the working copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.trackers.entry import Entry
from evalkit.trackers.interface import PROJECT, require

if TYPE_CHECKING:
    import wandb

_LOCAL = frozenset({"offline", "dryrun", "disabled"})


class Wandb:
    """Numbers as the run's summary, settings and facts as its configuration."""

    def check(self) -> None:
        """See whether the package is installed, and somebody is logged in where that is needed."""
        require("wandb")
        import wandb

        if wandb.setup().settings.mode in _LOCAL or wandb.login(prompt=False, verify=False):
            return
        message = (
            "--log-to wandb: nobody is logged in to Weights & Biases here; run `wandb login`, or "
            "set WANDB_MODE=offline and send the run later with `wandb sync`."
        )
        raise UsageError(message)

    def log(self, entry: Entry) -> str:
        """Write the run; gives its address, or its folder where nothing is sent."""
        import wandb

        with wandb.init(
            project=wandb.setup().settings.project or PROJECT,
            id=entry.key,
            name=entry.name,
            resume="allow",
            config={**entry.settings, **entry.facts},
            settings=_settings(),
        ) as run:
            run.summary.update(dict(entry.numbers))
            record = wandb.Artifact(f"record-{entry.key}", type="evalkit-record")
            record.add_file(str(entry.record))
            run.log_artifact(record)
            offline = run.settings.mode in _LOCAL
            return str((run.settings.sync_dir if offline else run.url) or run.id)


def _settings() -> wandb.Settings:
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        allow_val_change=True,
        disable_code=True,
        disable_git=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
