"""The command line: its commands, by group.

Whatever takes time to import is imported inside the command that needs it.
"""

import typer

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
