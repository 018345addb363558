"""The command `evalkit`, and `python -m evalkit`."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave with its exit code."""
    from evalkit.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
