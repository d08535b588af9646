"""Sharing over time: how much of its own reward an agent learns to keep, and keeps where."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.plotting.plot import AgentPlot, Curve, Plot
from harness.report.comparison import each_label
from harness.report.curves import curve_of, median, name_of, seeds_of
from harness.report.document import Block, Entry, Heading, NamedPlot, Paragraph, Table, file_name
from harness.report.notes import SHARE, SPREAD, collapsed, learned_shares
from harness.report.numbers import (
    NOTHING,
    count_text,
    mean_text,
    number,
    range_text,
    rough,
    significant,
)
from harness.report.rows import Variant, labels
from harness.results.result import RunResult
from harness.stats.intervals import summarize
from harness.stats.rounding import drawn
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
_PLACES = 3
_KEPT = "selfishness"
_SHARING = """Self weight: the part of its reward an agent keeps; final means over agents, steps and
evaluation episodes. Agents: the lowest and the highest agent of each run, from the first episode of
the last evaluation."""
_SHARING_HEAD = (
    "method",
    "label",
    "self weight: mean [95 %]",
    "min to max of runs",
    "sd within a run",
    "lowest agent of each run",
    "highest agent of each run",
    "collapsed",
)
_SIZES_HEAD = (
    "method",
    "parameters",
    "floats per edge and step, acting",
    "learning",
    "CPU minutes a run",
    "peak memory [MB]",
)
_SAYINGS = (
    lambda results: count_text(median(results, "method", "parameters")),
    lambda results: significant(median(results, "method", "floats_execution"), 3),
    lambda results: significant(median(results, "method", "floats_training"), 3),
    lambda results: rough(median(results, "provenance", "cpu_s") / 60),
    lambda results: rough(median(results, "provenance", "peak_memory_mb")),
)


def share_plots(task: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figures of self weights at a task; none where no method has learned any."""
    agents = (_agents(task, row, label) for row in rows for label in row.runs)
    return (*_training(task, rows), *filter(None, agents))


def _training(task: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figure of self weights over training."""
    learned = [(row, label) for row in rows for label in row.runs if _shares(row, label)]
    if not learned:
        return ()
    plot = Plot(
        title=f"{task}: learned sharing",
        ylabel="self weight",
        curves=tuple(curve for row, label in learned for curve in _curves(row, label)),
        levels=(),
        by_method=False,
    )
    caption = " ".join(_CAPTION.format(seeds=seeds_of(learned, "band")).split())
    return (NamedPlot(file_name(task, "sharing"), caption, plot),)


def _curves(row: Variant, label: str) -> tuple[Curve, Curve]:
    name = f"{name_of(row, label)}, {label}"
    mean = curve_of(row, label, SHARE, name=f"{name}: mean")
    sd = curve_of(row, label, SPREAD, name=f"{name}: sd")
    return mean, replace(sd, least=sd.mean, most=sd.mean)  # a second band would hide the first


def _shares(row: Variant, label: str) -> bool:
    return bool(learned_shares(row.results(label)))


def _agents(task: str, row: Variant, label: str) -> NamedPlot | None:
    """Return the figure of every agent's self weight over an episode of the first seed."""
    traced = [r for r in row.results(label) if r.traces.get(_TRACE)]
    if not traced or np.less(np.shape(traced[0].traces[_TRACE]), _LEAST).any():
        return None
    result = min(traced, key=lambda r: r.cell.seed)
    trace = np.array([[*map(drawn, values)] for values in result.traces[_TRACE]])
    every, where = result.trace_every, _map_of(row)
    last = len(trace) * every - 1  # a row stands for the steps up to the next
    changes = [0, *(np.flatnonzero(np.diff(trace, axis=0).any(axis=1)) + 1).tolist()]
    shares = {every * k: trace[k] for k in changes} | {last: trace[-1]}
    plot = AgentPlot(
        title=f"{task}, {label}: {row.title}, self weight of each agent",
        ylabel="self weight",
        steps=tuple(shares),
        values=tuple(tuple(of.tolist()) for of in shares.values()),
        kinds=where.kind if where else ("agents",) * trace.shape[1],
        places=tuple((drawn(x), drawn(y)) for x, y in where.place) if where else (),
        shown=tuple((2 * n + 1) * last // (2 * _N_MAPS) for n in range(_N_MAPS)) if where else (),
    )
    caption = _AGENTS.format(seed=result.cell.seed) + (f" {_MAPS}" if where else "")
    file = file_name(task, label, *row.cell.variant.split(",")[:1], "agents")
    return NamedPlot(file, " ".join(caption.split()), plot)


def _map_of(row: Variant) -> AgentMap | None:
    scenario = SCENARIOS[row.cell.scenario]
    return scenario.agent_map(row.cell.all_options) if issubclass(scenario, HasMap) else None


def sharing(rows: Sequence[Variant]) -> list[Block]:
    """Return the table of self weights; nothing where no method has learned any."""
    lines: list[tuple[str | Entry, ...]] = []
    for row in rows:
        for label in row.runs:
            results = row.results(label)
            shares = learned_shares(results)
            if shares:
                numbers = [*_kept_shares(results, shares), f"{collapsed(results)}/{len(shares)}"]
                records = row.records(label)
                entries = (Entry(text=text, records=records) for text in numbers)
                lines.append((row.title, label, *entries))
    if not lines:
        return []
    return [
        Heading(3, "Learned sharing"),
        Paragraph(_SHARING),
        Table(head=_SHARING_HEAD, rows=tuple(lines), left=2),
    ]


def sizes(rows: Sequence[Variant]) -> list[Block]:
    """Return the table of sizes and costs; nothing where nothing has been run."""
    columns = labels(rows)
    lines: list[tuple[str | Entry, ...]] = [
        (row.title, *(each_label(row, columns, say) for say in _SAYINGS))
        for row in rows
        if any(row.results(label) for label in columns)
    ]
    if not lines:
        return []
    order = f" Where labels differ: {' / '.join(columns)}." if len(columns) > 1 else ""
    return [
        Heading(3, "Size, communication and cost"),
        Paragraph(f"Medians over the runs.{order}"),
        Table(head=_SIZES_HEAD, rows=tuple(lines)),
    ]


def _kept_shares(results: Sequence[RunResult], shares: Sequence[float]) -> list[str]:
    agents = [np.mean(r.traces[_KEPT], axis=0) for r in results if r.traces.get(_KEPT)]
    spread = float(np.mean([r.final(f"{_KEPT}_sd") for r in results]))
    return [
        mean_text(summarize(np.array(shares)), _PLACES),
        range_text(shares, _PLACES),
        number(spread, _PLACES),
        range_text([agent.min() for agent in agents], _PLACES) if agents else NOTHING,
        range_text([agent.max() for agent in agents], _PLACES) if agents else NOTHING,
    ]
