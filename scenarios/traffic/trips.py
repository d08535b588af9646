"""What vehicles went through: the figures of an episode, from when they entered and left."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from scenarios.base import Metric
from scenarios.traffic.flow import Flow, Router
from scenarios.traffic.roadnet import RIGHT_TURN, Roadnet

RED_LIGHT_S = 10.0  # docs/traffic.md: what one red light stands for in paper 001's table

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "duration": Metric(unit="s", higher_is_better=False, headline=True, log=True),
        "red_lights": Metric(unit="per signal", higher_is_better=False, headline=True, log=True),
        "average_travel_time": Metric(unit="s", higher_is_better=False),
        "queue": Metric(unit="vehicles per intersection", higher_is_better=False),
        "throughput": Metric(unit="vehicles", higher_is_better=True),
        "unfinished": Metric(unit="vehicles", higher_is_better=False),
    }
)


class Trips(NamedTuple):
    """A row per vehicle; in which second something happened, from 0, -1 while it has not.

    Attributes:
        flow: Which flow made it.
        entered: It came onto its first lane.
        left: It last left a lane that ends at a signal.
        finished: It reached the end of its route.
        at_signal: Whether it is on a lane that ends at a signal.
    """

    flow: Int64[np.ndarray, "vehicles"]
    entered: Int64[np.ndarray, "vehicles"]
    left: Int64[np.ndarray, "vehicles"]
    finished: Int64[np.ndarray, "vehicles"]
    at_signal: Bool[np.ndarray, "vehicles"]


class Routes(NamedTuple):
    """The way of each flow.

    Attributes:
        exists: Whether there is one; CityFlow drops the vehicles of a flow without.
        free_s: How long its roads take at their speed limits, whatever the vehicle can do [s].
        signals: Crossings that wait for a signal: all but right turns.
        pairs: Every road on anybody's way with the road after it.
    """

    exists: Bool[np.ndarray, "flows"]
    free_s: Float64[np.ndarray, "flows"]
    signals: Int64[np.ndarray, "flows"]
    pairs: frozenset[tuple[int, int]]


def find_routes(roads: Roadnet, flows: Sequence[Flow]) -> Routes:
    """Return the ways of the flows.

    Raises:
        ValueError: No flow has a route: nobody would ever drive.
    """
    router, turns = Router(roads), _turns(roads)
    limits = np.maximum.reduceat(
        roads.drivable_max_speed[: roads.n_lanes], roads.road_lane_ptr[:-1]
    )
    ways: dict[tuple[int, ...], tuple[bool, float, int]] = {}
    pairs: set[tuple[int, int]] = set()
    for flow in flows:
        if flow.anchors in ways:
            continue
        route = router.expand(flow.anchors)
        crossed = [] if route is None else list(pairwise(route))
        pairs |= set(crossed)
        roads_s = [float(roads.road_length[road] / limits[road]) for road in route or ()]
        turns_s = [turns[pair][0] / float(limits[pair[0]]) for pair in crossed]
        signals = sum(turns[pair][1] for pair in crossed)
        ways[flow.anchors] = route is not None, sum(roads_s) + sum(turns_s), signals
    rows = np.array([ways[flow.anchors] for flow in flows]).reshape(-1, 3)
    if not rows[:, 0].any():
        raise ValueError("the demand has no vehicle with a route: nobody would ever drive")
    exists, waits = rows[:, 0].astype(np.bool_), rows[:, 2].astype(np.int64)
    return Routes(exists, rows[:, 1], waits, frozenset(pairs))


def _turns(roads: Roadnet) -> dict[tuple[int, int], tuple[float, bool]]:
    """Return the shortest link [m] from a road to the next, and whether it waits for a signal."""
    found: dict[tuple[int, int], tuple[float, bool]] = {}
    for k in range(roads.n_links):
        pair = int(roads.lane_road[roads.link_start[k]]), int(roads.lane_road[roads.link_end[k]])
        length = float(roads.drivable_length[roads.n_lanes + k])
        shortest = min(length, found[pair][0]) if pair in found else length
        found[pair] = shortest, bool(roads.link_kind[k] != RIGHT_TURN)
    return found


def durations(trips: Trips, now: int) -> Float64[np.ndarray, "entered"]:
    """Return how long each vehicle that entered was on its way to its last signal [s].

    It ends when the vehicle leaves the lane before its last signal, or at the end of a route that
    ends on such a lane. Until then it lasts.
    """
    end = np.where(trips.left >= 0, trips.left, trips.finished)
    under_way = (end < 0) | ((trips.finished < 0) & trips.at_signal)
    entered = trips.entered >= 0
    return (np.where(under_way, now, end) - trips.entered)[entered].astype(np.float64)


def figures(trips: Trips, routes: Routes, now: int) -> dict[str, float]:
    """Return duration, red lights, throughput and unfinished vehicles; zeros of nobody."""
    entered = trips.flow[trips.entered >= 0]
    finished = int((trips.finished >= 0).sum())
    known = int(routes.exists[trips.flow].sum())
    duration = red_lights = 0.0
    if len(entered):
        duration = float(durations(trips, now).mean())
        waits_s = RED_LIGHT_S * float(routes.signals[entered].mean())
        if waits_s > 0:
            red_lights = (duration - float(routes.free_s[entered].mean())) / waits_s
    return {
        "duration": duration,
        "red_lights": red_lights,
        "throughput": float(finished),
        "unfinished": float(known - finished),
    }
