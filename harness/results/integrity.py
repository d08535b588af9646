"""What can be wrong with the records of a grid, and which of them are wrong."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.config.seeding import TUNING_SEEDS, seeds_text
from harness.results.index import Run, State
from harness.results.result import RunResult
from methods import METHODS

_SEED = re.compile(r"seed=(\d+)\.json")


class Kind(StrEnum):
    """What can be wrong."""

    DUPLICATE = "duplicate seed"
    IDENTICAL = "identical trajectories"
    SHORT = "short run"
    DAMAGED = "damaged record"
    STALE = "stale record"
    BUDGETS = "unequal budgets"
    TUNING = "tuning seed"
    MISSING = "missing seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong.

    Attributes:
        kind: What.
        where: Task, variant and, where it is one record, seed.
        detail: What was found.
    """

    kind: Kind
    where: str
    detail: str


def find_faults(grid: Grid, runs: Sequence[Run], results: Path) -> tuple[Fault, ...]:
    """Look through the records of a grid.

    Args:
        grid: Which grid.
        runs: Its runs, as ``load_runs`` returns them.
        results: Folder of results.
    """
    return (
        *_record_faults(runs),
        *_identical(runs),
        *_unequal_budgets(runs),
        *_tuning_seeds(results / grid.name),
        *_missing_seeds(runs),
    )


def _record_faults(runs: Iterable[Run]) -> Iterator[Fault]:
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


def _identical(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find runs of a variant that agree in every figure although their seeds differ."""
    seeds: defaultdict[tuple[str, str], defaultdict[str, list[int]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for run in runs:
        if run.result is not None and _tells_its_seed(run.result):
            text = json.dumps([run.result.curve, run.result.episodes], sort_keys=True)
            digest = hashlib.sha256(text.encode()).hexdigest()
            seeds[run.cell.task, run.cell.variant][digest].append(run.cell.seed)
    for (task, variant), found in seeds.items():
        for alike in found.values():
            if len(alike) > 1:
                names = ", ".join(map(str, alike))
                detail = f"seeds {names} agree in every figure"
                yield Fault(kind=Kind.IDENTICAL, where=f"{task}/{variant}", detail=detail)


def _tells_its_seed(result: RunResult) -> bool:
    """Say whether a run of another seed should differ: it trained, or its episodes differ.

    A fixed policy whose episodes all end alike meets nothing that depends on the seed.
    """
    if any(row["train"] for row in result.curve):
        return True
    played = [values for values in result.episodes.values() if values]
    return any(len({x for values in of for x in values}) > 1 for of in played)


def _unequal_budgets(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find learners that stand in one column but were trained on different budgets."""
    budgets: defaultdict[tuple[str, str], defaultdict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for run in runs:
        if run.result is not None and METHODS[run.cell.method].learns:
            budget = asdict(run.result.cell.budget)
            text = ", ".join(f"{name}={value}" for name, value in budget.items())
            budgets[run.cell.task, run.cell.label][text].append(run.cell.variant)
    for (task, label), found in budgets.items():
        if len(found) > 1:
            said = (f"{', '.join(dict.fromkeys(who))}: {text}" for text, who in found.items())
            where = f"{task}, {label}"
            yield Fault(kind=Kind.BUDGETS, where=where, detail="; ".join(said))


def _tuning_seeds(folder: Path) -> Iterator[Fault]:
    """Find records of tuning seeds that lie among the reported ones."""
    for path in sorted(folder.rglob("seed=*.json")):
        seed = _SEED.fullmatch(path.name)
        if seed is not None and int(seed[1]) >= TUNING_SEEDS:
            where = path.relative_to(folder).with_suffix("").as_posix()
            detail = f"seeds from {TUNING_SEEDS} on chose settings; they never report them"
            yield Fault(kind=Kind.TUNING, where=where, detail=detail)


def _missing_seeds(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find variants without all the seeds of their column; a column not begun is no fault."""
    columns: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.state is not State.UNAVAILABLE:
            columns[run.cell.task, run.cell.label].append(run)
    for (task, _), members in columns.items():
        if any(run.state is State.DONE for run in members):
            for variant, seeds in _missing(members).items():
                detail = f"no result for {seeds_text(seeds)}"
                yield Fault(kind=Kind.MISSING, where=f"{task}/{variant}", detail=detail)


def _missing(members: Iterable[Run]) -> dict[str, list[int]]:
    """Return the seeds that each variant of a column lacks: its own, and the other learners'."""
    asked: defaultdict[str, set[int]] = defaultdict(set)
    done: defaultdict[str, set[int]] = defaultdict(set)
    learners: set[str] = set()
    for run in members:
        cell = run.cell
        asked[cell.variant].add(cell.seed)
        if run.state is State.DONE:
            done[cell.variant].add(cell.seed)
        if METHODS[cell.method].learns and not cell.fields:
            learners.add(cell.variant)
    common = set[int]().union(*(asked[variant] for variant in learners))
    wanted = {v: seeds | common if v in learners else seeds for v, seeds in asked.items()}
    return {v: sorted(seeds - done[v]) for v, seeds in wanted.items() if seeds - done[v]}
