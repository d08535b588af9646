"""The commands that compute cells, and those that tell what there is to compute."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import app
from harness.cli.output import (
    INTERRUPTED,
    OK,
    SOME_FAILED,
    WRONG_USE,
    GridOption,
    JobsOption,
    JsonOption,
    OnlyOption,
    ResultsOption,
    TrackOption,
    console,
    counts_text,
    folded,
    n_cores,
    open_grid,
    print_json,
    print_remedies,
    run_record,
    tell_imports,
)

if TYPE_CHECKING:
    from rich.console import Console

    from harness.config.grid import Grid
    from harness.results.cost import Costs
    from harness.results.index import Run
    from harness.training.pool import Job, Summary, View


RerunOption = Annotated[
    Literal["failed", "stale", "all"] | None,
    typer.Option(
        metavar="failed|stale|all",
        show_choices=False,
        help="Also compute cells that failed, whose result is stale (settings or code version "
        "changed), or all. An old result stays until the new one is whole.",
    ),
]

CheckpointOption = Annotated[
    float,
    typer.Option(min=0, metavar="SECONDS", help="Least time between two checkpoints of a cell."),
]

TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        min=0.001, metavar="SECONDS", help="A cell that takes longer in one go has failed."
    ),
]

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, like `plan`.")
]


@app.command()
def run(
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    jobs: JobsOption = None,
    rerun: RerunOption = None,
    checkpoint_every: CheckpointOption = 120.0,
    time_limit: TimeLimitOption = None,
    track: TrackOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the cells of a grid that have no result yet.

    Interrupt it at will: the same command goes on where it stopped. The first Ctrl-C lets every
    cell reach its next evaluation and save its state, the second stops at once. Several `run`
    commands may share a folder of results.

    \b
      python -m harness run --grid paper --only 'scenario=prisoner' -j 8
      python -m harness run --grid paper --rerun failed --time-limit 7200
    """
    if dry_run:
        plan(grid, only, results, rerun, as_json)
    from harness.config.grid import load_grid, select
    from harness.results.cost import Costs
    from harness.results.files import prepare_folder
    from harness.results.index import count, look, to_run
    from harness.training.pool import Job, Summary, execute

    track = _tracks(results, track)
    loaded, log = load_grid(grid), console(stderr=True)
    folder = results / loaded.name
    before = look(select(loaded.cells, only), folder)
    costs = Costs((run.cell, run.cpu_s) for run in before)
    todo = [
        Job(cell=run.cell, expected_s=costs.expected_s(run.cell), replaces=run.modified_ns)
        for run in to_run(before, rerun)
    ]
    prepare_folder(folder, loaded.file, (run.cell for run in before))
    tell_imports(loaded, log)
    _announce(log, before, todo, costs)
    summary = Summary()
    if todo:
        n_workers = jobs or n_cores()
        with _view(loaded, results, todo, n_workers, log, track=track) as view:
            summary = execute(
                todo,
                folder,
                view,
                n_workers=n_workers,
                checkpoint_every=checkpoint_every,
                time_limit=time_limit,
            )
    after = look([run.cell for run in before], folder)
    if as_json:
        cells = [*map(run_record, after)]
        print_json({"grid": loaded.name, "states": count(after), "cells": cells})
    raise typer.Exit(_conclude(log, loaded, grid, folder, after, summary))


@app.command()
def plan(
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    rerun: RerunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what `run` would compute, at what cost, and what not.

    A cell that cannot be run is listed with the reason.

    \b
      python -m harness plan --grid paper
      python -m harness plan --grid paper --only 'method=ltos' --rerun stale --json
    """
    from rich.table import Table

    from harness.config.grid import select
    from harness.results.cost import Costs, duration
    from harness.results.index import by_variant, look, to_run

    loaded = open_grid(grid, results)
    tell_imports(loaded, console(stderr=True))
    runs = look(select(loaded.cells, only), results / loaded.name)
    costs = Costs((run.cell, run.cpu_s) for run in runs)
    expected = {run.cell: costs.expected_s(run.cell) for run in to_run(runs, rerun)}
    total_s = sum(expected.values(), 0.0)
    if as_json:
        cells = [run_record(run) | {"expected_s": expected.get(run.cell)} for run in runs]
        print_json({"grid": loaded.name, "cells": cells, "expected_s": total_s})
        raise typer.Exit(OK)
    columns = folded("task", "variant", "cells", "expected", "remark")
    out, table = console(), Table(*columns, box=None, pad_edge=False)
    for (task, variant), members in by_variant(runs).items():
        cost_s = sum((expected.get(run.cell, 0.0) for run in members), 0.0)
        guess = "" if all(costs.known(run.cell) for run in members) else "~"
        remarks = dict.fromkeys(run.reason for run in members if run.reason)
        cost = f"{guess}{duration(cost_s)}" if cost_s else "-"
        table.add_row(task, variant, counts_text(members), cost, "; ".join(remarks))
    out.print(table)
    both = [c for c in dict.fromkeys((r.cell.task, r.cell.budget) for r in runs) if c[1].steps]
    for text in dict.fromkeys(budget.text for _, budget in both):
        tasks = dict.fromkeys(task for task, budget in both if budget.text == text)
        out.print(f"\ntraining lasts {text}: {'; '.join(tasks)}", soft_wrap=True)
    out.print(
        f"\n{len(expected)} of {len(runs)} cells to run, about {duration(total_s)} of one core"
        f"{_guessed(all(map(costs.known, expected)))}",
        soft_wrap=True,
    )
    print_remedies(out, runs)
    raise typer.Exit(OK)


@app.command()
def status(
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Show how far a grid is, and what is to come.

    Cells by state, what one costs, what they have cost so far, and what the others will.

    \b
      python -m harness status --grid paper
      watch -n 60 python -m harness status --grid paper
    """
    from rich.table import Table

    from harness.config.grid import select
    from harness.results.cost import Costs, duration
    from harness.results.index import State, by_variant, count, look, to_run

    loaded = open_grid(grid, results)
    tell_imports(loaded, console(stderr=True))
    runs = look(select(loaded.cells, only), results / loaded.name)
    costs = Costs((run.cell, run.cpu_s) for run in runs)
    expected = {run.cell: costs.expected_s(run.cell) for run in runs}
    left = {run.cell: expected[run.cell] for run in to_run(runs, None)}
    spent_s, left_s = sum((run.cpu_s or 0.0 for run in runs), 0.0), sum(left.values(), 0.0)
    if as_json:
        records = [run_record(run) | {"expected_s": expected[run.cell]} for run in runs]
        sums = {"states": count(runs), "spent_s": spent_s, "left_s": left_s}
        print_json({"grid": loaded.name, **sums, "cells": records})
        raise typer.Exit(OK)
    shown = [state for state in State if state in count(runs)]
    table = Table(*folded("task", "variant", *shown, "a cell", "to come"), box=None, pad_edge=False)
    for (task, variant), members in by_variant(runs).items():
        counts, cells = count(members), [run.cell for run in members]
        guess = "" if all(map(costs.known, cells)) else "~"
        to_come_s = sum((left.get(cell, 0.0) for cell in cells), 0.0)
        table.add_row(
            task,
            variant,
            *(str(counts.get(state, "")) for state in shown),
            f"{guess}{duration(sum(expected[cell] for cell in cells) / len(cells))}",
            f"{guess}{duration(to_come_s)}" if to_come_s else "",
        )
    out = console()
    out.print(table)
    out.print(
        f"\n{counts_text(runs)}; {duration(spent_s)} of one core spent, about {duration(left_s)} "
        f"to come{_guessed(all(map(costs.known, left)))}",
        soft_wrap=True,
    )
    print_remedies(out, runs)
    raise typer.Exit(OK)


def _tracks(results: Path, wanted: bool | None) -> bool:
    """Say whether finished cells go to MLflow: as the user says, else if there is a tracker."""
    from harness.errors import ConfigurationError
    from harness.export.mlflow import INSTALL, in_use, installed

    if wanted and not installed():
        raise ConfigurationError(f"--track: MLflow is not installed: {INSTALL}")
    return in_use(results) if wanted is None else wanted


@contextmanager
def _view(
    grid: "Grid",
    results: Path,
    jobs: Sequence["Job"],
    n_workers: int,
    log: "Console",
    *,
    track: bool,
) -> Iterator["View"]:
    """Show how things go, on a terminal, in lines, and in MLflow where there is a tracker."""
    from harness.config.memory import crowding
    from harness.training.progress import Board, watch

    if said := crowding((job.cell for job in jobs), n_workers):
        log.print(said, soft_wrap=True)
    with watch(Board(jobs, results / grid.name, n_workers), log) as view:
        if not track:
            yield view
            return
        from harness.export.mlflow import Follower

        with Follower(view, grid, results) as follower:
            yield follower


def _announce(log: "Console", runs: Sequence["Run"], jobs: Sequence["Job"], costs: "Costs") -> None:
    """Say what is to be done, at what cost, and what cannot be done."""
    from harness.results.cost import duration
    from harness.results.index import State

    said = f"{len(runs)} cells, {len(jobs)} to run"
    if jobs:
        cost = duration(sum(job.expected_s for job in jobs))
        said += f", about {cost} of one core{_guessed(all(costs.known(job.cell) for job in jobs))}"
    if started := sum(run.state is State.STARTED for run in runs):
        said += f"; {started} go on from a checkpoint"
    log.print(said, soft_wrap=True)
    reasons = [run.reason for run in runs if run.state is State.UNAVAILABLE]
    for reason in dict.fromkeys(reasons):
        log.print(f"unavailable: {reason} ({reasons.count(reason)} cells)", soft_wrap=True)


def _conclude(
    log: "Console",
    grid: "Grid",
    name: str,
    folder: Path,
    after: Sequence["Run"],
    summary: "Summary",
) -> int:
    """Say how it ended, and what to do next."""
    from harness.results.index import State

    if summary.obstacle:
        log.print(f"error: {summary.obstacle}", style="bold red", soft_wrap=True)
        return WRONG_USE
    log.print(f"\n{counts_text(after)}", soft_wrap=True)
    if summary.interrupted:
        log.print("interrupted: the same command goes on from here", soft_wrap=True)
        return INTERRUPTED
    print_remedies(log, after)
    log.print(f"results: {folder}", soft_wrap=True)
    if not grid.tuning:
        where = (
            "" if folder.parent == Path("results") else f" --results {quote(str(folder.parent))}"
        )
        log.print(f"next: python -m harness report --grid {quote(name)}{where}", soft_wrap=True)
    failed = any(run.state is State.FAILED for run in after) or summary.failures
    return SOME_FAILED if failed else OK


def _guessed(known: bool) -> str:
    return "" if known else " (~: guessed, nothing alike has run yet)"
