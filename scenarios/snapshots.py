"""What a simulator lets others look at: copies of its state at one step, made for pictures."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64


class PrisonerSnapshot(NamedTuple):
    """Where both agents are.

    Attributes:
        position: Cell of each agent, counted from the left.
    """

    position: tuple[int, ...]


class JungleSnapshot(NamedTuple):
    """Where everything stands.

    Attributes:
        position: Row and column of each agent.
        food: Row and column of each food.
        map_size: Side of the map, walls included [cells].
    """

    position: Int64[np.ndarray, "agents 2"]
    food: Int64[np.ndarray, "foods 2"]
    map_size: int


class RoutingSnapshot(NamedTuple):
    """Where the packets are.

    Attributes:
        names: Name of each router.
        place: Latitude and longitude of each router [degrees].
        waiting: Packets in each router's queue.
        link: Routers from which and to which each packet under way travels.
        progress: Part of its link that each of them has covered, in (0, 1).
    """

    names: tuple[str, ...]
    place: Float64[np.ndarray, "agents 2"]
    waiting: Int64[np.ndarray, "agents"]
    link: Int64[np.ndarray, "packets 2"]
    progress: Float64[np.ndarray, "packets"]
