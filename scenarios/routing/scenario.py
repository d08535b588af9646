"""Routing: the routers of a backbone forward packets to their destinations, hop by hop.

Data sheet
    Source: paper 000, Section 5.3. ``docs/routing.md`` lists every gap and the calibration.
    Network: IBM backbone, 18 routers, 24 edges; an edge is two links, one each way.
    Packets: Poisson, 1, 10/3 and 1 per step in three blocks of 100 steps; source and destination
    uniform and different.
    Actions: slot of the neighbor that gets the head of the queue, nearest neighbor first.
    A step t: every router forwards the head of its queue; the rewards are counted; time passes to
    t + 1; packets due by then arrive, at their destination they leave; new packets appear.
    A link takes one new packet per step and carries any number; 18 km take a step, rounded up.
    Loops: routers a packet has visited are masked, unless no other neighbor is left.
    A router with an empty queue must still name an existing neighbor; that action does nothing.
    Reward: minus the number of packets left in the router's queue after forwarding.
    Observation: own index; destination of the head of the queue, destinations and number of the
    packets behind it; on each incoming link the packets' number and destinations; the neighbors.
    Truncated after 300 steps; a packet that arrives at t = 300 counts.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from annotated_types import Interval, Len
from jaxtyping import Float32, Float64, Int16, Int64
from pydantic import StringConstraints

from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions
from scenarios.ranges import FilePath, Size
from scenarios.references import floor_at_random
from scenarios.routing import kernels
from scenarios.routing.packets import draw_packets, rate_per_step, under_way, unhindered
from scenarios.routing.topology import cost_by_slot, empty_obs, links, load_topology, transit_steps

RATES = (1.0, 10 / 3, 1.0)  # Table 3 [packets per step]
MAX_STEPS = 300  # Table 3: "0 - 100", "100 - 200", "200 - 300"
KM_PER_STEP = 18.0  # not in the paper: the one scale that gives both columns of Table 4
COORDINATES = "zoo"  # not in the paper: what a script reading the topology file uses
LINK_SCALE = 0.1  # ours: at the middle rate a link carries 5 packets on average, 40 at most
PAPER = ("ibm", COORDINATES, KM_PER_STEP, RATES, MAX_STEPS)
RANDOM = MappingProxyType({"delay": 96.3, "throughput": 79.1})  # docs/routing.md


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


class Routing:
    """See the module's docstring for the rules and their sources.

    Args:
        topology: ``"ibm"``, or the path of a JSON file as ``topology.py`` reads it.
        coordinates: Coordinate set of the topology; the IBM file has ``"zoo"`` and ``"true"``.
        km_per_step: What a packet travels in a step [km].
        rates: Mean number of new packets per step, for as many equal blocks of the episode.
        max_steps: Step limit [steps].

    Raises:
        ValueError: An option breaks a rule; the message names both.
    """

    description: ClassVar[str] = "routers of a backbone forward packets along unequal links"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "delay": Metric(unit="steps", higher_is_better=False, headline=True),
        "throughput": Metric(unit="packets", higher_is_better=True, headline=True),
        "undelivered": Metric(unit="packets", higher_is_better=False),
        "queue": Metric(unit="packets per router", higher_is_better=False),
    }

    def __init__(
        self,
        *,
        topology: FilePath = "ibm",
        coordinates: Annotated[str, StringConstraints(min_length=1, max_length=64)] = COORDINATES,
        km_per_step: Annotated[float, Interval(ge=1e-3, le=1e6)] = KM_PER_STEP,
        rates: Annotated[Sequence[Annotated[float, Size(0, 100)]], Len(1, 100)] = RATES,
        max_steps: Annotated[int, Size(1, 10_000)] = MAX_STEPS,
    ) -> None:
        self._rates = rate_per_step(rates, max_steps)
        network = load_topology(topology, coordinates)
        self._graph, self._neighbors = network.graph, network.neighbors
        self._names, self._place = network.names, network.place
        transit = transit_steps(network, km_per_step)
        self._net = links(network, transit)
        self._km = cost_by_slot(network, network.length_km)
        self._hops = cost_by_slot(network, np.where(network.graph, 1.0, np.inf))
        n, n_slots = network.neighbors.shape
        self._seen = 2 * n + 1 + n_slots * (1 + n)
        self._template = empty_obs(network.neighbors, self._seen)
        scale = np.ones(self._template.shape[1], np.float32)
        scale[3 * n + 1 : n + self._seen] = LINK_SCALE
        self._spec = Spec(
            n_agents=n,
            n_actions=n_slots,
            n_neighbors=n_slots,
            n_features=len(scale),
            obs_dtype=np.dtype(np.int16),
            obs_scale=scale,
            max_steps=max_steps,
        )
        self._over = True
        fastest = cost_by_slot(network, transit).min(axis=2)
        self.bound = unhindered(fastest, self._rates)
        self.floor: Mapping[str, float] = RANDOM
        if (topology, coordinates, km_per_step, tuple(rates), max_steps) != PAPER:
            self.floor = floor_at_random(self, self.bound)

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Empty the network; ``rng`` draws all packets of the episode now, and nothing after."""
        n, n_slots = self._neighbors.shape
        self._packets = draw_packets(self._rates, n, rng)
        self._state = kernels.State(
            ends=np.full((n + n * n_slots, 2), kernels.NONE),
            waiting=np.zeros(n, np.int64),
            seen=np.zeros((n, self._seen), np.int32),
            allowed=np.zeros((n, n_slots), np.bool_),
            counts=np.zeros(4, np.int64),
        )
        self._step, self._over = 0, False
        obs = self._template.copy()
        kernels.appear(0, self._net, self._packets, self._state, obs)
        return self._timestep(obs, np.zeros(n, np.float32))

    def step(self, actions: Actions) -> Timestep:
        """Forward the head of every queue, then let a step pass.

        Raises:
            ValueError: An action is no slot or masked, or the episode is over.
        """
        if self._over:
            raise ValueError("step: the episode is over; reset first")
        if actions.shape != (self._spec.n_agents,):
            check_actions(actions, self._state.allowed)
        obs, reward = self._template.copy(), np.empty(self._spec.n_agents, np.float32)
        net, packets, state = self._net, self._packets, self._state
        if not kernels.step(actions, self._step, net, packets, state, reward, obs):
            check_actions(actions, self._state.allowed)
        self._step += 1
        return self._timestep(obs, reward)

    def metrics(self) -> Mapping[str, float]:
        """Return the papers' two figures, and what did not get through.

        Delay is the mean over delivered packets, from appearance to arrival; with none delivered
        it is the step limit. Queue is the mean over routers and steps, after forwarding.
        """
        born, delivered, delay, queue = self._state.counts.tolist()
        return {
            "delay": delay / delivered if delivered else float(self._spec.max_steps),
            "throughput": float(delivered),
            "undelivered": float(born - delivered),
            "queue": queue / (self._spec.n_agents * max(self._step, 1)),
        }

    def references(self) -> Mapping[str, Policy]:
        """Along the shortest path in km or in hops, ties to the nearer router; or at random."""
        return {
            "shortest_distance": lambda ts, rng: _cheapest(ts, self._km),
            "min_hop": lambda ts, rng: _cheapest(ts, self._hops),
            "random": lambda ts, rng: np.argmax(
                np.where(ts.action_mask, rng.random(ts.action_mask.shape), -1), axis=1
            ),
        }

    def snapshot(self) -> RoutingSnapshot:
        """Return where the packets are."""
        link, progress = under_way(self._net, self._packets, self._state, self._step)
        waiting = self._state.waiting.copy()
        return RoutingSnapshot(self._names, self._place, waiting, link, progress)

    def _timestep(
        self, obs: Int16[np.ndarray, "agents features"], reward: Float32[np.ndarray, "agents"]
    ) -> Timestep:
        self._over = self._step >= self._spec.max_steps
        return Timestep(
            obs=obs,
            graph=self._graph.copy(),
            neighbors=self._neighbors.copy(),
            action_mask=self._state.allowed.copy(),
            reward=reward,
            terminated=False,
            truncated=self._over,
            step=self._step,
        )


def _cheapest(ts: Timestep, cost: Float64[np.ndarray, "agents agents slots"]) -> Actions:
    """Choose the cheapest allowed slot for the head of each queue; the first among equals."""
    n = len(cost)
    destination = ts.obs[:, n : 2 * n].argmax(axis=1)  # 0 for an empty queue: any slot will do
    return np.where(ts.action_mask, cost[np.arange(n), destination], np.inf).argmin(axis=1)
