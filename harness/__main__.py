"""``python -m harness``: see :mod:`harness.cli` for its commands."""

import os
import sys

import typer

from harness.errors import ConfigurationError, StorageError
from harness.training import ONE_THREAD

# isort: off
from harness.cli import app
from harness.cli import run
from harness.cli import report
from harness.cli import tune
from harness.cli import policy
from harness.cli import datasets
from harness.cli import catalog
# isort: on

WRONG_USE = 2
COMMANDS = (run, report, tune, policy, datasets, catalog)  # imported, they stand in `--help`


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
