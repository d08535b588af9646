"""How much each searched hyperparameter mattered."""

import math
import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.study import StudyDirection
from optuna.trial import TrialState

AT_LEAST = 10  # complete trials; the best quarter of fewer is one or two
_QUARTER = 0.25


def importances(study: optuna.Study) -> dict[str, float]:
    """Return by PED-ANOVA what set the best quarter of the complete trials apart, in all 1.

    Empty where there are too few trials, or so many equal ones that no quarter is best.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    maximize = study.direction is StudyDirection.MAXIMIZE
    values = sorted((trial.values[0] for trial in trials), reverse=maximize)
    if len(values) < AT_LEAST or values[math.ceil(_QUARTER * len(values)) - 1] == values[-1]:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_QUARTER)
    return get_param_importances(study, evaluator=evaluator)
