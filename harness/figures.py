"""Draws plots as SVG; matplotlib lives only here, in ``marks`` and in ``agent_marks``.

The same data give the same file, and the hash of the data stands in the file's metadata.
"""

import re
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from textwrap import wrap

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.agent_marks import SIZE, agent_figure
from harness.agent_plot import AgentPlot
from harness.marks import draw_marks
from harness.plot import LegendEntry, Plot, Scale

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


def draw(plot: Plot | AgentPlot) -> bytes:
    """Draw a plot as SVG."""
    with matplotlib.style.context(["default", SETTINGS]):
        figure = _figure(plot) if isinstance(plot, Plot) else agent_figure(plot)
        if not isinstance(plot, Plot):
            figure.suptitle("\n".join(_title(plot)), x=0.01, ha="left", fontsize=10.8, gid=TITLE)
        file = BytesIO()
        metadata = {"Date": None, "Identifier": f"sha256:{plot.digest}", "Title": plot.title}
        with warnings.catch_warnings():
            # A letter that the font does not have is drawn as a box; pages show names themselves.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(file, format="svg", metadata=metadata)
    return file.getvalue()


def _figure(plot: Plot) -> Figure:
    width, height = _LEFT + _WIDTH + _LEGEND_WIDTH, _BOTTOM + _axes_height(plot) + _top(plot)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (_LEFT / width, _BOTTOM / height, _WIDTH / width, _axes_height(plot) / height)
    )
    _scale(axes, plot)
    _legend(axes, plot.legend, draw_marks(axes, plot))
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


def stored_digest(path: Path) -> str | None:
    """Return the hash of the data that a figure shows; None when the file is not one of ours."""
    found = re.search(rb"<dc:identifier>sha256:([0-9a-f]{64})</dc:identifier>", path.read_bytes())
    return found[1].decode() if found else None


def axes_box(plot: Plot | AgentPlot) -> tuple[float, float, float, float]:
    """Return where a drawing has its axes with their labels: left, top, width, height."""
    if not isinstance(plot, Plot):
        head = _TITLE_LINE * len(_title(plot)) * _POINTS
        return 0.0, head, SIZE[0] * _POINTS, SIZE[1] * _POINTS - head
    top = _top(plot) - _TITLE_GAP
    height = _TITLE_GAP + _axes_height(plot) + _BOTTOM
    return 0.0, top * _POINTS, (_LEFT + _WIDTH + 0.1) * _POINTS, height * _POINTS


def _title(plot: Plot | AgentPlot) -> list[str]:
    return wrap(plot.title, _TITLE_WIDTH)


def _axes_height(plot: Plot) -> float:
    return max(_HEIGHT, _LEGEND_LINE * len(plot.legend))


def _top(plot: Plot) -> float:
    return _TITLE_GAP + _TITLE_LINE * len(_title(plot))


def log_axis(axes: Axes, scale: Scale = "log") -> None:
    """Give axes a logarithmic y axis with figures on it, not powers of ten."""
    axes.set_yscale(scale)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:,g}")
    axes.yaxis.set_minor_formatter(_first_digits)
    axes.tick_params(axis="y", which="minor", labelsize=7.0)


def _scale(axes: Axes, plot: Plot) -> None:
    if plot.yscale != "linear":
        log_axis(axes, plot.yscale)
    if plot.xscale == "linear":
        return
    axes.set_xscale(plot.xscale, **({"linscale": 0.4} if plot.xscale == "symlog" else {}))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,g}")
    axes.margins(x=0.12)


def _first_digits(y: float, _: object) -> str:
    """Label 2 and 5 between powers of ten."""
    return f"{y:,g}" if f"{y:e}"[0] in "25" else ""


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
        text.set_text(_short(entry.name))  # afterwards: a legend drops names that begin with "_"
    for handle, entry in zip(legend.legend_handles, entries, strict=True):
        if handle is not None:
            handle.set_gid(f"{SAMPLE}{entry.key}")


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
