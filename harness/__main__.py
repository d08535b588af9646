"""``python -m harness``: see :mod:`harness.cli` for its commands."""

import errno
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
NOT_OURS = {errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ENOSPC, errno.EACCES, errno.EROFS}
COMMANDS = (run, report, tune, policy, datasets, catalog)  # imported, they stand in `--help`


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input ends in one message and exit code 2."""
    os.environ.update(ONE_THREAD)  # before anything numerical is imported
    try:
        app(args=arguments)
    except (ConfigurationError, StorageError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(WRONG_USE)
    except OSError as error:  # a folder that cannot be made, a disk that is full
        if error.errno not in NOT_OURS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {where}cannot be written ({error.strerror})", err=True)
        sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
