"""Runs of fixed LToS and NeurComm at matched levels, and what they came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.config.cell import Cell
from harness.config.hparams import untuned
from harness.config.seeding import Purpose, stream
from harness.report.document import Table
from harness.report.markdown import escape, table_text
from harness.report.numbers import NOTHING, decimals, number, range_text
from harness.results.result import DamagedResult, RunResult, load_result, result_path
from harness.tuning.pictures import Panels, Point
from harness.tuning.plan import BASE, UNSEEN_SEEDS, Plan
from harness.tuning.scoring import late_mean
from harness.tuning.snr import KNOBS, Setting, settings
from methods import METHODS
from scenarios import SCENARIOS

MATCHED = "matched_snr"  # folder beside the studies, with results as `run` leaves them
_MOST_SEEDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Both methods at one task.

    Attributes:
        plans: By method.
        preset: Where the other hyperparameters come from.
        settings: Their parameters, level by level.
        n_neighbors: Of the agents, the least and the largest number.
    """

    plans: dict[str, Plan]
    preset: str
    settings: tuple[Setting, ...]
    n_neighbors: tuple[int, int]

    @property
    def plan(self) -> Plan:
        """The plan of fixed LToS."""
        return self.plans["fixed_ltos"]

    def cell(self, setting: Setting, seed: int) -> Cell:
        """Return the cell of a setting."""
        plan = replace(self.plans[setting.method], inherited={})
        return plan.variant(self.preset, {KNOBS[setting.method]: setting.parameter}, seed)

    def cells(self, n_seeds: int) -> list[Cell]:
        """Return what is to be run; levels that both ways of matching share, once."""
        seeds = range(UNSEEN_SEEDS, UNSEEN_SEEDS + n_seeds)
        return list(dict.fromkeys(self.cell(s, seed) for s in self.settings for seed in seeds))

    def scores(self, setting: Setting, folder: Path) -> list[float]:
        """Return what the runs of a setting came to, seed by seed, as far as they were run."""
        found = list[float]()
        for seed in range(UNSEEN_SEEDS, UNSEEN_SEEDS + _MOST_SEEDS):
            cell = self.cell(setting, seed)
            path = result_path(folder, cell)
            result = _valid(path, cell) if path.exists() else None
            if result is None:
                break
            found.append(late_mean(result.curve, self.plan.metric))
        return found


def _valid(path: Path, cell: Cell) -> RunResult | None:
    try:
        result = load_result(path)
    except DamagedResult:  # it is run again, like one that is missing
        return None
    return result if result.fingerprint == cell.fingerprint else None


def matches(plans: Sequence[Plan]) -> dict[str, list[Match]]:
    """Return for every task that has both methods the presets to match them at, the best first.

    That is ``tuned`` where both methods are, and ``default``.

    Args:
        plans: Studies that a grid asks for.
    """
    found = dict[str, list[Match]]()
    for task in dict.fromkeys(plan.task for plan in plans):
        both = {p.method: p for p in plans if p.task == task and p.method in KNOBS}
        if len(both) < len(KNOBS):
            continue
        cell = next(iter(both.values())).cell
        scenario = SCENARIOS[cell.scenario](**dict(cell.options))
        graph = scenario.reset(stream(UNSEEN_SEEDS, Purpose.EVAL_WORLD, 0)).graph
        counts, levels = graph.sum(axis=1) - 1, tuple(settings(graph))
        ends = int(counts.min()), int(counts.max())
        tuned = not any(untuned(method, cell.scenario) for method in KNOBS)
        presets = ("tuned", BASE) if tuned else (BASE,)
        found[task] = [
            Match(plans=both, preset=preset, settings=levels, n_neighbors=ends)
            for preset in presets
        ]
    return found


def outcome(match: Match, folder: Path) -> Mapping[Setting, list[float]]:
    """Return what the runs of every setting came to; settings without runs are left out."""
    scores = {setting: match.scores(setting, folder) for setting in match.settings}
    return {setting: values for setting, values in scores.items() if values}


def panels(match: Match, scores: Mapping[Setting, list[float]]) -> Panels:
    """Return the figure of a task."""
    info = SCENARIOS[match.plan.cell.scenario].metric_info[match.plan.metric]
    content: dict[str, dict[str, list[Point]]] = {}
    for setting, values in scores.items():
        lines = content.setdefault(setting.kind, {})
        points = lines.setdefault(setting.method, [])
        x = setting.level
        ends = x, min(x, setting.least), max(x, setting.most)  # parameters are rounded
        y = float(np.mean(values)), min(values), max(values)
        points.append(Point(*(float(f"{value:.10g}") for value in (*ends, *y))))
    return Panels(
        title=f"{match.plan.task}, {match.preset}: matched self-interest",
        ylabel=f"{match.plan.metric} [{info.unit}]",
        panels=content,
    )


_READING = """\
### {task}: matched self-interest

How much an agent counts itself, in fixed LToS and in NeurComm at the same level. Self-neighbor
ratio: the weight of its own reward over that of a neighbor's, s / (1 - s) * k with k neighbors in
fixed LToS, 1 / alpha in NeurComm. Self share: the part of what it learns from that is its own
reward, s and 1 / sum_j alpha^d_ij. Where agents differ in a level, it is their mean, and the range
stands behind; neighbors of an agent: {neighbors}. Preset {preset}, {n} unseen seeds. {metric}
{arrow}: mean, and least to most."""


def matching_text(match: Match, scores: Mapping[Setting, Sequence[float]]) -> str:
    """Write the table of a task."""
    plan = match.plan
    scenario = SCENARIOS[plan.cell.scenario](**dict(plan.cell.options))
    places = decimals(scenario.bound[plan.metric], scenario.floor[plan.metric])
    counts = sorted({len(values) for values in scores.values()})
    head = ["level"]
    for method in KNOBS:
        head += [METHODS[method].title, "mean", "range"]
    lines = []
    for kind, level in dict.fromkeys((setting.kind, setting.level) for setting in scores):
        line = [f"{kind} {level:g}"]
        for method in KNOBS:
            at = (kind, level, method)
            setting = next((s for s in scores if (s.kind, s.level, s.method) == at), None)
            line += [NOTHING] * 3 if setting is None else _cells(setting, scores[setting], places)
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


def _cells(setting: Setting, values: Sequence[float], places: int) -> list[str]:
    span = "" if setting.least == setting.most else f" ({setting.least:.3g} to {setting.most:.3g})"
    return [
        f"{KNOBS[setting.method]}={setting.parameter:g}{span}",
        number(float(np.mean(values)), places),
        range_text(values, places),
    ]
