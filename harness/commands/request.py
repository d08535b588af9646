"""What the user asked for, and how answers are printed."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.config.grid import Grid, load_grid, select
from harness.results.index import Run, State, count, look, to_run

OK, SOME_FAILED, WRONG_USE, CHECK_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
WIDE = 200  # characters of a line where no terminal sets a width


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for: see the options of the same names."""

    grid: str
    only: str | None
    results: Path
    as_json: bool = False
    rerun: str | None = None

    def load(self) -> tuple[Grid, tuple[Run, ...], Path]:
        """Return the grid, the selected cells with their states, and the folder of results."""
        grid = load_grid(self.grid)
        folder = self.results / grid.name
        return grid, look(select(grid.cells, self.only), folder), folder

    def chosen(self, statuses: tuple[Run, ...]) -> tuple[Run, ...]:
        """Return the cells that `run` computes."""
        return to_run(statuses, None if self.rerun is None else self.rerun)


def console(*, stderr: bool = False) -> Console:
    """Return where to print: answers on standard output, the course of events on the other."""
    printer = Console(stderr=stderr, highlight=False, markup=False)  # "[...]" is text
    if not printer.is_terminal and "COLUMNS" not in os.environ:
        printer.width = WIDE
    return printer


def print_json(content: Any) -> None:
    """Print nothing but JSON on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, allow_nan=False) + "\n")


def counts_text(statuses: Iterable[Run]) -> str:
    """Write how many cells are in each state."""
    return ", ".join(f"{n} {state}" for state, n in count(statuses).items())


def record(status: Run) -> dict[str, Any]:
    """Return a status as JSON can have it."""
    return {
        "id": status.cell.id,
        "label": status.cell.label,
        "state": status.state,
        "detail": status.reason,
        "cpu_s": status.cpu_s,
    }


def print_remedies(printer: Console, statuses: Iterable[Run]) -> None:
    """Say what can be done about cells that `run` leaves alone."""
    counts = count(statuses)
    for state in (State.FAILED, State.STALE):
        if n := counts.get(state):
            printer.print(f"{n} {state}: `run --rerun {state}` computes them again", soft_wrap=True)
    if n := counts.get(State.DAMAGED):
        printer.print(f"{n} damaged: `run` moves the files aside and computes them again")
