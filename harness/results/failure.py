"""Why a cell has no result: kinds of failures, told from what ended its run, and their record."""

import json
import signal
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pebble import ProcessExpired

from harness.config.cell import Cell
from harness.errors import StorageError
from harness.results.files import now, read_file, write_text


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


def load_failure(path: Path) -> Failure | None:
    """Return a cell's last failure; None without one, or when it cannot be read."""
    try:
        return Failure(**json.loads(read_file(path)))
    except (OSError, ValueError, TypeError):
        return None


def describe_failure(error: BaseException, cell: Cell) -> Failure:
    """Put what ended a cell's run into a record."""
    kind: str = failure_kind(error)
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, ProcessExpired):
        code = error.exitcode
        names = {-s: f"{s.name}; SIGKILL mostly means out of memory" for s in signal.Signals}
        ending = f"exit code {code}" if code >= 0 else names.get(code, f"signal {-code}")
        kind, message = "killed", f"its worker process ended ({ending})"
    elif isinstance(error, TimeoutError) and error.args[:1] == ("Task timeout",):
        kind, message = "timeout", f"not done after {error.args[1]:g} s (--time-limit)"
    cause = error.__cause__
    return Failure(
        id=cell.id,
        fingerprint=cell.fingerprint,
        kind=kind,
        message=message.strip().splitlines()[0],
        traceback=str(cause) if cause else "".join(traceback.format_exception(error)),
        time=now(),
    )


def failure_kind(error: BaseException) -> Literal["error", "memory", "storage"]:
    """Tell a fault of the run from a shortage of memory or of room on the disk."""
    if isinstance(error, StorageError):
        return "storage"
    if isinstance(error, MemoryError) or "not enough memory" in str(error):  # torch's allocator
        return "memory"
    return "error"
