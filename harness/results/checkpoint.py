"""Checkpoints: what a killed cell goes on from."""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch

from harness.results.files import NotAFile, open_file, storage_errors, write_atomic

_DIGEST = hashlib.sha256().digest_size


class DamagedCheckpoint(ValueError):  # noqa: N818  # says what is wrong, as DamagedResult does
    """A checkpoint was truncated, edited, or does not belong to its stream."""


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state of tensors, numbers, strings and containers of them in one atomic step.

    The file is PyTorch's own format and 32 bytes more, the hash of the rest: ``torch.load`` by
    itself does not notice most single flipped bits.

    Raises:
        StorageError: The folder cannot be written, or the disk is full; the old checkpoint stays.
    """

    def write(file: BinaryIO) -> None:
        hashed = _Hashed(file)
        try:
            torch.save(dict(state), hashed)  # type: ignore[arg-type]  # write and flush suffice
        except RuntimeError as error:  # how torch says that it could not write
            if hashed.trouble is None:
                raise
            raise hashed.trouble from error
        file.write(hashed.digest())

    write_atomic(path, write)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state without executing anything it may contain.

    Raises:
        FileNotFoundError: There is none.
        DamagedCheckpoint: The file is not what ``save_checkpoint`` wrote.
        StorageError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with storage_errors(path, "read"), open_file(path) as file:
            left = path.stat().st_size - _DIGEST
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                digest.update(block)
                left -= len(block)
            if file.read() != digest.digest():
                raise DamagedCheckpoint(f"{path}: its checksum does not match")
            return _loaded(path)
    except NotAFile as error:
        raise DamagedCheckpoint(str(error)) from None


def check_fits(state: Any, like: Any, key: str = "state", *, whole: bool = False) -> None:
    """Compare a loaded state with one that is known to be right: keys, kinds and shapes.

    Args:
        state: As loaded.
        like: The state of a run of the same cell, which may stand at its beginning.
        key: What messages call the state.
        whole: Whether it stands at the same place. Else rows of tensors may be more, and what is
            empty at the beginning may have been filled.

    Raises:
        DamagedCheckpoint: They differ, or a number is negative or not finite.
    """
    if type(state) is not type(like):
        raise DamagedCheckpoint(f"{key}: {type(state).__name__}, not {type(like).__name__}")
    if isinstance(state, torch.Tensor):
        _check_tensor(state, like, key, whole=whole)
    elif isinstance(state, int | float):
        if not 0 <= state < math.inf:  # counters, seconds and rates
            raise DamagedCheckpoint(f"{key}: {state}")
    elif isinstance(state, dict | list | tuple) and (like or whole):
        parts, others = _parts(state), _parts(like)
        if parts.keys() != others.keys():
            raise DamagedCheckpoint(f"{key}: has not {', '.join(others)} alone")
        for name in others:
            check_fits(parts[name], others[name], key + name, whole=whole)


def _parts(state: Any) -> dict[str, Any]:
    if isinstance(state, dict):
        return {f".{name}": value for name, value in state.items()}
    return {f"[{n}]": value for n, value in enumerate(state)}


def _check_tensor(state: torch.Tensor, like: torch.Tensor, key: str, *, whole: bool) -> None:
    kinds = [(of.dtype, of.shape if whole else of.shape[1:]) for of in (state, like)]
    if (like.numel() or whole) and kinds[0] != kinds[1]:
        raise DamagedCheckpoint(f"{key}: {kinds[0]}, not {kinds[1]}")
    if state.is_floating_point() and not state.sum(dtype=torch.float64).isfinite():
        raise DamagedCheckpoint(f"{key}: holds a figure that is not finite")


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
        StorageError: It cannot be written.
    """

    def __init__(self, path: Path, mark: Sequence[Any] | None = None) -> None:
        length, digest = mark or (0, hashlib.sha256().hexdigest())
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            with open_file(path) as file:
                written = file.read(length)
        self._path, self._length, self._hash = path, length, hashlib.sha256(written)
        if self._hash.hexdigest() != digest:
            raise DamagedCheckpoint(f"{path}: not the stream its checkpoint was made with")
        with storage_errors(path):
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
            StorageError: The file cannot be written.
        """
        line = json.dumps(row, sort_keys=True, allow_nan=False) + "\n"
        with storage_errors(self._path), self._path.open("a") as file:
            file.write(line)
        self._length += len(line.encode())
        self._hash.update(line.encode())
        self.rows.append(json.loads(line))

    def sync(self) -> None:
        """Make sure that a checkpoint written next finds its rows, even after a power cut.

        Raises:
            StorageError: It is not.
        """
        with storage_errors(self._path), self._path.open("rb+") as file:
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
            with open_file(self._path) as file:
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
        except (OSError, NotAFile):  # who writes it will say
            return False
        if not whole:
            return False
        self._offset += len(whole) + 1
        try:
            self.row = json.loads(whole.rpartition(b"\n")[2])
        except (ValueError, RecursionError):
            return False
        return True


def _loaded(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # torch raises half a dozen kinds for what is not its format
        raise DamagedCheckpoint(f"{path}: not a checkpoint ({type(error).__name__})") from error
    return state


class _Hashed:
    """A file to write to that remembers the hash of what it was given, and what went wrong.

    Attributes:
        trouble: The first error in writing; torch reports another one, which names no cause.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()
        self.trouble: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        self._hash.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.trouble = self.trouble or error
            raise

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> bytes:
        return self._hash.digest()
