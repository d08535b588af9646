"""The command line: one command, one module, with its options, work and output.

Whatever takes time to import is imported inside the command that needs it.
"""

from importlib import metadata
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Compare methods of networked multi-agent reinforcement learning.

    A grid names cells: one method on one scenario from one seed. `run` computes those that have
    no result yet, `report` writes tables and learning curves of what there is.

    \b
      python -m harness run --grid quickstart
      python -m harness report --grid quickstart
      python -m harness plan --grid paper --only 'scenario=prisoner'

    Exit codes: 0 all is well, 1 some cells failed, 2 wrong use or configuration, 3 a check
    failed, 130 interrupted after saving.
    """,
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"ltos-bench {metadata.version('ltos-bench')}")
        raise typer.Exit
    return wanted


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""
