"""The evaluations of a running cell, streamed to disk: its curve so far."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.checkpoint import DamagedCheckpoint


class Stream:
    """The evaluations of a running cell, one JSON line each.

    Args:
        path: Where the lines are.
        mark: ``Stream.mark`` as a checkpoint recorded it: what follows was written after the
            checkpoint and is cut off. None starts anew.

    Attributes:
        rows: The evaluations so far, as they read from the file.

    Raises:
        DamagedCheckpoint: The stream does not begin with what the checkpoint says.
    """

    def __init__(self, path: Path, mark: Sequence[Any] | None = None) -> None:
        length, digest = mark or (0, hashlib.sha256().hexdigest())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("rb") as file:
            written = file.read(length)
        self._path, self._length, self._hash = path, length, hashlib.sha256(written)
        if self._hash.hexdigest() != digest:
            raise DamagedCheckpoint(f"{path}: not the stream its checkpoint was made with")
        os.truncate(path, length)
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in written.splitlines()]

    @property
    def mark(self) -> tuple[int, str]:
        """Length [bytes] and hash of the stream so far."""
        return self._length, self._hash.hexdigest()

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an evaluation.

        Raises:
            ValueError: A figure is not finite.
        """
        line = json.dumps(row, sort_keys=True, allow_nan=False) + "\n"
        with self._path.open("a") as file:
            file.write(line)
        self._length += len(line.encode())
        self._hash.update(line.encode())
        self.rows.append(json.loads(line))

    def sync(self) -> None:
        """Make sure that a checkpoint written next finds its rows, even after a power cut."""
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())


class Tail:
    """Reads what was appended to a stream since it was last looked at.

    Attributes:
        row: The newest whole row; None before the first.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0
        self.row: dict[str, Any] | None = None

    def look(self) -> bool:
        """Read on; say whether there is a newer row."""
        try:
            if self._path.stat().st_size < self._offset:
                self._offset = 0  # cut back to a checkpoint
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return False
        if not whole:
            return False
        self._offset += len(whole) + 1
        try:
            self.row = json.loads(whole.rpartition(b"\n")[2])
        except ValueError:
            return False
        return True
