"""The commands about what is installed here: what there is, and whether it works."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from harness.cli import app
from harness.cli.output import CHECK_FAILED, OK, JsonOption, ResultsOption, console, print_json
from harness.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.checks.base import Finding
    from scenarios.base import Scenario

Facts = Mapping[str, Mapping[str, Any]]

WIDTH = 80  # no wider even where there is room: lines of parameters are for reading
_STYLES = {"ok": "green", "failed": "bold red"}

KindArgument = Annotated[
    Literal["methods", "scenarios", "grids"] | None,
    typer.Argument(metavar="[methods|scenarios|grids]", help="What to list."),
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
    typer.Option("--scenario", metavar="NAME|MODULE:CLASS", help="Check this scenario."),
]

PluginMethodOption = Annotated[
    str | None,
    typer.Option("--method", metavar="NAME|MODULE:CLASS", help="Check this method."),
]


@app.command(name="list")
def list_(
    kind: KindArgument = None,
    scenario: ScenarioOption = None,
    as_json: JsonOption = False,
) -> None:
    """List methods, scenarios and grids.

    A line on each; of methods alone, much more: what each one knows of the others, what it sends,
    what it learns from, and the ranges it may be tuned in.

    \b
      python -m harness list
      python -m harness list methods --scenario prisoner
      python -m harness list methods --json
    """
    if kind == "methods":
        _list_methods(scenario or "prisoner", as_json=as_json)
        raise typer.Exit(OK)
    if scenario is not None:
        raise ConfigurationError("--scenario: goes with `list methods` only")
    from rich.table import Table

    from harness.config.grid import load_grid, shipped_grids
    from methods import METHODS
    from scenarios import SCENARIOS

    known = {
        "methods": lambda: {name: m.description for name, m in METHODS.items()},
        "scenarios": lambda: {name: s.description for name, s in SCENARIOS.items()},
        "grids": lambda: {name: load_grid(name).description for name in shipped_grids()},
    }
    content = {name: known[name]() for name in ([kind] if kind else known)}
    if as_json:
        print_json(content)
        raise typer.Exit(OK)
    for name, entries in content.items():
        table = Table(name, "", box=None, pad_edge=False)
        for entry, description in entries.items():
            table.add_row(entry, description)
        console().print(table)


def _list_methods(scenario: str, *, as_json: bool) -> None:
    """Show of every method what it knows, sends and can be tuned in, on a scenario.

    Raises:
        ConfigurationError: There is no such scenario, or not without options.
    """
    from harness.config.scenario import build_task, required_options
    from methods import METHODS
    from scenarios import SCENARIOS

    if scenario in SCENARIOS and (needed := required_options(scenario)):
        raise ConfigurationError(
            f"--scenario {scenario}: it needs options ({', '.join(needed)}), which only a grid can "
            "give; `plan --grid` says which methods suit it"
        )
    task = build_task("--scenario", scenario, {})
    if task.built is None:
        raise ConfigurationError(f"--scenario {scenario}: {task.lacking}")
    methods = {name: _about(name, scenario, task.built) for name in METHODS}
    if as_json:
        print_json({"scenario": scenario, "methods": methods})
        return
    out = console()
    out.width = min(out.width, WIDTH)
    names = _table("method", "title", "what it is")
    for name, facts in methods.items():
        names.add_row(name, facts["title"], facts["description"])
    out.print(names)
    _print_knowledge(out, scenario, methods)
    space = _table("method", "shaping", "may be tuned in")
    for name, facts in methods.items():
        ranges = " ".join(f"{key}={p['text']}" for key, p in facts["search_space"].items())
        space.add_row(name, "\n".join(facts["shaping"]) or "-", ranges or "-")
    out.print("\nshaping: the parameters, of those on the right, that reshape rewards.\n")
    out.print(space)


def _about(name: str, scenario: str, built: "Scenario") -> dict[str, Any]:
    """Return the facts on one method, those that depend on sizes for preset ``default``."""
    from harness.config.hparams import build_config
    from harness.config.search_space import search_space, shaping_parameters
    from harness.config.seeding import method_rngs
    from methods import METHODS
    from methods.reference import Reference

    method, config = METHODS[name], build_config(name, scenario, "default")
    facts = {
        "title": method.title,
        "description": method.description,
        "centralized": method.centralized,
        "parameters": getattr(config, "parameters", method.parameters),
        "reward_view": method.reward_view if method.learns else "-",
        "shaping": list(shaping_parameters(name)),
        "search_space": {
            key: {"kind": p.kind, **p.model_dump(exclude_unset=True), "text": str(p)}
            for key, p in search_space(name, scenario).items()
        },
        "unsuitable": method.unsuitable(built.spec, config),
    }
    if facts["unsuitable"]:
        return facts
    if issubclass(method, Reference):
        sent = {"hops": built.spec.n_agents - 1, "floats_execution": 0.0, "floats_training": 0.0}
        return facts | sent
    made = method(built.spec, config, method_rngs(0))
    floats = made.communication
    return facts | {
        "hops": made.hops,
        "floats_execution": floats.execution,
        "floats_training": floats.training,
    }


def _print_knowledge(out: "Console", scenario: str, methods: Facts) -> None:
    table = _table("method", "hops", "central", "acting", "training", "parameters", "reward")
    for name, facts in methods.items():
        sent = [facts.get(key) for key in ("hops", "floats_execution", "floats_training")]
        hops, acting, training = ("-" if n is None else f"{n:,.4g}" for n in sent)
        central = "yes" if facts["centralized"] else "no"
        parameters = facts["parameters"].replace("_", " ")
        table.add_row(name, hops, central, acting, training, parameters, facts["reward_view"])
    out.print(
        f"\nOn {scenario}, preset default. hops: how far away current information may come from; "
        "central: acting or training needs more than neighbors exchange; acting, training: "
        "floats sent over an edge per step; reward: what an agent learns from.\n"
    )
    out.print(table)
    for name, facts in methods.items():
        if facts["unsuitable"]:
            out.print(f"{name}: {facts['unsuitable']}", soft_wrap=True)


def _table(*heads: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in heads:
        numeric = head in ("hops", "acting", "training")
        table.add_column(head, justify="right" if numeric else "left", no_wrap=head == "method")
    return table


@app.command()
def doctor(
    scenario: PluginScenarioOption = None,
    method: PluginMethodOption = None,
    results: ResultsOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Check this installation, or a scenario or method of yours.

    Without options: versions, folders, worker processes, and whether every scenario and method
    computes the same twice; about half a minute. The exit code is 3 where there is a fault.

    \b
      python -m harness doctor
      python -m harness doctor --scenario my_package.my_module:MyScenario
      python -m harness doctor --method my_package.my_module:MyMethod --json
    """
    from rich.text import Text

    plugin = scenario is not None or method is not None
    found, out = [], console(stderr=as_json)
    for finding in _check_plugins(scenario, method) if plugin else _check_installation(results):
        found.append(finding)
        style = _STYLES.get(finding.verdict, "")
        line = Text.assemble((f"{finding.verdict:<15}", style), finding.name)
        out.print(line.append(f": {finding.detail}" if finding.detail else ""), soft_wrap=True)
    faults = sum(finding.verdict == "failed" for finding in found)
    if as_json:
        print_json({"faults": faults, "findings": [asdict(finding) for finding in found]})
    else:
        out.print(f"\n{len(found)} looked at, {faults or 'no'} fault{'' if faults == 1 else 's'}")
    raise typer.Exit(CHECK_FAILED if faults else OK)


def _check_installation(results: Path) -> "Iterator[Finding]":
    from harness.checks.installation import determinism_checks, machine_checks, worker_checks
    from harness.training.pool import workers

    yield from machine_checks(results)
    with workers(1) as team:
        started = [*worker_checks(team)]
        yield from started
        if not any(finding.verdict == "failed" for finding in started):
            yield from determinism_checks(team)


def _check_plugins(scenario: str | None, method: str | None) -> "Iterator[Finding]":
    """Check what is named; both are found before either is looked at."""
    from harness.checks.base import run_checks
    from harness.checks.registry import METHOD_CHECKS, SCENARIO_CHECKS
    from harness.checks.subject import find_method, find_scenario

    build = None if scenario is None else find_scenario(scenario)
    subject = None if method is None else find_method(method)
    if build is not None:
        yield from run_checks(SCENARIO_CHECKS, build)
    if subject is not None:
        yield from run_checks(METHOD_CHECKS, subject)
