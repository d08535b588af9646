"""The commands that look and change nothing: plan and status; and report."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from harness.commands.request import (
    CHECK_FAILED,
    OK,
    Request,
    console,
    counts_text,
    print_json,
    print_remedies,
    record,
)
from harness.cost import Costs, duration
from harness.grid import Grid, load_grid
from harness.status import State, by_variant, count, to_run
from harness.tune.study_files import has_studies

if TYPE_CHECKING:
    from harness.tune.publishing import Publication


def plan(request: Request) -> int:
    """Show every variant with the states of its cells, and what is to be computed."""
    grid, statuses, _ = request.load()
    chosen, costs = request.chosen(statuses), Costs(statuses)
    expected = {s.cell: costs.expected_s(s.cell) for s in chosen}
    if request.as_json:
        cells = [record(s) | {"expected_s": expected.get(s.cell)} for s in statuses]
        print_json({"grid": grid.name, "cells": cells, "expected_s": sum(expected.values(), 0.0)})
        return OK
    out = console()
    table = Table("place", "variant", "cells", "expected", "remark", box=None, pad_edge=False)
    for (place, variant), members in by_variant(statuses).items():
        cost_s = sum((expected.get(s.cell, 0.0) for s in members), 0.0)
        guess = "" if all(costs.known(s.cell) for s in members) else "~"
        table.add_row(
            place,
            variant,
            counts_text(members),
            f"{guess}{duration(cost_s)}" if cost_s else "-",
            "; ".join(dict.fromkeys(s.detail for s in members if s.detail)),
        )
    out.print(table)
    total = sum(expected.values(), 0.0)
    out.print(
        f"\n{len(chosen)} of {len(statuses)} cells to run, about {duration(total)} of one core"
        f"{'' if all(map(costs.known, expected)) else ' (~: guessed, nothing alike has run yet)'}",
        soft_wrap=True,
    )
    print_remedies(out, statuses)
    return OK


def status(request: Request) -> int:
    """Show how far each variant is."""
    grid, statuses, _ = request.load()
    costs = Costs(statuses)
    spent_s = sum((s.wall_s or 0.0 for s in statuses), 0.0)
    left_s = sum((costs.expected_s(s.cell) for s in to_run(statuses, None)), 0.0)
    if request.as_json:
        print_json(
            {
                "grid": grid.name,
                "states": count(statuses),
                "spent_s": spent_s,
                "left_s": left_s,
                "cells": [record(s) for s in statuses],
            }
        )
        return OK
    out = console()
    shown = [state for state in State if state in count(statuses)]
    table = Table("place", "variant", *shown, box=None, pad_edge=False)
    for (place, variant), members in by_variant(statuses).items():
        counts = count(members)
        table.add_row(place, variant, *(str(counts.get(state, "")) for state in shown))
    out.print(table)
    out.print(
        f"\n{counts_text(statuses)}; {duration(spent_s)} of one core spent, about "
        f"{duration(left_s)} to come",
        soft_wrap=True,
    )
    print_remedies(out, statuses)
    return OK


def report(request: Request, reports: Path, check: bool) -> int:
    """Write the report and the tuning ledger of a grid, or compare them with what is there.

    An unfair ledger is an error either way; of a grid that runs on tuning seeds it is all there is.
    """
    from harness.report import check_report, write_report  # matplotlib takes its time

    grid, results = load_grid(request.grid), request.results
    ledgers = _ledgers(grid, results, reports)
    reported = not (grid.tuning and ledgers)
    faults = [fault for one in ledgers for fault in one.ledger.faults]
    if check:
        lines = check_report(grid, results, reports) if reported else []
        lines += [line for one in ledgers for line in one.differences()]
    else:
        files = write_report(grid, results, reports) if reported else []
        lines = [str(path) for path in [*files, *(f for one in ledgers for f in one.write())]]
    if request.as_json:
        kind = "differences" if check else "files"
        print_json({"grid": grid.name, kind: lines} | ({"faults": faults} if ledgers else {}))
    for line in [] if request.as_json else [*lines, *faults]:
        console().print(line, soft_wrap=True)
    return CHECK_FAILED if faults or (check and lines) else OK


def _ledgers(grid: Grid, results: Path, reports: Path) -> list["Publication"]:
    """Return the tuning ledger, if anything was tuned; else Optuna stays unimported."""
    if not has_studies(results / grid.name):
        return []
    from harness.tune.publishing import Publication

    return [Publication(grid, results, reports)]
