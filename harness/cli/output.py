"""What commands share: options, exit codes, and how answers and progress are printed."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column

    from harness.config.cell import Cell
    from harness.config.grid import Grid
    from harness.results.index import Run

OK, SOME_FAILED, WRONG_USE, CHECK_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

WIDE = 200  # characters of a line where no terminal sets a width
HEARTBEAT_S = 60.0

T = TypeVar("T")

GridOption = Annotated[
    str,
    typer.Option(
        "--grid", metavar="NAME|FILE", help="A grid that comes with the harness, or a .toml file."
    ),
]

OnlyOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=PATTERN,...",
        help="Only cells that match: keys scenario, task, method, variant, preset, label, seed; "
        "patterns with * and ?; a key given twice means either.",
    ),
]


def can_be_folder(path: Path) -> Path:
    """Return a path that is a folder or could become one.

    Raises:
        ConfigurationError: It is something else.
        StorageError: It cannot be looked at.
    """
    from harness.errors import ConfigurationError
    from harness.results.files import storage_errors

    with storage_errors(path, "read"):
        if path.exists() and not path.is_dir():
            raise ConfigurationError(f"{path}: no folder, so it cannot be written or read as one")
    return path


ResultsOption = Annotated[
    Path, typer.Option(metavar="DIR", callback=can_be_folder, help="Folder of results.")
]

ReportsOption = Annotated[
    Path, typer.Option(metavar="DIR", callback=can_be_folder, help="Folder of reports.")
]

JobsOption = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, metavar="N", help="Cells at a time. [default: all cores]"),
]

TrackOption = Annotated[
    bool | None,
    typer.Option(
        "--track/--no-track",
        show_default=False,
        help="Show what has finished in MLflow. [default: if MLFLOW_TRACKING_URI is set, or "
        "mlflow.db is in the folder of results]",
    ),
]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, for other programs.")
]


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def console(*, stderr: bool = False) -> "Console":
    """Return where to print: answers on standard output, the course of events on the other."""
    from rich.console import Console

    printer = Console(stderr=stderr, highlight=False, markup=False)  # "[...]" is text
    if not printer.is_terminal and "COLUMNS" not in os.environ:
        printer.width = WIDE
    return printer


def print_json(content: Any) -> None:
    """Print nothing but JSON on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, allow_nan=False) + "\n")


def steps(log: "Console", what: Iterable[T], n: int, doing: str) -> Iterator[T]:
    """Go through things, under a bar on a terminal; elsewhere with a line a minute.

    Args:
        log: Where the bar is shown.
        what: Things to go through.
        n: How many they are.
        doing: What is done with them, as in "replaying".
    """
    if log.is_terminal and not log.is_dumb_terminal:
        from rich.progress import track

        yield from track(what, doing, total=n, console=log, transient=True)
        return
    last = time.monotonic()
    for done, thing in enumerate(what):
        if time.monotonic() - last >= HEARTBEAT_S:
            last = time.monotonic()
            log.print(f"{doing}: {done} of {n}", soft_wrap=True)
        yield thing


def open_grid(grid: str, results: Path) -> "Grid":
    """Load a grid whose results are to be looked at.

    Raises:
        ConfigurationError: There is no such grid, its file is wrong, or the results are of another.
    """
    from harness.config.grid import load_grid
    from harness.results.files import check_claim

    loaded = load_grid(grid)
    check_claim(results / loaded.name, loaded.file)
    return loaded


def folded(*names: str) -> list["Column"]:
    """Return columns of a table whose words are broken rather than cut: names differ at the end."""
    from rich.table import Column

    return [Column(name, overflow="fold") for name in names]


def tell_imports(grid: "Grid", log: "Console") -> None:
    """Say which modules that a grid names were imported, and from where: they are run code."""
    named = dict.fromkeys(dict(cell.options).get("module") for cell in grid.cells)
    for name in named:
        if (module := sys.modules.get(str(name))) is not None:
            log.print(f"imports {name} from {module.__file__}", soft_wrap=True)


def find_cell(grid: "Grid", name: str) -> "Cell":
    """Return the cell of a grid that a user names.

    Raises:
        ConfigurationError: The grid has no such cell; the message has the likeliest one.
    """
    import difflib

    from harness.errors import ConfigurationError

    cells = {cell.id: cell for cell in grid.cells}
    if name not in cells:
        (close,) = difflib.get_close_matches(name, cells, n=1, cutoff=0.0)
        raise ConfigurationError(
            f"{name}: grid {grid.name} has no such cell; did you mean {close!r}? `status --json` "
            "lists them all"
        )
    return cells[name]


def counts_text(runs: Iterable["Run"]) -> str:
    """Write how many cells are in each state."""
    from harness.results.index import count

    return ", ".join(f"{n} {state}" for state, n in count(runs).items())


def run_record(run: "Run") -> dict[str, Any]:
    """Return what became of a cell as JSON can have it."""
    return {
        "id": run.cell.id,
        "label": run.cell.label,
        "state": run.state,
        "detail": run.reason,
        "cpu_s": run.cpu_s,
    }


def print_remedies(printer: "Console", runs: Sequence["Run"]) -> None:
    """Say what can be done about cells that `run` leaves alone."""
    from harness.results.index import State, count

    counts = count(runs)
    for state in (State.FAILED, State.STALE):
        if n := counts.get(state):
            printer.print(f"{n} {state}: `run --rerun {state}` computes them again", soft_wrap=True)
    if n := counts.get(State.DAMAGED):
        printer.print(f"{n} damaged: `run` moves the files aside and computes them again")
