"""Draws learning curves and studies as SVG; matplotlib lives only here.

The same data give the same file, and the hash of the data stands in the file's metadata.
"""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.line_styles import level_style, method_style, sweep_style
from harness.plot import Level, Plot, Stated

_SETTINGS = {
    "svg.hashsalt": "ltos-bench",  # else the names of clip paths differ from run to run
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "text.parse_math": False,  # a "$" in a name is a dollar
    "path.simplify": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_NAME_LENGTH = 44  # longer legends would leave no room for the axes
_TITLE_WIDTH = 84  # characters; longer titles are broken into lines


def draw(plot: Plot) -> bytes:
    """Draw a plot as SVG."""
    with matplotlib.style.context(["default", _SETTINGS]):
        n_lines = len(plot.curves) + len(plot.levels)
        height = max(3.4, 0.6 + 0.22 * n_lines)  # [inch]: the legend has a line for each
        figure = Figure(figsize=(7.2, height), layout="constrained")
        axes = figure.add_subplot()
        entries = [_draw_curve(axes, plot, n) for n in range(len(plot.curves))]
        entries += [_draw_level(axes, level, n) for n, level in enumerate(plot.levels)]
        entries.sort(key=lambda entry: -entry.height)
        _legend(axes, entries + _draw_stated(axes, plot.stated))
        axes.set_title(fill(plot.title, _TITLE_WIDTH), loc="left")
        axes.set_xlabel(plot.xlabel)
        if plot.ticks:
            axes.set_xticks(plot.ticks, [f"{tick:g}" for tick in plot.ticks])
        axes.set_ylabel(plot.ylabel)
        axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        file = BytesIO()
        metadata = {"Date": None, "Identifier": f"sha256:{plot.digest}", "Title": plot.title}
        figure.savefig(file, format="svg", metadata=metadata)
    return file.getvalue()


def stored_digest(path: Path) -> str | None:
    """Return the hash of the data that a figure shows; None when the file is not one of ours."""
    found = re.search(rb"<dc:identifier>sha256:([0-9a-f]{64})</dc:identifier>", path.read_bytes())
    return found[1].decode() if found else None


class _Entry(NamedTuple):
    height: float  # where the line ends: the legend lists lines as they lie, from the top
    name: str
    handle: Artist


def _draw_curve(axes: Axes, plot: Plot, n: int) -> _Entry:
    curve, count = plot.curves[n], len(plot.curves)
    style = method_style(curve.method) if plot.by_method else sweep_style(n)
    axes.fill_between(curve.x, curve.least, curve.most, color=style.color, alpha=0.13, linewidth=0)
    every = max(len(curve.x) // 8, 1)
    (line,) = axes.plot(
        curve.x,
        curve.mean,
        color=style.color,
        linestyle=style.dash,
        linewidth=1.4,
        marker=style.marker,
        markersize=4.5,
        markevery=(every * n // count, every),  # staggered: equal curves do not hide each other
    )
    return _Entry(curve.mean[-1], curve.name, line)


def _draw_level(axes: Axes, level: Level, n: int) -> _Entry:
    style = level_style(n)
    line = axes.axhline(
        level.value, color=style.color, linestyle=style.dash, linewidth=1.0, zorder=1
    )
    return _Entry(level.value, level.name, line)


def _draw_stated(axes: Axes, points: Sequence[Stated]) -> list[_Entry]:
    """Draw what the papers state; the legend needs one entry for all, and only where there are."""
    hollow: dict[str, Any] = {"linestyle": "", "markerfacecolor": "none", "markersize": 8}
    for point in points:
        style = method_style(point.method)
        axes.plot(point.x, point.y, marker=style.marker, color=style.color, zorder=3, **hollow)
    shown = Line2D([], [], marker="o", color="black", **hollow)
    return [_Entry(points[0].y, "hollow: stated by the papers", shown)] if points else []


def _legend(axes: Axes, entries: Sequence[_Entry]) -> None:
    legend = axes.legend(
        [entry.handle for entry in entries],
        [str(n) for n in range(len(entries))],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        handlelength=3.6,
    )
    for text, entry in zip(legend.get_texts(), entries, strict=True):
        text.set_text(_short(entry.name))  # afterwards: a legend drops names that begin with "_"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
