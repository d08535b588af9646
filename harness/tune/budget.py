"""Environment steps: the one currency of tuning, the same for every method of a place."""

from collections.abc import Sequence

from harness.tune.plan import Plan
from harness.tune.trial import Fate, Trial

GOING_ON = (Fate.RUNNING, Fate.WAITING)


def spent(trials: Sequence[Trial]) -> int:
    """Return the environment steps that trials have used."""
    return sum(trial.steps for trial in trials)


def affordable(plan: Plan, budget: int, trials: Sequence[Trial]) -> tuple[int, ...]:
    """Return the seeds that a further trial may run so that the budget cannot be overshot.

    What trials that go on may use yet is put by. All seeds, or none; once nothing else goes on,
    as many as the rest pays for: such a trial is cut short, it only makes budgets equal.

    Args:
        plan: Of the study.
        budget: What the study may use [environment steps].
        trials: All trials of the study.
    """
    left = budget - sum(trial.committed(plan.run_steps) for trial in trials)
    n = max(0, left // plan.run_steps)
    if n >= len(plan.seeds):
        return plan.seeds
    if any(trial.fate in GOING_ON for trial in trials):
        return ()
    return plan.seeds[:n]
