"""Draws :mod:`scenarios.jungle`: agents and foods on a map, who attacks what, who shares with whom.

Attacks and edges are wedges: broad at the agent that acts or gives, pointed where it ends.
"""

import numpy as np
from jaxtyping import Int64
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch, Rectangle

from scenarios import drawing
from scenarios.jungle.kernels import ATTACK as HIT
from scenarios.jungle.kernels import (
    ATTACKED,
    COLUMN_STEP,
    EAT,
    EVERY_ATTACK,
    FIRST_ATTACK,
    ROW_STEP,
)
from scenarios.jungle.scenario import JungleSnapshot
from scenarios.pictures import Episode, Frame, Picture

WIDTH, HEIGHT = 7.0, 5.0  # [inch]
LEFT = HEIGHT / WIDTH + 0.01  # of all explanations, in parts of the width
SHARE = 2.0  # width of the wedge of a share of 1 [cells]
NEIGHBOR = 0.25  # width of a wedge where nothing is shared [cells]
SIGN = 0.8 * 72 * HEIGHT  # size of an agent or food, times the side of the map [points]
ATTACK = 0.5  # width of an attack [cells]
ATTACKS = {  # by what is met
    "food": (drawing.YELLOW, f"eats ({EAT + EVERY_ATTACK:+.2f})"),
    "agent": (
        drawing.VERMILLION,
        f"hits an agent\n({HIT + EVERY_ATTACK:+.2f}; its victim {ATTACKED:+.0f})",
    ),
    "nothing": ("white", f"strikes at nothing\n({EVERY_ATTACK:+.2f})"),
}


def draw(figure: FigureBase, episode: Episode, t: int) -> None:
    """Draw the map at step t, with the attacks that are about to be made."""
    frame = episode.frames[t]
    seen: JungleSnapshot = frame.snapshot
    axes = drawing.empty_axes(figure, 0.01, 0.02, 0.98 * HEIGHT / WIDTH, 0.96)
    axes.set(xlim=(-0.5, seen.map_size - 0.5), ylim=(seen.map_size - 0.5, -0.5), aspect="equal")
    _draw_ground(axes, seen.map_size)
    place = seen.position[:, ::-1].astype(np.float64)  # column is x, row is y
    edges = drawing.edge_wedges(place, frame, SHARE, NEIGHBOR)
    axes.add_collection(edges, autolim=False)
    row, column = seen.food.T
    axes.scatter(column, row, s=SIGN**2 / seen.map_size**2, c=drawing.GREEN, marker="s", zorder=3)
    axes.scatter(
        place[:, 0], place[:, 1], s=SIGN**2 / seen.map_size**2, c=drawing.agent_colors(frame),
        edgecolors=drawing.BLACK, linewidths=0.6, zorder=4,
    )  # fmt: skip
    if frame.actions is not None:
        _draw_attacks(axes, frame.actions, seen)
    _explain(figure, frame)


def _draw_ground(axes: Axes, map_size: int) -> None:
    side = map_size - 2
    axes.add_patch(Rectangle((-0.5, -0.5), map_size, map_size, color="#4D4D4D", zorder=0))
    axes.add_patch(Rectangle((0.5, 0.5), side, side, color="#FAFAFA", zorder=0))
    lines = np.arange(1.5, side + 0.5)
    axes.vlines(lines, 0.5, side + 0.5, color="#EBEBEB", linewidth=0.5, zorder=0.5)
    axes.hlines(lines, 0.5, side + 0.5, color="#EBEBEB", linewidth=0.5, zorder=0.5)


def _draw_attacks(axes: Axes, actions: Int64[np.ndarray, "agents"], seen: JungleSnapshot) -> None:
    at = np.flatnonzero(actions >= FIRST_ATTACK)
    steps = np.stack((ROW_STEP, COLUMN_STEP), axis=1)[actions[at]]
    start, end = seen.position[at], seen.position[at] + steps
    standing = {tuple(cell): "food" for cell in seen.food.tolist()}
    standing |= {tuple(cell): "agent" for cell in seen.position.tolist()}
    colors = [ATTACKS[standing.get(tuple(cell), "nothing")][0] for cell in end.tolist()]
    wedges = drawing.wedges(
        start[:, ::-1].astype(np.float64), end[:, ::-1].astype(np.float64), ATTACK / 2, ATTACK / 2,
        facecolors=colors, edgecolors=drawing.BLACK, linewidths=0.6, zorder=5,
    )  # fmt: skip
    axes.add_collection(wedges, autolim=False)


def _explain(figure: FigureBase, frame: Frame) -> None:
    known = "selfishness" in frame.traces
    fill = "none" if known else drawing.BLUE
    handles: list[Artist] = [
        drawing.sign("o", "agent", fill, edge=drawing.BLACK),
        drawing.sign("s", "food", drawing.GREEN),
        *(drawing.sign(">", label, color, edge=drawing.BLACK) for color, label in ATTACKS.values()),
        Patch(color=drawing.GRAY, label="from an agent (broad)\nto one of its neighbors")
        if frame.share_out is None
        else Patch(color=drawing.ORANGE, label="gives to a neighbor:\nthe broader, the more"),
    ]
    drawing.legend(figure, handles, "upper left", (LEFT, 0.97))
    if known:
        drawing.selfishness_bar(figure, figure.add_axes((LEFT + 0.01, 0.24, 0.2, 0.025)))
    eats, attacks = frame.metrics["eats"], frame.metrics["attacks"]
    figure.text(LEFT, 0.04, f"so far\n{eats:.0f} bites of food\n{attacks:.0f} hits on agents")


PICTURE = Picture(draw=draw, size=lambda episode: (WIDTH, HEIGHT), still=0.5, fps=8.0)
