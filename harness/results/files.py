"""The files of one cell, side by side, and what happens when they cannot be written."""

import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from filelock import FileLock, Timeout

from harness.config.cell import Cell
from harness.errors import ConfigurationError, StorageError

_CLAIM = "grid.txt"  # in a folder of results: whose they are
LOCK_PATIENCE_S = 0.3  # longer than `status` ever holds a lock to see whether it is free

_IN_THE_WAY = {
    errno.EEXIST: "a file is in the way",
    errno.ENOTDIR: "a file is in the way",
    errno.EISDIR: "a folder is in the way",
    errno.ENOENT: "no such folder, and none can be made",
    errno.ENAMETOOLONG: "its name is too long",
}
_SHOWN = 300  # characters of a path


class NotAFile(ValueError):  # noqa: N818  # says what is wrong
    """What lies in the place of a file is a folder, a pipe or a device."""


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
def storage_errors(path: Path, done: Literal["written", "read"] = "written") -> Iterator[None]:
    """Turn every error of the system in a block into ``StorageError``, with a remedy.

    The block holds operations on our own files and nothing else: what an environment raises is a
    failure of its cell. What is not there to be read is no trouble, and passes as it is.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if done == "read" and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise
        name, remedy = str(path), "make room, or the folder writable,"
        if len(name) > _SHOWN:
            name = f"{name[: _SHOWN // 2]}...{name[-_SHOWN // 2 :]}"
        if error.errno in _IN_THE_WAY or done == "read":
            remedy = "clear the way, or name another place,"
        reason = _IN_THE_WAY.get(error.errno or 0) or error.strerror or str(error)
        raise StorageError(
            f"{name}: cannot be {done} ({reason}); nothing computed so far is lost: {remedy} and "
            "give the same command again"
        ) from error


@contextmanager
def cell_lock(lock: Path) -> Iterator[bool]:
    """Hold a cell's lock for the time of the block; yields False when somebody else has it.

    Raises:
        StorageError: The lock cannot be made.
    """
    with storage_errors(lock):
        holder, mine = FileLock(lock), True
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            holder.acquire(timeout=LOCK_PATIENCE_S, poll_interval=0.02)
        except Timeout:
            mine = False
    try:
        yield mine
    finally:
        holder.release()


def is_held(lock: Path) -> bool:
    """Say whether somebody holds a cell's lock; leaves no trace.

    Raises:
        StorageError: The folder cannot be read.
    """
    with storage_errors(lock, "read"):
        if not lock.is_file():
            return False
        try:
            with FileLock(lock).acquire(timeout=0):
                return False
        except (Timeout, PermissionError):
            return True
        except OSError as error:
            if error.errno == errno.EROFS:  # nobody can have it open
                return False
            raise


def check_writable(folder: Path) -> None:
    """Find out before anything is computed whether files can be kept in a folder.

    Raises:
        StorageError: The folder cannot be made or written.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"room?")


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Write a file in one step: a reader sees all of the new content or all of the old.

    Args:
        path: Where the file is to be; missing folders are made.
        write: Writes the content to the open binary file it is given.

    Raises:
        StorageError: The folder cannot be written, or the disk is full; the old file stays.
    """
    with storage_errors(path):
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
            with suppress(OSError):  # the next who visits removes it
                Path(draft).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    return path


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes in one step; see ``write_atomic``."""
    return write_atomic(path, lambda file: file.write(data))


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 text in one step; see ``write_atomic``."""
    return write_bytes(path, text.encode())


def open_file(path: Path, most_bytes: int = sys.maxsize) -> BinaryIO:
    """Open a file to read it. Nothing else is opened: who reads a pipe may wait for ever.

    Args:
        path: Which.
        most_bytes: Size of the largest that is opened.

    Raises:
        FileNotFoundError: There is none.
        NotAFile: It is a folder, a pipe or a device, or larger than that.
        StorageError: It cannot be read.
    """
    with storage_errors(path, "read"):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise NotAFile(f"{path}: is not a file")
        if found.st_size > most_bytes:
            raise NotAFile(f"{path}: {found.st_size} bytes; at most {most_bytes} are read")
        return path.open("rb")


def read_file(path: Path, most_bytes: int = sys.maxsize) -> bytes:
    """Read a file; see ``open_file``."""
    with storage_errors(path, "read"), open_file(path, most_bytes) as file:
        return file.read()


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        StorageError: It cannot be removed.
    """
    with storage_errors(path):
        path.unlink(missing_ok=True)


def move_aside(path: Path) -> Path:
    """Rename what is damaged to the first free ``<name>.damaged[-<n>]`` and return that path.

    Raises:
        StorageError: It cannot be renamed.
    """
    with storage_errors(path):
        aside = path.with_name(f"{path.name}.damaged")
        n = 1
        while aside.exists():
            n += 1
            aside = path.with_name(f"{path.name}.damaged-{n}")
        return path.replace(aside)


def tidy(files: CellFiles) -> tuple[str, ...]:
    """Clear a cell's place: what killed runs left goes, what is no file is moved aside.

    To be called under the cell's lock.

    Returns:
        What the user should know.

    Raises:
        StorageError: The folder cannot be written.
    """
    for path in _leftovers(files):
        remove(path)
    places = (files.result, files.stream, files.checkpoint, files.failure, files.policy)
    return tuple(
        f"{path}: is not a file; moved to {move_aside(path).name}"
        for path in places
        if path.exists() and not path.is_file()
    )


def sweep(folder: Path, cells: Iterable[Cell]) -> None:
    """Remove what killed runs left of cells that nobody is at.

    Args:
        folder: The grid's folder of results.
        cells: Which; also those that are done, which no run visits any more.

    Raises:
        StorageError: The folder cannot be written.
    """
    for files in (CellFiles.of(folder, cell) for cell in cells):
        if _leftovers(files):
            with cell_lock(files.lock) as mine:
                if mine:
                    tidy(files)


def _leftovers(files: CellFiles) -> list[Path]:
    """Return drafts of files, and the stream and checkpoint of a run that has its result.

    They are older than the result; of a run that is to replace it, they are younger.
    """
    with storage_errors(files.result):
        found = list(files.result.parent.glob(f".{files.result.stem}.*.part"))
        if files.result.is_file():
            ended_ns = files.result.stat().st_mtime_ns
            spent = (path for path in (files.stream, files.checkpoint) if path.is_file())
            found += [path for path in spent if path.stat().st_mtime_ns <= ended_ns]
    return found


def _sync_folder(folder: Path) -> None:
    """Make sure that a file just renamed has its name also after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot
            raise
    finally:
        os.close(handle)


def prepare_folder(folder: Path, grid_file: Path | None, cells: Iterable[Cell]) -> None:
    """Make a grid's folder of results ready for a run: writable, the grid's own, without leftovers.

    Raises:
        ConfigurationError: See ``check_claim``.
        StorageError: The folder cannot be written.
    """
    check_claim(folder, grid_file)
    check_writable(folder)
    if grid_file is not None:
        write_text(folder / _CLAIM, f"{_from(folder, grid_file)}\n")
    sweep(folder, cells)


def check_claim(folder: Path, grid_file: Path | None) -> None:
    """Keep grids apart that have one name, and hence one folder of results and one report.

    Raises:
        ConfigurationError: The folder belongs to another grid file.
    """
    claim = folder / _CLAIM
    if grid_file is None or not claim.is_file():
        return
    owner = read_file(claim).decode(errors="replace").strip()
    if owner != _from(folder, grid_file):
        raise ConfigurationError(
            f"{grid_file}: {folder} holds the results of another grid of that name, "
            f"{os.path.normpath(folder / owner)}; rename one of them, give another --results, or, "
            f"if the file was moved, delete {claim}"
        )


def _from(folder: Path, grid_file: Path) -> str:
    """Return the way to a file, which stays the same where both are moved together."""
    return os.path.relpath(grid_file.resolve(), folder.resolve())
