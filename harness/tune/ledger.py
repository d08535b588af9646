"""The ledger: what each method was given, what it found, and whether that was fair."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.grid import Grid
from harness.seeding import TUNING_SEEDS
from harness.tune.row import Row, row_of
from harness.tune.shelf import Shelf
from harness.tune.trial import Fate, Trial

TOLERANCE = 0.05  # by which budgets spent at one place may differ


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

    def record(self) -> dict[str, Any]:
        """Return the ledger as JSON can have it."""
        return {
            "grid": self.grid,
            "faults": list(self.faults),
            "studies": [row_record(row) for row in self.rows],
        }

    def text(self) -> str:
        """Return the ledger as a file."""
        return json.dumps(self.record(), indent=1, allow_nan=False) + "\n"


def ledger(grid: Grid, results: Path, url: str | None = None) -> Ledger:
    """Look up what was tuned.

    Args:
        grid: Whose studies.
        results: Folder of the results of all grids.
        url: A database in place of the journals.

    Raises:
        ConfigurationError: A study is damaged or of something else.
    """
    shelf = Shelf(grid, results, url)
    rows = tuple(row_of(study) for study in shelf.begun())
    return Ledger(grid=grid.name, rows=rows, faults=tuple(faults(grid, rows)))


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
            for seed in sorted(set(row.plan.seeds) & row.unseen.keys())
        ]
    for place in dict.fromkeys(row.plan.place for row in rows):
        found += _unequal(place, [row for row in rows if row.plan.place == place])
    return found


def _unequal(place: str, rows: Sequence[Row]) -> list[str]:
    least, most = (pick(rows, key=lambda row: row.spent) for pick in (min, max))
    gap = 1 - least.spent / most.spent if most.spent else 0.0
    if gap <= TOLERANCE:
        return []
    return [
        f"{place}: budgets differ by {gap:.1%}, more than {TOLERANCE:.0%}: {least.plan.method} "
        f"spent {least.spent:,} environment steps, {most.plan.method} {most.spent:,}"
    ]


def row_record(row: Row) -> dict[str, Any]:
    """Return what the ledger says of a study as JSON can have it."""
    trials = [trial_record(trial) for trial in row.trials]
    presets = {preset: row.score(preset) for preset in ("paper", "default")}
    return {
        "study": row.plan.name,
        "place": row.plan.place,
        "method": row.plan.method,
        "inherits": row.plan.parent,
        "metric": row.plan.metric,
        "higher_is_better": row.plan.maximize,
        "seeds": row.plan.seeds,
        "budget": row.budget,
        "finished": row.finished,
        "spent": row.spent,
        "cpu_s": round(row.cpu_s, 1),
        "dimensions": len(row.plan.space),
        "trials": {fate: row.count(fate) for fate in Fate if row.count(fate)},
        "share_pruned": row.count(Fate.PRUNED) / len(trials) if trials else None,
        "scores": {**presets, "tuned": row.found},
        "best": None if row.best is None else row.best.number,
        "values": row.values,
        "unseen": {str(seed): list(pair) for seed, pair in row.unseen.items()},
        "gain": float(np.mean(row.gains)) if row.unseen else None,
        "p": row.p,
        "verdict": row.verdict,
        "optimism": row.optimism,
        "importances": row.importances,
        "record": trials,
    }


def trial_record(trial: Trial) -> Mapping[str, Any]:
    """Return a trial as JSON can have it."""
    return {
        "number": trial.number,
        "fate": trial.fate,
        "ended": trial.ended,
        **trial.attempt.record(),
        "value": trial.value,
        "runs": {str(seed): run.record() for seed, run in trial.runs.items()},
    }
