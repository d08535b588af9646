"""Small studies whose runs cost nothing: a formula stands for the training."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from harness.config.cell import Cell
from harness.config.grid import load_grid
from harness.tuning.plan import Plan, plans
from harness.tuning.storage import StudyFiles
from harness.tuning.study import Study
from harness.tuning.trial import Score, Trial

GRID = """
description = "studies for tests"
tuning = true
[[sweep]]
scenario = "prisoner"
methods = [{methods}]
seeds = [1000, 1001, 1002]
budget = {{ episodes = 50, steps = {steps}, evaluations = 10, evaluation_episodes = 2 }}
"""
STEPS = 951  # of a run; with the 49 that an episode may go on, a run may take 1000


def write_grid(path: Path, *methods: str, steps: int = STEPS) -> Path:
    """Write a grid of prisoner for tuning."""
    names = ", ".join(f'"{method}"' for method in methods)
    path.write_text(GRID.format(methods=names, steps=steps))
    return path


def plan(folder: Path, method: str = "dqn") -> Plan:
    """The plan of one study."""
    grid = load_grid(write_grid(folder / "small.toml", method))
    return plans(grid, grid.cells)[0]


def study(folder: Path, of: Plan | None = None, *, trials: int | None = 6) -> Study:
    """A study that may spend what so many trials may take."""
    of = of or plan(folder)
    opened = Study(of, StudyFiles.of(folder / "results", of))
    if trials is not None:
        opened.grant(trials * of.trial_steps)
    return opened


def formula(cell: Cell) -> float:
    """A score that depends on learning rate and tau, and on the seed a little."""
    config = cell.config
    distance = abs(np.log10(config.learning_rate) + 3.2) + abs(np.log10(config.tau) + 1.5)
    return float(1.0 - 0.2 * distance + 0.02 * noise(cell))


def noise(cell: Cell, world: int = 0) -> float:
    """A number that looks drawn from a standard normal: the same for the same cell."""
    content = f"{world} {cell.config} {cell.seed}".encode()
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8])
    return float(np.random.default_rng(seed).standard_normal())


def scored(value: float | None, steps: int = STEPS + 1, failure: str = "") -> Score:
    """What a run came to."""
    return Score(value=value, steps=steps, cpu_s=0.5, wall_s=0.6, failure=failure)


def run(opened: Study, value: Callable[[Cell], float] = formula) -> list[Trial]:
    """Run a study to its end."""
    ended = []
    while (task := opened.next()) is not None:
        while (seed := task.next_seed()) is not None:
            cell = task.trial.attempt.cell(opened.plan, seed)
            task.record(seed, scored(value(cell), STEPS + seed % 10))
        ended.append(task.end())
    return ended


def told(trials: list[Trial] | tuple[Trial, ...]) -> list[tuple[object, ...]]:
    """What two equal histories of a study have in common: not numbers, not times."""
    return [
        (
            trial.attempt,
            trial.state,
            {seed: (run.value, run.steps, run.failure) for seed, run in trial.runs.items()},
        )
        for trial in trials
    ]


def fixed(values: Mapping[int, float]) -> Callable[[Cell], float]:
    """Scores by seed, whatever the settings."""
    return lambda cell: values[cell.seed]
