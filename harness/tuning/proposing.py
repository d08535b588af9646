"""What Optuna needs to propose values: distributions, a sampler and a pruner."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, WilcoxonPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from harness.config.search_space import Parameter
from harness.config.toml import Value, frozen

# With two seeds of three the test's p value is 0.25 where the trial is worse than the best on both,
# and at least 0.5 otherwise.
PRUNE_BELOW = 0.3


class JointTPE(TPESampler):
    """Optuna's TPE, which proposes all values together, from trials that have all of them.

    Optuna's own would search together only what every trial has; the papers' values may lie
    outside the ranges.

    Args:
        space: What is searched.
        study: Name of the study.
        n_trials: Trials before the proposal; with the name, they seed it, the same after a restart.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], study: str, n_trials: int) -> None:
        digest = hashlib.sha256(f"{study}/{n_trials}".encode()).digest()
        super().__init__(seed=int.from_bytes(digest[:4]))
        self._space = {name: d for name, d in space.items() if not d.single()}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what is searched and can vary."""
        return self._space


def pruner() -> BasePruner:
    """Return what gives up trials that are worse than the best, seed by seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return WilcoxonPruner(p_threshold=PRUNE_BELOW)


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return what Optuna draws the values of a parameter from."""
    if parameter.choices is not None:
        return CategoricalDistribution([encoded(choice) for choice in parameter.choices])
    assert parameter.low is not None  # a parameter is a range or choices
    assert parameter.high is not None
    if parameter.kind == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def encoded(value: Value) -> Any:
    """Return a value as Optuna can keep it: lists as JSON."""
    return json.dumps(value) if isinstance(value, tuple) else value


def decoded(parameter: Parameter, value: Any) -> Value:
    """Return the value that ``encoded`` was given."""
    if parameter.choices is None:
        return frozen(value)
    return next(choice for choice in parameter.choices if encoded(choice) == value)
