"""Why a cell has no result: kinds of failures, told from what ended its run, and their record.

A record is plain text made where an exception was caught: exceptions of environments may be of
classes that nobody else can make, and may raise when they are asked what they are.
"""

import json
import signal
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pebble import ProcessExpired
from pydantic import TypeAdapter

from harness.config.cell import Cell
from harness.errors import StorageError
from harness.results.files import now, read_file, write_text

LONGEST_MESSAGE, LONGEST_TRACEBACK = 500, 20_000  # characters that are kept
MOST_BYTES = 1 << 20  # of a failure's record


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a cell has no result.

    Attributes:
        id: Name of the cell.
        fingerprint: Of the cell as it was run; with another one the failure no longer counts.
        kind: ``error`` (it raised), ``killed``, ``timeout`` or ``memory``.
        message: One line.
        traceback: Where it happened, if the cell could still say so.
        time: When [UTC, ISO 8601].
    """

    id: str
    fingerprint: str
    kind: str
    message: str
    traceback: str
    time: str

    def save(self, path: Path) -> None:
        """Write the failure in one atomic step."""
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")


_FAILURE = TypeAdapter(Failure)  # made once: that takes about as long as reading a result


def load_failure(path: Path) -> Failure | None:
    """Return a cell's last failure; None without one, or when it cannot be read."""
    try:
        return _FAILURE.validate_json(read_file(path, MOST_BYTES), strict=True)
    except (OSError, ValueError):
        return None


def describe_failure(error: BaseException, cell: Cell) -> Failure:
    """Put what a cell raised into a record, whatever it is."""
    try:
        trace = "".join(traceback.format_exception(error))
    except BaseException:
        trace = ""
    return _failure(cell, failure_kind(error), message_of(error), trace)


def describe_end(error: BaseException, cell: Cell) -> Failure:
    """Put into a record how the pool says that a cell's process ended.

    What cells raise never comes this way, so a ``TimeoutError`` is the pool's own.
    """
    if isinstance(error, ProcessExpired):
        code = error.exitcode
        names = {-s: s.name for s in signal.Signals}
        names[-signal.SIGKILL] += "; this mostly means out of memory"
        ending = f"exit code {code}" if code >= 0 else names.get(code, f"signal {-code}")
        return _failure(cell, "killed", f"its worker process ended ({ending})")
    if isinstance(error, TimeoutError):
        return _failure(cell, "timeout", f"not done after {error.args[1]:g} s (--time-limit)")
    return describe_failure(error, cell)


def failure_kind(error: BaseException) -> Literal["error", "memory", "storage"]:
    """Tell a fault of the run from a shortage of memory or of room on the disk."""
    if isinstance(error, StorageError):
        return "storage"
    if isinstance(error, MemoryError) or "not enough memory" in _said(error):  # torch's allocator
        return "memory"
    return "error"


def message_of(error: BaseException) -> str:
    """Return an exception's class and the first line of what it says, fit for any terminal."""
    line = f"{type(error).__name__}: {_said(error)}".strip().splitlines()[0]
    if len(line) > LONGEST_MESSAGE:
        line = line[: LONGEST_MESSAGE - 1] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _said(error: BaseException) -> str:
    try:
        return "".join(str(error)[:LONGEST_TRACEBACK])  # plain, also of a subclass of str
    except BaseException as why:
        return f"(what it says cannot be had: {type(why).__name__})"


def _failure(cell: Cell, kind: str, message: str, trace: str = "") -> Failure:
    half = LONGEST_TRACEBACK // 2
    if len(trace) > LONGEST_TRACEBACK:
        trace = f"{trace[:half]}\n[...]\n{trace[-half:]}"
    return Failure(
        id=cell.id,
        fingerprint=cell.fingerprint,
        kind=kind,
        message=message,
        traceback=trace,
        time=now(),
    )
