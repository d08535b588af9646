"""The command that compares two folders of results."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import JsonOption

BeforeArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS_A", help="Folder of results: before.")
]

AfterArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS_B", help="Folder of the same form: after.")
]

MarginOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Difference that is none in practice, as a share of the way from a metric's floor to "
        "its bound.",
    ),
]

FailOption = Annotated[bool, typer.Option("--fail", help="Exit with 3 if a metric got worse.")]


@app.command()
def compare(
    before: BeforeArgument,
    after: AfterArgument,
    margin: MarginOption = 0.02,
    fail: FailOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what changed beyond noise from one folder of results to another.

    Headline metrics are compared seed by seed. `worse` and `better` are shown by at least five
    seeds, with Holm's correction over all that differ; `equivalent` lies within the margin.

    ```
    python -m harness compare old/results results
    python -m harness compare old/results/paper results/paper --fail --json
    ```
    """
    from harness.commands.compare import compare_results

    raise typer.Exit(compare_results(before, after, share=margin, fail=fail, as_json=as_json))
