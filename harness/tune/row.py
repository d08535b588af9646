"""A line of the ledger: what a study was given, what it found, and what that is worth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float

from harness.cell import Value
from harness.hparams import build_config, load_config
from harness.tune.budget import spent
from harness.tune.importance import importances
from harness.tune.plan import BASE, Plan
from harness.tune.scoring import Score
from harness.tune.shelf import finished
from harness.tune.study import Study
from harness.tune.trial import Fate, Trial, best, of_preset
from harness.tune.unseen import compared
from harness.tune.verdict import Verdict, chance, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the ledger.

    Attributes:
        plan: What the study is about.
        budget: What it might use [environment steps].
        finished: Whether that is spent.
        trials: All trials that ended.
        values: Hyperparameters of the best trial that differ from preset ``default``.
        unseen: By unseen seed, the scores of the defaults and of the best trial's settings.
        importances: How much each hyperparameter mattered, in all 1; empty where too few trials
            say anything.
    """

    plan: Plan
    budget: int
    finished: bool
    trials: tuple[Trial, ...]
    values: Mapping[str, Value]
    unseen: Mapping[int, tuple[float, float]]
    importances: Mapping[str, float]

    @property
    def best(self) -> Trial | None:
        """The best complete trial."""
        return best(self.trials, maximize=self.plan.maximize)

    @property
    def found(self) -> float | None:
        """What the best trial came to on the tuning seeds."""
        return None if self.best is None else self.best.value

    @property
    def spent(self) -> int:
        """What it has used [environment steps]."""
        return spent(self.trials)

    @property
    def cpu_s(self) -> float:
        """Processor seconds of its runs."""
        return sum((run.cpu_s for trial in self.trials for run in trial.runs.values()), 0.0)

    def count(self, fate: Fate) -> int:
        """Count the trials of which this became."""
        return sum(trial.fate is fate for trial in self.trials)

    def score(self, preset: str) -> float | None:
        """Return what a preset came to on the tuning seeds."""
        trial = of_preset(self.trials, preset)
        return None if trial is None else trial.value

    @property
    def gains(self) -> Float[np.ndarray, "seeds"]:
        """How much better the best trial's settings are than the defaults, by unseen seed."""
        pairs = np.array(list(self.unseen.values()), dtype=np.float64).reshape(-1, 2)
        return (pairs[:, 1] - pairs[:, 0]) * (1 if self.plan.maximize else -1)

    @property
    def optimism(self) -> float | None:
        """By how much the best trial's score on tuning seeds flatters its settings."""
        if self.found is None or not self.unseen:
            return None
        truth = float(np.mean([tuned for _, tuned in self.unseen.values()]))
        return (self.found - truth) * (1 if self.plan.maximize else -1)

    @property
    def p(self) -> float | None:
        """Chance of gains as large as these if the settings were equally good."""
        return chance(self.gains) if self.unseen else None

    @property
    def verdict(self) -> Verdict | None:
        """What the unseen seeds say of the best trial's settings against the defaults."""
        return verdict(self.gains) if self.unseen else None


def row_of(study: Study) -> Row:
    """Look up what the ledger says of a study."""
    plan, trials = study.plan, tuple(trial for trial in study.trials() if trial.ended)
    leader = best(trials, maximize=plan.maximize)
    values: Mapping[str, Value] = {}
    unseen: Mapping[int, tuple[float, float]] = {}
    if leader is not None:
        values, unseen = _changed(study, leader), _pairs(*compared(study, leader))
    return Row(
        plan=plan,
        budget=study.budget,
        finished=finished(study),
        trials=trials,
        values=values,
        unseen=unseen,
        importances=importances(plan, trials),
    )


def _changed(study: Study, trial: Trial) -> dict[str, Value]:
    plan = study.plan
    found = asdict(load_config(trial.attempt.cell(plan, plan.seeds[0])))
    usual = asdict(build_config(plan.method, plan.cell.scenario, BASE))
    return {name: found[name] for name in sorted(found) if found[name] != usual[name]}


def _pairs(
    plain: Mapping[int, Score], tuned: Mapping[int, Score]
) -> dict[int, tuple[float, float]]:
    """Return both scores of every seed that both came to an end on."""
    found: dict[int, tuple[float, float]] = {}
    for seed in sorted(plain.keys() & tuned.keys()):
        before, after = plain[seed].value, tuned[seed].value
        if before is not None and after is not None:
            found[seed] = before, after
    return found
