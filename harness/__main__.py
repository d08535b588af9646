"""``python -m harness``: see :mod:`harness.cli` for its commands."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, cast

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

UNREAD, WRONG_USE = 1, 2  # the first as click has it, when nobody reads on
COMMANDS = (run, report, tune, policy, datasets, catalog)  # imported, they stand in `--help`


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input ends in one message and exit code 2."""
    os.environ.update(ONE_THREAD)  # before anything numerical is imported
    output = _Output(sys.stdout or Path(os.devnull).open("w"))  # noqa: SIM115  # until the end
    try:
        with redirect_stdout(cast("TextIO", output)):
            try:
                app(args=arguments)
            finally:
                output.flush()
    except (ConfigurationError, StorageError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(WRONG_USE)
    except OSError as error:
        if error is not output.trouble:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())  # for what is written at exit
        if isinstance(error, BrokenPipeError):
            sys.exit(UNREAD)
        typer.echo(f"error: standard output cannot be written ({error.strerror})", err=True)
        sys.exit(WRONG_USE)


class _Output:
    """Standard output, which remembers why it could not be written.

    Attributes:
        trouble: The last error; None without one.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.trouble: OSError | None = None

    def write(self, text: str) -> int:
        with self._noted():
            written: int = self._stream.write(text)
            return written

    def flush(self) -> None:
        with self._noted():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.trouble = error
            raise


if __name__ == "__main__":
    main()
