"""A road network surveyed: what the scenario needs to know of it, worked out once."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, Int64

from scenarios.base import Actions, Spec
from scenarios.traffic.networks import Network, Source
from scenarios.traffic.signals import Movements, Signals, find_movements, find_signals
from scenarios.traffic.trips import Routes, find_routes

COUNT_SCALE = 0.2  # ours: a lane of 100 m holds 13 vehicles


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
        return Spec(
            n_agents=len(self.signals.lanes),
            n_actions=n_actions,
            n_neighbors=self.signals.neighbors.shape[1],
            n_features=n_actions + self.signals.lanes.shape[1],
            obs_dtype=np.dtype(np.int16),
            obs_scale=self._scale(n_actions),
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

    def _scale(self, n_actions: int) -> Float32[np.ndarray, "features"]:
        scale = np.full(n_actions + self.signals.lanes.shape[1], COUNT_SCALE, np.float32)
        scale[:n_actions] = 1
        return scale


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


def check_timing(phases: tuple[int, ...], decision_s: int, clearing_s: int, max_steps: int) -> None:
    """Refuse options that make no episode.

    Raises:
        ValueError: As said; the message names option and rule.
    """
    if not phases or min(phases) < 0 or len(set(phases)) < len(phases):
        raise ValueError(f"phases are {phases}; they must be different numbers from 0 on")
    if decision_s < 1 or not 0 <= clearing_s < decision_s:
        raise ValueError(
            f"decision_s is {decision_s}, clearing_s {clearing_s}; a decision lasts at least 1 s "
            "and longer than the clearing"
        )
    if max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; an episode needs at least one decision")
