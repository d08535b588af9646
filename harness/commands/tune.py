"""The command that searches hyperparameters, with the same budget for every method of a task."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.commands.match import match
from harness.commands.request import (
    CHECK_FAILED,
    INTERRUPTED,
    OK,
    SOME_FAILED,
    WRONG_USE,
    Request,
    console,
    print_json,
)
from harness.commands.steps import steps
from harness.commands.wishes import Wishes
from harness.config.grid import Grid, load_grid, select
from harness.errors import ConfigurationError
from harness.export.mlflow import INSTALL, Tracker, TrackingError, in_use, installed
from harness.results.files import StorageError, check_writable
from harness.training.pool import interrupts
from harness.tuning.ledger import Row, write_preset
from harness.tuning.mlflow import PART, study_family
from harness.tuning.page import Publication
from harness.tuning.plan import Plan, plans
from harness.tuning.progress import LiveView, LogView
from harness.tuning.runner import Desk, Session, crew
from harness.tuning.study import Shelf

_LEFT = -1  # to another process that works on the same studies


def tune(request: Request, reports: Path, wishes: Wishes) -> int:
    """Tune what is to be tuned, and write what came of it."""
    if wishes.track and not installed():
        raise ConfigurationError(f"--track: MLflow is not installed: {INSTALL}")
    if not (wishes.tunes or wishes.write or wishes.matched_snr or wishes.track):
        raise ConfigurationError(
            "tune: give --trials or --budget, or --write, --matched-snr or --track after tuning"
        )
    grid, log = load_grid(request.grid), console(stderr=True)
    chosen = plans(grid, select(grid.cells, request.only))
    try:
        check_writable(request.results / grid.name)
        outcome = _tune(request, grid, chosen, wishes, log) if wishes.tunes else OK
        if wishes.matched_snr and outcome != INTERRUPTED:
            outcome = max(outcome, match(request, grid, chosen, wishes, log))
        if outcome == INTERRUPTED:
            log.print("interrupted: the same command goes on from here", soft_wrap=True)
            return INTERRUPTED
        if outcome == _LEFT:
            log.print("the process that ends last writes the ledger", soft_wrap=True)
            return OK
        return max(outcome, _publish(request, grid, chosen, reports, wishes, log))
    except StorageError as error:
        log.print(f"error: {error}", style="bold red", soft_wrap=True)
        return WRONG_USE


def _tune(
    request: Request, grid: Grid, chosen: Sequence[Plan], wishes: Wishes, log: Console
) -> int:
    shelf = Shelf(grid, request.results, wishes.storage)
    budgets = {f"{plan.task}/{plan.method}": wishes.steps(plan) for plan in chosen}
    for plan in chosen:
        if plan.parent is not None:
            shelf.parent(plan)
    log.print(f"grid {grid.name}: {len(chosen)} studies", soft_wrap=True)
    with (
        interrupts() as signals,
        crew(wishes.n_workers, lambda: bool(signals)) as workers,
        _view(log)(log, budgets, workers.size) as view,
    ):
        desks = [Desk(plan, shelf, view, wishes.steps(plan), wishes.unseen) for plan in chosen]
        Session(desks, workers, view, signals).run()
    if signals:
        return INTERRUPTED
    if any(desk.elsewhere for desk in desks):
        return _LEFT
    return OK if all(desk.finished for desk in desks) else SOME_FAILED


def _view(log: Console) -> type[LogView]:
    return LiveView if log.is_terminal and not log.is_dumb_terminal else LogView


def _publish(
    request: Request,
    grid: Grid,
    chosen: Sequence[Plan],
    reports: Path,
    wishes: Wishes,
    log: Console,
) -> int:
    """Write ledger and preset, and say whether the comparison is fair."""
    published = Publication(grid, request.results, reports, wishes.storage)
    for path in published.write():
        log.print(f"written: {path}", soft_wrap=True)
    if wishes.write is not None:
        names = {plan.name for plan in chosen}
        rows = [row for row in published.ledger.rows if row.plan.name in names]
        pairs = write_preset(wishes.write, rows)
        log.print(f"written: {wishes.write}: {', '.join(pairs)}", soft_wrap=True)
    if in_use(request.results) if wishes.track is None else wishes.track:
        _track(grid, request.results, published.ledger.rows, log)
    if request.as_json:
        print_json(published.ledger.record())
    for fault in published.ledger.faults:
        log.print(f"check: {fault}", style="yellow", soft_wrap=True)
    return CHECK_FAILED if published.ledger.faults else OK


def _track(grid: Grid, results: Path, rows: Sequence[Row], log: Console) -> None:
    """Show studies in MLflow; a tracker that fails costs nothing but what it would show."""
    fates = Counter(added=0, replaced=0, kept=0)
    try:
        tracker = Tracker(grid, results, PART)
        for row in steps(log, rows, len(rows), "tracking studies"):
            fates.update(tracker.update(study_family(grid.name, row)))
    except TrackingError as error:
        log.print(f"not tracked: {error}; `tune --track` catches up", soft_wrap=True)
        return
    counts = ", ".join(f"{n} {fate}" for fate, n in fates.items())
    log.print(f"{tracker.uri}: trials: {counts}", soft_wrap=True)
