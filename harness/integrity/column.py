"""Faults that show only between records: of one variant, or of one column of a table."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from harness.integrity.fault import Fault, Kind
from harness.result import RunResult
from harness.seeding import seeds_text
from harness.status import State
from harness.table import Run
from methods import METHODS


def identical(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find runs of a variant that agree in every figure although their seeds differ."""
    seeds: defaultdict[tuple[str, str], defaultdict[str, list[int]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for run in runs:
        if run.result is not None and _tells_its_seed(run.result):
            text = json.dumps([run.result.curve, run.result.episodes], sort_keys=True)
            digest = hashlib.sha256(text.encode()).hexdigest()
            seeds[run.cell.place, run.cell.variant][digest].append(run.cell.seed)
    for (place, variant), found in seeds.items():
        for alike in found.values():
            if len(alike) > 1:
                names = ", ".join(map(str, alike))
                detail = f"seeds {names} agree in every figure"
                yield Fault(kind=Kind.IDENTICAL, where=f"{place}/{variant}", detail=detail)


def _tells_its_seed(result: RunResult) -> bool:
    """Say whether a run of another seed should differ: it trained, or its episodes differ.

    A fixed policy whose episodes all end alike meets nothing that depends on the seed.
    """
    if any(row["train"] for row in result.curve):
        return True
    played = [values for values in result.episodes.values() if values]
    return any(len({x for values in of for x in values}) > 1 for of in played)


def unequal_budgets(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find learners that stand in one column but were trained on different budgets."""
    budgets: defaultdict[tuple[str, str], defaultdict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for run in runs:
        if run.result is not None and METHODS[run.cell.method].learns:
            budget = asdict(run.result.cell.budget)
            text = ", ".join(f"{name}={value}" for name, value in budget.items())
            budgets[run.cell.place, run.cell.label][text].append(run.cell.variant)
    for (place, label), found in budgets.items():
        if len(found) > 1:
            said = (f"{', '.join(dict.fromkeys(who))}: {text}" for text, who in found.items())
            where = f"{place}, {label}"
            yield Fault(kind=Kind.BUDGETS, where=where, detail="; ".join(said))


def missing_seeds(runs: Iterable[Run]) -> Iterator[Fault]:
    """Find variants without all the seeds of their column; a column not begun is no fault."""
    columns: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.state is not State.UNAVAILABLE:
            columns[run.cell.place, run.cell.label].append(run)
    for (place, _), members in columns.items():
        if any(run.state is State.DONE for run in members):
            for variant, seeds in _missing(members).items():
                detail = f"no result for {seeds_text(seeds)}"
                yield Fault(kind=Kind.MISSING, where=f"{place}/{variant}", detail=detail)


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
