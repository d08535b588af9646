"""What is known of a trial, as plain data: what it tries, what its runs came to, what it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from filelock import FileLock
from optuna import Trial as Asked
from optuna.trial import FrozenTrial, TrialState

from harness.config.cell import Cell
from harness.config.toml import Value, frozen
from harness.results.files import storage_errors
from harness.tuning.plan import BASE, Plan
from harness.tuning.scoring import Score
from harness.tuning.storage import StudyFiles

RUN = "run."  # prefix of the names under which a study keeps the runs of a trial


class Fate(StrEnum):
    """What became of a trial."""

    COMPLETE = "complete"
    PRUNED = "pruned"  # given up after some seeds: clearly worse than the best
    CUT = "cut"  # the budget's rest paid for some of the seeds only; never the best
    FAILED = "failed"  # training broke down
    RUNNING = "running"
    WAITING = "waiting"  # interrupted, to go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a trial tries.

    Attributes:
        preset: The preset that is run as it is; None where values were proposed.
        parameters: Values of what is searched; of a preset, as far as the ranges hold them.
        seeds: Tuning seeds to run.
    """

    preset: str | None
    parameters: Mapping[str, Value]
    seeds: tuple[int, ...]

    def cell(self, plan: Plan, seed: int) -> Cell:
        """Return the cell that one of its runs trains."""
        if self.preset is not None:
            return plan.variant(self.preset, {}, seed)
        return plan.variant(BASE, self.parameters, seed)

    def record(self) -> dict[str, Any]:
        """Return the attempt as JSON can have it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Attempt":
        """Read what ``record`` wrote."""
        parameters = {name: frozen(value) for name, value in record["parameters"].items()}
        return cls(preset=record["preset"], parameters=parameters, seeds=tuple(record["seeds"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A trial and what became of it.

    Attributes:
        number: Its number in the study; interrupted trials go on under another one.
        attempt: What it tries.
        runs: What its runs came to, by seed.
        fate: What became of it.
        ended: When [UTC, ISO 8601]; empty before.
    """

    number: int
    attempt: Attempt
    runs: Mapping[int, Score]
    fate: Fate
    ended: str = ""

    @property
    def value(self) -> float | None:
        """Mean score of its seeds; None where no run came to one."""
        values = [run.value for run in self.runs.values() if run.value is not None]
        return float(np.mean(values)) if values else None

    @property
    def steps(self) -> int:
        """Environment steps it has used."""
        return sum(run.steps for run in self.runs.values())

    def committed(self, run_steps: int) -> int:
        """Return what it has used and, while it goes on, what it may use yet.

        Args:
            run_steps: The most that a run can take.
        """
        going_on = self.fate in (Fate.RUNNING, Fate.WAITING)
        left = len(self.attempt.seeds) - len(self.runs) if going_on else 0
        return self.steps + left * run_steps


def runs_of(attributes: Mapping[str, Any]) -> dict[int, Score]:
    """Read the runs of a trial from what a study keeps of it, by seed."""
    return {
        int(name.removeprefix(RUN)): Score(**record)
        for name, record in attributes.items()
        if name.startswith(RUN)
    }


def best(trials: Sequence[Trial], *, maximize: bool) -> Trial | None:
    """Return the best complete trial; of equal ones ``default``, else the earliest.

    So ``tuned`` differs from ``default`` only where that was better.
    """
    done = [trial for trial in trials if trial.fate is Fate.COMPLETE]
    sign = 1 if maximize else -1

    def rank(trial: Trial) -> tuple[float, bool, int]:
        assert trial.value is not None  # a complete trial has a value
        return sign * trial.value, trial.attempt.preset == BASE, -trial.number

    return max(done, key=rank, default=None)


def of_preset(trials: Sequence[Trial], preset: str) -> Trial | None:
    """Return the trial of a preset, if there is one."""
    return next((trial for trial in trials if trial.attempt.preset == preset), None)


ATTEMPT = "attempt"  # the note that says what a trial tries; the last thing that makes it one
_GOING_ON = {TrialState.RUNNING: Fate.RUNNING, TrialState.WAITING: Fate.WAITING}


class Reader:
    """Reads the trials of a study; those that have ended, only once.

    Args:
        n_seeds: Seeds of a whole trial.
    """

    def __init__(self, n_seeds: int) -> None:
        self._n_seeds = n_seeds
        self._ended: dict[int, Trial] = {}

    def read(self, kept: Iterable[FrozenTrial]) -> tuple[Trial, ...]:
        """Return the trials; of interrupted ones only what they go on as."""
        return tuple(self._ended.get(t.number) or self._read(t) for t in kept if counts(t))

    def _read(self, t: FrozenTrial) -> Trial:
        trial = Trial(
            number=t.number,
            attempt=Attempt.from_record(t.user_attrs[ATTEMPT]),
            runs=runs_of(t.user_attrs),
            fate=_GOING_ON.get(t.state, Fate.COMPLETE),
        )
        if t.state in _GOING_ON:
            return trial
        ended = "" if t.datetime_complete is None else t.datetime_complete.isoformat()
        trial = replace(trial, fate=fate_of(trial, self._n_seeds), ended=ended)
        self._ended[t.number] = trial
        return trial


def counts(t: FrozenTrial) -> bool:
    """Tell a trial from one that went on as another, or died before its values were whole."""
    return t.state is not TrialState.FAIL and ATTEMPT in t.user_attrs


class RunningTrial:
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
        with storage_errors(self._files.journal):
            self._asked.set_user_attr(f"{RUN}{seed}", score.record())
            self.trial = replace(self.trial, runs={**self.trial.runs, seed: score})
            self._report(seed)

    def end(self) -> Trial:
        """Say how it ended, and let go of it.

        Raises:
            StorageError: It cannot be written.
        """
        fate = fate_of(self.trial, len(self.plan.seeds))
        with storage_errors(self._files.journal):
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
