"""The commands ``data ...``: public datasets that scenarios can rest on, taken piece by piece."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TypeAlias

import typer

from harness.cli import app
from harness.cli.output import CHECK_FAILED, OK, JsonOption, console, print_json
from harness.errors import ConfigurationError, StorageError, nearest

if TYPE_CHECKING:
    from scenarios.traffic.datasets import DataFile, Dataset

TIMEOUT_S = 30.0  # without a byte
_PIECE = 1 << 16

Report: TypeAlias = Callable[["DataFile", int], object]

data = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Get public datasets, and see what is here.

    None of them comes along: their owners publish them, and each line of `list` says what may be
    done with one. They are kept in the folder that the environment variable `HARNESS_DATA` names,
    else in `ltos-bench/data` below `XDG_CACHE_HOME` or `~/.cache`.

    \b
      python -m harness data list
      python -m harness data fetch shenzhen
      python -m harness data fetch authors_6x6 --from ~/RoadnetSZ/code/LToS/data/Small/6_6
    """,
)
app.add_typer(data, name="data")

NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Datasets. [default: all]")
]
FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="DIR", exists=True, file_okay=False, help="A folder with a copy."
    ),
]


class DataError(ConfigurationError):
    """A dataset cannot be had; the message names it, the file, and what can be done."""


class Unfit(Exception):  # noqa: N818  # says what is wrong with it
    """An origin does not give the file that was published."""


class DataState(StrEnum):
    """What there is of a dataset, or of one of its files, on this machine."""

    HERE = "here"
    MISSING = "missing"
    DAMAGED = "damaged"  # not what was published


@data.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """List the known datasets.

    What each is, whether it is here, and what may be done with it.

    \b
      python -m harness data list --json
    """
    from rich.table import Table

    from scenarios.traffic.datasets import data_folder

    facts: dict[str, dict[str, Any]] = {
        name: {
            "description": dataset.description,
            "state": dataset_state(dataset),
            "bytes": dataset.roadnet.size + dataset.flow.size,
            "license": dataset.license,
            "upstream": list(dataset.upstream),
            "sha256": {file.path: file.sha256 for file in (dataset.roadnet, dataset.flow)},
        }
        for name, dataset in chosen([]).items()
    }
    if as_json:
        print_json({"folder": str(data_folder()), "datasets": facts})
        raise typer.Exit(OK)
    out, table = console(), Table("dataset", "state", "MB", "", box=None, pad_edge=False)
    for name, fact in facts.items():
        table.add_row(name, fact["state"], f"{fact['bytes'] / 1e6:.1f}", fact["description"])
    out.print(table)
    for name, fact in facts.items():
        out.print(f"\n{name}: {fact['upstream'][0]}\nlicense: {fact['license']}", soft_wrap=True)
    out.print(f"\nfolder of datasets: {data_folder()}", soft_wrap=True)


@data.command()
def path(names: NamesArgument = None) -> None:
    """Print where datasets belong.

    The folder of all, or the files of those named.

    \b
      python -m harness data path
      python -m harness data path shenzhen
    """
    from scenarios.traffic.datasets import data_folder

    files = [file for known in chosen(names or []).values() for file in locations(known).values()]
    for file in files if names else [data_folder()]:
        console().print(str(file), soft_wrap=True)


@data.command()
def fetch(names: NamesArgument = None, source: FromOption = None) -> None:
    """Get datasets, checked against their hashes.

    Every file is whole or not there. What is here stays.

    \b
      python -m harness data fetch
      python -m harness data fetch shenzhen --from /media/usb
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

    log, bars = console(stderr=True), dict[str, TaskID]()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=log, disable=not log.is_terminal, transient=True) as progress:

        def show(file: "DataFile", size: int) -> None:
            if file.path not in bars:
                bars[file.path] = progress.add_task(file.path, total=file.size)
            progress.update(bars[file.path], completed=size)

        for name in chosen(names or []):
            written = get(name, source, show)
            for file in written:
                console().print(str(file), soft_wrap=True)
            if not written:
                log.print(f"{name}: here already", soft_wrap=True)


@data.command()
def verify(names: NamesArgument = None, as_json: JsonOption = False) -> None:
    """Check the files that are here.

    Those of datasets named must be here. Exit code 3 if a file is damaged, or if a dataset named is
    missing.

    \b
      python -m harness data verify
      python -m harness data verify shenzhen --json
    """
    states = {name: dataset_state(dataset) for name, dataset in chosen(names or []).items()}
    if as_json:
        print_json(states)
    for name, found in states.items() if not as_json else ():
        remedy = f": python -m harness data fetch {name}" if found is not DataState.HERE else ""
        console().print(f"{name} {found}{remedy}", soft_wrap=True)
    good = {DataState.HERE} if names else {DataState.HERE, DataState.MISSING}
    raise typer.Exit(OK if set(states.values()) <= good else CHECK_FAILED)


def chosen(names: Sequence[str]) -> "dict[str, Dataset]":
    """Return the datasets of these names; all without any.

    Raises:
        DataError: There is no dataset of a name.
    """
    from scenarios.traffic.datasets import datasets

    known = datasets()
    for name in names:
        if name not in known:
            raise DataError(f"{name}: no such dataset; {nearest(name, known)}")
    return {name: known[name] for name in dict.fromkeys(names) or known}


def locations(dataset: "Dataset") -> "dict[DataFile, Path]":
    """Return where the files of a dataset belong on this machine."""
    from scenarios.traffic.datasets import data_folder

    return {file: data_folder() / file.path for file in (dataset.roadnet, dataset.flow)}


def file_state(file: "DataFile", path: Path) -> DataState:
    """Say whether a file is there and as it was published.

    Raises:
        DataError: It cannot be read.
    """
    from scenarios.traffic.datasets import sha256

    if not path.exists():
        return DataState.MISSING
    try:
        return DataState.HERE if sha256(path) == file.sha256 else DataState.DAMAGED
    except ValueError as error:
        raise DataError(str(error)) from None


def dataset_state(dataset: "Dataset") -> DataState:
    """Say the same of a dataset: it is what the worst of its files is.

    Raises:
        DataError: A file cannot be read.
    """
    found = {file_state(file, path) for file, path in locations(dataset).items()}
    return max(found, key=list(DataState).index)


def get(name: str, source: Path | None, report: Report) -> list[Path]:
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
    name: str, file: "DataFile", path: Path, origins: Sequence[Path | str], report: Report
) -> None:
    """Take a file from the first origin that has it."""
    from harness.results.files import write_atomic
    from scenarios.traffic.datasets import PLACE

    faults = []
    for origin in origins:
        try:
            write_atomic(path, copier(file, origin, report))
        except Unfit as fault:
            faults.append(f"{origin}: {fault}")
        except StorageError as error:
            raise DataError(
                f"dataset {name}: {error}; environment variable {PLACE} names another folder"
            ) from None
        else:
            return
    remedy = "--from DIR takes a copy" if isinstance(origins[0], str) else "nothing was written"
    raise DataError(f"dataset {name}: cannot get {file.address} ({'; '.join(faults)}); {remedy}")


def copier(file: "DataFile", origin: Path | str, report: Report) -> Callable[[BinaryIO], None]:
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


def _pieces(file: "DataFile", origin: Path | str) -> Iterator[bytes]:
    import urllib.request
    from http.client import HTTPException

    try:
        if isinstance(origin, str):
            stream: BinaryIO = urllib.request.urlopen(origin + file.address, timeout=TIMEOUT_S)
        else:
            placed = origin / file.path
            stream = (placed if placed.exists() else origin / file.address).open("rb")
        with stream:
            while piece := stream.read(_PIECE):
                yield piece
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)  # what urllib wraps
        raise Unfit(getattr(reason, "strerror", None) or str(reason) or repr(reason)) from None
