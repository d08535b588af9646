"""The commands that compute cells, and those that tell what there is to compute."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import (
    GridOption,
    JobsOption,
    JsonOption,
    OnlyOption,
    ResultsOption,
    TrackOption,
    n_cores,
)


class Rerun(StrEnum):
    """What `run` computes besides cells without a result."""

    FAILED = "failed"
    STALE = "stale"
    ALL = "all"


RerunOption = Annotated[
    Rerun | None,
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

    ```
    python -m harness run
    python -m harness run --grid paper --only 'scenario=prisoner' -j 8
    python -m harness run --grid paper --rerun failed --time-limit 7200
    ```
    """
    from harness.commands import show
    from harness.commands.request import Request
    from harness.commands.run import run as run_grid

    request = Request(grid, only, results, as_json=as_json, rerun=_value(rerun))
    if dry_run:
        raise typer.Exit(show.plan(request))
    raise typer.Exit(
        run_grid(
            request,
            n_workers=jobs or n_cores(),
            checkpoint_every=checkpoint_every,
            time_limit=time_limit,
            track=track,
        )
    )


@app.command()
def plan(
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    rerun: RerunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what `run` would compute, what it would cost, and what cannot be run and why.

    ```
    python -m harness plan --grid paper
    python -m harness plan --grid paper --only 'method=ltos' --rerun stale --json
    ```
    """
    from harness.commands import show
    from harness.commands.request import Request

    request = Request(grid, only, results, as_json=as_json, rerun=_value(rerun))
    raise typer.Exit(show.plan(request))


@app.command()
def status(
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Show how far a grid is: cells by state, cost so far, cost to come.

    ```
    python -m harness status --grid paper
      watch -n 60 python -m harness status --grid paper
    ```
    """
    from harness.commands import show
    from harness.commands.request import Request

    raise typer.Exit(show.status(Request(grid, only, results, as_json=as_json)))


def _value(rerun: Rerun | None) -> str | None:
    return None if rerun is None else rerun.value
