"""Options that commands of several groups have, and what they can be."""

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
        help="Only cells that match: keys scenario, place, method, variant, preset, label, seed; "
        "patterns with * and ?; a key given twice means either.",
    ),
]

ResultsOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of results.")]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, for other programs.")
]
