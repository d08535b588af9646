"""Draws what agent plots show: a line per agent over the episode, and maps at chosen steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from harness.agent_plot import AgentPlot

SIZE = (7.92, 3.4)  # [inch], as wide as figures of curves
_LINES = (0.09, 0.15, 0.40, 0.68)  # left, bottom, width, height, in parts of the figure
_MAPS = (0.54, 0.12, 0.38, 0.73)
_BAR = (0.945, 0.2, 0.012, 0.58)
_COLUMNS = 3
_COLORS = ("#0072B2", "#E69F00", "#D55E00", "#009E73")  # Okabe and Ito's
_MAP_COLORS = "cividis"  # as in pictures of episodes: the brighter, the more


def agent_figure(plot: AgentPlot) -> Figure:
    """Draw an agent plot."""
    figure = Figure(figsize=SIZE)
    wide = (*_LINES[:2], _LINES[2] if plot.shown else 0.85, _LINES[3])
    _draw_lines(figure.add_axes(wide), plot)
    if plot.shown:
        _draw_maps(figure, plot)
    return figure


def _draw_lines(axes: Axes, plot: AgentPlot) -> None:
    values = np.array(plot.values)
    kinds = list(dict.fromkeys(sorted(plot.kinds, key=plot.kinds.count)))
    for kind, color in zip(kinds, _cycled(_COLORS, len(kinds)), strict=True):
        members = [i for i, found in enumerate(plot.kinds) if found == kind]
        looks: dict[str, Any] = {"color": color, "drawstyle": "steps-post"}
        axes.plot(plot.steps, values[:, members], linewidth=0.6, alpha=0.45, **looks)
        label = f"{kind} ({len(members)})"
        axes.plot(plot.steps, values[:, members].mean(axis=1), linewidth=1.8, label=label, **looks)
    axes.set_xlabel("step of the episode")
    axes.set_ylabel(plot.ylabel)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(kinds), frameon=False,
        handlelength=1.2, columnspacing=1.0, borderaxespad=0.2,
    )  # fmt: skip


def _draw_maps(figure: Figure, plot: AgentPlot) -> None:
    place, found = np.array(plot.places), np.array([plot.at(step) for step in plot.shown])
    scale = Normalize(float(found.min()), max(float(found.max()), float(found.min()) + 1e-3))
    rows = -(-len(plot.shown) // _COLUMNS)
    left, bottom, width, height = _MAPS
    for n, (step, values) in enumerate(zip(plot.shown, found, strict=True)):
        row, column = divmod(n, _COLUMNS)
        box = (
            left + width * column / _COLUMNS, bottom + height * (rows - 1 - row) / rows,
            0.92 * width / _COLUMNS, 0.84 * height / rows,
        )  # fmt: skip
        axes = figure.add_axes(box)
        _draw_map(axes, place, values, scale)
        axes.set_title(f"step {step}", fontsize=8.0, pad=2)
    bar = figure.colorbar(ScalarMappable(scale, _MAP_COLORS), cax=figure.add_axes(_BAR))
    bar.ax.tick_params(labelsize=7.0, length=2)


def _draw_map(axes: Axes, place: np.ndarray, values: np.ndarray, scale: Normalize) -> None:
    low, high = place.min(axis=0) - 0.6, place.max(axis=0) + 0.6
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[], aspect="equal")
    for side in axes.spines.values():
        side.set_visible(False)
    x, y = place.T
    points = 72 * SIZE[0] * axes.get_position().width / (high - low).max()
    area = (0.78 * points) ** 2
    axes.scatter(x, y, c=values, s=area, norm=scale, cmap=_MAP_COLORS, marker="s", linewidths=0)


def _cycled(colors: Sequence[str], n: int) -> list[str]:
    return [colors[k % len(colors)] for k in range(n)]
