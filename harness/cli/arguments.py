"""Options that commands of several groups have, and what they can be."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """What `export` can write."""

    CSV = "csv"
    PARQUET = "parquet"
    MARL_EVAL = "marl-eval"
    MLFLOW = "mlflow"


GridOption = Annotated[
    str,
    typer.Option(
        "--grid", metavar="NAME|FILE", help="A grid that comes with the harness, or a .toml file."
    ),
]

OnlyOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=PATTERN,...",
        help="Only cells that match: keys scenario, task, method, variant, preset, label, seed; "
        "patterns with * and ?; a key given twice means either.",
    ),
]

ResultsOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of results.")]

ReportsOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of reports.")]

JobsOption = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, metavar="N", help="Cells at a time. [default: all cores]"),
]

TrackOption = Annotated[
    bool | None,
    typer.Option(
        "--track/--no-track",
        show_default=False,
        help="Show what has finished in MLflow. [default: if MLFLOW_TRACKING_URI is set, or "
        "mlflow.db is in the folder of results]",
    ),
]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, for other programs.")
]


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
