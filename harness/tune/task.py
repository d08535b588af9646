"""A trial that this process is running."""

from dataclasses import replace

from filelock import FileLock
from optuna import Trial as Asked
from optuna.trial import TrialState

from harness.files import storing
from harness.tune.plan import Plan
from harness.tune.scoring import Score
from harness.tune.study_files import StudyFiles
from harness.tune.trial import RUN, Attempt, Fate, Trial, runs_of


class Task:
    """A trial that this process is running; while it holds the trial's lock, nobody else does.

    Args:
        plan: Of the study.
        files: Of the study.
        asked: The trial as Optuna knows it.
        attempt: What it tries.

    Attributes:
        plan: Of the study.
        trial: What is known of it so far.
    """

    def __init__(self, plan: Plan, files: StudyFiles, asked: Asked, attempt: Attempt) -> None:
        self.plan, self._files, self._asked = plan, files, asked
        self._lock = FileLock(files.trial(asked.number))
        self._lock.acquire(timeout=0)
        runs = runs_of(asked.user_attrs)
        self.trial = Trial(number=asked.number, attempt=attempt, runs=runs, fate=Fate.RUNNING)
        for seed in runs:  # of an interrupted trial, which goes on under a new number
            self._report(seed)

    def next_seed(self) -> int | None:
        """Return the seed to run next; None when it failed, is to be given up, or is complete.

        Presets are never given up: what is found is compared with them.
        """
        runs, attempt = self.trial.runs, self.trial.attempt
        left = [seed for seed in attempt.seeds if seed not in runs]
        if not left or any(run.failure for run in runs.values()):
            return None
        if attempt.preset is None and runs and self._asked.should_prune():
            return None
        return left[0]

    def record(self, seed: int, score: Score) -> None:
        """Keep what a run came to.

        Raises:
            StorageError: It cannot be written.
        """
        with storing(self._files.journal):
            self._asked.set_user_attr(f"{RUN}{seed}", score.record())
            self.trial = replace(self.trial, runs={**self.trial.runs, seed: score})
            self._report(seed)

    def end(self) -> Trial:
        """Say how it ended, and let go of it.

        Raises:
            StorageError: It cannot be written.
        """
        fate = fate_of(self.trial, len(self.plan.seeds))
        with storing(self._files.journal):
            if fate is Fate.COMPLETE:
                self._asked.study.tell(self._asked, self.trial.value)
            else:
                self._asked.study.tell(self._asked, state=TrialState.PRUNED)
        self.trial = replace(self.trial, fate=fate)
        self._files.trial(self.trial.number).unlink()
        self._lock.release()
        return self.trial

    def drop(self) -> None:
        """Let go of it unfinished: whoever comes next goes on with it."""
        self._lock.release()

    def _report(self, seed: int) -> None:
        value = self.trial.runs[seed].value
        if value is not None:
            self._asked.report(value, step=seed)


def fate_of(trial: Trial, n_seeds: int) -> Fate:
    """Return what became of a trial that has ended, by its runs."""
    if any(run.failure for run in trial.runs.values()):
        return Fate.FAILED
    if len(trial.runs) < len(trial.attempt.seeds):
        return Fate.PRUNED
    return Fate.COMPLETE if len(trial.runs) == n_seeds else Fate.CUT
