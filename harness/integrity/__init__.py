"""What is wrong with a grid's records, whatever they say: nothing may hide in a mean."""

from collections.abc import Sequence
from pathlib import Path

from harness.grid import Grid
from harness.integrity.column import identical, missing_seeds, unequal_budgets
from harness.integrity.fault import Fault
from harness.integrity.record import record_faults, tuning_seeds
from harness.table import Run


def find_faults(grid: Grid, runs: Sequence[Run], results: Path) -> tuple[Fault, ...]:
    """Look through the records of a grid.

    Args:
        grid: Which grid.
        runs: Its runs, as ``load_runs`` returns them.
        results: Folder of results.
    """
    return (
        *record_faults(runs),
        *identical(runs),
        *unequal_budgets(runs),
        *tuning_seeds(results / grid.name),
        *missing_seeds(runs),
    )
