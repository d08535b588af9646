"""The commands that make something of a grid's results."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import Form, GridOption, JsonOption, OnlyOption, ResultsOption

ReportsOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of reports.")]

CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; fail if a report is not what results say.")
]

FormatOption = Annotated[
    Form,
    typer.Option(
        "--format", metavar="FORMAT", help="csv, parquet, marl-eval or mlflow.", show_choices=False
    ),
]

OutOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of the files. [default: exports/GRID]"),
]

RaggedOption = Annotated[
    bool,
    typer.Option(
        "--allow-ragged", help="marl-eval: cut to the methods, seeds and evaluations all have."
    ),
]


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
