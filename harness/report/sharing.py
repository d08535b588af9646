"""Sharing over time: how much of its own reward an agent learns to keep, and keeps where."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.plotting.plot import AgentPlot, Curve, Plot
from harness.report.curves import curve_of, name_of, seeds_of
from harness.report.document import Block, Entry, Figure, Heading, Paragraph, Table, file_name
from harness.report.notes import SHARE, SPREAD, collapsed, learned_shares
from harness.report.numbers import NOTHING, mean_text, number, range_text
from harness.report.rows import Variant
from harness.stats.intervals import summarize
from harness.stats.rounding import drawn
from scenarios import SCENARIOS
from scenarios.base import HasMap

_CAPTION = """Self weight, the part of its reward an agent keeps, over agents, steps and episodes of
an evaluation ({seeds}), and its standard deviation within a run, which grows as agents come to keep
different parts."""
_AGENTS = """Self weight of each agent over an episode: the first one of the last evaluation of
seed {seed}. Thick: the mean of each sort of agents, with their number."""
_MAPS = "The maps show it at the steps above them; brighter agents keep more."
_TRACE = "selfishness"
_LEAST = (12, 5)  # steps and agents: with fewer there is nothing to see
_N_MAPS = 6


def share_plots(task: str, rows: Sequence[Variant]) -> tuple[Figure, ...]:
    """Return the figures of self weights at a task; none where no method has learned any."""
    shown = [(row, label) for row in rows for label in row.runs]
    agents = filter(None, (_agents(task, row, label) for row, label in shown))
    learned = [(row, label) for row, label in shown if learned_shares(row.results(label))]
    if not learned:
        return tuple(agents)
    curves: list[Curve] = []
    for row, label in learned:
        name = f"{name_of(row, label)}, {label}"
        mean = curve_of(row, label, SHARE, name=f"{name}: mean")
        sd = curve_of(row, label, SPREAD, name=f"{name}: sd")
        # A second band would hide the first.
        curves += [mean, replace(sd, least=sd.mean, most=sd.mean)]
    training = Plot(
        title=f"{task}: learned sharing",
        ylabel="self weight",
        curves=tuple(curves),
        levels=(),
        by_method=False,
    )
    caption = " ".join(_CAPTION.format(seeds=seeds_of(learned, "band")).split())
    return (Figure(file_name(task, "sharing"), caption, training), *agents)


def _agents(task: str, row: Variant, label: str) -> Figure | None:
    """Return the figure of every agent's self weight over an episode of the first seed."""
    traced = [r for r in row.results(label) if r.traces.get(_TRACE)]
    if not traced or np.less(np.shape(traced[0].traces[_TRACE]), _LEAST).any():
        return None
    result, scenario = min(traced, key=lambda r: r.cell.seed), SCENARIOS[row.cell.scenario]
    where = scenario.agent_map(row.cell.all_options) if issubclass(scenario, HasMap) else None
    trace = np.array([[*map(drawn, values)] for values in result.traces[_TRACE]])
    every = result.trace_every
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
    return Figure(file, " ".join(caption.split()), plot)


_PLACES = 3
_SHARING = """Self weight: the part of its reward an agent keeps; final means over agents, steps and
evaluation episodes. Agents: the lowest and the highest agent of each run, from the first episode of
the last evaluation."""
_HEAD = (
    "method",
    "label",
    "self weight: mean [95 %]",
    "min to max of runs",
    "sd within a run",
    "lowest agent of each run",
    "highest agent of each run",
    "collapsed",
)


def sharing(rows: Sequence[Variant]) -> list[Block]:
    """Return the table of self weights; nothing where no method has learned any."""
    lines = list[tuple[str | Entry, ...]]()
    for row in rows:
        for label in row.runs:
            results, records = row.results(label), row.records(label)
            shares = learned_shares(results)
            if not shares:
                continue
            agents = [np.mean(r.traces[_TRACE], axis=0) for r in results if r.traces.get(_TRACE)]
            ends = [agent.min() for agent in agents], [agent.max() for agent in agents]
            spread = float(np.mean([r.final(SPREAD) for r in results]))
            texts = [
                mean_text(summarize(np.array(shares)), _PLACES),
                range_text(shares, _PLACES),
                number(spread, _PLACES),
                *(range_text(end, _PLACES) if end else NOTHING for end in ends),
                f"{collapsed(results)}/{len(shares)}",
            ]
            lines.append((row.title, label, *(Entry(text=text, records=records) for text in texts)))
    if not lines:
        return []
    table = Table(head=_HEAD, rows=tuple(lines), left=2)
    return [Heading(3, "Learned sharing"), Paragraph(_SHARING), table]
