"""Faults that show in a record by itself."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.cell import Cell
from harness.integrity.fault import Fault, Kind
from harness.result import RunResult
from harness.seeding import TUNING_SEEDS
from harness.status import State
from harness.table import Run
from methods import METHODS

_SEED = re.compile(r"seed=(\d+)\.json")


def record_faults(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find records that are damaged, stale, short or those of another seed."""
    for run in runs:
        cell = run.cell
        if run.state is State.DAMAGED:
            yield Fault(kind=Kind.DAMAGED, where=cell.id, detail=run.reason)
        elif run.stored is None:
            continue
        elif run.stored.cell.seed != cell.seed:
            detail = f"holds the record of seed {run.stored.cell.seed}"
            yield Fault(kind=Kind.DUPLICATE, where=cell.id, detail=detail)
        elif run.state is State.STALE:
            detail = "computed with other settings, data or versions than the present ones"
            yield Fault(kind=Kind.STALE, where=cell.id, detail=detail)
        elif detail := _shortness(run.stored, cell):
            yield Fault(kind=Kind.SHORT, where=cell.id, detail=detail)


def _shortness(result: RunResult, cell: Cell) -> str:
    """Say what a run has less of than its budget; nothing for a whole run."""
    learns, budget, last = METHODS[cell.method].learns, cell.budget, result.curve[-1]
    counts = {
        "evaluations": (len(result.curve), budget.evaluations if learns else 1),
        "training episodes": (last["episode"], budget.episodes if learns else 0),
        "training steps": (last["step"], budget.steps if learns else 0),
    }
    for name, evaluations in result.episodes.items():
        played = min((len(values) for values in evaluations), default=0)
        counts[f"episodes of {name} per evaluation"] = played, budget.evaluation_episodes
    short = (f"{n} {what} of {asked}" for what, (n, asked) in counts.items() if n < asked)
    return next(short, "")


def tuning_seeds(folder: Path) -> Iterator[Fault]:
    """Find records of tuning seeds that lie among the reported ones."""
    for path in sorted(folder.rglob("seed=*.json")):
        seed = _SEED.fullmatch(path.name)
        if seed is not None and int(seed[1]) >= TUNING_SEEDS:
            where = path.relative_to(folder).with_suffix("").as_posix()
            detail = f"seeds from {TUNING_SEEDS} on chose settings; they never report them"
            yield Fault(kind=Kind.TUNING, where=where, detail=detail)
