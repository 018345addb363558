"""A group of verbs whose modules are imported when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group of verbs, each a module that has a click command `command`."""

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **given: Any) -> None:
        """Make the group.

        Args:
            args: What click gives.
            verbs: {verb: (module, line in `--help`)}, in the order of use.
            given: What click gives.
        """
        super().__init__(*args, **given)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        """The verbs in the order of use."""
        return list(self.verbs)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click asks so
        cmd_name: str,
    ) -> click.Command | None:
        """The verb's command; None where there is no such verb."""
        if cmd_name not in self.verbs:
            return None
        found: click.Command = import_module(self.verbs[cmd_name][0]).command
        return found

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click asks so
        formatter: click.HelpFormatter,
    ) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in self.verbs.items()])
