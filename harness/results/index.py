"""What there is of each cell: found by its name, listed by grid, or as a tidy table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.results.failure import load_failure
from harness.results.files import CellFiles, is_held, storage_errors
from harness.results.result import DamagedResult, RunResult, load_result

if TYPE_CHECKING:
    import pandas as pd

VARIANT = ["task", "label", "method", "variant", "fields", "preset"]
CURVE_COLUMNS = [*VARIANT, "seed", "evaluation", "episode", "step", "metric", "value"]
RESULT_COLUMNS = [
    *("task", "scenario", "label", "method", "variant", "preset", "seed"),
    *("evaluation", "episode", "step", "metric", "value"),
]

Rerun: TypeAlias = Literal["failed", "stale", "all"]

STALE = "settings, data or code version changed since it was computed"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A cell and what there is of it.

    Attributes:
        cell: Which.
        state: What became of it.
        reason: Why, where there is something to say; else empty.
        stored: What lies in the place of its record, also of a stale cell, unless it was dropped.
        cpu_s: What the record says that it cost; None without a readable one.
        modified_ns: When the record was written; None without one.
    """

    cell: Cell
    state: State
    reason: str = ""
    stored: RunResult | None = None
    cpu_s: float | None = None
    modified_ns: int | None = None

    @property
    def result(self) -> RunResult | None:
        """The cell's record, if it answers the cell as it is asked today."""
        return self.stored if self.state is State.DONE else None


def find(cell: Cell, folder: Path) -> Run:
    """Look up what results tell of a cell: nothing is running or started here.

    Args:
        cell: Which.
        folder: The grid's folder of results.
    """
    run = _find(cell, CellFiles.of(folder, cell))
    if cell.unavailable is not None and run.state is not State.DONE:
        return Run(cell=cell, state=State.UNAVAILABLE, reason=cell.unavailable)
    return run


def look(cells: Iterable[Cell], folder: Path) -> tuple[Run, ...]:
    """Say what became of each cell so far, in the given order, without touching anything.

    The records are dropped after a look: a whole grid's would fill the memory of a long run.

    Args:
        cells: Which.
        folder: The grid's folder of results.
    """
    return tuple(replace(_watched(cell, folder), stored=None) for cell in cells)


def load_runs(grid: Grid, results: Path) -> tuple[Run, ...]:
    """Look up every cell of a grid with its record, in grid order.

    What this machine lacks does not count: a report says the same everywhere.
    """
    cells = (replace(c, unavailable=None) if c.lacking else c for c in grid.cells)
    return tuple(find(cell, results / grid.name) for cell in cells)


def done_by_variant(grid: Grid, cells: Iterable[Cell], results: Path) -> list[list[RunResult]]:
    """Return the valid results of every variant that one of the cells belongs to, all its seeds."""
    groups: dict[tuple[str, str], list[RunResult]] = {(c.task, c.variant): [] for c in cells}
    alike = tuple(cell for cell in grid.cells if (cell.task, cell.variant) in groups)
    for run in load_runs(replace(grid, cells=alike), results):
        if run.result is not None:
            groups[run.cell.task, run.cell.variant].append(run.result)
    return [group for group in groups.values() if group]


def list_results(folder: Path) -> Iterator[tuple[Path, RunResult]]:
    """Yield every result under a folder, whatever grid asks for it, with its file, by name.

    Raises:
        ConfigurationError: There is no such folder, or a record in it is damaged.
        StorageError: It cannot be read.
    """
    with storage_errors(folder, "read"):
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: no such folder of results")
    for path in sorted(folder.rglob("seed=*.json")):
        if not path.name.endswith(".failed.json"):
            try:
                result = load_result(path)
            except DamagedResult as error:
                raise ConfigurationError(f"{error}; move it away, or run its cell again") from None
            yield path, result


def load_results(folder: str | Path) -> "pd.DataFrame":
    """Return all results under a folder as a tidy table: one row per cell, metric and evaluation.

    Args:
        folder: ``results``, ``results/paper``, or one further below.

    Returns:
        The columns of ``RESULT_COLUMNS``: ``task`` is the scenario with its options, ``variant``
        the method with its settings; ``episode`` and ``step`` count training so far; ``value`` is
        a mean over the episodes of the evaluation, in the metric's unit.

    Raises:
        ConfigurationError: There is no such folder, or a record in it is damaged.
    """
    import pandas as pd  # only where tables are wanted: it takes its time

    rows = [
        (c.task, c.scenario, c.label, c.method, c.variant, c.preset, c.seed, *figure)
        for _, result in list_results(Path(folder))
        for c in [result.cell]
        for figure in _figures(result.curve)
    ]
    return pd.DataFrame(rows, columns=RESULT_COLUMNS)


def to_run(runs: Iterable[Run], rerun: Rerun | None) -> tuple[Run, ...]:
    """Return what `run` computes: cells without a result, and what ``rerun`` asks for."""
    wanted = {State.MISSING, State.STARTED, State.DAMAGED, State.RUNNING}
    if rerun in ("failed", "all"):
        wanted.add(State.FAILED)
    if rerun in ("stale", "all"):
        wanted.add(State.STALE)
    if rerun == "all":
        wanted.add(State.DONE)
    return tuple(run for run in runs if run.state in wanted)


def count(runs: Iterable[Run]) -> dict[State, int]:
    """Return how many cells are in each state, states without any left out."""
    states = [run.state for run in runs]
    return {state: states.count(state) for state in State if state in states}


def by_variant(runs: Iterable[Run]) -> dict[tuple[str, str], Sequence[Run]]:
    """Group cells by task and variant, in order of appearance."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.cell.task, run.cell.variant), []).append(run)
    return dict(groups)


def curve_table(runs: Iterable[Run]) -> "pd.DataFrame":
    """Return the curves of the done runs: one row per run, evaluation and metric.

    Returns:
        The columns of ``CURVE_COLUMNS``; ``episode`` and ``step`` count training so far.
    """
    import pandas as pd

    rows = [
        (c.task, c.label, c.method, c.variant, fields, c.preset, c.seed, *figure)
        for run in runs
        if run.result is not None
        for c in [run.cell]
        for fields in [",".join(written_fields(c))]
        for figure in _figures(run.result.curve)
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def written_fields(cell: Cell) -> list[str]:
    """Return the cell's method fields as its name spells them, e.g. ``selfishness=0.3``."""
    return cell.variant.split(",")[1 : 1 + len(cell.fields)]


def _watched(cell: Cell, folder: Path) -> Run:
    """Look up a cell, also whether somebody is at it or was."""
    files, run = CellFiles.of(folder, cell), find(cell, folder)
    if run.state is not State.UNAVAILABLE and is_held(files.lock):
        return Run(cell=cell, state=State.RUNNING)
    if run.state is State.MISSING and files.checkpoint.exists():
        return replace(run, state=State.STARTED, reason="goes on from its checkpoint")
    return run


def _find(cell: Cell, files: CellFiles) -> Run:
    try:
        with storage_errors(files.result, "read"):
            modified_ns = files.result.stat().st_mtime_ns
        stored = load_result(files.result)
    except (FileNotFoundError, NotADirectoryError):
        failure = load_failure(files.failure)
        if failure is None or failure.fingerprint != cell.fingerprint:
            return Run(cell=cell, state=State.MISSING)
        return Run(cell=cell, state=State.FAILED, reason=f"{failure.kind}: {failure.message}")
    except DamagedResult as error:
        # Without the folder: a report must not depend on where the results lie.
        reason = str(error).removeprefix(f"{files.result}: ").replace(str(files.result), "it")
        return Run(cell=cell, state=State.DAMAGED, reason=reason)
    fresh = stored.fingerprint == cell.fingerprint
    if fresh and replace(stored.cell, budget=cell.budget) != cell:  # budgets: see integrity
        return Run(cell=cell, state=State.DAMAGED, reason=f"is the record of {stored.cell.id}")
    return Run(
        cell=cell,
        state=State.DONE if fresh else State.STALE,
        reason="" if fresh else STALE,
        stored=stored,
        cpu_s=stored.provenance["cpu_s"],
        modified_ns=modified_ns,
    )


def _figures(curve: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, int, int, str, float]]:
    """Yield evaluation, episode, step, metric and value of every figure of a curve."""
    for row in curve:
        for metric, value in row["metrics"].items():
            yield row["evaluation"], row["episode"], row["step"], metric, value
