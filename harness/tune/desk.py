"""A study in this session: which run it wants next, and what follows from one that is over."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from filelock import FileLock

from harness.cell import Cell
from harness.tune.log_view import View
from harness.tune.plan import Plan
from harness.tune.scoring import Score
from harness.tune.shelf import Shelf, finished
from harness.tune.study import Study
from harness.tune.study_files import try_lock
from harness.tune.task import Task
from harness.tune.trial import Fate
from harness.tune.unseen import to_compare

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
        self.begun = deque[tuple[Task, int]]()
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
                task, seed = self.begun.popleft()
                cell = task.trial.attempt.cell(study.plan, seed)
                return self._started(cell, partial(self._settle, task, seed))
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

    def _settle(self, task: Task, seed: int, score: Score | None) -> None:
        self.n_running -= 1
        if score is None:
            task.drop()
        else:
            task.record(seed, score)
            self._go_on(task)

    def _go_on(self, task: Task) -> None:
        seed = task.next_seed()
        if seed is not None:
            self.begun.append((task, seed))
            return
        trial = task.end()
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
