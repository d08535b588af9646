"""Where signals, lanes, links and vehicles are on the ground: only figures need to know."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from scenarios.base import Actions, AgentMap
from scenarios.traffic.drivers import Driver
from scenarios.traffic.entries import Entry, read_json
from scenarios.traffic.networks import Source, grid_size
from scenarios.traffic.roadnet_file import Parts, parse_parts
from scenarios.traffic.signals import Site, greens

NO_LIGHT, RED, GREEN = -1, 0, 1
_GRIDS = {"authors_6x6": (6, 6)}  # the same grid, in the same order
_KINDS = ("inner", "edge", "corner")


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


class RoadMap(NamedTuple):
    """The ground plan of a road network [m].

    Attributes:
        lines: The middle of every lane and then of every link.
        place: The middle of every intersection with signals.
    """

    lines: tuple[Float64[np.ndarray, "points 2"], ...]
    place: Float64[np.ndarray, "agents 2"]


def agent_map(network: str) -> AgentMap | None:
    """Return the map of a grid, column by column from the south; None for another network."""
    size = _GRIDS.get(network) or grid_size(network)
    if size is None:
        return None
    rows, columns = size
    x, y = np.divmod(np.arange(rows * columns), rows)
    sides = ((x == 0) | (x == columns - 1)).astype(int) + ((y == 0) | (y == rows - 1))
    place = np.stack([x, y], axis=1).astype(np.float64)
    return AgentMap(place, tuple(_KINDS[n] for n in sides))


def read_parts(source: Source) -> Parts:
    """Read the roads of a network with their geometry."""
    content = source.contents()[0]
    data = read_json(content) if isinstance(content, Path) else content
    return parse_parts(Entry.of("roadnet", "roadnet", data))


@lru_cache(maxsize=2)
def road_map(source: Source) -> RoadMap:
    """Read the ground plan of a network."""
    places, roads, links = read_parts(source)
    lines = [line for road in roads for line in road.lanes]
    middles = [p.entry.entry("point") for p in places if not p.virtual]
    return RoadMap(
        tuple(np.array(line) for line in (*lines, *(link.points for link in links))),
        np.array([[point.number("x"), point.number("y")] for point in middles]),
    )


def look(site: Site, driver: Driver, actions: Actions, now: int) -> TrafficSnapshot:
    """Return what a picture shows at a decision."""
    plan, vehicles = road_map(site.source), driver.vehicles()
    at = [
        _place_at(plan.lines[drivable], along)
        for drivable, along in zip(vehicles.drivable, vehicles.distance, strict=True)
    ]
    place = np.array(at).reshape(-1, 2, 2)
    return TrafficSnapshot(
        now=now,
        lanes=plan.lines[: site.network.roads.n_lanes],
        waiting=driver.waiting(),
        light=_lights(site, actions),
        place=plan.place,
        vehicle=place[:, 0],
        heading=place[:, 1],
        speed=vehicles.speed,
    )


def _lights(site: Site, actions: Actions) -> Int64[np.ndarray, "lanes"]:
    """Return what a driver at the end of each lane sees; what is always green is no light."""
    roads = site.network.roads
    light = np.full(roads.n_lanes, NO_LIGHT)
    for place, action in zip(roads.signalized, actions, strict=True):
        green, first = greens(roads, place), roads.link_ptr[place]
        depends = np.flatnonzero(~green.all(axis=0))
        lanes = roads.link_start[first + depends]
        light[lanes] = np.maximum(light[lanes], RED)
        shown = green[site.signals.phases[action], depends]
        light[lanes[shown]] = GREEN
    return light


def _place_at(
    line: Float64[np.ndarray, "points 2"], along: float
) -> tuple[Float64[np.ndarray, "2"], Float64[np.ndarray, "2"]]:
    """Return the point so far along a line, and the direction there."""
    steps = np.diff(line, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    ends = np.cumsum(lengths)
    k = min(int(np.searchsorted(ends, along)), len(steps) - 1)
    ahead = steps[k] / max(lengths[k], 1e-9)
    return line[k + 1] - ahead * (ends[k] - along), ahead
