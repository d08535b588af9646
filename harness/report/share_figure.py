"""Sharing over time: how much of its own reward an agent learns to keep, and keeps where."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.agent_plot import AgentPlot
from harness.plot import Curve, Plot
from harness.report.lines import curve_of, name_of, seeds_of
from harness.report.named_plot import NamedPlot, file_name
from harness.report.notes import SHARE, SPREAD, learned_shares
from harness.report.variants import Variant
from harness.result import all_options, rounded
from scenarios import SCENARIOS
from scenarios.base import AgentMap, HasMap

_CAPTION = """Self weight, the part of its reward an agent keeps, over agents, steps and episodes of
an evaluation ({seeds}), and its standard deviation within a run, which grows as agents come to keep
different parts."""


_AGENTS = """Self weight of each agent over an episode: the first one of the last evaluation of
seed {seed}. Thick: the mean of each sort of agents, with their number."""
_MAPS = "The maps show it at the steps above them; brighter agents keep more."
_TRACE = "selfishness"
_LEAST = (12, 5)  # steps and agents: with fewer there is nothing to see
_N_MAPS = 6


def share_plots(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figures of self weights at a place; none where no method has learned any."""
    agents = (_agents(place, row, label) for row in rows for label in row.runs)
    return (*_training(place, rows), *filter(None, agents))


def _training(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figure of self weights over training."""
    learned = [(row, label) for row in rows for label in row.runs if _shares(row, label)]
    if not learned:
        return ()
    plot = Plot(
        title=f"{place}: learned sharing",
        ylabel="self weight",
        curves=tuple(curve for row, label in learned for curve in _curves(row, label)),
        levels=(),
        by_method=False,
    )
    caption = " ".join(_CAPTION.format(seeds=seeds_of(learned, "band")).split())
    return (NamedPlot(file_name(place, "sharing"), caption, plot),)


def _curves(row: Variant, label: str) -> tuple[Curve, Curve]:
    name = f"{name_of(row, label)}, {label}"
    mean = curve_of(row, label, SHARE, name=f"{name}: mean")
    sd = curve_of(row, label, SPREAD, name=f"{name}: sd")
    return mean, replace(sd, least=sd.mean, most=sd.mean)  # a second band would hide the first


def _shares(row: Variant, label: str) -> bool:
    return bool(learned_shares(row.results(label)))


def _agents(place: str, row: Variant, label: str) -> NamedPlot | None:
    """Return the figure of every agent's self weight over an episode of the first seed."""
    traced = [r for r in row.results(label) if r.traces.get(_TRACE)]
    if not traced or np.less(np.shape(traced[0].traces[_TRACE]), _LEAST).any():
        return None
    result = min(traced, key=lambda r: r.cell.seed)
    trace, where = np.array(result.traces[_TRACE]), _map_of(row)
    last = len(trace) - 1
    changes = [0, *(np.flatnonzero(np.diff(trace, axis=0).any(axis=1)) + 1).tolist()]
    steps = tuple(dict.fromkeys([*changes, last]))
    plot = AgentPlot(
        title=f"{place}, {label}: {row.title}, self weight of each agent",
        ylabel="self weight",
        steps=steps,
        values=tuple(tuple(map(rounded, trace[step].tolist())) for step in steps),
        kinds=where.kind if where else ("agents",) * trace.shape[1],
        places=tuple((float(x), float(y)) for x, y in where.place) if where else (),
        shown=tuple((2 * n + 1) * last // (2 * _N_MAPS) for n in range(_N_MAPS)) if where else (),
    )
    caption = _AGENTS.format(seed=result.cell.seed) + (f" {_MAPS}" if where else "")
    file = file_name(place, label, *row.cell.variant.split(",")[:1], "agents")
    return NamedPlot(file, " ".join(caption.split()), plot)


def _map_of(row: Variant) -> AgentMap | None:
    scenario = SCENARIOS[row.cell.scenario]
    return scenario.agent_map(all_options(row.cell)) if issubclass(scenario, HasMap) else None
