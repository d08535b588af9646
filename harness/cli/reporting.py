"""The commands that make something of a grid's results."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import (
    Form,
    GridOption,
    JsonOption,
    OnlyOption,
    ReportsOption,
    ResultsOption,
)

FormatsOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="md,tex,html",
        help="Formats to write: Markdown, LaTeX, HTML. [default: md; with --check, all there are]",
    ),
]

CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; fail if a report is not what results say.")
]

StrictOption = Annotated[
    bool, typer.Option("--strict", help="Fail if anything is wrong with the records themselves.")
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
    formats: FormatsOption = None,
    check: CheckOption = False,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write tables, comparisons with the papers and learning curves of what there is.

    Whatever is wrong with the records (a seed twice, a run cut short, a method without all its
    seeds ...) is named in the report and on standard error.

    ```
    python -m harness report --grid paper
    python -m harness report --grid paper --format md,tex,html
    python -m harness report --grid paper --check --strict
    ```
    """
    from harness.commands import show
    from harness.commands.request import Request

    request = Request(grid, None, results, as_json=as_json)
    raise typer.Exit(show.report(request, reports, formats=formats, check=check, strict=strict))


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
