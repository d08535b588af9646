"""Who trains the runs: this process, one at a time, or worker processes."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from filelock import FileLock

from harness.config.cell import Cell
from harness.results.files import StorageError
from harness.training.pool import TICK_S, Workers, stop_asked, workers
from harness.training.worker import describe
from harness.tuning.held_out import to_compare
from harness.tuning.plan import Plan
from harness.tuning.progress import View
from harness.tuning.scoring import Score, score
from harness.tuning.storage import try_lock
from harness.tuning.study import Shelf, Study, finished
from harness.tuning.trial import Fate, RunningTrial

Scored: TypeAlias = "Future[Score | None]"


@runtime_checkable
class Crew(Protocol):
    """Who trains runs.

    Attributes:
        size: Runs at a time.
    """

    size: int

    def submit(self, cell: Cell) -> Scored:
        """Have a cell trained and scored; None when it was stopped."""

    def stop(self) -> None:
        """Ask for every run to be given up at its next evaluation."""


class Alone:
    """This process: a run is over when ``submit`` comes back.

    Args:
        stop: Whether the user wants to end, asked after each evaluation.
    """

    size = 1

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        torch.set_num_threads(1)  # as in workers: sums depend on it

    def submit(self, cell: Cell) -> Scored:
        """Train and score a cell now."""
        future: Scored = Future()
        future.set_result(score(cell, self._stop))
        return future

    def stop(self) -> None:
        """Do nothing: who submits is asked already."""


class Team:
    """Worker processes.

    Args:
        team: They.
        size: How many.
    """

    def __init__(self, team: Workers, size: int) -> None:
        self._team, self.size = team, size

    def submit(self, cell: Cell) -> Scored:
        """Have a worker train and score a cell."""
        future: Scored = self._team.pool.schedule(_score_in_worker, args=(cell,))
        return future

    def stop(self) -> None:
        """Ask for every run to be given up at its next evaluation."""
        self._team.stop_at_next_evaluation()


@contextmanager
def crew(size: int, stop: Callable[[], bool]) -> Iterator[Crew]:
    """Gather so many; one is this process itself.

    Args:
        size: Runs at a time.
        stop: Whether the user wants to end.
    """
    if size == 1:
        yield Alone(stop)
        return
    with workers(size) as team:
        yield Team(team, size)


def _score_in_worker(cell: Cell) -> Score | None:
    return score(cell, stop_asked)


GIVE_UP = 10  # failed trials in a row: something else is wrong than the values


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be trained.

    Attributes:
        cell: What is run.
        most_steps: What it can take at most [environment steps].
        settle: To be called with its score, or None if it was stopped.
    """

    cell: Cell
    most_steps: int
    settle: Callable[[Score | None], None]


class Desk:
    """A study in this session.

    Args:
        plan: Of the study.
        shelf: Where studies are opened.
        view: Shows how it goes.
        budget: What the study may use [environment steps].
        n_unseen: Seeds on which its result is compared with the defaults.

    Attributes:
        plan: Of the study.
        begun: Trials that wait for a seed to be run, and which.
        n_running: Runs in the making.
        closed: Whether nothing more is to be done for it here.
        finished: Whether its budget is spent.
        elsewhere: Whether it was left to another process, which is at it.
    """

    def __init__(self, plan: Plan, shelf: Shelf, view: View, budget: int, n_unseen: int) -> None:
        self.plan, self._shelf, self._view = plan, shelf, view
        self._budget, self._n_unseen = budget, n_unseen
        self.n_running = self._n_failed = 0
        self.closed = self.finished = self.elsewhere = False
        self._study: Study | None = None
        self.begun = deque[tuple[RunningTrial, int]]()
        self._comparing: FileLock | None = None
        self._to_compare: dict[str, Cell] = {}

    def open(self) -> Study:
        """Open the study, if it is not open yet.

        Raises:
            ConfigurationError: It cannot be gone on with.
        """
        if self._study is None:
            self._study = self._shelf.study(self.plan)
            self._study.grant(self._budget)
            self._view.opened(self._study)
        return self._study

    def close(self, why: str = "") -> None:
        """Do nothing more for the study; say why, if it is not finished."""
        self.closed = True
        if self._study is None:
            self._view.say(f"{self.plan.name}: {why}")
        else:
            self._view.closed(self._study, why)

    def job(self) -> Job | None:
        """Return the run it wants next; None when it wants none for now, or is closed."""
        study = self.open()
        while not self.closed:
            if self.begun:
                running, seed = self.begun.popleft()
                cell = running.trial.attempt.cell(study.plan, seed)
                return self._started(cell, partial(self._settle, running, seed))
            if self._to_compare:
                name, cell = self._to_compare.popitem()
                return self._started(cell, partial(self._note, name))
            if self._comparing is None and (task_or_none := study.next()) is not None:
                self._go_on(task_or_none)
            elif self.n_running:
                return None
            else:
                self._wind_up(study)
        return None

    def _started(self, cell: Cell, settle: Callable[[Score | None], None]) -> Job:
        self.n_running += 1
        return Job(cell, self.plan.run_steps, settle)

    def _settle(self, running: RunningTrial, seed: int, score: Score | None) -> None:
        self.n_running -= 1
        if score is None:
            running.drop()
        else:
            running.record(seed, score)
            self._go_on(running)

    def _go_on(self, running: RunningTrial) -> None:
        seed = running.next_seed()
        if seed is not None:
            self.begun.append((running, seed))
            return
        trial = running.end()
        self._view.ended(self.open(), trial)
        self._n_failed = self._n_failed + 1 if trial.fate is Fate.FAILED else 0
        if self._n_failed == GIVE_UP:
            reasons = [run.failure for run in trial.runs.values() if run.failure]
            self.close(f"given up: {GIVE_UP} trials failed in a row, the last with {reasons[0]}")

    def _note(self, name: str, score: Score | None) -> None:
        self.n_running -= 1
        if score is not None:
            self.open().note(name, score.record())

    def _wind_up(self, study: Study) -> None:
        """Go over to comparing, or close."""
        if self._comparing is not None:
            self._comparing.release()
            self.close()
            return
        self.finished = finished(study)
        if self.finished:
            self._comparing = try_lock(study.files.unseen)
            if self._comparing is not None:
                self._to_compare = to_compare(study, self._n_unseen)
        self.elsewhere = self._comparing is None
        if self.elsewhere:
            self.close("left to another process, which is at its last runs")


class Session:
    """Studies that are tuned by one process.

    Args:
        desks: The studies, parents before heirs.
        crew: Who trains runs.
        view: Shows how things go.
        signals: Grows with every Ctrl-C.
    """

    def __init__(self, desks: Sequence[Desk], crew: Crew, view: View, signals: list[int]) -> None:
        self._desks, self._crew, self._view, self._signals = desks, crew, view, signals
        self._running: dict[Scored, Job] = {}

    def run(self) -> None:
        """Go on until all studies are closed or the user interrupts.

        A study's trials are run one after another as long as there is a study for everyone.

        Raises:
            ConfigurationError: A study cannot be gone on with.
            StorageError: What was found cannot be kept, or workers cannot work.
        """
        tuned = {(desk.plan.task, desk.plan.method) for desk in self._desks}
        for desk in self._desks:
            if (desk.plan.task, desk.plan.parent) not in tuned:
                desk.open()  # what is wrong with a study is better known before others take hours
        self._view.tick()
        said = False
        while True:
            self._hand_out()
            if not self._running or len(self._signals) > 1:
                return
            done, _ = wait(self._running, timeout=TICK_S, return_when=FIRST_COMPLETED)
            for future in done:
                job = self._running.pop(future)
                job.settle(_score_of(future, job))
            self._view.tick()
            if self._signals and not said:
                said = True
                self._crew.stop()
                self._view.say("stopping: runs are given up at their next evaluation, trials go on")

    def _hand_out(self) -> None:
        while len(self._running) < self._crew.size and not self._signals:
            job = self._next_job()
            if job is None:
                return
            self._running[self._crew.submit(job.cell)] = job

    def _next_job(self) -> Job | None:
        """Return a run of a study that is at a trial, else of the one with the fewest runs."""
        for desk in sorted(self._desks, key=lambda desk: (not desk.begun, desk.n_running)):
            if not desk.closed and self._may_begin(desk) and (job := desk.job()) is not None:
                return job
        return None

    def _may_begin(self, desk: Desk) -> bool:
        """Say whether the study that a study inherits from is over with."""
        inherited = desk.plan.task, desk.plan.parent
        for other in self._desks:
            if (other.plan.task, other.plan.method) == inherited and not other.finished:
                if other.closed:
                    desk.close(f"left alone: it inherits from {desk.plan.parent}, not finished")
                return False
        return True


def _score_of(future: Scored, job: Job) -> Score | None:
    """Return what a run came to; one that was killed is charged all it might have used."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        raise StorageError(f"the worker processes could not go on: {error}")
    failure = describe(error, job.cell)
    return Score(value=None, steps=job.most_steps, cpu_s=0.0, wall_s=0.0, failure=failure.message)
