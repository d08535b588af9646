"""The figures of a page, files of a folder of their own: written, or compared with the data."""

from collections.abc import Mapping
from pathlib import Path

from harness.plotting.draw import stored_digest
from harness.results.files import write_bytes


def write_figures(folder: Path, drawings: Mapping[str, bytes]) -> list[Path]:
    """Write drawings by file name, and remove those left from before.

    Returns:
        The files written.

    Raises:
        OSError: The folder cannot be written.
    """
    written = [write_bytes(folder / name, drawing) for name, drawing in drawings.items()]
    for path in _drawn(folder).keys() - set(written):
        path.unlink()
    return written


def figure_differences(folder: Path, digests: Mapping[str, str], source: str) -> list[str]:
    """Compare figures with what they should show.

    Args:
        folder: Where they were written.
        digests: Hash of the data that each is to show, by file name.
        source: Where the data are from, as the lines name it.

    Returns:
        One line per figure that is missing, extra or shows other data.
    """
    drawn, wanted = _drawn(folder), {folder / name: digest for name, digest in digests.items()}
    differences = []
    for path in sorted(wanted.keys() | drawn.keys()):
        if path not in drawn:
            differences.append(f"{path}: missing")
        elif path not in wanted:
            differences.append(f"{path}: extra, the {source} give no such figure")
        elif drawn[path] != wanted[path]:
            differences.append(f"{path}: shows other data than the {source}")
    return differences


def _drawn(folder: Path) -> dict[Path, str]:
    """Return the figures of ours that are in a folder, with the hashes of their data."""
    found = {path: stored_digest(path) for path in folder.glob("*.svg")}
    return {path: digest for path, digest in found.items() if digest is not None}
