"""Draws :mod:`scenarios.traffic`: lanes by how many stand on them, vehicles, lights, signals."""

import numpy as np
from jaxtyping import Float64
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch

from scenarios import drawing
from scenarios.pictures import Episode, Frame, Picture
from scenarios.traffic.road_map import TrafficSnapshot

SIDE, FOOT = 7.0, 0.8  # [inch]: longest side of the map, and what stands below it
MARGIN = 12.0  # around the map [m]
LANE, CAR, CAR_LENGTH, LIGHT = 4.0, 2.2, 5.0, 3.0  # widths and lengths [m]
LEAST = 3.0  # length of a vehicle on a large map [points]
FULL = 10  # standing vehicles on a lane of the darkest color
STANDS = 0.1  # speed below which a vehicle stands [m/s]
GREEN, RED = 1, 0
SHARE = 120.0  # width of the wedge of a share of 1 [m]
QUEUE = LinearSegmentedColormap.from_list("queue", ["#E4E4E4", "#CC79A7", "#8B2F6B"])


def draw(figure: FigureBase, episode: Episode, t: int) -> None:
    """Draw the roads at step t."""
    frame = episode.frames[t]
    seen: TrafficSnapshot = frame.snapshot
    low, high = _ends(seen)
    bottom = FOOT / _size(seen)[1]
    axes = drawing.empty_axes(figure, 0.0, bottom, 1.0, 1 - bottom)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    points = 72 * SIDE / (high - low).max()  # a meter on paper
    _draw_lanes(axes, seen, points)
    _draw_lights(axes, seen, points)
    _draw_signals(axes, frame, points)
    _draw_vehicles(axes, seen, points)
    _explain(figure, frame)


def size(episode: Episode) -> tuple[float, float]:
    """Return the size of a picture: that of the map, and room for explanations below."""
    return _size(episode.frames[0].snapshot)


def _size(seen: TrafficSnapshot) -> tuple[float, float]:
    low, high = _ends(seen)
    width, height = SIDE * (high - low) / (high - low).max()
    return max(width, 0.75 * SIDE), height + FOOT


def _ends(
    seen: TrafficSnapshot,
) -> tuple[Float64[np.ndarray, "2"], Float64[np.ndarray, "2"]]:
    """Return the corners of the map."""
    points = np.concatenate(seen.lanes)
    return points.min(axis=0) - MARGIN, points.max(axis=0) + MARGIN


def _draw_lanes(axes: Axes, seen: TrafficSnapshot, points: float) -> None:
    lanes = LineCollection(
        list(seen.lanes), array=seen.waiting, norm=Normalize(0, FULL), cmap=QUEUE,
        linewidths=0.9 * LANE * points, capstyle="butt", zorder=1,
    )  # fmt: skip
    axes.add_collection(lanes, autolim=False)


def _draw_lights(axes: Axes, seen: TrafficSnapshot, points: float) -> None:
    """Draw a bar across the end of every lane that waits for a light."""
    for light, color in ((RED, drawing.VERMILLION), (GREEN, drawing.GREEN)):
        bars = []
        for line in (seen.lanes[k] for k in np.flatnonzero(seen.light == light)):
            along = line[-1] - line[-2]
            along = along / max(float(np.hypot(*along)), 1e-9)
            across = LANE / 2 * np.array([along[1], -along[0]])
            end = line[-1] + LIGHT / 2 * along
            bars.append(np.stack([end - across, end + across]))
        axes.add_collection(
            LineCollection(bars, colors=color, linewidths=LIGHT * points, zorder=2), autolim=False
        )


def _draw_signals(axes: Axes, frame: Frame, points: float) -> None:
    if frame.share_out is not None:
        shares = drawing.edge_wedges(frame.snapshot.place, frame, SHARE, 0.0)
        shares.set_zorder(2.5)
        axes.add_collection(shares, autolim=False)
    if "selfishness" in frame.traces:
        x, y = frame.snapshot.place.T
        area = (16 * points) ** 2
        axes.scatter(x, y, s=area, c=drawing.agent_colors(frame), linewidths=0, zorder=3)


def _draw_vehicles(axes: Axes, seen: TrafficSnapshot, points: float) -> None:
    length, width = max(CAR_LENGTH, LEAST / points), max(CAR * points, LEAST / 2)
    bodies = np.stack([seen.vehicle - length * seen.heading, seen.vehicle], axis=1)
    stands = seen.speed < STANDS
    for which, color in ((~stands, drawing.BLUE), (stands, drawing.BLACK)):
        axes.add_collection(
            LineCollection(list(bodies[which]), colors=color, linewidths=width, zorder=4),
            autolim=False,
        )


def _explain(figure: FigureBase, frame: Frame) -> None:
    seen, m = frame.snapshot, frame.metrics
    inch = 1 / _size(seen)[1]  # in parts of the figure's height
    handles: list[Artist] = [
        drawing.sign("s", "vehicle", drawing.BLUE, points=4.0),
        drawing.sign("s", "standing", drawing.BLACK, points=4.0),
        drawing.sign("s", "green", drawing.GREEN),
        drawing.sign("s", "red", drawing.VERMILLION),
    ]
    if frame.share_out is not None:
        handles.append(Patch(color=drawing.ORANGE, label="given away"))
    drawing.legend(figure, handles, "upper left", (0.01, 0.72 * inch), n_columns=3)
    bar = figure.add_axes((0.4, 0.26 * inch, 0.12, 0.1 * inch))
    bar.imshow(np.linspace(0, FULL, 100)[np.newaxis], aspect="auto", cmap=QUEUE,
               extent=(0, FULL, 0, 1))  # fmt: skip
    bar.set(yticks=[], xticks=[0, FULL // 2, FULL])
    bar.tick_params(labelsize=drawing.SMALL, length=2)
    bar.set_title("standing on a lane", fontsize=drawing.SMALL, loc="left", pad=3)
    if "selfishness" in frame.traces:
        drawing.selfishness_bar(figure, figure.add_axes((0.57, 0.26 * inch, 0.12, 0.1 * inch)))
    figure.text(
        0.8, 0.14 * inch,
        f"{seen.now // 60} min {seen.now % 60:02d} s\n{len(seen.speed)} vehicles,"
        f"\n{m['throughput']:.0f} are gone",
        fontsize=drawing.SMALL,
    )  # fmt: skip


PICTURE = Picture(draw=draw, size=size, still=0.6, fps=8.0)
