"""What was found against the defaults, on seeds that no choice rests on."""

from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import permutation_test

from harness.config.cell import Cell
from harness.tuning.plan import BASE, UNSEEN_SEEDS
from harness.tuning.scoring import Score
from harness.tuning.study import Study
from harness.tuning.trial import Trial


def to_compare(study: Study, n_seeds: int) -> dict[str, Cell]:
    """Return the runs that are missing: what to note each as, and its cell.

    They are outside the budget: nothing is chosen by them.

    Args:
        study: One whose budget is spent.
        n_seeds: Unseen seeds.
    """
    best, wanted = study.best(), dict[str, Cell]()
    if best is None:
        return wanted
    for seed in range(UNSEEN_SEEDS, UNSEEN_SEEDS + n_seeds):
        plain = replace(study.plan, inherited={}).variant(BASE, {}, seed)
        found = best.attempt.cell(study.plan, seed)
        wanted[_name(BASE, seed)] = plain
        if found != plain:
            wanted[_name(str(best.number), seed)] = found
    return {name: cell for name, cell in wanted.items() if name not in study.notes}


def compared(study: Study, best: Trial) -> tuple[dict[int, Score], dict[int, Score]]:
    """Return by unseen seed what the defaults came to, and the best trial's settings."""
    plain, defaults = _noted(study, BASE), replace(study.plan, inherited={})
    same = best.attempt.cell(study.plan, 0) == defaults.variant(BASE, {}, 0)
    return plain, plain if same else _noted(study, str(best.number))


def _noted(study: Study, whose: str) -> dict[int, Score]:
    prefix = _name(whose, "")
    return {
        int(name.removeprefix(prefix)): Score(**record)
        for name, record in study.notes.items()
        if name.startswith(prefix)
    }


def _name(whose: str, seed: int | str) -> str:
    return f"unseen.{whose}.{seed}"


LEVEL = 0.05  # chance that equal settings are called better; another that they are called worse
_PATTERNS = 10_000  # of signs; all of them up to 13 seeds

Verdict = Literal["better", "worse", "no difference shown"]


def verdict(gains: Float[np.ndarray, "seeds"]) -> Verdict:
    """Return what gains say, one per seed."""
    if chance(gains) <= LEVEL:
        return "better"
    return "worse" if chance(-gains) <= LEVEL else "no difference shown"


def chance(gains: Float[np.ndarray, "seeds"]) -> float:
    """Return the chance of gains as large as these, in sum, between equally good settings.

    The paired permutation test: between equals, every gain might as well have the other sign.
    """
    if not np.any(gains):
        return 1.0
    if len(gains) == 1:
        return 0.5 if gains[0] > 0 else 1.0
    found = permutation_test(
        (gains, np.zeros_like(gains)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=_PATTERNS,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)
