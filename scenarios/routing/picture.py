"""Draws :mod:`scenarios.routing`: routers on a map with their queues, packets on the links."""

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from scenarios import drawing
from scenarios.pictures import Episode, Frame, Picture
from scenarios.routing.scenario import RoutingSnapshot

WIDTH, HEIGHT = 9.0, 4.8  # [inch]
BOTTOM = 0.14  # height of the explanations, in parts of the figure
APART = 0.1  # least distance of routers, in parts of the longer side of the map
MARGIN = 0.05  # around the map, likewise
ASIDE = 0.009  # how far packets drive on the right of their link, likewise
SHARE = 0.12  # width of the wedge of a share of 1, likewise
MOST = 60  # packets in a queue, beyond which its router is not drawn larger
HALO = (withStroke(linewidth=2.5, foreground="white"),)


def draw(figure: FigureBase, episode: Episode, t: int) -> None:
    """Draw the network at step t."""
    frame = episode.frames[t]
    seen: RoutingSnapshot = frame.snapshot
    axes = drawing.empty_axes(figure, 0.0, BOTTOM, 1.0, 1 - BOTTOM)
    place = map_of(seen.place)
    low, high = place.min(axis=0) - MARGIN, place.max(axis=0) + MARGIN
    axes.set(xlim=(low[0], high[0]), ylim=(low[1] - 0.02, high[1]), aspect="equal")
    _draw_links(axes, frame, place)
    _draw_packets(axes, seen, place)
    _draw_routers(axes, frame, place)
    _explain(figure, frame)


def map_of(place: Float64[np.ndarray, "agents 2"]) -> Float64[np.ndarray, "agents 2"]:
    """Return x and y of places given by latitude and longitude, the longer side of the map being 1.

    Routers too close to be told apart are pushed away from each other.
    """
    latitude, longitude = place.T
    flat = np.stack((longitude * np.cos(np.radians(latitude.mean())), latitude), axis=1)
    flat = (flat - flat.min(axis=0)) / max(np.ptp(flat, axis=0).max(), 1e-9)
    turn = np.arange(len(flat))
    flat += 1e-3 * np.stack((np.cos(turn), np.sin(turn)), axis=1)  # some may stand on one place
    for _ in range(100):
        between = flat[:, np.newaxis] - flat
        distance = np.hypot(between[..., 0], between[..., 1]) + np.eye(len(flat))
        push = np.maximum(APART - distance, 0) / distance / 2
        flat = flat + (between * push[:, :, np.newaxis]).sum(axis=1)
    return flat


def _draw_links(axes: Axes, frame: Frame, place: Float64[np.ndarray, "agents 2"]) -> None:
    links = [(place[i], place[j]) for i, j in np.argwhere(np.triu(frame.ts.graph, 1))]
    axes.add_collection(
        LineCollection(links, colors=drawing.PALE, linewidths=1.5, zorder=1), autolim=False
    )
    if frame.share_out is not None:
        axes.add_collection(drawing.edge_wedges(place, frame, SHARE, 0.0), autolim=False)


def _draw_packets(
    axes: Axes, seen: RoutingSnapshot, place: Float64[np.ndarray, "agents 2"]
) -> None:
    start, end = place[seen.link[:, 0]], place[seen.link[:, 1]]
    at = start + (end - start) * seen.progress[:, np.newaxis] + ASIDE * drawing.right_of(start, end)
    axes.scatter(at[:, 0], at[:, 1], s=7, c=drawing.BLUE, linewidths=0, zorder=3)


def _draw_routers(axes: Axes, frame: Frame, place: Float64[np.ndarray, "agents 2"]) -> None:
    seen: RoutingSnapshot = frame.snapshot
    colors = drawing.agent_colors(frame) if "selfishness" in frame.traces else "white"
    area = 130 + 30 * np.minimum(seen.waiting, MOST)
    x, y = place.T
    axes.scatter(x, y, s=area, c=colors, edgecolors=drawing.BLACK, linewidths=1.0, zorder=4)
    for (x, y), waiting, name in zip(place, seen.waiting, seen.names, strict=True):
        axes.text(x, y, str(waiting) if waiting else "", fontsize=drawing.SMALL, ha="center",
                  va="center_baseline", zorder=5, weight="bold", path_effects=HALO)  # fmt: skip
        axes.text(x, y - 0.026, name, fontsize=7, ha="center", va="top", zorder=6,
                  path_effects=HALO)  # fmt: skip


def _explain(figure: FigureBase, frame: Frame) -> None:
    known = "selfishness" in frame.traces
    handles = [
        drawing.sign(
            "o", "router, with the number of packets in its queue", "none", edge=drawing.BLACK
        ),
        drawing.sign("o", "packet on a link, driving on the right", drawing.BLUE, points=3.5),
    ]
    if frame.share_out is not None:
        handles.append(
            Patch(color=drawing.ORANGE, label="gives to a neighbor: the broader, the more")
        )
    drawing.legend(figure, handles, "upper left", (0.02, BOTTOM))
    if known:
        drawing.selfishness_bar(figure, figure.add_axes((0.45, 0.05, 0.16, 0.025)))
    m, seen = frame.metrics, frame.snapshot
    delay = f", mean delay {m['delay']:.1f} steps" if m["throughput"] else ""
    figure.text(0.68, 0.03, f"delivered {m['throughput']:.0f}{delay}\n"
                f"under way {len(seen.link)}, waiting {seen.waiting.sum()}")  # fmt: skip


PICTURE = Picture(draw=draw, size=lambda episode: (WIDTH, HEIGHT), still=0.5, fps=10.0)
