"""The files of one cell, side by side, and what happens when they cannot be written."""

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from harness.config.cell import Cell
from harness.errors import ConfigurationError, StorageError

_CLAIM = "grid.txt"  # in a folder of results: whose they are
LOCK_PATIENCE_S = 0.3  # longer than `status` ever holds a lock to see whether it is free

_STORAGE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENOTDIR")
    if hasattr(errno, name)
}


@dataclass(frozen=True, slots=True)
class CellFiles:
    """Where a cell keeps what.

    Attributes:
        result: The record of the finished run; the only one that is committed.
        stream: One line per evaluation while the cell runs, and after it failed.
        checkpoint: All state at the end of an evaluation.
        lock: Held by the worker that runs the cell. It stays: removing it would let two in.
        failure: Why the cell failed last time.
        policy: What the finished run learned; see ``harness.training.replay``.
    """

    result: Path
    stream: Path
    checkpoint: Path
    lock: Path
    failure: Path
    policy: Path

    @classmethod
    def of(cls, folder: Path, cell: Cell) -> "CellFiles":
        """Return the files of ``cell`` in a grid's folder of results."""
        stem = folder / cell.id
        suffixes = (".json", ".jsonl", ".pt", ".lock", ".failed.json", ".policy.pt")
        return cls(*(stem.with_name(stem.name + suffix) for suffix in suffixes))


def now() -> str:
    """Return the time [UTC, ISO 8601]."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@contextmanager
def cell_lock(lock: Path) -> Iterator[bool]:
    """Hold a cell's lock for the time of the block; yields False when somebody else has it."""
    holder = FileLock(lock)
    try:
        with storage_errors(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            holder.acquire(timeout=LOCK_PATIENCE_S, poll_interval=0.02)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        holder.release()


def is_held(lock: Path) -> bool:
    """Say whether somebody holds a cell's lock; leaves no trace."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except (Timeout, PermissionError):
        return True


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into ``StorageError`` with a remedy, for a block of writes."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError) or error.errno not in _STORAGE:
            raise
        raise StorageError(
            f"{path}: cannot be written ({error.strerror}); nothing computed so far is lost: make "
            "room, or the folder writable, and give the same command again"
        ) from error


def check_writable(folder: Path) -> None:
    """Find out before anything is computed whether files can be kept in a folder.

    Raises:
        StorageError: The folder cannot be made or written.
    """
    probe = folder / ".writable.part"
    with storage_errors(folder):
        try:
            write_text(probe, "")
        except FileExistsError as error:  # some part of the path is a file
            raise NotADirectoryError(errno.ENOTDIR, "a file is in the way", str(folder)) from error
        except FileNotFoundError as error:  # as below /proc
            raise NotADirectoryError(errno.ENOTDIR, "no folder can be made", str(folder)) from error
        probe.unlink()


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Write a file in one step: a reader sees all of the new content or all of the old.

    Args:
        path: Where the file is to be; missing folders are made.
        write: Writes the content to the open binary file it is given.

    Raises:
        OSError: The folder cannot be written, or the disk is full; the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return path


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes in one step; see ``write_atomic``."""
    return write_atomic(path, lambda file: file.write(data))


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 text in one step; see ``write_atomic``."""
    return write_bytes(path, text.encode())


def move_aside(path: Path) -> Path:
    """Rename a damaged file to the first free ``<name>.damaged[-<n>]`` and return that path."""
    aside = path.with_name(f"{path.name}.damaged")
    n = 1
    while aside.exists():
        n += 1
        aside = path.with_name(f"{path.name}.damaged-{n}")
    return path.replace(aside)


def claim_folder(folder: Path, grid_file: Path | None) -> None:
    """Note which grid file a folder of results belongs to.

    Raises:
        ConfigurationError: See ``check_claim``.
        StorageError: The folder cannot be written.
    """
    check_claim(folder, grid_file)
    if grid_file is not None:
        with storage_errors(folder / _CLAIM):
            write_text(folder / _CLAIM, f"{_from(folder, grid_file)}\n")


def check_claim(folder: Path, grid_file: Path | None) -> None:
    """Keep grids apart that have one name, and hence one folder of results and one report.

    Raises:
        ConfigurationError: The folder belongs to another grid file.
    """
    claim = folder / _CLAIM
    if grid_file is None or not claim.is_file():
        return
    owner = claim.read_text(encoding="utf-8").strip()
    if owner != _from(folder, grid_file):
        raise ConfigurationError(
            f"{grid_file}: {folder} holds the results of another grid of that name, "
            f"{os.path.normpath(folder / owner)}; rename one of them, give another --results, or, "
            f"if the file was moved, delete {claim}"
        )


def _from(folder: Path, grid_file: Path) -> str:
    """Return the way to a file, which stays the same where both are moved together."""
    return os.path.relpath(grid_file.resolve(), folder.resolve())
