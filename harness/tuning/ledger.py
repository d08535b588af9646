"""The ledger: what every study was given, what it brought, and whether the comparison is fair."""

import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from jaxtyping import Float
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.study import StudyDirection
from optuna.trial import create_trial

from harness.config.grid import Grid
from harness.config.hparams import Tuned, build_config, read_tuned
from harness.config.seeding import TUNING_SEEDS
from harness.config.toml import Value
from harness.errors import ConfigurationError
from harness.results.files import write_text
from harness.tuning.held_out import Verdict, chance, compared, verdict
from harness.tuning.plan import BASE, Plan
from harness.tuning.proposing import distribution, encoded
from harness.tuning.study import FIRST, Study, StudyStore, finished, spent
from harness.tuning.trial import State, Trial, best

TOLERANCE = 0.05  # by which budgets spent at one task may differ
AT_LEAST = 10  # trials that importances rest on; the best quarter of fewer is one or two
_QUARTER = 0.25


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the ledger.

    Attributes:
        plan: What the study is about.
        budget: What it might use [environment steps].
        finished: Whether that is spent.
        trials: All trials that ended.
        values: Hyperparameters of the best trial that differ from preset ``default``.
        held_out: By held-out seed, the scores of the defaults and of the best trial's settings.
    """

    plan: Plan
    budget: int
    finished: bool
    trials: tuple[Trial, ...]
    values: Mapping[str, Value]
    held_out: Mapping[int, tuple[float, float]]

    @classmethod
    def of(cls, study: Study) -> "Row":
        """Look up what the ledger says of a study."""
        plan, trials = study.plan, tuple(trial for trial in study.trials() if trial.ended)
        leader, changed = best(trials, maximize=plan.maximize), dict[str, Value]()
        if leader is not None:
            found = asdict(leader.attempt.cell(plan, plan.seeds[0]).config)
            usual = asdict(build_config(plan.method, plan.cell.scenario, BASE))
            changed = {name: found[name] for name in sorted(found) if found[name] != usual[name]}
        return cls(
            plan=plan,
            budget=study.budget,
            finished=finished(study),
            trials=trials,
            values=changed,
            held_out={} if leader is None else compared(study, leader),
        )

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

    def count(self, state: State) -> int:
        """Count the trials of which this became."""
        return sum(trial.state is state for trial in self.trials)

    def score(self, preset: str) -> float | None:
        """Return what a preset came to on the tuning seeds."""
        return next((t.value for t in self.trials if t.attempt.preset == preset), None)

    @property
    def gains(self) -> Float[np.ndarray, "seeds"]:
        """How much better the best trial's settings are than the defaults, by held-out seed."""
        pairs = np.array(list(self.held_out.values()), dtype=np.float64).reshape(-1, 2)
        return (pairs[:, 1] - pairs[:, 0]) * (1 if self.plan.maximize else -1)

    @property
    def gain(self) -> float | None:
        """Mean of the gains."""
        return float(self.gains.mean()) if self.held_out else None

    @property
    def selection_bias(self) -> float | None:
        """By how much the best trial's score on tuning seeds flatters its settings."""
        if self.found is None or not self.held_out:
            return None
        truth = float(np.mean([tuned for _, tuned in self.held_out.values()]))
        return (self.found - truth) * (1 if self.plan.maximize else -1)

    @property
    def p(self) -> float | None:
        """Chance of gains as large as these if the settings were equally good."""
        return chance(self.gains) if self.held_out else None

    @property
    def verdict(self) -> Verdict | None:
        """What the held-out seeds say of the best trial's settings against the defaults."""
        return verdict(self.gains) if self.held_out else None

    @cached_property
    def importances(self) -> Mapping[str, float]:
        """How much each hyperparameter mattered; empty where too few trials say anything."""
        return importances(self.plan, self.trials)

    def record(self) -> dict[str, Any]:
        """Return what the ledger says of a study as JSON can have it."""
        n_trials = len(self.trials)
        return {
            "study": self.plan.name,
            "task": self.plan.task,
            "method": self.plan.method,
            "inherits": self.plan.parent,
            "metric": self.plan.metric,
            "higher_is_better": self.plan.maximize,
            "seeds": self.plan.seeds,
            "budget": self.budget,
            "finished": self.finished,
            "spent": self.spent,
            "cpu_s": round(self.cpu_s, 1),
            "dimensions": len(self.plan.space),
            "trials": {state: self.count(state) for state in State if self.count(state)},
            "share_pruned": self.count(State.PRUNED) / n_trials if n_trials else None,
            "scores": {**{preset: self.score(preset) for preset in FIRST}, "tuned": self.found},
            "best": None if self.best is None else self.best.number,
            "values": self.values,
            "held_out": {str(seed): list(pair) for seed, pair in self.held_out.items()},
            "gain": self.gain,
            "p": self.p,
            "verdict": self.verdict,
            "selection_bias": self.selection_bias,
            "importances": self.importances,
            "record": [trial_record(trial) for trial in self.trials],
        }


def trial_record(trial: Trial) -> dict[str, Any]:
    """Return a trial as JSON can have it."""
    return {
        "number": trial.number,
        "state": trial.state,
        "ended": trial.ended,
        **trial.attempt.record(),
        "value": trial.value,
        "runs": {str(seed): run.record() for seed, run in trial.runs.items()},
    }


def importances(plan: Plan, trials: Sequence[Trial]) -> dict[str, float]:
    """Return by PED-ANOVA what sets the best quarter of the trials apart, in all 1.

    To two digits, on which processors agree, largest first. Preset ``paper`` is left out: it
    differs in more than what is searched. Pruned trials count with the seeds they have. Empty where
    there are too few trials, or so many equal ones that no quarter is best.

    Args:
        plan: Of their study.
        trials: All trials.
    """
    known = [
        (trial.attempt.parameters, trial.value)
        for trial in trials
        if trial.state in (State.COMPLETE, State.PRUNED)
        and trial.attempt.preset in (None, BASE)
        and trial.attempt.parameters.keys() == plan.space.keys()
    ]
    values = sorted((value for _, value in known if value is not None), reverse=plan.maximize)
    if len(values) < AT_LEAST or values[math.ceil(_QUARTER * len(values)) - 1] == values[-1]:
        return {}
    way = StudyDirection.MAXIMIZE if plan.maximize else StudyDirection.MINIMIZE
    study = optuna.create_study(direction=way)
    kinds = {name: distribution(parameter) for name, parameter in plan.space.items()}
    for parameters, value in known:
        params = {name: encoded(parameter) for name, parameter in parameters.items()}
        study.add_trial(create_trial(params=params, distributions=kinds, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_QUARTER)
    shares = get_param_importances(study, evaluator=evaluator)
    rough = {name: round(share, 2) for name, share in shares.items()}
    return dict(sorted(rough.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger of a grid.

    Attributes:
        grid: Its name.
        rows: Studies that were begun.
        faults: What makes the comparison unfair or incomplete, in words.
    """

    grid: str
    rows: tuple[Row, ...]
    faults: tuple[str, ...]

    @classmethod
    def of(cls, grid: Grid, results: Path, url: str | None = None) -> "Ledger":
        """Look up what was tuned.

        Args:
            grid: Whose studies.
            results: Folder of the results of all grids.
            url: A database in place of the journals.

        Raises:
            ConfigurationError: A study is damaged or of something else.
        """
        rows = tuple(map(Row.of, StudyStore(grid, results, url).begun()))
        return cls(grid=grid.name, rows=rows, faults=tuple(faults(grid, rows)))

    def record(self) -> dict[str, Any]:
        """Return the ledger as JSON can have it."""
        studies = [row.record() for row in self.rows]
        return {"grid": self.grid, "faults": list(self.faults), "studies": studies}


def faults(grid: Grid, rows: Sequence[Row]) -> list[str]:
    """Say what makes the comparison unfair or incomplete."""
    found = [f"{row.plan.name}: not finished" for row in rows if not row.finished]
    reported = set[int]() if grid.tuning else {cell.seed for cell in grid.cells}
    for row in rows:
        low = [seed for seed in row.plan.seeds if seed < TUNING_SEEDS]
        found += [
            f"{row.plan.name}: tuned on seed {seed}, which is for reporting"
            for seed in sorted({*low, *(reported & set(row.plan.seeds))})
        ]
        found += [
            f"{row.plan.name}: compared on seed {seed}, which it was tuned on"
            for seed in sorted(set(row.plan.seeds) & row.held_out.keys())
        ]
    for task in dict.fromkeys(row.plan.task for row in rows):
        members = [row for row in rows if row.plan.task == task]
        least, most = (pick(members, key=lambda row: row.spent) for pick in (min, max))
        gap = 1 - least.spent / most.spent if most.spent else 0.0
        if gap > TOLERANCE:
            found.append(
                f"{task}: budgets differ by {gap:.1%}, more than {TOLERANCE:.0%}: "
                f"{least.plan.method} spent {least.spent:,} environment steps, "
                f"{most.plan.method} {most.spent:,}"
            )
    return found


_HEAD = """\
# Preset `tuned`, over preset `default`: what studies found. Made by `python -m harness tune
# --write`; do not edit. As methods/hparams/tuned.toml it is read by `run` and `report`.
"""


def write_preset(path: Path, rows: Iterable[Row]) -> list[str]:
    """Write what finished studies found; what the file says of other pairs stays.

    Args:
        path: The file; made if it is missing.
        rows: Studies.

    Returns:
        The pairs written, as ``<method>.<scenario>``.

    Raises:
        ConfigurationError: There is nothing to write, two studies of a pair, or the file is
            something else.
        OSError: The file cannot be written.
    """
    done = [row for row in rows if row.finished and row.best is not None]
    if not done:
        raise ConfigurationError(f"--write {path}: no study is finished; tune first")
    content, written = read_tuned(path), dict[str, Row]()
    for row in done:
        pair = f"{row.plan.method}.{row.plan.cell.scenario}"
        if pair in written:
            raise ConfigurationError(
                f"--write {path}: {row.plan.method} was tuned at {written[pair].plan.task} and at "
                f"{row.plan.task}; a preset has one set of values for {row.plan.cell.scenario}: "
                "choose with --only 'task=...'"
            )
        written[pair] = row
        assert row.found is not None  # the study is finished
        content.setdefault(row.plan.method, {})[row.plan.cell.scenario] = Tuned(
            study=row.plan.name,
            date=max(trial.ended for trial in row.trials)[:19] + "Z",
            trials=len(row.trials),
            budget=row.budget,
            seeds=list(row.plan.seeds),
            score=row.found,
            values=dict(row.values),
        )
    tables = [
        _table(f"{method}.{scenario}", entry)
        for method, entries in sorted(content.items())
        for scenario, entry in sorted(entries.items())
    ]
    write_text(path, "\n".join([_HEAD, *tables]))
    return list(written)


def _table(name: str, entry: Tuned) -> str:
    facts = entry.model_dump()
    values = facts.pop("values")
    lines = [f"{key} = {_toml(value)}" for key, value in facts.items()]
    lines += ["", f"[{name}.values]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join([f"[{name}]", *lines, ""])


def _toml(value: object) -> str:
    """Write a number, a text, true, false or a list of these: JSON and TOML agree on them."""
    return json.dumps(value, allow_nan=False)
