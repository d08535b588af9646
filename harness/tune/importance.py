"""How much each searched hyperparameter mattered."""

import math
import warnings
from collections.abc import Sequence

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial

from harness.tune.plan import BASE, Plan
from harness.tune.proposing import distribution, encoded
from harness.tune.trial import Fate, Trial

AT_LEAST = 10  # trials; the best quarter of fewer is one or two
_QUARTER = 0.25


def importances(plan: Plan, trials: Sequence[Trial]) -> dict[str, float]:
    """Return by PED-ANOVA what sets the best quarter of the trials apart, in all 1.

    Preset ``paper`` is left out: it differs in more than what is searched. Pruned trials count with
    the seeds they have. Empty where there are too few trials, or so many equal ones that no quarter
    is best.

    Args:
        plan: Of their study.
        trials: All trials.
    """
    known = [
        (trial, trial.value)
        for trial in trials
        if trial.fate in (Fate.COMPLETE, Fate.PRUNED)
        and trial.attempt.preset in (None, BASE)
        and trial.attempt.knobs.keys() == plan.space.keys()
    ]
    values = sorted((value for _, value in known if value is not None), reverse=plan.maximize)
    if len(values) < AT_LEAST or values[math.ceil(_QUARTER * len(values)) - 1] == values[-1]:
        return {}
    way = StudyDirection.MAXIMIZE if plan.maximize else StudyDirection.MINIMIZE
    study = optuna.create_study(direction=way)
    study.add_trials([_complete(plan, trial, value) for trial, value in known])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_QUARTER)
    return get_param_importances(study, evaluator=evaluator)


def _complete(plan: Plan, trial: Trial, value: float | None) -> FrozenTrial:
    return create_trial(
        params={name: encoded(knob) for name, knob in trial.attempt.knobs.items()},
        distributions={name: distribution(knob) for name, knob in plan.space.items()},
        value=value,
    )
