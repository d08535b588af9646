"""Files from elsewhere: taken piece by piece, and kept only if they are what was published."""

import hashlib
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

from scenarios.traffic.datasets import DataFile

TIMEOUT_S = 30.0  # without a byte
_PIECE = 1 << 16
Report = Callable[[DataFile, int], object]


class Unfit(Exception):  # noqa: N818  # says what is wrong with it
    """An origin does not give the file that was published."""


def copier(file: DataFile, origin: Path | str, report: Report) -> Callable[[BinaryIO], None]:
    """Return what writes a file from an origin, checking length and hash on the way.

    Args:
        file: Which file.
        origin: An address that ``file.address`` is below, or a folder.
        report: Is told how many bytes have come, as they come.

    Raises:
        Unfit: From what is returned: the origin does not give the file.
    """

    def copy(draft: BinaryIO) -> None:
        digest, size = hashlib.sha256(), 0
        for piece in _pieces(file, origin):
            size += len(piece)
            if size > file.size:
                raise Unfit(f"longer than the {file.size} bytes published")
            digest.update(piece)
            draft.write(piece)
            report(file, size)
        if size < file.size:
            raise Unfit(f"ended after {size} of {file.size} bytes")
        if digest.hexdigest() != file.sha256:
            raise Unfit(f"SHA-256 {digest.hexdigest()}, published was {file.sha256}")

    return copy


def _pieces(file: DataFile, origin: Path | str) -> Iterator[bytes]:
    try:
        with _opened(file, origin) as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)  # what urllib wraps
        raise Unfit(getattr(reason, "strerror", None) or str(reason) or repr(reason)) from None


def _opened(file: DataFile, origin: Path | str) -> BufferedIOBase:
    if isinstance(origin, str):
        stream: BufferedIOBase = urllib.request.urlopen(origin + file.address, timeout=TIMEOUT_S)
        return stream
    placed = origin / file.path
    return (placed if placed.exists() else origin / file.address).open("rb")
