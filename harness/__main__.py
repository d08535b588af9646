"""``python -m harness``: see :mod:`harness.cli` for its commands."""

import os
import sys

import typer

# isort: off  # in this order `--help` lists the commands
from harness.cli import app, catalog, data, policy, report, run, tuning

# isort: on
from harness.errors import ConfigurationError, StorageError
from harness.training import ONE_THREAD

WRONG_USE = 2
COMMANDS = (run, report, tuning, policy, data, catalog)  # imported, they register their commands


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input ends in one message and exit code 2."""
    os.environ.update(ONE_THREAD)  # before anything numerical is imported
    try:
        app(args=arguments)
    except (ConfigurationError, StorageError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
