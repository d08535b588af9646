"""Grids: sets of cells, written as TOML sweeps."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from harness.cell import Cell
from harness.errors import ConfigurationError, nearest
from harness.expand import check_seeds, expand
from harness.place import Places
from harness.sweep import key_text, read_grid_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A set of cells to compare.

    Attributes:
        name: Of its folder of results and its report.
        description: One line on what it is for.
        tuning: Whether it runs on tuning seeds, which are never reported.
        cells: All cells, in the order of the file, also those that cannot be run.
        unavailable: Why some of the cells cannot be run.
        lacking: Those of them that only need what is not on this machine.
    """

    name: str
    description: str
    tuning: bool
    cells: tuple[Cell, ...]
    unavailable: Mapping[Cell, str]
    lacking: frozenset[Cell] = frozenset()


def shipped_grids() -> dict[str, Path]:
    """Return the grids that come with the harness, by name."""
    folder = Path(str(resources.files("harness") / "grids"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_grid(name_or_path: str | Path) -> Grid:
    """Load a shipped grid by name, or any other from its TOML file.

    Raises:
        ConfigurationError: There is no such grid, or the file is wrong; the message names file,
            key and what would be right.
    """
    path, sources = _grid_path(str(name_or_path)), dict[Cell, str]()
    file, unavailable, lacking = read_grid_file(path), dict[Cell, str](), set[Cell]()
    places, methods = Places(planned()["scenarios"]), planned()["methods"]
    for index, sweep in enumerate(file.sweep):
        where = f"{path}: {key_text('sweep', index)}"
        check_seeds(where, sweep.seeds, tuning=file.tuning)
        for cell, reason, local in expand(where, sweep, places, methods):
            if cell in sources:
                raise ConfigurationError(
                    f"{where}: names cell {cell.id} again, after {sources[cell]}; each cell can "
                    "stand in one sweep only"
                )
            sources[cell] = key_text("sweep", index)
            if reason is not None:
                unavailable[cell] = reason
            if local:
                lacking.add(cell)
    if not sources:
        raise ConfigurationError(f"{path}: no method can play any of the scenarios: no cells")
    return Grid(
        name=path.stem,
        description=file.description,
        tuning=file.tuning,
        cells=tuple(sources),
        unavailable=unavailable,
        lacking=frozenset(lacking),
    )


@cache
def planned() -> Mapping[str, Mapping[str, str]]:
    """Return what the papers compare and this project does not have yet, with the reasons."""
    return tomllib.loads((resources.files("harness") / "planned.toml").read_text())


def _grid_path(name: str) -> Path:
    shipped = shipped_grids()
    if name in shipped:
        return shipped[name]
    if name.endswith(".toml"):
        return Path(name)
    raise ConfigurationError(f"--grid {name}: no such grid; {nearest(name, shipped)}")
