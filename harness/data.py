"""Public datasets: which are on this machine, and how they get there."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, nearest
from harness.origin import Report, Unfit, copier
from harness.results.files import write_atomic
from scenarios.traffic.datasets import PLACE, DataFile, Dataset, data_folder, datasets, sha256


class DataError(ConfigurationError):
    """A dataset cannot be had; the message names it, the file, and what can be done."""


class DataState(StrEnum):
    """What there is of a dataset, or of one of its files, on this machine."""

    HERE = "here"
    MISSING = "missing"
    DAMAGED = "damaged"  # not what was published


def chosen(names: Sequence[str]) -> dict[str, Dataset]:
    """Return the datasets of these names; all without any.

    Raises:
        DataError: There is no dataset of a name.
    """
    known = datasets()
    for name in names:
        if name not in known:
            raise DataError(f"{name}: no such dataset; {nearest(name, known)}")
    return {name: known[name] for name in dict.fromkeys(names) or known}


def locations(dataset: Dataset) -> dict[DataFile, Path]:
    """Return where the files of a dataset belong on this machine."""
    return {file: data_folder() / file.path for file in (dataset.roadnet, dataset.flow)}


def file_state(file: DataFile, path: Path) -> DataState:
    """Say whether a file is there and as it was published.

    Raises:
        DataError: It cannot be read.
    """
    if not path.exists():
        return DataState.MISSING
    try:
        return DataState.HERE if sha256(path) == file.sha256 else DataState.DAMAGED
    except ValueError as error:
        raise DataError(str(error)) from None


def dataset_state(dataset: Dataset) -> DataState:
    """Say the same of a dataset: it is what the worst of its files is.

    Raises:
        DataError: A file cannot be read.
    """
    found = {file_state(file, path) for file, path in locations(dataset).items()}
    return max(found, key=list(DataState).index)


def about(dataset: Dataset) -> dict[str, Any]:
    """Return the facts on a dataset, as JSON can have them."""
    return {
        "description": dataset.description,
        "state": dataset_state(dataset),
        "bytes": dataset.roadnet.size + dataset.flow.size,
        "license": dataset.license,
        "upstream": list(dataset.upstream),
        "sha256": {file.path: file.sha256 for file in (dataset.roadnet, dataset.flow)},
    }


def fetch(name: str, source: Path | None, report: Report) -> list[Path]:
    """Get what is missing or damaged of a dataset; every file is whole or not there.

    Args:
        name: Which dataset.
        source: Folder of a local copy: of this machine's or another's datasets, or of what was
            published. Without one, the files come from upstream.
        report: Is told how many bytes of a file have come, as they come.

    Returns:
        The files that were written.

    Raises:
        DataError: A file cannot be had as it was published, or cannot be kept.
    """
    dataset, written = chosen([name])[name], []
    origins: list[Path | str] = [source] if source is not None else [*dataset.upstream]
    for file, path in locations(dataset).items():
        if file_state(file, path) is not DataState.HERE:
            _get(name, file, path, origins, report)
            written.append(path)
    return written


def _get(
    name: str, file: DataFile, path: Path, origins: Sequence[Path | str], report: Report
) -> None:
    """Take a file from the first origin that has it."""
    faults = []
    for origin in origins:
        try:
            write_atomic(path, copier(file, origin, report))
        except Unfit as fault:
            faults.append(f"{origin}: {fault}")
        except OSError as error:
            raise DataError(
                f"dataset {name}: {path} cannot be written ({error.strerror}); environment "
                f"variable {PLACE} names another folder"
            ) from None
        else:
            return
    remedy = "--from DIR takes a copy" if isinstance(origins[0], str) else "nothing was written"
    raise DataError(f"dataset {name}: cannot get {file.address} ({'; '.join(faults)}); {remedy}")
