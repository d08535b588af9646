"""One run of a trial: trained as any other cell, scored by how it played towards the end."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.config.cell import Cell
from harness.config.scenario import headline
from harness.training.loop import Training


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
    """Train a cell and score it.

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
    except Exception as error:  # settings at which training breaks down are a result of the search
        failure = f"{type(error).__name__}: {error}".strip().splitlines()[0]
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
