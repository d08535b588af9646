"""Draws what a plot shows onto axes: curves, points, levels, what the papers state.

Everything that a line of the legend stands for carries its key: alone, or followed by a dash and
more, so that whoever shows the drawing can find it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from harness.line_styles import level_style, method_style, sweep_style
from harness.plot import Plot

_HOLLOW: Mapping[str, Any] = {"linestyle": "", "markerfacecolor": "none", "markersize": 8}
_STEP = 7.0 / 72  # [inch]: so far apart stand points that would hide each other


def draw_marks(axes: Axes, plot: Plot) -> dict[str, Artist]:
    """Draw all that a plot shows.

    Returns:
        By the key of its line in the legend, what the legend is to show of it.
    """
    kinds: tuple[Callable[[Axes, Plot], dict[str, Artist]], ...] = (
        _draw_curves,
        _draw_points,
        _draw_levels,
        _draw_stated,
    )
    return {key: artist for draw in kinds for key, artist in draw(axes, plot).items()}


def _draw_curves(axes: Axes, plot: Plot) -> dict[str, Artist]:
    count, found = len(plot.curves), dict[str, Artist]()
    for n, curve in enumerate(plot.curves):
        style = method_style(curve.method) if plot.by_method else sweep_style(n)
        key, color, every = f"curve{n}", style.color, max(len(curve.x) // 8, 1)
        band = axes.fill_between(
            curve.x, curve.least, curve.most, color=color, alpha=0.13, linewidth=0
        )
        (line,) = axes.plot(
            curve.x,
            curve.mean,
            color=color,
            linestyle=style.dash,
            linewidth=1.4,
            marker=style.marker,
            markersize=4.5,
            markevery=(every * n // count, every),  # staggered: equal curves do not hide each other
        )
        band.set_gid(f"{key}-band")
        line.set_gid(key)
        found[key] = line
    return found


def _draw_points(axes: Axes, plot: Plot) -> dict[str, Artist]:
    """Draw points with their ranges; those that would hide each other stand side by side."""
    found, before = dict[str, Artist](), Counter[tuple[float, float]]()
    for n, point in enumerate(plot.points):
        style, key, spot = method_style(point.method), f"point{n}", (point.x, point.mean)
        aside = ScaledTranslation(_STEP * before[spot], 0, axes.figure.dpi_scale_trans)
        before[spot] += 1
        drawn = axes.errorbar(
            [point.x],
            [point.mean],
            xerr=[[0.0], [point.x_most - point.x]],
            yerr=[[point.mean - point.least], [point.most - point.mean]],
            color=style.color,
            marker=style.marker,
            markersize=5.5,
            elinewidth=0.9,
            linestyle="",
            transform=axes.transData + aside,
        )
        line, _, ranges = drawn.lines
        line.set_gid(key)
        for part in ranges:
            part.set_gid(f"{key}-range")
        corners = [(point.x, point.least), (point.x_most, point.most)]
        axes.update_datalim(corners)  # what was set aside does not do so by itself
        found[key] = line
    return found


def _draw_levels(axes: Axes, plot: Plot) -> dict[str, Artist]:
    found = dict[str, Artist]()
    for n, level in enumerate(plot.levels):
        style, key = level_style(n), f"level{n}"
        found[key] = axes.axhline(
            level.value, color=style.color, linestyle=style.dash, linewidth=1.0, zorder=1, gid=key
        )
    return found


def _draw_stated(axes: Axes, plot: Plot) -> dict[str, Artist]:
    for n, point in enumerate(plot.stated):
        style = method_style(point.method)
        axes.plot(
            point.x,
            point.y,
            marker=style.marker,
            color=style.color,
            zorder=3,
            gid=f"stated-{n}",
            **_HOLLOW,
        )
    return {"stated": Line2D([], [], marker="o", color="black", **_HOLLOW)} if plot.stated else {}
