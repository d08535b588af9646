"""What is known of a trial, as plain data: what it tries, what its runs came to, what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from harness.cell import Cell, Value
from harness.place import frozen
from harness.tune.plan import BASE, Plan
from harness.tune.scoring import Score

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
        knobs: Values of what is searched; of a preset, as far as the ranges hold them.
        seeds: Tuning seeds to run.
    """

    preset: str | None
    knobs: Mapping[str, Value]
    seeds: tuple[int, ...]

    def cell(self, plan: Plan, seed: int) -> Cell:
        """Return the cell that one of its runs trains."""
        if self.preset is not None:
            return plan.variant(self.preset, {}, seed)
        return plan.variant(BASE, self.knobs, seed)

    def record(self) -> dict[str, Any]:
        """Return the attempt as JSON can have it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Attempt":
        """Read what ``record`` wrote."""
        knobs = {name: frozen(value) for name, value in record["knobs"].items()}
        return cls(preset=record["preset"], knobs=knobs, seeds=tuple(record["seeds"]))


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
