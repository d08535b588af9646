"""Runs many cells: in worker processes, warm, one thread each, until all are settled.

Workers are deaf to Ctrl-C, which their parent answers, and gone when it is.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from pebble import ProcessPool

from harness.config.cell import Cell
from harness.errors import StorageError
from harness.results.failure import Failure, describe_failure
from harness.results.files import CellFiles, storage_errors
from harness.training import ONE_THREAD
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

_worker: dict[str, Any] = {}  # in a worker: ``stop``, the flag it shares with the parent


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
        interrupted: Whether the user stopped the run.
        obstacle: Why no cell could go on; None if none was in the way.
    """

    outcomes: dict[Cell, Outcome] = field(default_factory=dict)
    failures: dict[Cell, Failure] = field(default_factory=dict)
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
    summary = Summary()
    with workers(max(1, min(n_workers, len(jobs)))) as team, interrupts() as signals:
        pending: dict[Future[Outcome], Job] = {
            team.pool.schedule(
                work,
                args=(job.cell, folder, checkpoint_every, stop_asked),
                kwargs={"replaces": job.replaces, "for_policy": job.for_policy},
                timeout=time_limit,
            ): job
            for job in sorted(jobs, key=lambda job: -job.expected_s)
        }
        while pending and len(signals) < 2:
            done, _ = wait(pending, timeout=TICK_S, return_when=FIRST_COMPLETED)
            for future in done:
                _settle(future, pending.pop(future), folder, summary, view)
            view.tick([job for future, job in pending.items() if future.running()])
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
            initializer=_initialize,
            initargs=(self._stop,),
            context=context,
        )

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


def stop_asked() -> bool:
    """Say, in a worker process, whether it is asked to stop."""
    return bool(_worker["stop"].value)


def _settle(future: Future[Outcome], job: Job, folder: Path, summary: Summary, view: View) -> None:
    """Take note of what became of a job; a failure is recorded beside its result's place."""
    error = future.exception()
    if error is None:
        summary.outcomes[job.cell] = outcome = future.result()
        view.settled(job, outcome)
    elif isinstance(error, StorageError):
        summary.obstacle = summary.obstacle or str(error)
    elif isinstance(error, BrokenProcessPool):
        summary.obstacle = summary.obstacle or f"the worker processes could not go on: {error}"
    else:
        summary.failures[job.cell] = failure = describe_failure(error, job.cell)
        path = CellFiles.of(folder, job.cell).failure
        try:
            with storage_errors(path):
                failure.save(path)
        except StorageError as obstacle:
            summary.obstacle = summary.obstacle or str(obstacle)
        view.settled(job, failure)


def _initialize(stop: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    torch.set_num_threads(1)
    _worker["stop"] = stop

    def exit_with_parent() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None  # a worker has one
        connection.wait([parent.sentinel])
        os._exit(1)  # without tidying up: the lock goes with the process, the files are atomic

    threading.Thread(target=exit_with_parent, daemon=True).start()


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
