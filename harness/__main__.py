"""``python -m harness``: see :mod:`harness.cli` for its commands."""

import sys

import typer

from harness.cli import (
    app,
    comparing,
    computing,
    datasets,
    installation,
    one_cell,
    reporting,
    tune,
)
from harness.errors import ConfigurationError

WRONG_USE = 2
GROUPS = (
    computing,
    reporting,
    comparing,
    tune,
    one_cell,
    datasets,
    installation,
)  # imported, they register their commands


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input ends in one message and exit code 2."""
    try:
        app(args=arguments)
    except ConfigurationError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
