"""What became of each cell so far, read from the results folder without touching it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.cell import Cell
from harness.files import CellFiles, is_held, load_failure
from harness.result import DamagedResult, fingerprint, load_result, result_path


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
