"""The agents of a road network: its signals, what each may show, sees and whom it borders on."""

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64

from scenarios import graph as graphs
from scenarios.base import Actions, Spec
from scenarios.traffic.networks import Network, Source
from scenarios.traffic.roadnet import RIGHT_TURN, Roadnet
from scenarios.traffic.trips import Routes, find_routes

NONE = -1
COUNT_SCALE = 0.2  # ours: a lane of 100 m holds 13 vehicles


class Signals(NamedTuple):
    """The intersections with signals, in the order of the file: one agent each.

    Attributes:
        phases: The phase of the road network behind each action.
        allowed: Which of them an intersection has.
        clears: Whether phase 0 opens right turns only, so that it can clear the intersection.
        lanes: The lanes that enter each intersection: arm by arm in the order of its road links,
            each arm from its left lane to its right one; -1 fills up to the largest intersection.
        graph: j is in N_i when a road leads from i to j.
        neighbors: The same as slots, the shortest road first.
    """

    phases: Int64[np.ndarray, "actions"]
    allowed: Bool[np.ndarray, "agents actions"]
    clears: Bool[np.ndarray, "agents"]
    lanes: Int64[np.ndarray, "agents lanes"]
    graph: Bool[np.ndarray, "agents agents"]
    neighbors: Int64[np.ndarray, "agents slots"]


class Movements(NamedTuple):
    """The lane links that depend on signals, once for each action that opens them.

    A link that every phase of its intersection opens, such as a right turn, is not among them.

    Attributes:
        agent: Where it is.
        action: Which action opens it.
        start: The lane it leaves.
        end: The lane it enters.
        used: Whether it is on anybody's way.
    """

    agent: Int64[np.ndarray, "movements"]
    action: Int64[np.ndarray, "movements"]
    start: Int64[np.ndarray, "movements"]
    end: Int64[np.ndarray, "movements"]
    used: Bool[np.ndarray, "movements"]


class Site(NamedTuple):
    """Where a road network comes from, the network with its demand, and what follows from it."""

    source: Source
    network: Network
    signals: Signals
    routes: Routes
    movements: Movements

    def spec(self, max_steps: int) -> Spec:
        """Return the sizes of the scenario; an observation is the phase, then lane counts."""
        n_actions = len(self.signals.phases)
        scale = np.full(n_actions + self.signals.lanes.shape[1], COUNT_SCALE, np.float32)
        scale[:n_actions] = 1
        return Spec(
            n_agents=len(self.signals.lanes),
            n_actions=n_actions,
            n_neighbors=self.signals.neighbors.shape[1],
            n_features=len(scale),
            obs_dtype=np.dtype(np.int16),
            obs_scale=scale,
            max_steps=max_steps,
        )

    def entering(self, by_lane: Int64[np.ndarray, "lanes"]) -> Int64[np.ndarray, "agents entries"]:
        """Gather a figure of all lanes by agent: of the lanes that enter, 0 in what fills up."""
        return np.append(by_lane, 0)[self.signals.lanes]

    def observe(
        self, actions: Actions, counts: Int64[np.ndarray, "lanes"]
    ) -> Int16[np.ndarray, "agents features"]:
        """Return what the agents see: the phase they show and the vehicles that come."""
        n_agents, n_actions = self.signals.allowed.shape
        obs = np.zeros((n_agents, n_actions + self.signals.lanes.shape[1]), np.int16)
        obs[np.arange(n_agents), actions] = 1
        obs[:, n_actions:] = self.entering(counts)
        return obs


def survey(source: Source, phases: tuple[int, ...]) -> Site:
    """Find agents, movements and routes.

    Args:
        source: Where roads and demand come from.
        phases: The phase of the road network behind each action.

    Raises:
        ValueError: There is nothing to control, nobody to drive, or an intersection without any
            of the phases; or a file breaks a rule.
        Unavailable: A dataset is not on this machine.
    """
    network = source.load()
    signals = find_signals(network.roads, phases)
    routes = find_routes(network.roads, network.flows)
    movements = find_movements(network.roads, signals, routes.pairs)
    return Site(source, network, signals, routes, movements)


def find_signals(roads: Roadnet, phases: Sequence[int]) -> Signals:
    """Return the agents of a road network.

    Args:
        roads: The road network.
        phases: The phase behind each action.

    Raises:
        ValueError: There are no signals, or an intersection has none of the phases.
    """
    places = roads.signalized
    if not places:
        raise ValueError(f"{roads.file}: no intersection has signals: there is nothing to control")
    n_phases = np.diff(roads.phase_ptr)[places]
    allowed = np.array(phases) < n_phases[:, np.newaxis]
    if not allowed.any(axis=1).all():
        i = int(allowed.any(axis=1).argmin())
        raise ValueError(
            f"phases are {tuple(phases)}; intersection {roads.intersection_ids[places[i]]!r} has "
            f"phases 0 to {n_phases[i] - 1} only"
        )
    graph, distance = _borders(roads, places)
    return Signals(
        phases=np.array(phases, dtype=np.int64),
        allowed=allowed,
        clears=np.array([_opens_right_turns_only(roads, place) for place in places]),
        lanes=_entering(roads, places),
        graph=graph,
        neighbors=graphs.slots(graph, distance),
    )


def find_movements(roads: Roadnet, signals: Signals, pairs: Set[tuple[int, int]]) -> Movements:
    """Return what each action of each agent opens.

    Args:
        roads: The road network.
        signals: Its agents.
        pairs: Every road on anybody's way with the road after it.
    """
    found: list[tuple[int, int, int]] = []
    for i, place in enumerate(roads.signalized):
        first = roads.link_ptr[place]
        green = greens(roads, place)
        depends = ~green.all(axis=0)
        for action in np.flatnonzero(signals.allowed[i]):
            opened = np.flatnonzero(green[signals.phases[action]] & depends)
            found += [(i, int(action), int(first + k)) for k in opened]
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    agents, actions, link = columns[:, 0], columns[:, 1], columns[:, 2]
    start, end = roads.link_start[link].astype(np.int64), roads.link_end[link].astype(np.int64)
    crossed = zip(roads.lane_road[start].tolist(), roads.lane_road[end].tolist(), strict=True)
    used = np.array([pair in pairs for pair in crossed], dtype=np.bool_)
    return Movements(agent=agents, action=actions, start=start, end=end, used=used)


def greens(roads: Roadnet, place: int) -> Bool[np.ndarray, "phases links"]:
    """Return which links of an intersection each of its phases opens."""
    first, last = roads.phase_ptr[place], roads.phase_ptr[place + 1]
    rows = roads.phase_green[roads.phase_green_ptr[first] : roads.phase_green_ptr[last]]
    return rows.reshape(last - first, -1)


def _opens_right_turns_only(roads: Roadnet, place: int) -> bool:
    kinds = roads.link_kind[roads.link_ptr[place] : roads.link_ptr[place + 1]]
    return bool((kinds[greens(roads, place)[0]] == RIGHT_TURN).all())


def _entering(roads: Roadnet, places: Sequence[int]) -> Int64[np.ndarray, "agents lanes"]:
    arms = [_arms(roads, place) for place in places]
    n_lanes = np.diff(roads.road_lane_ptr)
    n_arms = max(len(roads_in) for roads_in in arms)
    widest = max((int(n_lanes[road]) for roads_in in arms for road in roads_in), default=0)
    lanes = np.full((len(places), n_arms, widest), NONE, dtype=np.int64)
    for i, roads_in in enumerate(arms):
        for a, road in enumerate(roads_in):
            lanes[i, a, : n_lanes[road]] = roads.road_lane_ptr[road] + np.arange(n_lanes[road])
    return lanes.reshape(len(places), -1)


def _arms(roads: Roadnet, place: int) -> list[int]:
    """Return the roads into an intersection, those with links first, in the order of the links."""
    starts = roads.link_start[roads.link_ptr[place] : roads.link_ptr[place + 1]]
    ending = np.flatnonzero(roads.road_end == place)
    return list(dict.fromkeys([*roads.lane_road[starts].tolist(), *ending.tolist()]))


def _borders(
    roads: Roadnet, places: Sequence[int]
) -> tuple[Bool[np.ndarray, "agents agents"], Float64[np.ndarray, "agents agents"]]:
    """Return who borders on whom, and the length of the shortest road between them."""
    agent = {place: i for i, place in enumerate(places)}
    graph = np.eye(len(places), dtype=np.bool_)
    distance = np.where(graph, 0.0, np.inf)
    ends = zip(roads.road_start.tolist(), roads.road_end.tolist(), strict=True)
    for (start, end), length in zip(ends, roads.road_length.tolist(), strict=True):
        if start in agent and end in agent:
            i, j = agent[start], agent[end]
            graph[i, j] = True
            distance[i, j] = min(distance[i, j], length)
    return graph, distance
