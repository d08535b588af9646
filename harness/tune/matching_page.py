"""What the ledger's page says of fixed LToS and NeurComm at matched levels."""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.report.document import Table
from harness.report.markdown import escape, table_text
from harness.report.numbers import NOTHING, decimals, number, range_text
from harness.tune.matching import Match
from harness.tune.snr import KNOBS, Setting
from methods import METHODS
from scenarios import SCENARIOS

_READING = """\
### {place}: matched self-interest

How much an agent counts itself, in fixed LToS and in NeurComm at the same level. Self-neighbor
ratio: the weight of its own reward over that of a neighbor's, s / (1 - s) * k with k neighbors in
fixed LToS, 1 / alpha in NeurComm. Self share: the part of what it learns from that is its own
reward, s and 1 / sum_j alpha^d_ij. Where agents differ in a level, it is their mean, and the range
stands behind; neighbors of an agent: {neighbors}. Preset {preset}, {n} unseen seeds. {metric}
{arrow}: mean, and least to most."""


def matching_text(match: Match, scores: Mapping[Setting, Sequence[float]]) -> str:
    """Write the table of a place."""
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
        place=escape(plan.place),
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
        f"{KNOBS[setting.method]}={setting.knob:g}{span}",
        number(float(np.mean(values)), places),
        range_text(values, places),
    ]
