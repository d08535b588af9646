"""Public road networks that are fetched, never shipped: what there is, and where it lies."""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from scenarios.base import Unavailable
from scenarios.traffic.entries import NetworkError

PLACE = "HARNESS_DATA"
_CACHE = Path("ltos-bench", "data")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file of a dataset.

    Attributes:
        path: Where it lies in the folder of datasets.
        address: Where it lies below an upstream address.
        size: Its length [bytes].
        sha256: What its content hashes to.
    """

    path: str
    address: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A road network and its demand, as somebody published them.

    Attributes:
        description: What it is.
        license: What may be done with it.
        upstream: Where it is published: addresses to try in turn.
        roadnet: The road network.
        flow: The demand.
    """

    description: str
    license: str
    upstream: tuple[str, ...]
    roadnet: DataFile
    flow: DataFile


@cache
def datasets() -> Mapping[str, Dataset]:
    """Return the known datasets by name: the content of ``datasets.toml``."""
    tables = tomllib.loads((resources.files("scenarios.traffic") / "datasets.toml").read_text())
    return {
        name: Dataset(
            description=table["description"],
            license=table["license"],
            upstream=tuple(table["upstream"]),
            roadnet=DataFile(**table["roadnet"]),
            flow=DataFile(**table["flow"]),
        )
        for name, table in tables.items()
    }


def data_folder() -> Path:
    """Return the folder of datasets: ``$HARNESS_DATA``, else a folder in the user's cache."""
    if named := os.environ.get(PLACE):
        return Path(named)
    cache_home = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache_home) if cache_home else Path.home() / ".cache") / _CACHE


def find(name: str) -> tuple[Path, Path]:
    """Return the roadnet and the flow file of a dataset, after a look at their checksums.

    Raises:
        Unavailable: A file is not there, or is not the one that was published; the message names
            the command that gets it.
        NetworkError: A file cannot be read.
    """
    dataset, folder = datasets()[name], data_folder()
    paths = folder / dataset.roadnet.path, folder / dataset.flow.path
    for path, file in zip(paths, (dataset.roadnet, dataset.flow), strict=True):
        if not path.is_file():
            raise Unavailable(
                f"dataset {name} is not here; get it: python -m harness data fetch {name}"
            )
        if sha256(path) != file.sha256:
            raise Unavailable(
                f"{path} is not as dataset {name} was published (another SHA-256); get it again: "
                f"python -m harness data fetch {name}"
            )
    return paths


def sha256(path: Path) -> str:
    """Return what a file's content hashes to.

    Raises:
        NetworkError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NetworkError(f"{path}: file: cannot be read ({error.strerror})") from None
