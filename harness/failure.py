"""Tells from what ended a cell's run why it has no result."""

import signal
import traceback
from typing import Literal

from pebble import ProcessExpired

from harness.cell import Cell
from harness.files import Failure, StorageError, now
from harness.result import fingerprint


def failure_kind(error: BaseException) -> Literal["error", "memory", "storage"]:
    """Tell a fault of the run from a shortage of memory or of room on the disk."""
    if isinstance(error, StorageError):
        return "storage"
    if isinstance(error, MemoryError) or "not enough memory" in str(error):  # torch's allocator
        return "memory"
    return "error"


def describe(error: BaseException, cell: Cell) -> Failure:
    """Put what ended a cell's run into a record."""
    kind: str = failure_kind(error)
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, ProcessExpired):
        kind, message = "killed", f"its worker process ended ({_ending(error.exitcode)})"
    elif isinstance(error, TimeoutError) and error.args[:1] == ("Task timeout",):
        kind, message = "timeout", f"not done after {error.args[1]:g} s (--time-limit)"
    cause = error.__cause__
    return Failure(
        id=cell.id,
        fingerprint=fingerprint(cell),
        kind=kind,
        message=message.strip().splitlines()[0],
        traceback=str(cause) if cause else "".join(traceback.format_exception(error)),
        time=now(),
    )


def _ending(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"{signal.Signals(-exitcode).name}; SIGKILL mostly means out of memory"
    except ValueError:
        return f"signal {-exitcode}"
