"""What the figures of tuning show, as data."""

import hashlib
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any, NamedTuple, TypeAlias

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.plotting.draw import SETTINGS, log_axis, method_style
from harness.tuning.ledger import Row
from harness.tuning.trial import best
from methods import METHODS
from scenarios import SCENARIOS

RATIO = "self-neighbor ratio (SNR)"  # the panel whose levels lie far apart


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
    """Return how the best value of each study of a task rose, to four digits, if it has one."""
    plan = rows[0].plan
    info = SCENARIOS[plan.cell.scenario].metric_info[plan.metric]
    lines = {}
    for row in rows:
        points, steps = list[tuple[int, float]](), 0
        for n, trial in enumerate(row.trials, start=1):
            steps += trial.steps
            leader = best(row.trials[:n], maximize=row.plan.maximize)
            if leader is not None and leader.value is not None:
                points.append((steps, float(f"{leader.value:.4g}")))
        if points:
            lines[row.plan.method] = points
    ylabel = f"{plan.metric} [{info.unit}]"
    return History(title=title, ylabel=ylabel, log=info.log, lines=lines)


def importances(title: str, rows: Sequence[Row]) -> Importances:
    """Return what mattered to the methods of which that can be told."""
    shares = {row.plan.method: row.importances for row in rows if row.importances}
    return Importances(title=title, shares=shares)


def draw(picture: Picture) -> bytes:
    """Draw a figure as SVG: the same data give the same file."""
    with matplotlib.style.context(["default", SETTINGS]):
        match picture:
            case History():
                figure = _draw_history(picture)
            case Importances():
                figure = _draw_importances(picture)
            case Panels():
                figure = _draw_panels(picture)
        file = BytesIO()
        metadata = {"Date": None, "Identifier": f"sha256:{digest(picture)}", "Title": picture.title}
        figure.savefig(file, format="svg", metadata=metadata)
    return file.getvalue()


def _draw_history(picture: History) -> Figure:
    figure = Figure(figsize=(7.2, max(3.4, 0.6 + 0.22 * len(picture.lines))), layout="constrained")
    axes = figure.add_subplot()
    for n, (method, points) in enumerate(picture.lines.items()):
        x, y = zip(*points, strict=True)
        every = max(len(x) // 6, 1)
        marks = (every * n // len(picture.lines), every)  # staggered: equal lines stay visible
        axes.plot(x, y, drawstyle="steps-post", markevery=marks, **_style(method))
    if picture.log:
        log_axis(axes)
    axes.set_xlabel("environment steps spent on trials")
    axes.set_ylabel(f"best {picture.ylabel} so far")
    _finish(axes, picture.title)
    _legend_beside(axes)
    return figure


def _draw_importances(picture: Importances) -> Figure:
    methods = list(picture.shares)
    parameters = sorted({name for shares in picture.shares.values() for name in shares})
    size = (2.6 + 0.5 * len(parameters), 1.9 + 0.26 * len(methods))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    table = np.array([[picture.shares[m].get(k, np.nan) for k in parameters] for m in methods])
    axes.imshow(table, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), share in np.ndenumerate(table):
        if not np.isnan(share):
            color = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=color, size=7)
    axes.set_xticks(range(len(parameters)), parameters, rotation=40, ha="right")
    axes.set_yticks(range(len(methods)), [METHODS[m].title for m in methods])
    axes.set_title(textwrap.fill(picture.title, 30 + 7 * len(parameters)), loc="left")
    axes.tick_params(length=0)
    return figure


def _draw_panels(picture: Panels) -> Figure:
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    panels = figure.subplots(1, len(picture.panels), sharey=True, squeeze=False)[0]
    for axes, (xlabel, lines) in zip(panels, picture.panels.items(), strict=True):
        for method, points in lines.items():
            _draw_points(axes, method, points)
        axes.set_xlabel(xlabel)
        if xlabel == RATIO:
            axes.set_xscale("log")
            levels = sorted({point.x for points in lines.values() for point in points})
            axes.set_xticks(levels, [f"{level:g}" for level in levels])
            axes.minorticks_off()
        _finish(axes, "")
    panels[0].set_ylabel(picture.ylabel)
    panels[0].legend(frameon=False)
    figure.suptitle(textwrap.fill(picture.title, 90), x=0.01, ha="left")
    return figure


def _draw_points(axes: Axes, method: str, points: Sequence[Point]) -> None:
    x, style = [point.x for point in points], _style(method)
    least, most = [point.least for point in points], [point.most for point in points]
    axes.fill_between(x, least, most, color=style["color"], alpha=0.13, linewidth=0)
    spread = [[p.x - p.x_least for p in points], [p.x_most - p.x for p in points]]
    y = [point.mean for point in points]
    axes.errorbar(x, y, xerr=spread, elinewidth=0.7, capsize=2, **style)


def _style(method: str) -> dict[str, Any]:
    style = method_style(method)
    return {
        "color": style.color,
        "linestyle": style.dash,
        "marker": style.marker,
        "markersize": 4.5,
        "linewidth": 1.4,
        "label": METHODS[method].title,
    }


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(textwrap.fill(title, 84), loc="left")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)


def _legend_beside(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.6)
