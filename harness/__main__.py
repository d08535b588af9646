"""The command line: ``python -m harness``.

Whatever takes time to import is imported inside the command that needs it.
"""

import os
import sys
from pathlib import Path

import typer

from harness.arguments import (
    BudgetOption,
    CheckOption,
    CheckpointOption,
    DryRunOption,
    GridOption,
    JobsOption,
    JsonOption,
    Kind,
    KindArgument,
    MatchedOption,
    OnlyOption,
    ReportsOption,
    Rerun,
    RerunOption,
    ResultsOption,
    ScenarioOption,
    StorageOption,
    TimeLimitOption,
    TrialsOption,
    UnseenOption,
    WriteOption,
)
from harness.errors import ConfigurationError

WRONG_USE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Compare methods of networked multi-agent reinforcement learning.

    A grid names cells: one method on one scenario from one seed. `run` computes those that have
    no result yet, `report` writes tables and learning curves of what there is.

    ```
    python -m harness run --grid quickstart
    python -m harness report --grid quickstart
    python -m harness plan --grid paper --only 'scenario=prisoner'
    ```

    Exit codes: 0 all is well, 1 some cells failed, 2 wrong use or configuration, 3 a check
    failed, 130 interrupted after saving.
    """,
)


@app.command()
def run(
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    jobs: JobsOption = None,
    rerun: RerunOption = None,
    checkpoint_every: CheckpointOption = 120.0,
    time_limit: TimeLimitOption = None,
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
    n_workers = jobs or _n_cores()
    raise typer.Exit(
        run_grid(
            request, n_workers=n_workers, checkpoint_every=checkpoint_every, time_limit=time_limit
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


@app.command()
def report(
    grid: GridOption = "quickstart",
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
    check: CheckOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write tables and learning curves of what there is.

    ```
    python -m harness report --grid paper
    python -m harness report --grid paper --check
    ```
    """
    from harness.commands import show
    from harness.commands.request import Request

    raise typer.Exit(show.report(Request(grid, None, results, as_json=as_json), reports, check))


@app.command(name="list")
def list_(
    kind: KindArgument = None,
    scenario: ScenarioOption = None,
    as_json: JsonOption = False,
) -> None:
    """List methods, scenarios and grids, with a line on each; of methods alone, much more.

    `list methods` shows what each one knows of the others, what it sends, what it learns from, and
    the ranges it may be tuned in.

    ```
    python -m harness list
    python -m harness list methods --scenario prisoner
    python -m harness list methods --json
    ```
    """
    from harness.commands import catalog

    if kind == Kind.METHODS:
        raise typer.Exit(catalog.list_methods(scenario or "prisoner", as_json=as_json))
    if scenario is not None:
        raise ConfigurationError("--scenario: goes with `list methods` only")
    kinds = [kind.value] if kind is not None else [k.value for k in Kind]
    raise typer.Exit(catalog.list_(kinds, as_json=as_json))


@app.command()
def tune(
    grid: GridOption = "tuning",
    only: OnlyOption = None,
    trials: TrialsOption = None,
    budget: BudgetOption = None,
    unseen: UnseenOption = 10,
    write: WriteOption = None,
    matched_snr: MatchedOption = False,
    storage: StorageOption = None,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search hyperparameters: every method of a place with the same budget, on tuning seeds.

    A study per place and learning method of a grid's cells with preset `default`. Interrupt it at
    will: the same command goes on where it stopped. The ledger of who was given what is written
    to `reports/<grid>-tuning.md`; exit code 3 says that the comparison is not fair or not complete.

    ```
    python -m harness tune --grid tuning --only 'scenario=prisoner' --trials 20
    python -m harness tune --grid tuning --write methods/hparams/tuned.toml
    python -m harness tune --grid tuning --only 'scenario=prisoner' --matched-snr
    ```
    """
    from harness.commands.request import Request
    from harness.commands.tune import tune as tune_grid
    from harness.commands.wishes import Wishes

    if trials is not None and budget is not None:
        raise ConfigurationError("--trials, --budget: give one of them; either sets the budget")
    wishes = Wishes(
        trials=trials,
        budget=budget,
        unseen=unseen,
        n_workers=jobs or _n_cores(),
        storage=storage,
        write=write,
        matched_snr=matched_snr,
    )
    raise typer.Exit(tune_grid(Request(grid, only, results, as_json=as_json), reports, wishes))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input ends in one message and exit code 2."""
    try:
        app(args=arguments)
    except ConfigurationError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(WRONG_USE)


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _value(rerun: Rerun | None) -> str | None:
    return None if rerun is None else rerun.value


if __name__ == "__main__":
    main()
