"""Worker processes: warm, one thread each, deaf to Ctrl-C, and gone when their parent is."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any

import torch
from pebble import ProcessPool

from harness.cell import Cell
from harness.outcome import Outcome
from harness.threads import ONE_THREAD
from harness.worker import work

# glibc may hand freed memory back to the kernel after every update and get it again page by page at
# the next: a third of IP's time in the jungle, a quarter of LIO's in traffic. Workers keep it.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),  # the most glibc takes everywhere [bytes]
    "MALLOC_TRIM_THRESHOLD_": str(2**30),  # [bytes]
}
ENVIRONMENT = ONE_THREAD | KEEP_MEMORY

PRELOAD = ["torch", "torch._dynamo", "harness.worker"]  # the first Adam step imports dynamo

_worker: dict[str, Any] = {}  # in a worker: ``stop``, the flag it shares with the parent


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
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)  # read when the fork server starts and imports libraries
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


def run_in_worker(
    cell: Cell, folder: Path, checkpoint_every: float, replaces: int | None, for_policy: bool
) -> Outcome:
    """Run ``work`` in a worker process."""
    return work(
        cell,
        folder,
        checkpoint_every,
        lambda: bool(_worker["stop"].value),
        replaces=replaces,
        for_policy=for_policy,
    )


def stop_asked() -> bool:
    """Say, in a worker process, whether it is asked to stop."""
    return bool(_worker["stop"].value)


def _initialize(stop: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    torch.set_num_threads(1)
    _worker["stop"] = stop
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # a worker has one
    connection.wait([parent.sentinel])
    os._exit(1)  # without tidying up: the lock goes with the process, the files are atomic


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
