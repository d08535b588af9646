"""Runs many cells: in worker processes, warm, one thread each, until all are settled.

What a worker is to a cell, ``harness.training.process`` has.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, runtime_checkable

from pebble import ProcessExpired, ProcessPool

from harness.config.cell import Cell
from harness.errors import StorageError
from harness.results.failure import Failure, describe_end
from harness.results.files import CellFiles
from harness.training import ONE_THREAD
from harness.training.process import contained, initialize, stop_asked
from harness.training.worker import Outcome, work

# glibc may hand freed memory back to the kernel after every update and get it again page by page at
# the next: a third of IP's time in the jungle, a quarter of LIO's in traffic. Workers keep it.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),  # the most glibc takes everywhere [bytes]
    "MALLOC_TRIM_THRESHOLD_": str(2**30),  # [bytes]
}
_ENVIRONMENT = ONE_THREAD | KEEP_MEMORY

# The first Adam step imports dynamo.
PRELOAD = ["torch", "torch._dynamo", "harness.training.worker"]
TICK_S = 0.2
_STOPPING = "stopping: each cell goes on to its next evaluation (Ctrl-C again: at once)"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A cell to run.

    Attributes:
        cell: Which.
        expected_s: What it will probably cost [s].
        replaces: Modification time [ns] of the result it is to replace; None without one.
        for_policy: Whether it is run for its policy alone.
    """

    cell: Cell
    expected_s: float
    replaces: int | None = None
    for_policy: bool = False


@runtime_checkable
class View(Protocol):
    """What shows the user how things go."""

    def tick(self, running: Sequence[Job]) -> None:
        """Note which cells are being run; called several times a second."""

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        """Note what became of a cell."""

    def say(self, text: str) -> None:
        """Tell the user something."""


@dataclass(slots=True)
class Summary:
    """What became of all jobs.

    Attributes:
        outcomes: Of the cells that ended in order.
        failures: Of the cells that did not.
        died: The cells whose process came to its end from outside, once at least.
        interrupted: Whether the user stopped the run.
        obstacle: Why no cell could go on; None if none was in the way.
    """

    outcomes: dict[Cell, Outcome] = field(default_factory=dict)
    failures: dict[Cell, Failure] = field(default_factory=dict)
    died: set[Cell] = field(default_factory=set)
    interrupted: bool = False
    obstacle: str | None = None


def execute(
    jobs: Sequence[Job],
    folder: Path,
    view: View,
    *,
    n_workers: int,
    checkpoint_every: float,
    time_limit: float | None,
) -> Summary:
    """Run cells until all are settled, the user interrupts, or results can no longer be kept.

    Args:
        jobs: What to run, in any order.
        folder: The grid's folder of results.
        view: Shows how things go.
        n_workers: Processes at most.
        checkpoint_every: Least time between two checkpoints of a cell [s].
        time_limit: Longest a cell may run in one go [s]; None for no limit.
    """
    summary, shown, folder = Summary(), list[Job](), folder.absolute()
    with workers(max(1, min(n_workers, len(jobs)))) as team, interrupts() as signals:

        def start(job: Job) -> Future[Outcome | Failure]:
            how: Any = {"replaces": job.replaces, "for_policy": job.for_policy}
            of = (job.cell, folder, checkpoint_every, stop_asked)
            return team.schedule(time_limit, work, *of, **how)

        begun = {job for job in jobs if CellFiles.of(folder, job.cell).checkpoint.exists()}
        turns = sorted(jobs, key=lambda job: (job not in begun, -job.expected_s))
        pending = {start(job): job for job in turns}
        while pending and len(signals) < 2:
            done, _ = wait(pending, timeout=TICK_S, return_when=FIRST_COMPLETED)
            for future in done:
                job = pending.pop(future)
                if not _settled(future, job, folder, summary, view):
                    pending[start(job)] = job
            running = [job for future, job in pending.items() if future.running()]
            shown = [job for job in running if job in shown] if team.stopping else running
            view.tick(shown)
            if signals and not summary.interrupted:
                summary.interrupted = True
                view.say(_STOPPING)
            if summary.interrupted or summary.obstacle:
                team.stop_at_next_evaluation()
    return summary


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C and requests to terminate instead of dying of them."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda kind, _: received.append(kind)) for kind in kinds}
    try:
        yield received
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


class Workers:
    """A pool of worker processes and the flag that asks them to stop.

    Attributes:
        pool: Where cells are scheduled; one that dies takes only its own cell along.
    """

    def __init__(self, n_workers: int) -> None:
        context = multiprocessing.get_context("forkserver")
        # Bare shared memory: a lock could be left held by a worker that was killed.
        self._stop = context.RawValue("b", 0)
        self.pool = ProcessPool(
            max_workers=n_workers,
            max_tasks=0,
            initializer=initialize,
            initargs=(self._stop,),
            context=context,
        )

    def schedule(
        self,
        time_limit: float | None,
        function: Callable[Concatenate[Cell, P], T],
        cell: Cell,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[T | Failure]:
        """Have a worker call a function of a cell.

        Args:
            time_limit: How long it may take [s]; None for no limit.
            function: What is called with the other arguments.
            cell: What it is about.
            *args: For the function.
            **kwargs: For the function.

        Returns:
            What it returned, or the record of what it raised. Raises ``StorageError`` as it is;
            ``ProcessExpired`` and ``TimeoutError`` say that the process came to its end.
        """
        future: Future[T | Failure] = self.pool.schedule(
            contained, args=(function, cell, *args), kwargs=kwargs, timeout=time_limit
        )
        return future

    @property
    def stopping(self) -> bool:
        """Whether they were asked to stop: what they are given now comes back at once."""
        return bool(self._stop.value)

    def stop_at_next_evaluation(self) -> None:
        """Ask every worker to checkpoint and come back; cells not begun are not begun."""
        self._stop.value = 1


@contextmanager
def workers(n_workers: int) -> Iterator[Workers]:
    """Start workers, and stop them at the end of the block whatever they are doing."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)  # read when the fork server starts and imports libraries
    with _deaf_to_interrupts():
        forkserver.set_forkserver_preload(PRELOAD)  # heeded only by a server not yet running
        forkserver.ensure_running()
    team = Workers(n_workers)
    try:
        yield team
    finally:
        team.pool.stop()  # type: ignore[no-untyped-call]
        team.pool.join()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def ended(error: BaseException, cell: Cell) -> Failure:
    """Say how the worker of a cell came to its end, and end what it left behind.

    A child of the environment may hold the cell's lock. One that left the worker's group, too, is
    not found.
    """
    if isinstance(error, ProcessExpired):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(error.pid, signal.SIGKILL)
    return describe_end(error, cell)


def _settled(
    future: Future[Outcome | Failure], job: Job, folder: Path, summary: Summary, view: View
) -> bool:
    """Take note of what became of a job; a failure is recorded beside its result's place.

    Returns:
        Whether it is settled: a cell whose process was killed is to be tried once more.
    """
    error = future.exception()
    if isinstance(error, StorageError):
        summary.obstacle = summary.obstacle or str(error)
        return True
    if isinstance(error, BrokenProcessPool):
        summary.obstacle = summary.obstacle or f"the worker processes could not go on: {error}"
        return True
    what = future.result() if error is None else ended(error, job.cell)
    if isinstance(what, Outcome):
        summary.outcomes[job.cell] = what
        view.settled(job, what)
        return True
    if isinstance(error, ProcessExpired):
        if job.cell not in summary.died:
            summary.died.add(job.cell)
            view.say(f"{job.cell.id}  {what.message}; tried again, from its checkpoint if any")
            return False
        what = replace(what, message=f"{what.message}; tried twice")
    summary.failures[job.cell] = what
    path = CellFiles.of(folder, job.cell).failure
    try:
        what.save(path)
    except StorageError as obstacle:
        summary.obstacle = summary.obstacle or str(obstacle)
    view.settled(job, what)
    return True


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start processes that ignore Ctrl-C from their first moment, while they still import."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
