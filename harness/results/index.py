"""What became of each cell so far, read from the results folder without touching it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.results.files import CellFiles, is_held, load_failure
from harness.results.result import DamagedResult, RunResult, fingerprint, load_result, result_path

if TYPE_CHECKING:
    import pandas as pd


class State(StrEnum):
    """What became of a cell."""

    DONE = "done"
    RUNNING = "running"  # somebody holds its lock
    STALE = "stale"  # the result answers other settings or an older version
    DAMAGED = "damaged"  # the result cannot be read: `run` moves it aside and runs the cell again
    FAILED = "failed"
    STARTED = "started"  # to be continued from its checkpoint
    MISSING = "missing"
    UNAVAILABLE = "unavailable"


class Rerun(StrEnum):
    """What `run` computes besides what has no result."""

    FAILED = "failed"
    STALE = "stale"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cell and what became of it.

    Attributes:
        cell: Which.
        state: What became of it.
        detail: Why, where there is something to say; else empty.
        cpu_s: What its result cost; None without a readable result.
        modified_ns: When the result was written; None without one.
    """

    cell: Cell
    state: State
    detail: str = ""
    cpu_s: float | None = None
    modified_ns: int | None = None


def look(
    cells: Iterable[Cell], unavailable: Mapping[Cell, str], folder: Path
) -> tuple[Status, ...]:
    """Say what became of each cell, in the given order.

    Args:
        cells: Which.
        unavailable: Cells that cannot be run here, with the reasons.
        folder: The grid's folder of results.
    """
    return tuple(
        _look(cell, folder)
        if cell not in unavailable or _has_answer(cell, folder)
        else Status(cell=cell, state=State.UNAVAILABLE, detail=unavailable[cell])
        for cell in cells
    )


def _has_answer(cell: Cell, folder: Path) -> bool:
    path = result_path(folder, cell)
    try:
        return path.exists() and load_result(path).fingerprint == fingerprint(cell)
    except DamagedResult:
        return False


def to_run(statuses: Iterable[Status], rerun: Rerun | None) -> tuple[Status, ...]:
    """Return what `run` computes: cells without a result, and what ``rerun`` asks for."""
    wanted = {State.MISSING, State.STARTED, State.DAMAGED, State.RUNNING}
    if rerun in (Rerun.FAILED, Rerun.ALL):
        wanted.add(State.FAILED)
    if rerun in (Rerun.STALE, Rerun.ALL):
        wanted.add(State.STALE)
    if rerun is Rerun.ALL:
        wanted.add(State.DONE)
    return tuple(status for status in statuses if status.state in wanted)


def count(statuses: Iterable[Status]) -> dict[State, int]:
    """Return how many cells are in each state, states without any left out."""
    states = [status.state for status in statuses]
    return {state: states.count(state) for state in State if state in states}


def by_variant(statuses: Iterable[Status]) -> dict[tuple[str, str], Sequence[Status]]:
    """Group cells by place and variant, in order of appearance."""
    groups: dict[tuple[str, str], list[Status]] = {}
    for status in statuses:
        groups.setdefault((status.cell.place, status.cell.variant), []).append(status)
    return dict(groups)


def _look(cell: Cell, folder: Path) -> Status:
    files = CellFiles.of(folder, cell)
    if is_held(files.lock):
        return Status(cell=cell, state=State.RUNNING)
    try:
        modified_ns = files.result.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return _without_result(cell, files)
    try:
        result = load_result(files.result)
    except DamagedResult as error:
        return Status(cell=cell, state=State.DAMAGED, detail=str(error))
    fresh = result.fingerprint == fingerprint(cell)
    return Status(
        cell=cell,
        state=State.DONE if fresh else State.STALE,
        detail="" if fresh else "settings, data or code version changed since it was computed",
        cpu_s=result.provenance.get("cpu_s"),
        modified_ns=modified_ns,
    )


def _without_result(cell: Cell, files: CellFiles) -> Status:
    failure = load_failure(files.failure)
    if failure is not None and failure.fingerprint == fingerprint(cell):
        detail = f"{failure.kind}: {failure.message}"
        return Status(cell=cell, state=State.FAILED, detail=detail)
    if files.checkpoint.exists():
        return Status(cell=cell, state=State.STARTED, detail="goes on from its checkpoint")
    return Status(cell=cell, state=State.MISSING)


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


def curve_table(runs: Iterable[Run]) -> "pd.DataFrame":
    """Return the curves of the done runs: one row per run, evaluation and metric.

    Returns:
        The columns of ``CURVE_COLUMNS``; ``episode`` and ``step`` count training so far.
    """
    import pandas as pd  # only where tables are wanted: it takes its time

    rows = [
        (*identity, row["evaluation"], row["episode"], row["step"], metric, value)
        for run in runs
        if run.result is not None
        for identity in [_identity(run.cell)]  # once: spelling a place out takes its time
        for row in run.result.curve
        for metric, value in row["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def final_table(runs: Iterable[Run]) -> "pd.DataFrame":
    """Return the final values of the done runs: one row per run and metric.

    Returns:
        The columns of ``FINAL_COLUMNS``; a final value is the mean of the last ten evaluations.
    """
    import pandas as pd  # only where tables are wanted: it takes its time

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
        return _run_without_result(cell, folder)
    try:
        result = load_result(path)
    except DamagedResult as error:
        # Without the folder: the report must not depend on where the results lie.
        reason = str(error).removeprefix(f"{path}: ").replace(str(path), path.name)
        return Run(cell=cell, state=State.DAMAGED, reason=reason)
    if result.fingerprint != fingerprint(cell):
        return Run(cell=cell, state=State.STALE, stored=result)
    return Run(cell=cell, state=State.DONE, result=result, stored=result)


def _run_without_result(cell: Cell, folder: Path) -> Run:
    failure = load_failure(CellFiles.of(folder, cell).failure)
    if failure is None or failure.fingerprint != fingerprint(cell):
        return Run(cell=cell, state=State.MISSING)
    return Run(cell=cell, state=State.FAILED, reason=f"{failure.kind}: {failure.message}")
