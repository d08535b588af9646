"""A trial: what it tries, what its runs came to, what became of it, and how it is run."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from filelock import FileLock
from optuna import Trial as Asked
from optuna.trial import FrozenTrial, TrialState

from harness.config.cell import Cell
from harness.config.scenario import headline
from harness.config.toml import Value, frozen
from harness.results.failure import message_of
from harness.results.files import storage_errors
from harness.stats.rounding import stable
from harness.training.loop import Training
from harness.tuning.plan import BASE, Plan
from harness.tuning.storage import StudyFiles

ATTEMPT = "attempt"  # the note that says what a trial tries; the last thing that makes it one
_RUN = "run."  # prefix of the notes that keep its runs


class State(StrEnum):
    """What became of a trial."""

    COMPLETE = "complete"
    PRUNED = "pruned"  # given up after some seeds: clearly worse than the best
    CUT = "cut"  # the budget's rest paid for some of the seeds only; never the best
    FAILED = "failed"  # training broke down
    RUNNING = "running"
    WAITING = "waiting"  # interrupted, to go on


GOING_ON = {TrialState.RUNNING: State.RUNNING, TrialState.WAITING: State.WAITING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a run of a trial came to.

    Attributes:
        value: Headline metric of greedy play, mean over the last tenth of training; None if it
            failed.
        steps: Environment steps it trained.
        cpu_s: Processor seconds it took.
        wall_s: Wall-clock seconds it took.
        failure: Why it failed; empty if it did not.
    """

    value: float | None
    steps: int
    cpu_s: float
    wall_s: float
    failure: str = ""

    def record(self) -> dict[str, Any]:
        """Return the score as JSON can have it."""
        return asdict(self)


def score(cell: Cell, stop: Callable[[], bool]) -> Score | None:
    """Train a cell as any other, and score how it played towards the end.

    Args:
        cell: What to run.
        stop: Asked after each evaluation.

    Returns:
        The score, also of a run that raised; None if it was stopped.
    """
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    value, failure, training = None, "", None
    try:
        training, rows = Training(cell), list[Mapping[str, Any]]()
        while not training.done:
            rows.append(training.advance())
            if stop() and not training.done:
                return None
        value = late_mean(rows, headline(cell.scenario))
    except BaseException as error:  # where training breaks down is a result of the search, too
        failure = message_of(error)
    return Score(
        value=value,
        steps=0 if training is None else training.step,
        cpu_s=round(time.process_time() - cpu_s, 3),
        wall_s=round(time.perf_counter() - wall_s, 3),
        failure=failure,
    )


def late_mean(rows: Sequence[Mapping[str, Any]], metric: str) -> float:
    """Return the mean of a metric over the last tenth of the evaluations, over one at least.

    Raises:
        FloatingPointError: It is not finite.
    """
    late = rows[-max(1, len(rows) // 10) :]
    value = float(np.mean([row["metrics"][metric] for row in late]))
    if not math.isfinite(value):
        raise FloatingPointError(f"{metric} is {value} at the end of training")
    return value


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
        state: What became of it.
        ended: When [UTC, ISO 8601]; empty before.
    """

    number: int
    attempt: Attempt
    runs: Mapping[int, Score]
    state: State
    ended: str = ""

    @classmethod
    def of(cls, kept: FrozenTrial, n_seeds: int) -> "Trial":
        """Read a trial from what Optuna keeps of it; a whole one has so many seeds."""
        attempt, runs = Attempt.from_record(kept.user_attrs[ATTEMPT]), _runs(kept.user_attrs)
        ended = "" if kept.datetime_complete is None else kept.datetime_complete.isoformat()
        state = GOING_ON.get(kept.state) or _end(attempt, runs, n_seeds)
        return cls(number=kept.number, attempt=attempt, runs=runs, state=state, ended=ended)

    @property
    def value(self) -> float | None:
        """Mean score of its seeds; None where no run came to one."""
        values = [run.value for run in self.runs.values() if run.value is not None]
        return stable(float(np.mean(values))) if values else None

    @property
    def steps(self) -> int:
        """Environment steps it has used."""
        return sum(run.steps for run in self.runs.values())

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in GOING_ON.values()


def counts(kept: FrozenTrial) -> bool:
    """Tell a trial from one that went on as another, or died before its values were whole."""
    return kept.state is not TrialState.FAIL and ATTEMPT in kept.user_attrs


def best(trials: Sequence[Trial], *, maximize: bool) -> Trial | None:
    """Return the best complete trial; of equal ones ``default``, else the earliest.

    So ``tuned`` differs from ``default`` only where that was better.
    """
    sign = 1 if maximize else -1

    def rank(trial: Trial) -> tuple[float, bool, int]:
        assert trial.value is not None  # a complete trial has a value
        return sign * trial.value, trial.attempt.preset == BASE, -trial.number

    return max((t for t in trials if t.state is State.COMPLETE), key=rank, default=None)


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
        runs = _runs(asked.user_attrs)
        self.trial = Trial(number=asked.number, attempt=attempt, runs=runs, state=State.RUNNING)
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
            self._asked.set_user_attr(f"{_RUN}{seed}", score.record())
            self.trial = replace(self.trial, runs={**self.trial.runs, seed: score})
            self._report(seed)

    def end(self) -> Trial:
        """Say how it ended, and let go of it.

        Raises:
            StorageError: It cannot be written.
        """
        state = _end(self.trial.attempt, self.trial.runs, len(self.plan.seeds))
        with storage_errors(self._files.journal):
            if state is State.COMPLETE:
                self._asked.study.tell(self._asked, self.trial.value)
            else:
                self._asked.study.tell(self._asked, state=TrialState.PRUNED)
        self.trial = replace(self.trial, state=state)
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


def _runs(notes: Mapping[str, Any]) -> dict[int, Score]:
    return {
        int(name.removeprefix(_RUN)): Score(**record)
        for name, record in notes.items()
        if name.startswith(_RUN)
    }


def _end(attempt: Attempt, runs: Mapping[int, Score], n_seeds: int) -> State:
    """Return what became of a trial that has ended."""
    if any(run.failure for run in runs.values()):
        return State.FAILED
    if len(runs) < len(attempt.seeds):
        return State.PRUNED
    return State.COMPLETE if len(runs) == n_seeds else State.CUT
