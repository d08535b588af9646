"""The command that computes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from harness.commands.request import (
    INTERRUPTED,
    OK,
    SOME_FAILED,
    WRONG_USE,
    Request,
    console,
    counts_text,
    print_json,
    print_remedies,
    record,
)
from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.export.mlflow_setup import INSTALL, in_use, installed
from harness.results.cost import Costs
from harness.results.files import StorageError, check_writable
from harness.results.index import Run, State, count, look
from harness.training.pool import Job, Summary, View, execute
from harness.training.progress import Board, LiveView, LogView


def run(
    request: Request,
    *,
    n_workers: int,
    checkpoint_every: float,
    time_limit: float | None,
    track: bool | None,
) -> int:
    """Compute what is to be computed, and say what became of it.

    ``track`` says whether finished cells go to MLflow; None: if there is a tracker.
    """
    if track and not installed():
        raise ConfigurationError(f"--track: MLflow is not installed: {INSTALL}")
    grid, statuses, folder = request.load()
    log, costs = console(stderr=True), Costs((s.cell, s.cpu_s) for s in statuses)
    jobs = [
        Job(cell=s.cell, expected_s=costs.expected_s(s.cell), replaces=s.modified_ns)
        for s in request.chosen(statuses)
    ]
    try:
        check_writable(folder)
    except StorageError as error:
        raise ConfigurationError(str(error)) from None
    _announce(log, grid, statuses, jobs)
    summary = Summary()
    if jobs:
        track = in_use(request.results) if track is None else track
        with _view(request, grid, Board(jobs, folder, n_workers), log, track=track) as view:
            summary = execute(
                jobs,
                folder,
                view,
                n_workers=n_workers,
                checkpoint_every=checkpoint_every,
                time_limit=time_limit,
            )
    after = look([s.cell for s in statuses], folder)
    if request.as_json:
        print_json({"grid": grid.name, "states": count(after), "cells": [*map(record, after)]})
    return _conclude(request, log, grid, after, summary)


@contextmanager
def _view(
    request: Request, grid: Grid, board: Board, log: Console, *, track: bool
) -> Iterator[View]:
    live = log.is_terminal and not log.is_dumb_terminal
    with (LiveView if live else LogView)(board, log) as view:
        if not track:
            yield view
            return
        from harness.export.mlflow import Follower  # not needed by most runs

        with Follower(view, grid, request.results) as follower:
            yield follower


def _announce(log: Console, grid: Grid, statuses: Sequence[Run], jobs: Sequence[Job]) -> None:
    log.print(f"grid {grid.name}: {len(statuses)} cells, {len(jobs)} to run", soft_wrap=True)
    reasons = [s.reason for s in statuses if s.state is State.UNAVAILABLE]
    for reason in dict.fromkeys(reasons):
        log.print(f"unavailable: {reason} ({reasons.count(reason)} cells)", soft_wrap=True)


def _conclude(
    request: Request, log: Console, grid: Grid, after: Sequence[Run], summary: Summary
) -> int:
    """Say how it ended, and what to do next."""
    if summary.obstacle:
        log.print(f"error: {summary.obstacle}", style="bold red", soft_wrap=True)
        return WRONG_USE
    log.print(f"\n{counts_text(after)}", soft_wrap=True)
    if summary.interrupted:
        log.print("interrupted: the same command goes on from here", soft_wrap=True)
        return INTERRUPTED
    print_remedies(log, after)
    log.print(f"results: {request.results / grid.name}", soft_wrap=True)
    if not grid.tuning:
        log.print(f"next: python -m harness report --grid {request.grid}", soft_wrap=True)
    failed = any(s.state is State.FAILED for s in after) or summary.failures
    return SOME_FAILED if failed else OK
