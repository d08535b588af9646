"""The command that runs a stored cell again and compares."""

from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from rich.console import Console

from harness.commands.request import CHECK_FAILED, OK, Request, console, print_json
from harness.commands.steps import steps
from harness.config.cell import Cell
from harness.config.grid import load_grid
from harness.errors import ConfigurationError
from harness.results.result import DamagedResult, RunResult, load_result, result_path
from harness.training.replay import Difference, changes
from harness.training.replay import replay as run_again

STALE = "stale: settings, data or code version changed since this result was computed"


def replay(request: Request, cell_id: str, upto: int | None) -> int:
    """Run a stored cell again and say whether it is the same bit for bit."""
    cell, result = _stored(request, cell_id)
    log, stale = console(stderr=True), cell.fingerprint != result.fingerprint
    n_stored = len(result.curve)
    n = n_stored if upto is None else min(upto, n_stored)
    if stale:
        log.print(STALE, soft_wrap=True)
    took = f"all of them took {result.provenance['wall_s']:,.0f} s when it was computed"
    log.print(f"{cell.id}: {n} of {n_stored} evaluations; {took}", soft_wrap=True)
    found = [d for d in steps(log, run_again(result, n), n, "replaying") if d is not None]
    changed = changes(result)
    if request.as_json:
        print_json(
            {
                "id": cell.id,
                "equal": not found,
                "stale": stale,
                "evaluations": n,
                "difference": asdict(found[0]) if found else None,
                "changed": {k: {"stored": a, "now": b} for k, (a, b) in changed.items()},
            }
        )
    else:
        _show(console(), result, n, found, changed)
    return CHECK_FAILED if found else OK


def _stored(request: Request, cell_id: str) -> tuple[Cell, RunResult]:
    grid = load_grid(request.grid)
    cells = {cell.id: cell for cell in grid.cells}
    if cell_id not in cells:
        close = get_close_matches(cell_id, cells, n=1)  # all valid ones would be hundreds
        remedy = f"did you mean {close[0]!r}?" if close else "`status --json` lists them"
        raise ConfigurationError(f"{cell_id}: no such cell in grid {grid.name}; {remedy}")
    path = result_path(request.results / grid.name, cells[cell_id])
    if not path.exists():
        raise ConfigurationError(f"{path}: no result to compare with; `run` makes it")
    try:
        return cells[cell_id], load_result(path)
    except DamagedResult as error:
        raise ConfigurationError(str(error)) from None


def _show(
    out: Console,
    result: RunResult,
    n: int,
    found: list[Difference],
    changed: dict[str, tuple[Any, Any]],
) -> None:
    if found:
        at, row = found[0], result.curve[found[0].evaluation - 1]
        verdict = (
            f"differs at evaluation {at.evaluation} (training episode {row['episode']}, step "
            f"{row['step']}): {at.figure} was {at.stored!r}, now is {at.now!r}"
        )
    else:
        verdict = f"equal bit for bit: {n} of {len(result.curve)} evaluations"
    lines = [f"changed since: {name}: {a} -> {b}" for name, (a, b) in changed.items()]
    nothing = "settings, versions and machine are those of the record"
    for line in [verdict, *(lines or [nothing])]:
        out.print(line, soft_wrap=True)
