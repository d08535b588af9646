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


class TrafficSnapshot(NamedTuple):
    """Where the vehicles are, and what the signals show. Places are x and y [m].

    Attributes:
        now: Time since the start of the episode [s].
        lanes: The middle of each lane, from where vehicles come.
        waiting: Standing vehicles on each lane.
        light: 1 green, 0 red at the end of each lane; -1 where nothing depends on a signal.
        place: The middle of each intersection with signals.
        vehicle: The front of each vehicle.
        heading: Where each of them is going, of length 1.
        speed: Of each of them [m/s].
    """

    now: int
    lanes: tuple[Float64[np.ndarray, "points 2"], ...]
    waiting: Int64[np.ndarray, "lanes"]
    light: Int64[np.ndarray, "lanes"]
    place: Float64[np.ndarray, "agents 2"]
    vehicle: Float64[np.ndarray, "vehicles 2"]
    heading: Float64[np.ndarray, "vehicles 2"]
    speed: Float64[np.ndarray, "vehicles"]
