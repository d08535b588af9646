"""Draws plots as SVG; of the harness, only this and animations know matplotlib.

The same data give the same file. The hash of the data stands in the file's metadata, that of the
drawing in its last line: machines may draw the same data differently, but a drawing that was
changed since it was drawn is told from one that was not.
"""

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from itertools import cycle
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from harness.plotting.plot import AgentPlot, LegendEntry, Plot
from harness.published.numbers import BOUND
from harness.results.files import read_file

LEGEND, TITLE, SAMPLE = "legend", "title", "sample-"  # names of parts inside a drawing
SETTINGS = {
    "svg.hashsalt": "ltos-bench",  # else the names of clip paths differ from run to run
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "text.parse_math": False,  # a "$" in a name is a dollar
    "path.simplify": False,
    "font.size": 9.0,
    "legend.fontsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_LEFT, _BOTTOM, _WIDTH, _HEIGHT = 0.72, 0.5, 4.1, 2.7  # [inch]: the axes; figures lie in line
_LEGEND_WIDTH = 3.1  # [inch]
_LEGEND_LINE = 0.158  # [inch]
_TITLE_LINE, _TITLE_GAP = 0.16, 0.14  # [inch]
_TITLE_WIDTH = 84  # characters; longer titles are broken into lines
_NAME_LENGTH = 44  # longer legends would leave no room for the axes
_POINTS = 72  # an inch
_GEOMETRY = re.compile(rb'\s(?:d|x|y|transform)="[^"]*"')
_NUMBER = re.compile(rb"scale\([^)]*\)|-?\d+\.\d+")
_SEAL = b"<!-- drawing sha256: "


def draw(plot: Plot | AgentPlot) -> bytes:
    """Draw a plot as SVG."""
    with matplotlib.style.context(["default", SETTINGS]):
        figure = _figure(plot) if isinstance(plot, Plot) else _agent_figure(plot)
        file = BytesIO()
        metadata = {"Date": None, "Identifier": f"sha256:{plot.digest}", "Title": plot.title}
        with warnings.catch_warnings():
            # A letter that the font does not have is drawn as a box; pages show names themselves.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(file, format="svg", metadata=metadata)
    # Four digits, at most three decimals: a tenth of a point on some hundred. Scales stay.
    svg = _GEOMETRY.sub(
        lambda part: _NUMBER.sub(
            lambda n: n[0] if n[0][:1] == b"s" else b"%.4g" % round(float(n[0]), 3), part[0]
        ),
        file.getvalue(),
    )
    return b"%b%b%b -->\n" % (svg, _SEAL, hashlib.sha256(svg).hexdigest().encode())


def stored_digest(path: Path) -> str | None:
    """Return the hash of the data that a figure shows.

    None when the file is not one of ours; nothing when it was changed since it was drawn.
    """
    svg = read_file(path)
    found = re.search(rb"<dc:identifier>sha256:([0-9a-f]{64})</dc:identifier>", svg)
    if found is None:
        return None
    drawing, mark, seal = svg.rpartition(_SEAL)
    changed = mark and seal.split()[0] != hashlib.sha256(drawing).hexdigest().encode()
    return "" if changed else found[1].decode()


def axes_box(plot: Plot | AgentPlot) -> tuple[float, float, float, float]:
    """Return where a drawing has its axes with their labels: left, top, width, height."""
    if not isinstance(plot, Plot):
        head = _TITLE_LINE * len(_title(plot)) * _POINTS
        return 0.0, head, _SIZE[0] * _POINTS, _SIZE[1] * _POINTS - head
    top = _top(plot) - _TITLE_GAP
    height = _TITLE_GAP + _axes_height(plot) + _BOTTOM
    return 0.0, top * _POINTS, (_LEFT + _WIDTH + 0.1) * _POINTS, height * _POINTS


Dash = tuple[float, ...]  # lengths of strokes and gaps, empty for a solid line

_DASHES: dict[str, Dash] = {
    "solid": (),
    "dashed": (5, 2),
    "dotted": (1.2, 1.5),
    "dashdot": (6, 2, 1.2, 2),
}
_LEVEL_DASHES: tuple[Dash, ...] = ((8, 3), (3, 3), (8, 3, 2, 3), (14, 6), (1.5, 4))
_METHODS = {  # color (Okabe and Ito's, safe for the color-blind), dash, marker
    "ltos": ("#D55E00", "solid", "o"),
    "fixed_ltos": ("#E69F00", "dashed", "s"),
    "dgn": ("#0072B2", "solid", "^"),
    "dqn": ("#56B4E9", "dashed", "v"),
    "joint_dqn": ("#009E73", "solid", "D"),
    "coco_q": ("#CC79A7", "solid", "P"),
    "qmix": ("#009E73", "dashed", "X"),
    "vdn": ("#009E73", "dotted", "p"),
    "consenet": ("#000000", "dashed", "<"),
    "neurcomm": ("#000000", "solid", ">"),
    "ia2c": ("#000000", "dotted", "h"),
    "ip": ("#CC79A7", "dashed", "*"),
    "lio": ("#B8A800", "solid", "d"),
    "ippo": ("#7A5195", "dashed", "H"),
    "mappo": ("#7A5195", "solid", "8"),
    "team_dqn": ("#56B4E9", "dotted", "1"),
    "team_dgn": ("#0072B2", "dotted", "2"),
    "inequity_dqn": ("#56B4E9", "dashdot", "3"),
    "inequity_dgn": ("#0072B2", "dashdot", "4"),
    BOUND: ("#555555", "dashed", "D"),
}
_SPARE = ("#7F7F7F", "dashdot", "x")  # a method that is not ours: told apart by its legend
_SWEEP = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#B8A800")
_SWEEP_MARKERS = "osD^vP<>Xp*"


class LineStyle(NamedTuple):
    """Color, dash and marker, as matplotlib knows them."""

    color: str
    dash: tuple[int, Dash]
    marker: str


def method_style(method: str) -> LineStyle:
    """Return a method's style, the same in every figure."""
    color, dash, marker = _METHODS.get(method, _SPARE)
    return LineStyle(color, (0, _DASHES[dash]), marker)


def sweep_style(n: int) -> LineStyle:
    """Return the style of the n-th variant of a method."""
    dashes = tuple(_DASHES.values())
    marker = _SWEEP_MARKERS[n % len(_SWEEP_MARKERS)]
    return LineStyle(_SWEEP[n % len(_SWEEP)], (0, dashes[n % len(dashes)]), marker)


def level_style(n: int) -> LineStyle:
    """Return the style of the n-th fixed policy, a gray line without markers."""
    return LineStyle("#555555", (0, _LEVEL_DASHES[n % len(_LEVEL_DASHES)]), "")


def _figure(plot: Plot) -> Figure:
    width, height = _LEFT + _WIDTH + _LEGEND_WIDTH, _BOTTOM + _axes_height(plot) + _top(plot)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (_LEFT / width, _BOTTOM / height, _WIDTH / width, _axes_height(plot) / height)
    )
    if plot.yscale != "linear":
        axes.set_yscale(plot.yscale)
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:,g}")  # figures, not powers of ten
        axes.yaxis.set_minor_formatter(lambda y, _: f"{y:,g}" if f"{y:e}"[0] in "25" else "")
        axes.tick_params(axis="y", which="minor", labelsize=7.0)
    if plot.xscale != "linear":
        axes.set_xscale(plot.xscale, **({"linscale": 0.4} if plot.xscale == "symlog" else {}))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,g}")
        axes.margins(x=0.12)
    shown = dict[str, Artist]()  # by the key of its line in the legend
    for draw_marks in (_draw_curves, _draw_points, _draw_levels, _draw_stated):
        shown |= draw_marks(axes, plot)
    _legend(axes, plot.legend, shown)
    axes.autoscale_view()
    if plot.ticks:
        axes.set_xticks(plot.ticks, [f"{tick:g}" for tick in plot.ticks])
    axes.set_title("\n".join(_title(plot)), loc="left", gid=TITLE)
    axes.set_xlabel(plot.xlabel)
    axes.set_ylabel(plot.ylabel)
    axes.yaxis.set_label_coords(-0.14, 0.5)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


def _title(plot: Plot | AgentPlot) -> list[str]:
    return wrap(plot.title, _TITLE_WIDTH)


def _axes_height(plot: Plot) -> float:
    return max(_HEIGHT, _LEGEND_LINE * len(plot.legend))


def _top(plot: Plot) -> float:
    return _TITLE_GAP + _TITLE_LINE * len(_title(plot))


def _legend(axes: Axes, entries: tuple[LegendEntry, ...], shown: Mapping[str, Artist]) -> None:
    legend = axes.legend(
        [shown[entry.key] for entry in entries],
        [str(n) for n in range(len(entries))],
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
        handlelength=3.6,
        labelspacing=0.35,
    )
    legend.set_gid(LEGEND)
    for text, entry in zip(legend.get_texts(), entries, strict=True):
        name, fits = entry.name, len(entry.name) <= _NAME_LENGTH
        # Afterwards: a legend drops names that begin with "_".
        text.set_text(name if fits else f"{name[: _NAME_LENGTH - 1]}…")
    for handle, entry in zip(legend.legend_handles, entries, strict=True):
        if handle is not None:
            handle.set_gid(f"{SAMPLE}{entry.key}")


_HOLLOW: Mapping[str, Any] = {"linestyle": "", "markerfacecolor": "none", "markersize": 8}
_STEP = 7.0 / _POINTS  # [inch]: so far apart stand points that would hide each other


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


_SIZE = (7.92, 3.4)  # [inch], as wide as figures of curves
_LINES = (0.09, 0.15, 0.40, 0.68)  # left, bottom, width, height, in parts of the figure
_MAPS = (0.54, 0.12, 0.38, 0.73)
_BAR = (0.945, 0.2, 0.012, 0.58)
_COLUMNS = 3
_COLORS = ("#0072B2", "#E69F00", "#D55E00", "#009E73")  # Okabe and Ito's
_MAP_COLORS = "cividis"  # as in pictures of episodes: the brighter, the more


def _agent_figure(plot: AgentPlot) -> Figure:
    figure = Figure(figsize=_SIZE)
    wide = (*_LINES[:2], _LINES[2] if plot.shown else 0.85, _LINES[3])
    axes = figure.add_axes(wide)
    values = np.array(plot.values)
    kinds = list(dict.fromkeys(sorted(plot.kinds, key=plot.kinds.count)))
    for kind, color in zip(kinds, cycle(_COLORS), strict=False):
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
    if plot.shown:
        _draw_maps(figure, plot)
    figure.suptitle("\n".join(_title(plot)), x=0.01, ha="left", fontsize=10.8, gid=TITLE)
    return figure


def _draw_maps(figure: Figure, plot: AgentPlot) -> None:
    place, found = np.array(plot.places), np.array([plot.at(step) for step in plot.shown])
    scale = Normalize(float(found.min()), max(float(found.max()), float(found.min()) + 1e-3))
    (x, y), low, high = place.T, place.min(axis=0) - 0.6, place.max(axis=0) + 0.6
    rows = -(-len(plot.shown) // _COLUMNS)
    left, bottom, width, height = _MAPS
    for n, (step, values) in enumerate(zip(plot.shown, found, strict=True)):
        row, column = divmod(n, _COLUMNS)
        box = (
            left + width * column / _COLUMNS, bottom + height * (rows - 1 - row) / rows,
            0.92 * width / _COLUMNS, 0.84 * height / rows,
        )  # fmt: skip
        axes = figure.add_axes(box)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
        points = _POINTS * _SIZE[0] * axes.get_position().width / (high - low).max()
        squares: dict[str, Any] = {"marker": "s", "s": (0.78 * points) ** 2, "linewidths": 0}
        axes.scatter(x, y, c=values, norm=scale, cmap=_MAP_COLORS, **squares)
        axes.set_title(f"step {step}", fontsize=8.0, pad=2)
    bar = figure.colorbar(ScalarMappable(scale, _MAP_COLORS), cax=figure.add_axes(_BAR))
    bar.ax.tick_params(labelsize=7.0, length=2)
