"""How much each searched hyperparameter mattered."""

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

AT_LEAST = 10  # complete trials; the best quarter of fewer is one or two
_QUARTER = 0.25


def importances(study: optuna.Study) -> dict[str, float]:
    """Return by PED-ANOVA what set the best quarter of the complete trials apart, in all 1.

    Empty where there are too few trials to tell.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(trials) < AT_LEAST or len({trial.value for trial in trials}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_QUARTER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of too few trials
        return get_param_importances(study, evaluator=evaluator)
