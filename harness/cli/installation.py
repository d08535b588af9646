"""The commands about what is installed here."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.arguments import JsonOption, ResultsOption
from harness.errors import ConfigurationError


class Kind(StrEnum):
    """What `list` can list."""

    METHODS = "methods"
    SCENARIOS = "scenarios"
    GRIDS = "grids"


KindArgument = Annotated[
    Kind | None, typer.Argument(metavar="[methods|scenarios|grids]", help="What to list.")
]

ScenarioOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The scenario whose sizes `list methods` counts with. [default: prisoner]",
    ),
]

PluginScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", metavar="NAME|MODULE:CLASS", help="Hold this scenario to the laws."),
]

PluginMethodOption = Annotated[
    str | None,
    typer.Option("--method", metavar="NAME|MODULE:CLASS", help="Hold this method to the laws."),
]


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
    from harness.training import use_one_thread

    use_one_thread()  # as in workers: before anything numerical is imported
    from harness.commands.doctor import doctor as look_after

    raise typer.Exit(look_after(results, scenario, method, as_json=as_json))
