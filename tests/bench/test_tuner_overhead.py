"""What the tuner itself costs: all of a trial that is not training."""

import random
import time

import pytest
import torch
from optuna.trial import create_trial

from harness.config.grid import load_grid
from harness.tuning.plan import Plan, plans
from harness.tuning.proposing import distribution, encoded
from harness.tuning.storage import StudyFiles
from harness.tuning.study import Study
from harness.tuning.trial import Attempt, score
from support.studies import scored

pytestmark = pytest.mark.bench

N_TRIALS, MEASURED = 1000, 20


def plan() -> Plan:
    """DGN on prisoner, as grid tuning has it: nine parameters, and runs of two seconds."""
    grid = load_grid("tuning")
    return next(p for p in plans(grid, grid.cells) if (p.method, p.cell.scenario) == PLACE)


PLACE = ("dgn", "prisoner")


def filled(of: Plan, folder) -> Study:
    """A study with so many finished trials."""
    study, draw = Study(of, StudyFiles.of(folder, of)), random.Random(0)
    study.grant(10**12)
    kinds = {name: distribution(parameter) for name, parameter in of.space.items()}
    for n in range(N_TRIALS):
        values = {name: drawn(parameter, draw) for name, parameter in of.space.items()}
        attempt = Attempt(
            preset=("paper", "default", None)[min(n, 2)], parameters=values, seeds=of.seeds
        )
        runs = {seed: scored(draw.gauss(0, 1), of.cell.budget.steps) for seed in of.seeds}
        study._study.add_trial(
            create_trial(
                params={name: encoded(value) for name, value in values.items()},
                distributions=kinds,
                value=sum(run.value for run in runs.values()) / len(runs),
                intermediate_values={seed: run.value for seed, run in runs.items()},
                user_attrs={"attempt": attempt.record()}
                | {f"run.{seed}": run.record() for seed, run in runs.items()},
            )
        )
    return study


def drawn(parameter, draw):
    if parameter.choices is not None:
        return draw.choice(parameter.choices)
    if parameter.kind == "int":
        return draw.randint(parameter.low, parameter.high)
    return draw.uniform(parameter.low, parameter.high)


def test_at_a_thousand_trials_the_tuner_takes_less_than_two_percent_of_a_trial(tmp_path, capsys):
    torch.set_num_threads(1)
    of = plan()
    study, draw = filled(of, tmp_path), random.Random(1)
    trial_s = sum(score(of.variant("default", {}, seed), lambda: False).wall_s for seed in of.seeds)

    began = time.perf_counter()
    for _ in range(MEASURED):
        task = study.next()
        while (seed := task.next_seed()) is not None:
            task.record(seed, scored(draw.gauss(0, 1), of.cell.budget.steps))
        task.end()
    tuner_s = (time.perf_counter() - began) / MEASURED

    with capsys.disabled():
        print(f"\ntuner at {N_TRIALS} trials: {1000 * tuner_s:.0f} ms of {trial_s:.1f} s a trial")
    assert tuner_s < 0.02 * trial_s
