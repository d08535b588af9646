"""Files that are either whole or not there, and damaged ones put aside."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


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
