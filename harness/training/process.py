"""A worker process, from the inside: what a cell may do to it, and what gets out of it.

It is deaf to Ctrl-C, which its parent answers, and gone when that is. Whatever a cell raises comes
back as a record; what its environment starts ends with it, and what it prints goes to standard
error. Beyond reach is a process that left the worker's group, once the worker was killed, and a
child of code that is compiled and hangs beyond the time limit.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import psutil
import torch

from harness.config.cell import Cell
from harness.errors import StorageError
from harness.results.failure import Failure, describe_failure

PATIENCE_S = 3.0  # with processes that were killed

P = ParamSpec("P")
T = TypeVar("T")

_worker: dict[str, Any] = {}  # ``stop``, a flag shared with the parent; ``pid``; ``exit``, Python's


def initialize(stop: Any) -> None:
    """Make a worker of this process.

    Args:
        stop: The flag that asks it to stop, in shared memory.
    """
    os.setpgid(0, 0)  # a group for what environments start: it outlives a worker that is killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, lambda kind, _: _end(kind))
    if sys.stderr is not None:
        os.dup2(sys.stderr.fileno(), 1)  # the parent's standard output is for results alone
        sys.stdout = sys.stderr
    torch.set_num_threads(1)
    _worker.update(stop=stop, pid=os.getpid(), exit=os._exit)
    setattr(os, "_exit", _exit)  # noqa: B010  # for mypy this is no variable

    def exit_with_parent() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None  # a worker has one
        connection.wait([parent.sentinel])
        _end(1)  # without tidying up: the lock goes with the process, the files are atomic

    threading.Thread(target=exit_with_parent, daemon=True).start()


def stop_asked() -> bool:
    """Say, in a worker process, whether it is asked to stop."""
    return bool(_worker["stop"].value)


def contained(
    function: Callable[Concatenate[Cell, P], T], cell: Cell, *args: P.args, **kwargs: P.kwargs
) -> T | Failure:
    """Call a function of a cell so that nothing of it gets out of this worker but its answer."""
    folder = Path.cwd()
    try:
        return function(cell, *args, **kwargs)
    except StorageError:
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too
        return describe_failure(error, cell)
    finally:
        _end_started()
        os.chdir(folder)


def _end(code: int) -> None:
    """End this worker and all that it has started."""
    try:
        _end_started()
    finally:
        _worker["exit"](code)


def _end_started() -> None:
    """End what was started in this worker: who descends from it, or is of its group."""
    me = psutil.Process()
    started = {*me.children(recursive=True)}
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if pid != me.pid and os.getpgid(pid) == me.pid:
                started.add(psutil.Process(pid))
    for process in started:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(started, timeout=PATIENCE_S)


def _exit(code: int) -> None:
    """Stand in for ``os._exit``: the pool would wait for ever for a worker that ends with 0."""
    mine = os.getpid() == _worker["pid"]
    _worker["exit"](1 if mine and code == 0 else code)
