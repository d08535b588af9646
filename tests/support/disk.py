"""A disk whose n-th operation fails, for this process and one folder: full, broken or read-only."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

BY_PATH = ("mkdir", "replace", "rename", "unlink", "truncate", "chmod", "utime")


@dataclass
class Disk:
    """Counts the operations in a folder, and has one of them fail.

    Attributes:
        folder: Where it is.
        fails_at: Number of the operation that fails, from 1; 0 for none.
        error: How it fails.
        lasting: Whether all after it fail, too.
        operations: Names of the operations so far, the last one that failed.
    """

    folder: Path
    fails_at: int = 0
    error: int = errno.ENOSPC
    lasting: bool = False
    operations: list[str] = field(default_factory=list)

    def step(self, operation: str) -> None:
        """Count an operation; raises where it is to fail."""
        self.operations.append(operation)
        n = len(self.operations)
        if self.fails_at and (n == self.fails_at or (self.lasting and n > self.fails_at)):
            raise OSError(self.error, os.strerror(self.error))

    def has(self, path: Any) -> bool:
        """Whether a path lies in the folder."""
        return isinstance(path, str | Path) and str(path).startswith(str(self.folder))


@contextmanager
def mounted(disk: Disk) -> Iterator[None]:
    """Send this process's operations in a folder over a disk.

    Files that are written keep their buffers: what fails is what the system is asked for. There is
    no power cut, so nothing waits for the platter.
    """
    opened = partial(_open, disk, io.open)
    with (
        patch.object(io, "open", opened),
        patch.object(builtins, "open", opened),
        patch.object(os, "open", _watched(disk, "open", os.open)),
        patch.object(os, "fsync", lambda handle: disk.step("fsync")),
        patch.multiple(os, **{n: _watched(disk, n, getattr(os, n)) for n in BY_PATH}),
    ):
        yield


def _watched(disk: Disk, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """Count a function's calls for paths in the folder."""

    def operation(path: Any, *arguments: Any, **options: Any) -> Any:
        if disk.has(path):
            disk.step(name)
        return real(path, *arguments, **options)

    return operation


def _open(disk: Disk, real: Callable[..., Any], file: Any, mode: str = "r", *more: Any, **o: Any):
    """Open a file, as `open` does; one that is written counts what it writes."""
    written = set(mode) & set("wa+x")
    if not disk.has(file) and not (isinstance(file, int) and written):
        return real(file, mode, *more, **o)
    if not isinstance(file, int):
        disk.step("open")
    if not written:
        return real(file, mode, *more, **o)
    raw = _Raw(disk, file, mode.replace("b", ""))
    buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")


class _Raw(io.FileIO):
    """A file without a buffer; a write that fails has written half."""

    def __init__(self, disk: Disk, file: Any, mode: str) -> None:
        super().__init__(file, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        try:
            self._disk.step("write")
        except OSError:
            super().write(bytes(data)[: len(data) // 2])
            raise
        return super().write(data)
