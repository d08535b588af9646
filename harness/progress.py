"""How far a run of the grid is, read from the streams that running cells leave on disk."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.cell import Cell
from harness.executor import Job
from harness.files import CellFiles, Failure
from harness.stream import Tail
from harness.worker import Outcome
from methods import METHODS
from scenarios import SCENARIOS


def headline(scenario: str) -> str:
    """Return the name of a scenario's first headline metric."""
    return next(name for name, m in SCENARIOS[scenario].metric_info.items() if m.headline)


class CellProgress:
    """How far one running cell is.

    Args:
        job: The cell.
        folder: The grid's folder of results.
        clock: Returns the time [s].

    Attributes:
        episode: Training episodes at the last evaluation.
        value: Headline metric of the last evaluation; None before the first.
        steps_per_s: Environment steps per second lately; None until two evaluations were seen.
    """

    def __init__(self, job: Job, folder: Path, clock: Callable[[], float]) -> None:
        self.job, self._clock = job, clock
        self._tail = Tail(CellFiles.of(folder, job.cell).stream)
        self._started = self._seen_at = clock()
        self._headline = headline(job.cell.scenario)
        self._first: int | None = None
        self._evaluation = self._step = self.episode = 0
        self.value: float | None = None
        self.steps_per_s: float | None = None

    def look(self) -> None:
        """Read what the cell has written meanwhile."""
        if not self._tail.look() or self._tail.row is None:
            return
        row, at = self._tail.row, self._clock()
        if self._first is not None and at > self._seen_at and row["step"] > self._step:
            self.steps_per_s = (row["step"] - self._step) / (at - self._seen_at)
        if self._first is None:  # a resumed cell had evaluations before
            self._first = row["evaluation"] - 1
        self._seen_at, self._step = at, row["step"]
        self.episode, self._evaluation = row["episode"], row["evaluation"]
        self.value = row["metrics"][self._headline]

    @property
    def share(self) -> float:
        """Evaluations made over evaluations to make."""
        return self._evaluation / _n_evaluations(self.job.cell)

    @property
    def left_s(self) -> float | None:
        """Time until it ends [s]; None before its first evaluation."""
        made = self._evaluation - (self._first or 0)
        if self._first is None or made < 1:
            return None
        per_evaluation = (self._seen_at - self._started) / made
        return max(0.0, per_evaluation * (_n_evaluations(self.job.cell) - self._evaluation))


class Board:
    """How far the whole run is.

    Args:
        jobs: All that is to be run.
        folder: The grid's folder of results.
        n_workers: Cells that run at the same time.
        clock: Returns the time [s].

    Attributes:
        running: The cells being run, in the order they were started.
        n_settled: Cells that came to an end.
        n_failed: Those of them that failed.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        folder: Path,
        n_workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.n_jobs, self._n_workers = len(jobs), n_workers
        self._folder, self._clock = folder, clock
        self.running: dict[Cell, CellProgress] = {}
        self.n_settled = self.n_failed = 0
        self._expected_s = {job.cell: job.expected_s for job in jobs}
        self._settled_expected_s = self._settled_actual_s = 0.0

    def update(self, running: Sequence[Job]) -> list[Job]:
        """Follow the running cells; return those that were started since the last time."""
        fresh = [job for job in running if job.cell not in self.running]
        for job in fresh:
            self.running[job.cell] = CellProgress(job, self._folder, self._clock)
        gone = self.running.keys() - {job.cell for job in running}
        for cell in gone:
            del self.running[cell]
        for progress in self.running.values():
            progress.look()
        return fresh

    def settle(self, job: Job, what: Outcome | Failure) -> None:
        """Count a cell that came to an end; one that was stopped did not."""
        expected_s = self._expected_s.pop(job.cell, 0.0)
        if isinstance(what, Outcome) and what.state == "stopped":
            return
        self.n_settled += 1
        self.n_failed += isinstance(what, Failure)
        if isinstance(what, Outcome) and what.state == "done":
            self._settled_expected_s += expected_s
            self._settled_actual_s += what.wall_s

    @property
    def left_s(self) -> float:
        """Time until the run ends [s]: what is expected of each cell, corrected by the past."""
        correction = 1.0
        if self._settled_expected_s > 0:
            correction = self._settled_actual_s / self._settled_expected_s
        total = 0.0
        for cell, expected_s in self._expected_s.items():
            progress = self.running.get(cell)
            known = progress.left_s if progress is not None else None
            total += correction * expected_s if known is None else known
        return total / self._n_workers


def _n_evaluations(cell: Cell) -> int:
    return cell.budget.evaluations if METHODS[cell.method].learns else 1
