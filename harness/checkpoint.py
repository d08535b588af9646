"""Checkpoints: what a killed cell goes on from."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from harness.atomic import write_atomic

_DIGEST = hashlib.sha256().digest_size


class DamagedCheckpoint(ValueError):  # noqa: N818  # says what is wrong, as DamagedResult does
    """A checkpoint was truncated, edited, or does not belong to its stream."""


class _Hashed:
    """A file to write to that remembers the hash of what it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> bytes:
        return self._hash.digest()


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state of tensors, numbers, strings and containers of them in one atomic step.

    The file is PyTorch's own format and 32 bytes more, the hash of the rest: ``torch.load`` by
    itself does not notice most single flipped bits.

    Raises:
        OSError: The folder cannot be written, or the disk is full; the old checkpoint stays.
    """

    def write(file: BinaryIO) -> None:
        hashed = _Hashed(file)
        torch.save(dict(state), hashed)  # type: ignore[arg-type]  # write and flush suffice
        file.write(hashed.digest())

    write_atomic(path, write)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state without executing anything it may contain.

    Raises:
        DamagedCheckpoint: The file is not what ``save_checkpoint`` wrote.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = path.stat().st_size - _DIGEST
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
        if file.read() != digest.digest():
            raise DamagedCheckpoint(f"{path}: its checksum does not match")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for what is not its format
        raise DamagedCheckpoint(f"{path}: not a checkpoint ({type(error).__name__})") from error
    return state
