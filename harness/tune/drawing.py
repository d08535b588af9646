"""Draws the figures of tuning as SVG: the same data give the same file, with their hash in it."""

import textwrap
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.figures import SETTINGS, log_axis
from harness.line_styles import method_style
from harness.tune.pictures import History, Importances, Panels, Picture, Point, digest
from harness.tune.snr import RATIO
from methods import METHODS


def draw(picture: Picture) -> bytes:
    """Draw a figure."""
    with matplotlib.style.context(["default", SETTINGS]):
        figure = _figure(picture)
        file = BytesIO()
        metadata = {"Date": None, "Identifier": f"sha256:{digest(picture)}", "Title": picture.title}
        figure.savefig(file, format="svg", metadata=metadata)
    return file.getvalue()


def _figure(picture: Picture) -> Figure:
    if isinstance(picture, History):
        return _draw_history(picture)
    if isinstance(picture, Importances):
        return _draw_importances(picture)
    return _draw_panels(picture)


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
    knobs = sorted({name for shares in picture.shares.values() for name in shares})
    size = (2.6 + 0.5 * len(knobs), 1.9 + 0.26 * len(methods))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    table = np.array([[picture.shares[m].get(k, np.nan) for k in knobs] for m in methods])
    axes.imshow(table, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), share in np.ndenumerate(table):
        if not np.isnan(share):
            color = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=color, size=7)
    axes.set_xticks(range(len(knobs)), knobs, rotation=40, ha="right")
    axes.set_yticks(range(len(methods)), [METHODS[m].title for m in methods])
    axes.set_title(textwrap.fill(picture.title, 30 + 7 * len(knobs)), loc="left")
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
