"""The command line: ``python -m harness``.

Whatever takes time to import is imported inside the command that needs it.
"""

import os
import sys
from pathlib import Path

import typer

from harness.arguments import (
    CellArgument,
    CheckOption,
    CheckpointOption,
    DryRunOption,
    FormatOption,
    GridOption,
    JobsOption,
    JsonOption,
    Kind,
    KindArgument,
    OnlyOption,
    OutOption,
    PluginMethodOption,
    PluginScenarioOption,
    RaggedOption,
    ReportsOption,
    Rerun,
    RerunOption,
    ResultsOption,
    ScenarioOption,
    TimeLimitOption,
    TrackOption,
    UptoOption,
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
            n_workers=jobs or _n_cores(),
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
def export(
    form: FormatOption,
    grid: GridOption = "quickstart",
    only: OnlyOption = None,
    results: ResultsOption = Path("results"),
    out: OutOption = None,
    allow_ragged: RaggedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hand results to other programs: tables, MLflow, marl-eval.

    `csv` and `parquet` are two tables: `curves`, a row per evaluation and metric, and `runs`, a
    row per cell. `mlflow` brings the tracker in line with the results; a second time it adds
    nothing.

    ```
    python -m harness export --format csv --grid paper
    python -m harness export --format mlflow --grid paper
    python -m harness export --format marl-eval --grid paper --only 'label=paper'
    ```
    """
    from harness.commands.export import export as export_grid
    from harness.commands.request import Request

    request = Request(grid, only, results, as_json=as_json)
    raise typer.Exit(export_grid(request, form, out, allow_ragged=allow_ragged))


@app.command()
def replay(
    cell: CellArgument,
    grid: GridOption = "quickstart",
    results: ResultsOption = Path("results"),
    upto: UptoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a stored cell again and compare it with its result, bit for bit.

    The result stays as it is. Where the two part, the first evaluation that differs is named, and
    what has changed since; the exit code is then 3.

    ```
    python -m harness replay prisoner/ltos/seed=0 --grid paper
    python -m harness replay prisoner/ltos/seed=0 --grid paper --upto 5 --json
    ```
    """
    from harness.threads import use_one_thread

    use_one_thread()  # as in workers: before anything numerical is imported
    from harness.commands.replay import replay as run_again
    from harness.commands.request import Request

    raise typer.Exit(run_again(Request(grid, None, results, as_json=as_json), cell, upto))


@app.command()
def doctor(
    scenario: PluginScenarioOption = None,
    method: PluginMethodOption = None,
    results: ResultsOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Look after this installation, or hold a scenario or a method of yours to the laws.

    Without options: versions, folders, worker processes, and whether every scenario and method
    computes the same twice; about half a minute. The exit code is 3 where there is a fault.

    ```
    python -m harness doctor
    python -m harness doctor --scenario my_package.my_module:MyScenario
    python -m harness doctor --method my_package.my_module:MyMethod --json
    ```
    """
    from harness.threads import use_one_thread

    use_one_thread()  # as in workers: before anything numerical is imported
    from harness.commands.doctor import doctor as look_after

    raise typer.Exit(look_after(results, scenario, method, as_json=as_json))


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
