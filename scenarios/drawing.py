"""What all drawings have in common: colors that the color-blind tell apart, and sharing weights."""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from jaxtyping import Float64
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from scenarios.pictures import Frame

# Okabe and Ito's colors
BLACK, GRAY, PALE = "#000000", "#7F7F7F", "#D9D9D9"
BLUE, GREEN, LIGHT_GREEN = "#0072B2", "#009E73", "#A6DCCB"
VERMILLION, ORANGE, YELLOW = "#D55E00", "#E69F00", "#F0E442"
SELFISHNESS = "cividis"  # from blue, gives all, to yellow, keeps all
SMALL, NORMAL = 8.0, 9.0  # sizes of text [points]


def empty_axes(figure: FigureBase, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes without ticks and frame to a figure; places are parts of the figure."""
    axes = figure.add_axes((left, bottom, width, height))
    axes.set_axis_off()
    return axes


def agent_colors(frame: Frame) -> list[str] | Float64[np.ndarray, "agents 4"]:
    """Return a color for each agent: by its selfishness where that is known."""
    if "selfishness" not in frame.traces:
        return [BLUE] * len(frame.ts.reward)
    colors: Float64[np.ndarray, "agents 4"] = matplotlib.colormaps[SELFISHNESS](
        frame.traces["selfishness"].astype(np.float64)
    )
    return colors


def selfishness_bar(figure: FigureBase, axes: Axes) -> None:
    """Explain the colors of agents."""
    scale = ScalarMappable(Normalize(0, 1), SELFISHNESS)
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal", ticks=[0, 0.5, 1])
    bar.ax.tick_params(labelsize=SMALL, length=2)
    bar.ax.set_title("share an agent keeps", fontsize=SMALL, loc="left", pad=3)


def right_of(
    start: Float64[np.ndarray, "edges 2"], end: Float64[np.ndarray, "edges 2"]
) -> Float64[np.ndarray, "edges 2"]:
    """Return what points to the right on the way from start to end, of length 1."""
    along = end - start
    length = np.hypot(along[:, 0], along[:, 1])
    return along[:, ::-1] * (1, -1) / np.maximum(length, 1e-9)[:, np.newaxis]


def wedges(
    start: Float64[np.ndarray, "edges 2"],
    end: Float64[np.ndarray, "edges 2"],
    right: float | Float64[np.ndarray, "edges"],
    left: float | Float64[np.ndarray, "edges"],
    **looks: Any,
) -> PolyCollection:
    """Return directed edges as wedges: broad where they start, a point where they end.

    Args:
        start: x and y of the broad end.
        end: x and y of the point.
        right: What of the broad end lies to the right on the way to the point, in the same units.
        left: What of it lies to the left.
        looks: How the collection is to look, as matplotlib has it.
    """
    side, n = right_of(start, end), len(start)
    right, left = (np.broadcast_to(width, n)[:, np.newaxis] for width in (right, left))
    corners = np.stack((start - side * left, end, start + side * right), axis=1)
    return PolyCollection(list(corners), **looks)


def edge_wedges(
    place: Float64[np.ndarray, "agents 2"], frame: Frame, share: float, plain: float
) -> PolyCollection:
    """Return the edges of the graph: wedges as wide as the shares given, or all alike and gray.

    Each lies on the right side of its way, so that those of both directions can be told apart.

    Args:
        place: x and y of each agent.
        frame: Whose graph and shares.
        share: Width of a share of 1, in the units of ``place``.
        plain: Width of an edge where nothing is shared, likewise.
    """
    agent, slot = np.nonzero(frame.ts.neighbors >= 0)
    start, end = place[agent], place[frame.ts.neighbors[agent, slot]]
    looks: dict[str, Any] = {"linewidths": 0, "alpha": 0.8}
    if frame.share_out is None:
        return wedges(start, end, plain, 0.0, color=GRAY, **looks)
    width = share * frame.share_out[agent, slot + 1].astype(np.float64)
    return wedges(start, end, width, 0.0, color=ORANGE, **looks)


def sign(marker: str, label: str, fill: str, *, edge: str = "none", points: float = 8) -> Artist:
    """Return a sign for a legend."""
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=points, markerfacecolor=fill,
        markeredgecolor=edge, label=label,
    )  # fmt: skip


def legend(
    figure: FigureBase,
    handles: Sequence[Artist],
    corner: Literal["upper left", "lower center"],
    at: tuple[float, float] | None = None,
    n_columns: int = 1,
) -> None:
    """List what the signs mean.

    Args:
        figure: Where.
        handles: The signs, with labels.
        corner: Which corner or side of the list, as matplotlib calls it, is put ...
        at: ... here, in parts of the figure; by default the same corner of the figure.
        n_columns: Columns.
    """
    figure.legend(
        handles=list(handles), loc=corner, bbox_to_anchor=at, ncols=n_columns, frameon=False,
        fontsize=SMALL, handlelength=1.6, labelspacing=0.7, borderaxespad=0.5 if at is None else 0,
    )  # fmt: skip
