"""The command ``list``: what there is, and of methods what they know, send and can be tuned in."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.commands.request import OK, console, print_json
from harness.config.grid import load_grid, shipped_grids
from harness.config.hparams import build_config
from harness.config.scenario import build_task, required_options
from harness.config.search_space import search_space, shaping_parameters
from harness.config.seeding import method_rngs
from harness.errors import ConfigurationError
from methods import METHODS
from methods.reference import Reference
from scenarios import SCENARIOS
from scenarios.base import Scenario

WIDTH = 80  # no wider even where there is room: lines of parameters are for reading


def list_(kinds: list[str], *, as_json: bool) -> int:
    """List what there is, with a line on each."""
    known = {
        "methods": lambda: {name: m.description for name, m in METHODS.items()},
        "scenarios": lambda: {name: s.description for name, s in SCENARIOS.items()},
        "grids": lambda: {name: load_grid(name).description for name in shipped_grids()},
    }
    content = {kind: known[kind]() for kind in kinds}
    if as_json:
        print_json(content)
        return OK
    for kind, entries in content.items():
        table = Table(kind, "", box=None, pad_edge=False)
        for name, description in entries.items():
            table.add_row(name, description)
        console().print(table)
    return OK


def list_methods(scenario: str, *, as_json: bool) -> int:
    """Show of every method what it knows, sends and can be tuned in, on a scenario.

    Raises:
        ConfigurationError: There is no such scenario, not yet, or not without options.
    """
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
        return OK
    out = console()
    out.width = min(out.width, WIDTH)
    _print_names(out, methods)
    _print_knowledge(out, scenario, methods)
    _print_knobs(out, methods)
    return OK


def _about(name: str, scenario: str, built: Scenario) -> dict[str, Any]:
    """Return the facts on one method, those that depend on sizes for preset ``default``."""
    method, config = METHODS[name], build_config(name, scenario, "default")
    knobs = {
        key: {"kind": knob.kind, **knob.model_dump(exclude_unset=True), "text": str(knob)}
        for key, knob in search_space(name, scenario).items()
    }
    facts = {
        "title": method.title,
        "description": method.description,
        "centralized": method.centralized,
        "parameters": getattr(config, "parameters", method.parameters),
        "reward_view": method.reward_view if method.learns else "-",
        "shaping": list(shaping_parameters(name)),
        "knobs": knobs,
        "unsuitable": method.unsuitable(built.spec, config),
    }
    return facts | ({} if facts["unsuitable"] else _sent(name, config, built))


def _sent(name: str, config: Any, built: Scenario) -> dict[str, Any]:
    method = METHODS[name]
    if issubclass(method, Reference):
        return {"hops": built.spec.n_agents - 1, "floats_execution": 0.0, "floats_training": 0.0}
    made = method(built.spec, config, method_rngs(0))
    floats = made.communication
    return {
        "hops": made.hops,
        "floats_execution": floats.execution,
        "floats_training": floats.training,
    }


def _print_names(out: Console, methods: Mapping[str, Mapping[str, Any]]) -> None:
    table = _table("method", "title", "what it is")
    for name, facts in methods.items():
        table.add_row(name, facts["title"], facts["description"])
    out.print(table)


def _print_knowledge(out: Console, scenario: str, methods: Mapping[str, Mapping[str, Any]]) -> None:
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


def _print_knobs(out: Console, methods: Mapping[str, Mapping[str, Any]]) -> None:
    table = _table("method", "shaping", "may be tuned in")
    for name, facts in methods.items():
        knobs = " ".join(f"{key}={knob['text']}" for key, knob in facts["knobs"].items())
        table.add_row(name, "\n".join(facts["shaping"]) or "-", knobs or "-")
    out.print("\nshaping: the parameters, of those on the right, that reshape rewards.\n")
    out.print(table)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        numeric = head in ("hops", "acting", "training")
        table.add_column(head, justify="right" if numeric else "left", no_wrap=head == "method")
    return table
