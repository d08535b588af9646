"""The commands ``data ...``: public datasets that scenarios can rest on."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import JsonOption

data = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Get public datasets, and see what is here.

    None of them comes along: their owners publish them, and each line of `list` says what may be
    done with one. They are kept in the folder that the environment variable `HARNESS_DATA` names,
    else in `ltos-bench/data` below `XDG_CACHE_HOME` or `~/.cache`.

    ```
    python -m harness data list
    python -m harness data fetch shenzhen
    python -m harness data fetch authors_6x6 --from ~/RoadnetSZ/code/LToS/data/Small/6_6
    ```
    """,
)
app.add_typer(data, name="data")

NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Datasets. [default: all]")
]
FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="DIR", exists=True, file_okay=False, help="A folder with a copy."
    ),
]


@data.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """List the known datasets: what they are, whether they are here, what may be done with them.

    ```
    python -m harness data list --json
    ```
    """
    from harness.commands import data as commands

    raise typer.Exit(commands.list_(as_json=as_json))


@data.command()
def path(names: NamesArgument = None) -> None:
    """Print the folder of datasets, or where the files of some belong.

    ```
    python -m harness data path
    python -m harness data path shenzhen
    ```
    """
    from harness.commands import data as commands

    raise typer.Exit(commands.path(names or []))


@data.command()
def fetch(names: NamesArgument = None, source: FromOption = None) -> None:
    """Get datasets; every file is checked, and is whole or not there. What is here stays.

    ```
    python -m harness data fetch
    python -m harness data fetch shenzhen --from /media/usb
    ```
    """
    from harness.commands import data as commands

    raise typer.Exit(commands.fetch(names or [], source))


@data.command()
def verify(names: NamesArgument = None, as_json: JsonOption = False) -> None:
    """Check the files that are here; those of datasets named must be here.

    Exit code 3 if a file is damaged, or if a dataset named is missing.

    ```
    python -m harness data verify
    python -m harness data verify shenzhen --json
    ```
    """
    from harness.commands import data as commands

    raise typer.Exit(commands.verify(names or [], as_json=as_json))
