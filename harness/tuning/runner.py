"""The studies that one process tunes: which run is next, who trains it, and what becomes of it."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from filelock import FileLock

from harness.config.cell import Cell
from harness.errors import StorageError
from harness.results.failure import Failure
from harness.training.pool import TICK_S, ended, workers
from harness.training.process import stop_asked
from harness.tuning.held_out import to_compare
from harness.tuning.plan import Plan
from harness.tuning.progress import LogView
from harness.tuning.storage import try_lock
from harness.tuning.study import Study, StudyStore, finished
from harness.tuning.trial import RunningTrial, Score, State, score

GIVE_UP = 10  # failed trials in a row: something else is wrong than the values

Scored: TypeAlias = "Future[Score | Failure | None]"


class Session:
    """Studies that are tuned by one process.

    Args:
        runners: One per study, parents before heirs.
        team: Who trains runs.
        view: Shows how things go.
        signals: Grows with every Ctrl-C.
    """

    def __init__(
        self,
        runners: Sequence["StudyRunner"],
        team: "ScoringWorkers",
        view: LogView,
        signals: list[int],
    ) -> None:
        self._runners, self._team, self._view, self._signals = runners, team, view, signals
        self._running: dict[Scored, Job] = {}

    def run(self) -> None:
        """Go on until all studies are closed or the user interrupts.

        A study's trials are run one after another as long as there is a study for everyone.

        Raises:
            ConfigurationError: A study cannot be gone on with.
            StorageError: What was found cannot be kept, or workers cannot work.
        """
        tuned = {(runner.plan.task, runner.plan.method) for runner in self._runners}
        for runner in self._runners:
            if (runner.plan.task, runner.plan.parent) not in tuned:
                runner.open()  # what is wrong with a study is better known before hours are spent
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
                self._team.stop()
                self._view.say("stopping: runs are given up at their next evaluation, trials go on")

    def _hand_out(self) -> None:
        while len(self._running) < self._team.size and not self._signals:
            job = self._next_job()
            if job is None:
                return
            self._running[self._team.submit(job.cell)] = job

    def _next_job(self) -> "Job | None":
        """Return a run of a study that is at a trial, else of the one with the fewest runs."""
        for runner in sorted(self._runners, key=lambda one: (not one.begun, one.n_running)):
            if not runner.closed and self._may_begin(runner) and (job := runner.job()) is not None:
                return job
        return None

    def _may_begin(self, runner: "StudyRunner") -> bool:
        """Say whether the study that a study inherits from is over with."""
        inherited = runner.plan.task, runner.plan.parent
        for other in self._runners:
            if (other.plan.task, other.plan.method) == inherited and not other.finished:
                if other.closed:
                    runner.close(f"left alone: it inherits from {runner.plan.parent}, not finished")
                return False
        return True


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


class StudyRunner:
    """A study in this session.

    Args:
        plan: Of the study.
        store: Where studies are opened.
        view: Shows how it goes.
        budget: What the study may use [environment steps].
        n_held_out: Seeds on which its result is compared with the defaults.

    Attributes:
        plan: Of the study.
        begun: Trials that wait for a seed to be run, and which.
        n_running: Runs in the making.
        closed: Whether nothing more is to be done for it here.
        finished: Whether its budget is spent.
        elsewhere: Whether it was left to another process, which is at it.
    """

    def __init__(
        self, plan: Plan, store: StudyStore, view: LogView, budget: int, n_held_out: int
    ) -> None:
        self.plan, self._store, self._view = plan, store, view
        self._budget, self._n_held_out = budget, n_held_out
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
            self._study = self._store.study(self.plan)
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
            if self._comparing is None and (following := study.next()) is not None:
                self._go_on(following)
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

    def _note(self, name: str, score: Score | None) -> None:
        self.n_running -= 1
        if score is not None:
            self.open().note(name, score.record())

    def _go_on(self, running: RunningTrial) -> None:
        seed = running.next_seed()
        if seed is not None:
            self.begun.append((running, seed))
            return
        trial = running.end()
        self._view.ended(self.open(), trial)
        self._n_failed = self._n_failed + 1 if trial.state is State.FAILED else 0
        if self._n_failed == GIVE_UP:
            reasons = [run.failure for run in trial.runs.values() if run.failure]
            self.close(f"given up: {GIVE_UP} trials failed in a row, the last with {reasons[0]}")

    def _wind_up(self, study: Study) -> None:
        """Go over to comparing, or close."""
        if self._comparing is not None:
            self._comparing.release()
            self.close()
            return
        self.finished = finished(study)
        if self.finished:
            self._comparing = try_lock(study.files.comparing)
            if self._comparing is not None:
                self._to_compare = to_compare(study, self._n_held_out)
        self.elsewhere = self._comparing is None
        if self.elsewhere:
            self.close("left to another process, which is at its last runs")


@dataclass(frozen=True, slots=True)
class ScoringWorkers:
    """Who trains runs.

    Attributes:
        size: Runs at a time.
        submit: Has a cell trained and scored; without a score when it was stopped.
        stop: Asks for every run to be given up at its next evaluation.
    """

    size: int
    submit: Callable[[Cell], Scored]
    stop: Callable[[], None]


@contextmanager
def scoring_workers(size: int, stop: Callable[[], bool]) -> Iterator[ScoringWorkers]:
    """Gather who trains runs: worker processes, or this process itself for one at a time.

    Args:
        size: Runs at a time.
        stop: Whether the user wants to end; this process asks it after each evaluation.
    """
    if size > 1:
        with workers(size) as team:

            def schedule(cell: Cell) -> Scored:
                return team.schedule(None, score, cell, stop_asked)

            yield ScoringWorkers(size, schedule, team.stop_at_next_evaluation)
        return
    torch.set_num_threads(1)  # as in workers: sums depend on it

    def train(cell: Cell) -> Scored:
        future: Scored = Future()
        future.set_result(score(cell, stop))
        return future

    yield ScoringWorkers(1, train, lambda: None)


def _score_of(future: Scored, job: Job) -> Score | None:
    """Return what a run came to; one that was killed is charged all it might have used."""
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        raise StorageError(f"the worker processes could not go on: {error}")
    came_to = future.result() if error is None else ended(error, job.cell)
    if not isinstance(came_to, Failure):
        return came_to
    return Score(value=None, steps=job.most_steps, cpu_s=0.0, wall_s=0.0, failure=came_to.message)
