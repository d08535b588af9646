"""How episodes are drawn: what a recorded one is, what a drawing offers, and who has one.

The drawing of a scenario is its module ``picture``, which has a ``PICTURE``. It is imported, and
matplotlib with it, when it is used; what all drawings share is in :mod:`scenarios.drawing`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float32, Shaped

from scenarios.base import Actions, Timestep

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

DRAWN = ("prisoner", "jungle", "routing", "traffic")  # scenarios with a picture


@runtime_checkable
class Drawable(Protocol):
    """A scenario that shows what is to be drawn."""

    def snapshot(self) -> Any:
        """Return copies of the state at this step; what it is only its drawing needs to know."""


@runtime_checkable
class Replayable(Protocol):
    """A scenario whose episodes a viewer of somebody else's can show."""

    def save_replay(self, roadnet: Path, replay: Path) -> None:
        """Write episodes from now on: the ground plan, and what moves.

        Raises:
            ValueError: That cannot be.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One moment of an episode, and what the agents are about to do.

    Attributes:
        ts: What the agents see.
        actions: What they choose; None when the episode is over.
        traces: What the method says about each agent, such as its ``selfishness``; when the
            episode is over, what it said last.
        share_out: Which part of its reward each agent gives to whom, by neighbor slot of ``ts``,
            its own part first; likewise. None where rewards are not shared.
        metrics: Figures of the episode so far.
        snapshot: What the scenario's ``snapshot()`` returned.
    """

    ts: Timestep
    actions: Actions | None
    traces: Mapping[str, Shaped[np.ndarray, "agents ..."]]
    share_out: Float32[np.ndarray, "agents shares"] | None
    metrics: Mapping[str, float]
    snapshot: Any


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """A recorded episode: a frame for every timestep, the last one included."""

    frames: tuple[Frame, ...]

    @property
    def n_steps(self) -> int:
        """Length of the episode [steps]."""
        return len(self.frames) - 1

    def reward(self, t: int) -> Float32[np.ndarray, "agents"]:
        """Return what each agent has earned by step ``t``."""
        return np.stack([frame.ts.reward for frame in self.frames[: t + 1]]).sum(axis=0)


Draw: TypeAlias = "Callable[[FigureBase, Episode, int], None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How a scenario is drawn.

    Attributes:
        draw: Draws step t of an episode on an empty figure, legend included; the harness writes
            the heading above it. The same arguments give the same picture.
        size: Width and height of that figure for an episode [inch].
        still: Which part of the episode a single picture shows, from 0, its start, to 1.
        fps: Frames of an animation per second.
    """

    draw: Draw
    size: Callable[[Episode], tuple[float, float]]
    still: float
    fps: float


def load_picture(scenario: str) -> Picture:
    """Return how a scenario is drawn.

    Raises:
        ValueError: Nobody has written a drawing of it.
    """
    if scenario not in DRAWN:
        raise ValueError(
            f"scenario {scenario!r} has no picture; there are {', '.join(DRAWN)} "
            "(scenarios/pictures.py; CONTRIBUTING.md says how to add one)"
        )
    picture: Picture = import_module(f"scenarios.{scenario}.picture").PICTURE
    return picture
