"""What was found against the defaults, on seeds that no choice rests on."""

from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from harness.config.cell import Cell
from harness.stats.paired import sign_flip_p
from harness.stats.rounding import stable
from harness.tuning.plan import BASE, HELD_OUT_SEEDS
from harness.tuning.study import Study
from harness.tuning.trial import Score, Trial

LEVEL = 0.05  # chance that equal settings are called better; another that they are called worse

Verdict = Literal["better", "worse", "no difference shown"]


def to_compare(study: Study, n_seeds: int) -> dict[str, Cell]:
    """Return the runs that are missing: what to note each as, and its cell.

    They are outside the budget: nothing is chosen by them.

    Args:
        study: One whose budget is spent.
        n_seeds: Held-out seeds.
    """
    best, wanted = study.best(), dict[str, Cell]()
    if best is None:
        return wanted
    for seed in range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + n_seeds):
        plain, found = _defaults(study, seed), best.attempt.cell(study.plan, seed)
        wanted[_name(BASE, seed)] = plain
        if found != plain:
            wanted[_name(str(best.number), seed)] = found
    return {name: cell for name, cell in wanted.items() if name not in study.notes}


def compared(study: Study, best: Trial) -> dict[int, tuple[float, float]]:
    """Return by held-out seed the scores of the defaults and of the best trial's settings.

    Seeds on which one of them has none are left out.
    """
    plain = _noted(study, BASE)
    same = best.attempt.cell(study.plan, 0) == _defaults(study, 0)
    tuned = plain if same else _noted(study, str(best.number))
    return {seed: (plain[seed], tuned[seed]) for seed in sorted(plain.keys() & tuned.keys())}


def verdict(gains: Float[np.ndarray, "seeds"]) -> Verdict:
    """Return what gains say, one per seed."""
    if chance(gains) <= LEVEL:
        return "better"
    return "worse" if chance(-gains) <= LEVEL else "no difference shown"


def chance(gains: Float[np.ndarray, "seeds"]) -> float:
    """Return the chance of gains as large as these, in sum, between equally good settings."""
    if not np.any(gains):
        return 1.0
    if len(gains) == 1:
        return 0.5 if gains[0] > 0 else 1.0
    return sign_flip_p(gains, np.random.default_rng(0), "greater")


def _defaults(study: Study, seed: int) -> Cell:
    return replace(study.plan, inherited={}).variant(BASE, {}, seed)


def _noted(study: Study, whose: str) -> dict[int, float]:
    prefix, scores = _name(whose, ""), dict[int, float]()
    for name, record in study.notes.items():
        if name.startswith(prefix) and (value := Score(**record).value) is not None:
            scores[int(name.removeprefix(prefix))] = stable(value)
    return scores


def _name(whose: str, seed: int | str) -> str:
    return f"unseen.{whose}.{seed}"  # as journals have it
