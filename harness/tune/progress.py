"""How far the studies of a session are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.cost import duration
from harness.tune.budget import spent
from harness.tune.study import Study
from harness.tune.trial import Fate, best


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a study is.

    Attributes:
        name: Place and method.
        counts: Ended trials by fate.
        best: Value of the best complete trial; None before the first.
        spent: What it has used [environment steps].
        budget: What it may use [environment steps].
        wall_s: Wall-clock seconds of its runs.
    """

    name: str
    counts: Mapping[Fate, int]
    best: float | None
    spent: int
    budget: int
    wall_s: float

    @property
    def n_trials(self) -> int:
        """Ended trials."""
        return sum(self.counts.values())


def standing(study: Study) -> Standing:
    """Look up how far a study is."""
    trials, plan = study.trials(), study.plan
    ended = [trial.fate for trial in trials if trial.ended]
    leader = best(trials, maximize=plan.maximize)
    return Standing(
        name=f"{plan.place}/{plan.method}",
        counts={fate: ended.count(fate) for fate in Fate if fate in ended},
        best=None if leader is None else leader.value,
        spent=spent(trials),
        budget=study.budget,
        wall_s=sum((run.wall_s for trial in trials for run in trial.runs.values()), 0.0),
    )


def left_text(standings: Collection[Standing], steps_to_come: int, n_workers: int) -> str:
    """Say how long the rest will take, by what went before.

    Args:
        standings: Studies that were begun.
        steps_to_come: Budgets of those that were not [environment steps].
        n_workers: Runs at a time.
    """
    used, wall_s = sum(s.spent for s in standings), sum(s.wall_s for s in standings)
    if not used:
        return "-"
    usual = wall_s / used  # [s per step]
    rates = {s.name: s.wall_s / s.spent if s.spent else usual for s in standings}
    left_s = sum((s.budget - s.spent) * rates[s.name] for s in standings if s.budget > s.spent)
    return duration((left_s + steps_to_come * usual) / n_workers)


def trials_text(now: Standing) -> str:
    """Write how many trials have ended, and how those that are not complete."""
    others = [f"{n} {fate}" for fate, n in now.counts.items() if fate is not Fate.COMPLETE]
    return f"{now.n_trials} trials" + (f" ({', '.join(others)})" if others else "")
