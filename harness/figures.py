"""Draws learning curves as SVG; matplotlib lives only here.

The same data give the same file, and the hash of the data stands in the file's metadata.
"""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.plot import Level, Plot

SETTINGS = {
    "svg.hashsalt": "ltos-bench",  # else the names of clip paths differ from run to run
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "text.parse_math": False,  # a "$" in a name is a dollar
    "path.simplify": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
DASHES: dict[str, tuple[float, ...]] = {
    "solid": (),
    "dashed": (5, 2),
    "dotted": (1.2, 1.5),
    "dashdot": (6, 2, 1.2, 2),
}
_LEVEL_DASHES = ((8, 3), (3, 3), (8, 3, 2, 3), (14, 6), (1.5, 4))
STYLES = {  # color (Okabe and Ito's, safe for the color-blind), dash, marker
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
}
SPARE = ("#7F7F7F", "dashdot", "x")  # a method that is not ours: told apart by its legend
_SWEEP = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#B8A800")
_NAME_LENGTH = 44  # longer legends would leave no room for the axes
_SWEEP_MARKERS = "osD^vP<>Xp*"


def draw(plot: Plot) -> bytes:
    """Draw a plot as SVG."""
    with matplotlib.style.context(["default", SETTINGS]):
        n_lines = len(plot.curves) + len(plot.levels)
        height = max(3.4, 0.6 + 0.22 * n_lines)  # [inch]: the legend has a line for each
        figure = Figure(figsize=(7.2, height), layout="constrained")
        axes = figure.add_subplot()
        entries = [_draw_curve(axes, plot, n) for n in range(len(plot.curves))]
        entries += [_draw_level(axes, level, n) for n, level in enumerate(plot.levels)]
        _legend(axes, sorted(entries, key=lambda entry: -entry.height))
        axes.set_title(plot.title, loc="left")
        axes.set_xlabel("training episodes")
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
    if plot.by_method:
        color, dash, marker = STYLES.get(curve.method, SPARE)
    else:
        dashes = tuple(DASHES)
        color, dash = _SWEEP[n % len(_SWEEP)], dashes[n % len(dashes)]
        marker = _SWEEP_MARKERS[n % len(_SWEEP_MARKERS)]
    axes.fill_between(curve.x, curve.least, curve.most, color=color, alpha=0.13, linewidth=0)
    every = max(len(curve.x) // 8, 1)
    (line,) = axes.plot(
        curve.x,
        curve.mean,
        color=color,
        linestyle=(0, DASHES[dash]),
        linewidth=1.4,
        marker=marker,
        markersize=4.5,
        markevery=(every * n // count, every),  # staggered: equal curves do not hide each other
    )
    return _Entry(curve.mean[-1], curve.name, line)


def _draw_level(axes: Axes, level: Level, n: int) -> _Entry:
    dash = (0, _LEVEL_DASHES[n % len(_LEVEL_DASHES)])
    line = axes.axhline(level.value, color="#555555", linestyle=dash, linewidth=1.0, zorder=1)
    return _Entry(level.value, level.name, line)


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
        text.set_text(
            _short(entry.name)
        )  # set afterwards: a legend drops names that begin with "_"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
