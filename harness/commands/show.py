"""The commands that look and change nothing: plan and status; and report."""

from dataclasses import asdict
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
from harness.config.grid import Grid, load_grid
from harness.results.cost import Costs, duration
from harness.results.index import State, by_variant, count, to_run
from harness.tuning import has_studies

if TYPE_CHECKING:
    from harness.tuning.page import Publication

_NAMED = 10  # faults of the records, on the terminal


def plan(request: Request) -> int:
    """Show every variant with the states of its cells, and what is to be computed."""
    grid, statuses, _ = request.load()
    chosen, costs = request.chosen(statuses), Costs((s.cell, s.cpu_s) for s in statuses)
    expected = {s.cell: costs.expected_s(s.cell) for s in chosen}
    if request.as_json:
        cells = [record(s) | {"expected_s": expected.get(s.cell)} for s in statuses]
        print_json({"grid": grid.name, "cells": cells, "expected_s": sum(expected.values(), 0.0)})
        return OK
    out = console()
    table = Table("task", "variant", "cells", "expected", "remark", box=None, pad_edge=False)
    for (task, variant), members in by_variant(statuses).items():
        cost_s = sum((expected.get(s.cell, 0.0) for s in members), 0.0)
        guess = "" if all(costs.known(s.cell) for s in members) else "~"
        table.add_row(
            task,
            variant,
            counts_text(members),
            f"{guess}{duration(cost_s)}" if cost_s else "-",
            "; ".join(dict.fromkeys(s.reason for s in members if s.reason)),
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
    """Show how far each variant is, what a cell of it costs, and what is to come."""
    grid, statuses, _ = request.load()
    costs, left = Costs((s.cell, s.cpu_s) for s in statuses), to_run(statuses, None)
    spent_s = sum((s.cpu_s or 0.0 for s in statuses), 0.0)
    expected = {s.cell: costs.expected_s(s.cell) for s in statuses}
    left_s = sum((expected[s.cell] for s in left), 0.0)
    if request.as_json:
        print_json(
            {
                "grid": grid.name,
                "states": count(statuses),
                "spent_s": spent_s,
                "left_s": left_s,
                "cells": [record(s) | {"expected_s": expected[s.cell]} for s in statuses],
            }
        )
        return OK
    out = console()
    shown = [state for state in State if state in count(statuses)]
    table = Table("task", "variant", *shown, "a cell", "to come", box=None, pad_edge=False)
    waiting = {s.cell for s in left}
    for (task, variant), members in by_variant(statuses).items():
        counts, cells = count(members), [s.cell for s in members]
        guess = "" if all(map(costs.known, cells)) else "~"
        to_come_s = sum((expected[cell] for cell in cells if cell in waiting), 0.0)
        table.add_row(
            task,
            variant,
            *(str(counts.get(state, "")) for state in shown),
            f"{guess}{duration(sum(expected[cell] for cell in cells) / len(cells))}",
            f"{guess}{duration(to_come_s)}" if to_come_s else "",
        )
    out.print(table)
    out.print(
        f"\n{counts_text(statuses)}; {duration(spent_s)} of one core spent, about "
        f"{duration(left_s)} to come"
        f"{'' if all(map(costs.known, waiting)) else ' (~: guessed, nothing alike has run yet)'}",
        soft_wrap=True,
    )
    print_remedies(out, statuses)
    return OK


def report(
    request: Request, reports: Path, *, formats: str | None, check: bool, strict: bool
) -> int:
    """Write the report and the tuning ledger of a grid, or compare them with what is there.

    Faults of the records are named, and fail if ``strict``; an unfair ledger fails either way. Of a
    grid that runs on tuning seeds, the ledger is all there is.
    """
    from harness.report import build_report, check_report, write_report  # imports take their time
    from harness.report.files import Format, parse_formats

    chosen = None if formats is None else parse_formats(formats)
    grid = load_grid(request.grid)
    ledgers = _ledgers(grid, request.results, reports)
    made = None if grid.tuning and ledgers else build_report(grid, request.results)
    if check:
        lines = check_report(made, reports, chosen) if made else []
        lines += [line for one in ledgers for line in one.differences()]
    else:
        files = write_report(made, reports, chosen or (Format.MARKDOWN,)) if made else []
        lines = [str(path) for path in [*files, *(f for one in ledgers for f in one.write())]]
    faults = [asdict(fault) for fault in made.faults] if made else []
    unfair = [fault for one in ledgers for fault in one.ledger.faults]
    if request.as_json:
        kind = "differences" if check else "files"
        print_json({"grid": grid.name, kind: lines, "faults": faults, "unfair": unfair})
    else:
        for line in lines:
            console().print(line, soft_wrap=True)
        for line in [*unfair, *map("{kind}: {where}: {detail}".format_map, faults[:_NAMED])]:
            console(stderr=True).print(line, soft_wrap=True)
        if more := len(faults[_NAMED:]):
            console(stderr=True).print(f"and {more} more faults, named at the report's end")
    failed = unfair or (check and lines) or (strict and faults)
    return CHECK_FAILED if failed else OK


def _ledgers(grid: Grid, results: Path, reports: Path) -> list["Publication"]:
    """Return the tuning ledger, if anything was tuned; else Optuna stays unimported."""
    if not has_studies(results / grid.name):
        return []
    from harness.tuning.page import Publication

    return [Publication(grid, results, reports)]
