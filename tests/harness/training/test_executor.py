import itertools
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from pebble import ProcessExpired

from harness.config.cell import Budget, Cell
from harness.errors import StorageError
from harness.results.failure import Failure, describe_end, describe_failure, load_failure
from harness.results.files import CellFiles
from harness.results.result import load_result
from harness.training.pool import KEEP_MEMORY, Job, Summary, execute, workers
from harness.training.worker import Outcome
from support import inside_workers
from support.recorded import EXPLODING, cell

ROOT = Path(__file__).parents[3]
SHORT = Budget(episodes=10, steps=20, evaluations=5, evaluation_episodes=1)
LONG = Budget(episodes=100_000, steps=0, evaluations=50_000, evaluation_episodes=1)
GOOD = cell(budget=SHORT)
EXPLODES = cell(fields=EXPLODING, budget=SHORT)
ENDLESS = cell(budget=LONG)


class Recorder:
    """A view that remembers what it was told and may act on it."""

    def __init__(self, act: Callable[[Sequence[Job]], None] = lambda running: None) -> None:
        self._act = act
        self.order: list[Cell] = []
        self.said: list[str] = []

    def tick(self, running: Sequence[Job]) -> None:
        self._act(running)

    def settled(self, job: Job, what: Outcome | Failure) -> None:
        self.order.append(job.cell)

    def say(self, text: str) -> None:
        self.said.append(text)


def run(
    cells: Sequence[Cell],
    folder: Path,
    view: Recorder | None = None,
    *,
    n_workers: int = 1,
    time_limit: float | None = None,
    checkpoint_every: float = 1e9,
) -> Summary:
    return execute(
        [Job(cell=of, expected_s=1.0) for of in cells],
        folder,
        view or Recorder(),
        n_workers=n_workers,
        checkpoint_every=checkpoint_every,
        time_limit=time_limit,
    )


def working() -> list[psutil.Process]:
    """The worker processes: children of the fork server, which is a child of ours."""
    ours = psutil.Process()
    return [p for child in ours.children() for p in child.children()]


def begun(folder: Path, of: Cell) -> bool:
    stream = CellFiles.of(folder, of).stream
    return stream.exists() and stream.stat().st_size > 0


def test_a_worker_sees_one_thread():
    with workers(1) as team:
        seen = team.pool.schedule(inside_workers.threads).result()

    assert seen.pop("torch") == 1
    assert seen.pop("numba") == 1
    assert set(seen.values()) == {"1"}


def test_a_worker_keeps_memory_that_it_freed():
    with workers(1) as team:
        seen = {name: team.pool.schedule(os.getenv, args=(name,)).result() for name in KEEP_MEMORY}

    assert seen == KEEP_MEMORY


def test_the_server_that_workers_are_forked_from_has_imported_what_takes_long():
    code = (
        "import psutil\n"
        "from harness.training.pool import workers\n"
        "with workers(1): print([p.cmdline() for p in psutil.Process().children()])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert "'torch', 'torch._dynamo', 'harness.training.worker'" in done.stdout


def test_the_environment_is_as_before_when_the_workers_are_gone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)

    with workers(1):
        assert os.environ["OMP_NUM_THREADS"] == "1"

    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_cell_that_raises_is_recorded_and_the_rest_go_on(tmp_path):
    summary = run([EXPLODES, GOOD], tmp_path)

    failure = load_failure(CellFiles.of(tmp_path, EXPLODES).failure)
    assert failure is not None
    assert failure.kind == "error"
    assert failure.message.startswith("FloatingPointError: ")
    assert "in advance" in failure.traceback
    assert summary.failures == {EXPLODES: failure}
    assert summary.outcomes[GOOD].state == "done"
    assert load_result(CellFiles.of(tmp_path, GOOD).result).cell == GOOD


def killing(folder: Path, times: int) -> Recorder:
    """A view that kills the worker of the endless cell once it has begun, and each that follows."""
    killed: list[psutil.Process] = []

    def kill(running: Sequence[Job]) -> None:
        at_it = ENDLESS in [job.cell for job in running] and begun(folder, ENDLESS)
        if at_it and len(killed) < times:
            for process in {*working()} - {*killed}:
                killed.append(process)
                process.kill()

    return Recorder(kill)


def test_a_cell_that_is_killed_twice_is_recorded_and_the_rest_go_on(tmp_path):
    view = killing(tmp_path, times=2)

    summary = run([ENDLESS, GOOD], tmp_path, view)

    failure = load_failure(CellFiles.of(tmp_path, ENDLESS).failure)
    assert summary.failures == {ENDLESS: failure}
    assert failure is not None
    assert failure.kind == "killed"
    assert failure.message.startswith("its worker process ended (SIGKILL")
    assert failure.message.endswith("; tried twice")
    assert ["tried again" in said for said in view.said] == [True]
    assert summary.outcomes[GOOD].state == "done"


def test_a_cell_past_its_time_limit_is_recorded(tmp_path):
    summary = run([ENDLESS], tmp_path, time_limit=1.0)

    assert summary.failures[ENDLESS].kind == "timeout"
    assert "--time-limit" in summary.failures[ENDLESS].message


def test_the_longest_cell_goes_first(tmp_path):
    view = Recorder()
    cells = [cell("random", seed=seed, budget=SHORT) for seed in range(4)]
    jobs = [Job(cell=of, expected_s=s) for of, s in zip(cells, (1.0, 9.0, 3.0, 4.0), strict=True)]

    execute(jobs, tmp_path, view, n_workers=1, checkpoint_every=1e9, time_limit=None)

    assert [of.seed for of in view.order] == [1, 3, 2, 0]


def test_what_was_begun_goes_before_the_longest(tmp_path):
    view = Recorder()
    jobs = [Job(cell=cell("random", seed=s, budget=SHORT), expected_s=9.0 - s) for s in range(3)]
    checkpoint = CellFiles.of(tmp_path, jobs[2].cell).checkpoint
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")

    execute(jobs, tmp_path, view, n_workers=1, checkpoint_every=1e9, time_limit=None)

    assert [of.seed for of in view.order] == [2, 0, 1]


def test_what_is_not_begun_any_more_is_not_shown_as_running(tmp_path):
    shown, sent = set[Cell](), list[None]()

    def interrupt(running: Sequence[Job]) -> None:
        shown.update(job.cell for job in running)
        if begun(tmp_path, ENDLESS) and not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))

    others = [cell(seed=seed, budget=LONG) for seed in range(1, 20)]

    run([ENDLESS, *others], tmp_path, Recorder(interrupt))

    assert shown == {ENDLESS}


def test_the_first_interrupt_saves_and_stops_every_cell(tmp_path):
    sent = []

    def interrupt(running: Sequence[Job]) -> None:
        if begun(tmp_path, ENDLESS) and not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))

    view = Recorder(interrupt)
    other = cell(seed=1, budget=LONG)

    summary = run([ENDLESS, other], tmp_path, view)

    assert summary.interrupted
    assert summary.outcomes[ENDLESS].state == "stopped"
    assert CellFiles.of(tmp_path, ENDLESS).checkpoint.exists()
    assert not begun(tmp_path, other)
    assert "stopping" in view.said[0]


def test_the_second_interrupt_stops_at_once(tmp_path):
    def interrupt(running: Sequence[Job]) -> None:
        if running:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    started = time.monotonic()
    slow = cell(budget=Budget(episodes=10**9, steps=0, evaluations=1, evaluation_episodes=1))

    summary = run([slow], tmp_path, Recorder(interrupt))

    assert summary.interrupted
    assert not summary.outcomes
    assert not summary.failures
    assert time.monotonic() - started < 60
    assert not working()


def test_an_interrupt_is_pythons_again_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGINT)

    run([cell("random", budget=SHORT)], tmp_path)

    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_that_cannot_be_written_stops_everything(tmp_path):
    (tmp_path / "file").write_text("")

    summary = run([GOOD, cell(seed=1, budget=SHORT)], tmp_path / "file")

    assert summary.obstacle is not None
    assert "cannot be written" in summary.obstacle
    assert not summary.failures


class Mute(Exception):  # noqa: N818
    """Raises when it is asked what it has to say."""

    def __str__(self) -> str:
        raise KeyError(self.args)

    __repr__ = __str__


class Text(str):
    """What no other process could make anew."""

    __slots__ = ()


class Odd(Exception):  # noqa: N818
    """Says something that is more than text."""

    def __str__(self) -> str:
        return Text("not plain")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (MemoryError("14 GiB"), "memory", "MemoryError: 14 GiB"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: x"), "memory", "not enough memory"),
        (TimeoutError("a socket's"), "error", "TimeoutError: a socket's"),
        (TimeoutError("Task timeout"), "error", "TimeoutError: Task timeout"),
        (ValueError("two\nlines"), "error", "ValueError: two"),
        (StorageError("full"), "storage", "StorageError: full"),
        (SystemExit(0), "error", "SystemExit: 0"),
        (KeyboardInterrupt(), "error", "KeyboardInterrupt:"),
        (Mute(), "error", "Mute: (what it says cannot be had: KeyError)"),
        (Odd(), "error", "Odd: not plain"),
        (ValueError("\x1b[2Jclear\udcff"), "error", r"ValueError: \x1b[2Jclear\udcff"),
        (ValueError(f"{'long' * 10**6}"), "error", "longlon…"),
    ],
)
def test_what_a_run_raised_is_told_in_one_line(error, kind, says):
    failure = describe_failure(error, GOOD)

    assert failure.kind == kind
    assert says in failure.message
    assert "\n" not in failure.message
    assert len(failure.message) <= 500
    assert len(failure.traceback) < 21_000
    assert {type(getattr(failure, name)) for name in ("message", "traceback")} == {str}
    pickle.dumps(failure)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            ProcessExpired("Abnormal termination", code=-9),
            "killed",
            "(SIGKILL; this mostly means out of memory)",
        ),
        (ProcessExpired("Abnormal termination", code=-99), "killed", "signal 99"),
        (ProcessExpired("Abnormal termination", code=3), "killed", "exit code 3"),
        (TimeoutError("Task timeout", 7.0), "timeout", "not done after 7 s"),
    ],
)
def test_how_a_process_ended_is_told_in_one_line(error, kind, says):
    failure = describe_end(error, GOOD)

    assert failure.kind == kind
    assert says in failure.message
    assert "\n" not in failure.message


@pytest.mark.bench
def test_a_cell_costs_at_most_a_second_and_a_half_beyond_its_training(tmp_path):
    """Wall-clock time between two results of one warm worker, less what the cell took."""
    ended: list[tuple[float, float]] = []

    class Clock(Recorder):
        def settled(self, job: Job, what: Outcome | Failure) -> None:
            assert isinstance(what, Outcome)
            ended.append((time.monotonic(), what.wall_s))

    run([cell(seed=seed, budget=SHORT) for seed in range(6)], tmp_path, Clock())

    overhead = [at - before - wall_s for (before, _), (at, wall_s) in itertools.pairwise(ended)]
    print(f"overhead per cell: {max(overhead):.2f} s at most")
    assert max(overhead) <= 1.5
