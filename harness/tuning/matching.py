"""Fixed LToS and NeurComm where an agent counts itself equally in both, and what that came to.

Source: paper 000, Appendix A.2, "signal-to-noise ratio". In fixed LToS an agent with k neighbors
counts itself s and each neighbor (1 - s) / k: its ratio is ``s / (1 - s) * k``. In NeurComm it
counts itself 1 and a neighbor alpha: ``1 / alpha``. The first depends on the agent's number of
neighbors; the second leaves out those further away, who count alpha^2 and less. So both are also
matched by the self share, the part of what an agent learns from that is its own: s, and
``1 / sum_j alpha^d_ij``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from scipy.optimize import brentq

from harness.config.cell import Cell
from harness.config.hparams import untuned
from harness.config.seeding import Purpose, stream
from harness.plotting.plot import Curve, Plot
from harness.report.document import Table
from harness.report.markdown import escape, table_text
from harness.report.numbers import NOTHING, decimals, number, range_text, significant
from harness.results.index import find
from harness.stats.rounding import drawn, stable
from harness.tuning.plan import BASE, HELD_OUT_SEEDS, Plan
from harness.tuning.trial import late_mean
from methods import METHODS
from methods.learners.rewards import hop_distances
from scenarios import SCENARIOS

MATCHED = "matched_snr"  # folder beside the studies, with results as `run` leaves them
RATIO, SHARE = "self-neighbor ratio (SNR)", "self share"
RATIOS = (1.0, 2.0, 5.0, 10.0, 20.0)  # Tables 6 and 7 of paper 000: 1, about 10 and about 20
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
PARAMETERS = {"fixed_ltos": "selfishness", "neurcomm": "alpha"}  # what sets it, by method
_DIGITS, _MOST_SEEDS = 4, 1000

Graph = Bool[np.ndarray, "agents agents"]
PerAgent = Float64[np.ndarray, "agents"]
Distances = Float64[np.ndarray, "agents agents"]


class Setting(NamedTuple):
    """A method's parameter at a level.

    Attributes:
        kind: What is matched.
        level: Its value, mean over the agents.
        method: ``fixed_ltos`` or ``neurcomm``.
        parameter: Value of its parameter.
        least: Of the agents, the least value of what is matched.
        most: Of the agents, the largest.
    """

    kind: str
    level: float
    method: str
    parameter: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Both methods at one task.

    Attributes:
        plans: By method.
        preset: Where the other hyperparameters come from.
        settings: Their parameters, level by level.
        n_neighbors: Of the agents, the least and the largest number.
    """

    plans: Mapping[str, Plan]
    preset: str
    settings: tuple[Setting, ...]
    n_neighbors: tuple[int, int]

    @property
    def plan(self) -> Plan:
        """The plan of fixed LToS."""
        return self.plans["fixed_ltos"]

    def cells(self, n_seeds: int) -> list[Cell]:
        """Return what is to be run; levels that both ways of matching share, once."""
        seeds = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + n_seeds)
        return list(dict.fromkeys(self._cell(s, seed) for s in self.settings for seed in seeds))

    def outcome(self, folder: Path) -> dict[Setting, list[float]]:
        """Return by setting what its runs came to, seed by seed; nothing of those without runs."""
        found = {setting: self._scores(setting, folder) for setting in self.settings}
        return {setting: scores for setting, scores in found.items() if scores}

    def _scores(self, setting: Setting, folder: Path) -> list[float]:
        found = list[float]()
        for seed in range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + _MOST_SEEDS):
            result = find(self._cell(setting, seed), folder).result
            if result is None:
                break
            found.append(stable(late_mean(result.curve, self.plan.metric)))
        return found

    def _cell(self, setting: Setting, seed: int) -> Cell:
        plan = replace(self.plans[setting.method], inherited={})
        return plan.variant(self.preset, {PARAMETERS[setting.method]: setting.parameter}, seed)


def matches(plans: Sequence[Plan]) -> dict[str, list[Match]]:
    """Return for every task that has both methods the presets to match them at, the best first.

    That is ``tuned`` where both methods are, and ``default``.

    Args:
        plans: Studies that a grid asks for.
    """
    found = dict[str, list[Match]]()
    for task in dict.fromkeys(plan.task for plan in plans):
        both = {p.method: p for p in plans if p.task == task and p.method in PARAMETERS}
        if len(both) < len(PARAMETERS):
            continue
        cell = next(iter(both.values())).cell
        scenario = SCENARIOS[cell.scenario](**dict(cell.options))
        graph = scenario.reset(stream(HELD_OUT_SEEDS, Purpose.EVAL_WORLD, 0)).graph
        counts, levels = graph.sum(axis=1) - 1, tuple(settings(graph))
        ends = int(counts.min()), int(counts.max())
        tuned = not any(untuned(method, cell.scenario) for method in PARAMETERS)
        found[task] = [
            Match(plans=both, preset=preset, settings=levels, n_neighbors=ends)
            for preset in (("tuned", BASE) if tuned else (BASE,))
        ]
    return found


def settings(graph: Graph) -> list[Setting]:
    """Return both methods' parameters at every level that NeurComm can have, too.

    Args:
        graph: Row i is N_i, which contains i; of graphs that change, the first.
    """
    neighbors, distance = graph.sum(axis=1) - 1.0, hop_distances(graph)
    neighbors, found = neighbors[neighbors > 0], list[Setting]()
    if not len(neighbors):
        return found  # nobody to share with

    def add(kind: str, level: float, method: str, parameter: float, own: PerAgent) -> None:
        ends = float(own.min()), float(own.max())
        found.append(Setting(kind, level, method, parameter, *ends))

    for ratio in RATIOS:
        s = round(ratio / (ratio + float(neighbors.mean())), _DIGITS)
        add(RATIO, ratio, "fixed_ltos", s, s / (1 - s) * neighbors)
        alpha = round(1 / ratio, _DIGITS)
        add(RATIO, ratio, "neurcomm", alpha, np.array([1 / alpha]))
    for share in SHARES:
        matched = alpha_of(share, distance)
        if matched is not None:
            add(SHARE, share, "fixed_ltos", share, np.array([share]))
            add(SHARE, share, "neurcomm", matched, self_share(matched, distance))
    return found


def self_share(alpha: float, distance: Distances) -> PerAgent:
    """Return the part of what each agent of NeurComm learns from that is its own reward."""
    reachable = np.isfinite(distance)
    weights = np.where(reachable, alpha ** np.where(reachable, distance, 0.0), 0.0)
    return 1 / weights.sum(axis=1)


def alpha_of(share: float, distance: Distances) -> float | None:
    """Return the alpha at which the mean self share is so much; None where none up to 1 is."""

    def excess(alpha: float) -> float:
        return float(self_share(alpha, distance).mean()) - share

    if excess(1.0) > 0:
        return None
    return round(float(brentq(excess, 0.0, 1.0)), _DIGITS)


def matched_plots(match: Match, scores: Mapping[Setting, Sequence[float]]) -> dict[str, Plot]:
    """Return a figure for each kind of level: score against level."""
    info = SCENARIOS[match.plan.cell.scenario].metric_info[match.plan.metric]
    plots = dict[str, Plot]()
    for kind in (RATIO, SHARE):
        at, curves = {s: values for s, values in scores.items() if s.kind == kind}, list[Curve]()
        for method in dict.fromkeys(setting.method for setting in at):
            own = {s.level: values for s, values in at.items() if s.method == method}
            curve = Curve(
                name=METHODS[method].title,
                method=method,
                x=tuple(own),
                mean=tuple(drawn(float(np.mean(values))) for values in own.values()),
                least=tuple(drawn(min(values)) for values in own.values()),
                most=tuple(drawn(max(values)) for values in own.values()),
            )
            curves.append(curve)
        if curves:
            plots[kind] = Plot(
                title=f"{match.plan.task}, {match.preset}: matched self-interest",
                xlabel=kind,
                ylabel=f"{match.plan.metric} [{info.unit}]",
                xscale="log" if kind == RATIO else "linear",
                ticks=tuple(sorted({setting.level for setting in at})),
                curves=tuple(curves),
                levels=(),
                by_method=True,
            )
    return plots


_READING = """\
### {task}: matched self-interest

How much an agent counts itself, in fixed LToS and in NeurComm at the same level. Self-neighbor
ratio: the weight of its own reward over that of a neighbor's, s / (1 - s) * k with k neighbors in
fixed LToS, 1 / alpha in NeurComm. Self share: the part of what it learns from that is its own
reward, s and 1 / sum_j alpha^d_ij. Where agents differ in a level, it is their mean, and the range
stands behind; neighbors of an agent: {neighbors}. Preset {preset}, {n} held-out seeds. {metric}
{arrow}: mean, and least to most."""


def matching_text(match: Match, scores: Mapping[Setting, Sequence[float]]) -> str:
    """Write the table of a task."""
    plan, values = match.plan, match.plan.cell.reference_values
    places = decimals(values.bound[plan.metric], values.floor[plan.metric])
    counts = sorted({len(values) for values in scores.values()})
    head = ["level"]
    for method in PARAMETERS:
        head += [METHODS[method].title, "mean", "range"]
    lines = []
    for kind, level in dict.fromkeys((setting.kind, setting.level) for setting in scores):
        line = [f"{kind} {level:g}"]
        for method in PARAMETERS:
            at = (kind, level, method)
            setting = next((s for s in scores if (s.kind, s.level, s.method) == at), None)
            if setting is None:
                line += [NOTHING] * 3
                continue
            ends = [significant(end, 3) for end in (setting.least, setting.most)]
            span = f" ({' to '.join(ends)})" if setting.least != setting.most else ""
            line += [
                f"{PARAMETERS[method]}={setting.parameter:g}{span}",
                number(float(np.mean(scores[setting])), places),
                range_text(scores[setting], places),
            ]
        lines.append(tuple(line))
    text = _READING.format(
        task=escape(plan.task),
        neighbors=" to ".join(map(str, dict.fromkeys(match.n_neighbors))),
        preset=match.preset,
        n=" to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))),
        metric=escape(plan.metric),
        arrow="↑" if plan.maximize else "↓",
    )
    return f"{text}\n\n{table_text(Table(head=tuple(head), rows=tuple(lines)))}"
