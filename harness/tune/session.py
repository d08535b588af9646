"""The loop that tunes: whoever is free takes the next run of the study that has the fewest."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool

from harness.executor import TICK_S
from harness.failure import describe
from harness.files import StorageError
from harness.tune.crew import Crew, Scored
from harness.tune.desk import Desk, Job
from harness.tune.log_view import View
from harness.tune.scoring import Score


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
        tuned = {(desk.plan.place, desk.plan.method) for desk in self._desks}
        for desk in self._desks:
            if (desk.plan.place, desk.plan.parent) not in tuned:
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
        inherited = desk.plan.place, desk.plan.parent
        for other in self._desks:
            if (other.plan.place, other.plan.method) == inherited and not other.finished:
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
