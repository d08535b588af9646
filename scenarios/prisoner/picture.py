"""Draws :mod:`scenarios.prisoner.scenario`: the corridor once per timestep, from the top down."""

import numpy as np
from jaxtyping import Shaped
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch, Rectangle

from scenarios import drawing
from scenarios.pictures import Episode, Frame, Picture
from scenarios.prisoner.scenario import (
    GOAL_REWARD,
    GOALS,
    N_CELLS,
    RIGHT,
    STEP_REWARD,
    PrisonerSnapshot,
)

WIDTH, TALL, LOW = 7.0, 0.5, 0.16  # of the figure, and of a row at most and at least [inch]
HEAD, FOOT = 0.5, 0.4  # above and below the corridors [inch]
MOST_ROWS = 51  # of a longer episode only the last ones fit
START, END = -2.0, N_CELLS + 4.8  # of the figure [cells]
STEP_COLUMN, KEEPS_COLUMN, REWARD_COLUMN = -0.8, N_CELLS + 0.6, N_CELLS + 3.0  # [cells]
COLORS = (drawing.BLUE, drawing.VERMILLION)  # of the agents
GOAL = f"goal ({GOAL_REWARD:+.0f}; a step {STEP_REWARD:+.2f})"
ARROW = 0.4  # width of an arrow [rows]
SHARE = 0.36  # width of the wedge of a share of 1 [rows]


def size(episode: Episode) -> tuple[float, float]:
    """Return width and height: a row per timestep, the lower the more there are."""
    return WIDTH, HEAD + FOOT + _n_rows(episode) * _row_height(episode)


def draw(figure: FigureBase, episode: Episode, t: int) -> None:
    """Draw all corridors, with the agents in those up to step t."""
    height = size(episode)[1]
    axes = drawing.empty_axes(figure, 0.0, FOOT / height, 1.0, 1 - (HEAD + FOOT) / height)
    first, n_rows = max(0, t + 1 - MOST_ROWS), _n_rows(episode)
    axes.set(xlim=(START, END), ylim=(first + n_rows - 0.5, first - 0.5))
    points = 72 * _row_height(episode)
    text = min(drawing.NORMAL, 0.65 * points)
    shown = episode.frames[first : t + 1]
    for row in range(first, first + n_rows):
        _draw_corridor(axes, row, text)
    for agent, color in enumerate(COLORS):
        way = [frame.snapshot.position[agent] for frame in shown]
        axes.plot(way, range(first, t + 1), color=color, linewidth=1.0, zorder=2)
    for row, frame in enumerate(shown, first):
        _draw_agents(axes, row, frame, min(13.0, 0.75 * points))
        _write(axes, row, REWARD_COLUMN, episode.reward(row), "+.2f", text)
        if frame.share_out is not None and frame.actions is not None:
            _write(axes, row, KEEPS_COLUMN, 100 * frame.share_out[:, 0], ".0f", text)
    _explain(figure, axes, first - 0.6, shares=episode.frames[0].share_out is not None)


def _n_rows(episode: Episode) -> int:
    return min(len(episode.frames), MOST_ROWS)


def _row_height(episode: Episode) -> float:
    return max(LOW, min(TALL, 8 / _n_rows(episode)))


def _draw_corridor(axes: Axes, row: int, text: float) -> None:
    for cell in range(N_CELLS):
        fill = drawing.LIGHT_GREEN if cell in GOALS else "white"
        square = Rectangle(
            (cell - 0.5, row - 0.36), 1, 0.72, facecolor=fill, edgecolor=drawing.GRAY
        )
        square.set_linewidth(0.8)
        axes.add_patch(square)
    axes.text(STEP_COLUMN, row, str(row), va="center", ha="right", fontsize=text)


def _draw_agents(axes: Axes, row: int, frame: Frame, points: float) -> None:
    """Draw both agents, ``points`` wide, what they share and where they are about to go."""
    seen: PrisonerSnapshot = frame.snapshot
    place = np.array([(x, row) for x in seen.position], np.float64)
    if frame.actions is not None:
        edges = drawing.edge_wedges(place, frame, SHARE, 0.0)
        axes.add_collection(edges, autolim=False)
        to = place + np.where(frame.actions == RIGHT, 0.75, -0.75)[:, np.newaxis] * (1, 0)
        wedges = drawing.wedges(place, to, ARROW / 2, ARROW / 2, facecolor=COLORS, zorder=3)
        axes.add_collection(wedges, autolim=False)
    axes.scatter(
        place[:, 0], place[:, 1], s=points**2, c=COLORS, edgecolors=drawing.BLACK, linewidths=0.8,
        zorder=4,
    )  # fmt: skip
    for agent, (x, y) in enumerate(place):
        axes.text(
            x, y, str(agent), color="white", weight="bold", fontsize=0.7 * points,
            ha="center", va="center_baseline", zorder=5,
        )  # fmt: skip


def _write(
    axes: Axes,
    row: int,
    column: float,
    values: Shaped[np.ndarray, "agents"],
    form: str,
    text: float,
) -> None:
    for agent, value in enumerate(values):
        x, color = column + 1.15 * agent, COLORS[agent]
        axes.text(x, row, f"{value:{form}}", color=color, ha="center", va="center", fontsize=text)


def _explain(figure: FigureBase, axes: Axes, y: float, *, shares: bool) -> None:
    axes.text(STEP_COLUMN, y, "step", ha="right", va="bottom")
    axes.text(REWARD_COLUMN + 0.55, y, "reward\nso far", ha="center", va="bottom")
    handles: list[Artist] = [
        Patch(facecolor=drawing.LIGHT_GREEN, edgecolor=drawing.GRAY, label=GOAL),
        drawing.sign(">", "is about to go", drawing.BLACK),
    ]
    if shares:
        axes.text(KEEPS_COLUMN + 0.55, y, "keeps of its\nreward [%]", ha="center", va="bottom")
        handles.append(
            Patch(color=drawing.ORANGE, label="gives to the other: the broader, the more")
        )
    drawing.legend(figure, handles, "lower center", n_columns=3)


PICTURE = Picture(draw=draw, size=size, still=1.0, fps=1.0)
