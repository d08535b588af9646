"""The results table: every run of a grid, what became of it, and its figures in tidy form."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from harness.cell import Cell
from harness.files import CellFiles, load_failure
from harness.grid import Grid
from harness.result import DamagedResult, RunResult, fingerprint, load_result, result_path
from harness.status import State

VARIANT = ["place", "label", "method", "variant", "fields", "preset"]
CURVE_COLUMNS = [*VARIANT, "seed", "evaluation", "episode", "step", "metric", "value"]
FINAL_COLUMNS = [*VARIANT, "seed", "metric", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A cell and what became of it.

    Attributes:
        cell: What was asked.
        state: What became of it, as far as results tell: nothing is running or started here.
        result: Its record; only of a done cell.
        stored: What lies in the place of its record; also of a stale cell.
        reason: Why it failed, is damaged or is unavailable; else empty.
    """

    cell: Cell
    state: State
    result: RunResult | None = None
    stored: RunResult | None = None
    reason: str = ""


def load_runs(grid: Grid, results: Path) -> tuple[Run, ...]:
    """Look up every cell of a grid, the unavailable ones included, in grid order.

    What this machine lacks does not count: a report says the same everywhere.
    """
    cells = dict.fromkeys([*grid.cells, *grid.unavailable])
    folder = results / grid.name
    return tuple(
        Run(cell=cell, state=State.UNAVAILABLE, reason=grid.unavailable[cell])
        if cell in grid.unavailable and cell not in grid.lacking
        else _look_up(cell, folder)
        for cell in cells
    )


def done_by_variant(grid: Grid, cells: Iterable[Cell], results: Path) -> list[list[RunResult]]:
    """Return the valid results of every variant that one of the cells belongs to, all its seeds."""
    groups: dict[tuple[str, str], list[RunResult]] = {(c.place, c.variant): [] for c in cells}
    alike = tuple(cell for cell in grid.cells if (cell.place, cell.variant) in groups)
    for run in load_runs(replace(grid, cells=alike, unavailable={}), results):
        if run.result is not None:
            groups[run.cell.place, run.cell.variant].append(run.result)
    return [group for group in groups.values() if group]


def curve_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the curves of the done runs: one row per run, evaluation and metric.

    Returns:
        The columns of ``CURVE_COLUMNS``; ``episode`` and ``step`` count training so far.
    """
    rows = [
        (*identity, row["evaluation"], row["episode"], row["step"], metric, value)
        for run in runs
        if run.result is not None
        for identity in [_identity(run.cell)]  # once: spelling a place out takes its time
        for row in run.result.curve
        for metric, value in row["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def final_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the final values of the done runs: one row per run and metric.

    Returns:
        The columns of ``FINAL_COLUMNS``; a final value is the mean of the last ten evaluations.
    """
    rows = [
        (*identity, metric, run.result.final(metric))
        for run in runs
        if run.result is not None
        for identity in [_identity(run.cell)]
        for metric in run.result.curve[-1]["metrics"]
    ]
    return pd.DataFrame(rows, columns=FINAL_COLUMNS)


def written_fields(cell: Cell) -> list[str]:
    """Return the cell's method fields as its name spells them, e.g. ``selfishness=0.3``."""
    return cell.variant.split(",")[1 : 1 + len(cell.fields)]


def _identity(cell: Cell) -> tuple[str | int, ...]:
    fields = ",".join(written_fields(cell))
    return cell.place, cell.label, cell.method, cell.variant, fields, cell.preset, cell.seed


def _look_up(cell: Cell, folder: Path) -> Run:
    path = result_path(folder, cell)
    if not path.exists():
        return _without_result(cell, folder)
    try:
        result = load_result(path)
    except DamagedResult as error:
        # Without the folder: the report must not depend on where the results lie.
        reason = str(error).removeprefix(f"{path}: ").replace(str(path), path.name)
        return Run(cell=cell, state=State.DAMAGED, reason=reason)
    if result.fingerprint != fingerprint(cell):
        return Run(cell=cell, state=State.STALE, stored=result)
    return Run(cell=cell, state=State.DONE, result=result, stored=result)


def _without_result(cell: Cell, folder: Path) -> Run:
    failure = load_failure(CellFiles.of(folder, cell).failure)
    if failure is None or failure.fingerprint != fingerprint(cell):
        return Run(cell=cell, state=State.MISSING)
    return Run(cell=cell, state=State.FAILED, reason=f"{failure.kind}: {failure.message}")
