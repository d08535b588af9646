"""What was found against the defaults, on seeds that no choice rests on."""

from dataclasses import replace

from harness.cell import Cell
from harness.tune.plan import BASE, UNSEEN_SEEDS
from harness.tune.scoring import Score
from harness.tune.study import Study
from harness.tune.trial import Trial


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
