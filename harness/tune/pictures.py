"""What the figures of tuning show, as data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, TypeAlias

from harness.tune.row import Row
from harness.tune.trial import best
from scenarios import SCENARIOS


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The best value found so far against what was spent on finding it.

    Attributes:
        title: Over the axes.
        ylabel: Metric with unit.
        log: Whether the metric has a logarithmic axis.
        lines: By method, environment steps and the best value so far, at the end of every trial.
    """

    title: str
    ylabel: str
    log: bool
    lines: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """How much each searched hyperparameter mattered to each method.

    Attributes:
        title: Over the axes.
        shares: By method and hyperparameter; in all 1 for a method.
    """

    title: str
    shares: Mapping[str, Mapping[str, float]]


class Point(NamedTuple):
    """A method's score at a level of something, over several seeds.

    Attributes:
        x: The level.
        x_least: Of the agents, the least; they may differ by their numbers of neighbors.
        x_most: Of the agents, the largest.
        mean: Mean score.
        least: Smallest score.
        most: Largest score.
    """

    x: float
    x_least: float
    x_most: float
    mean: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """Scores of methods at the same levels of something, a panel for each kind of level.

    Attributes:
        title: Over the panels.
        ylabel: Metric with unit.
        panels: By label of the x axis and by method.
    """

    title: str
    ylabel: str
    panels: Mapping[str, Mapping[str, Sequence[Point]]]


Picture: TypeAlias = History | Importances | Panels


def digest(picture: Picture) -> str:
    """Return the sha256 of what a figure shows."""
    text = json.dumps(asdict(picture), separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def history(title: str, rows: Sequence[Row]) -> History:
    """Return how the best value of each study of a place rose, if it has one."""
    plan = rows[0].plan
    info = SCENARIOS[plan.cell.scenario].metric_info[plan.metric]
    lines = {row.plan.method: line for row in rows if (line := _line(row))}
    ylabel = f"{plan.metric} [{info.unit}]"
    return History(title=title, ylabel=ylabel, log=info.log, lines=lines)


def importances(title: str, rows: Sequence[Row]) -> Importances:
    """Return what mattered to the methods of which that can be told."""
    shares = {
        row.plan.method: {name: float(f"{share:.3g}") for name, share in row.importances.items()}
        for row in rows
        if row.importances
    }
    return Importances(title=title, shares=shares)


def _line(row: Row) -> list[tuple[int, float]]:
    points, steps = list[tuple[int, float]](), 0
    for n, trial in enumerate(row.trials, start=1):
        steps += trial.steps
        leader = best(row.trials[:n], maximize=row.plan.maximize)
        if leader is not None and leader.value is not None:
            points.append((steps, float(f"{leader.value:.10g}")))
    return points
