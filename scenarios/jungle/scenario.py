"""Jungle: agents that may eat food or attack each other.

Data sheet
    Source: paper 001, Section 5.2, after Jiang et al. (2020), whose code (DGN on MAgent) settles
    what the paper leaves open. ``docs/jungle.md`` lists every gap and the calibration.
    Map: 30 x 30 cells, the outer ring is wall. 20 agents and 12 foods start on random cells.
    Actions: 0 stays, 1-4 move and 5-8 attack up, down, left, right.
    A step: all attacks at once, then the moves by index of the agent, blocked if the cell is taken.
    Rewards: +1 for eating, +2 and -4 to the victim for an attack on an agent, -0.01 for any attack.
    Foods stay where they are; neither foods nor agents die. Truncated after 120 steps.
    Observation: a field of 11 x 11 cells (agents 1, foods -1, the agent itself included, 0 outside
    the circle of radius 5, walls not shown), then the own row and column.
    Graph: the 3 nearest others (Euclidean, ties by index): directed, new at every step.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from annotated_types import Interval
from jaxtyping import Int64

from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions
from scenarios.jungle import kernels, policies
from scenarios.ranges import Agents, Size

N_AGENTS = 20  # "N = 20"
FOODS_PER_AGENT = (3, 5)  # "#agents/#foods = 5/3"
N_NEIGHBORS = 3  # "Each agent has 3 closest agents as its neighbors"
MAP_SIZE = 30  # "map size = 30 x 30 grids"
VIEW = 11  # "a field of 11 x 11 grids nearby"
MAX_STEPS = 120  # not in the papers: DGN's code; it alone gives the papers' upper bounds
WALL_RING = 1  # not in the papers: MAgent walls the outer ring


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


class Jungle:
    """See the module's docstring for the rules and their sources.

    Args:
        n_agents: Agents N.
        n_foods: Foods L; 3/5 of the agents, rounded down but at least 1, if not given.
        n_neighbors: Neighbors per agent, itself not counted.
        map_size: Side of the map, walls included [cells]; beyond 128 coordinates outgrow int8.
        view: Side of the field an agent sees, an odd number [cells]; 255 shows the largest map.
        max_steps: Step limit [steps]; it takes 2 to walk and to eat.
        planes: Show agents and foods in a 0/1 map each instead of one map in -1, 0, 1.

    Raises:
        ValueError: An option breaks a rule; the message names both.
    """

    description: ClassVar[str] = "agents on a grid eat or attack; the graph moves with them"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    views: ClassVar[frozenset[str]] = frozenset({"planes"})
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "reward_per_step": Metric(unit="per agent and step", higher_is_better=True, headline=True),
        "attacks": Metric(unit="per episode", higher_is_better=False),
        "eats": Metric(unit="per episode", higher_is_better=True),
        "distance_to_food": Metric(unit="cells", higher_is_better=False),
        "eaters": Metric(unit="share of agents", higher_is_better=True),
    }

    def __init__(
        self,
        *,
        n_agents: Agents = N_AGENTS,
        n_foods: Agents | None = None,
        n_neighbors: Agents = N_NEIGHBORS,
        map_size: Annotated[int, Interval(ge=4, le=128)] = MAP_SIZE,
        view: Annotated[int, Interval(ge=3, le=255)] = VIEW,
        max_steps: Annotated[int, Size(2, 1_000_000)] = MAX_STEPS,
        planes: bool = False,
    ) -> None:
        if n_foods is None:
            n_foods = max(1, n_agents * FOODS_PER_AGENT[0] // FOODS_PER_AGENT[1])
        _check_sizes(n_agents, n_neighbors, n_foods, map_size)
        if view % 2 == 0:
            raise ValueError(f"view is {view}; the side of a field around an agent is odd")
        self._n_foods, self._side = n_foods, map_size - 2 * WALL_RING
        self._radius, self._planes = view // 2, planes
        n_features = view * view * (2 if planes else 1) + 2
        scale = np.append(np.ones(n_features - 2), (1 / map_size, 1 / map_size))
        self._spec = Spec(
            n_agents=n_agents,
            n_actions=kernels.N_ACTIONS,
            n_neighbors=n_neighbors,
            n_features=n_features,
            obs_dtype=np.dtype(np.int8),
            obs_scale=scale.astype(np.float32),
            max_steps=max_steps,
        )
        missed = kernels.missed_steps(self._side, n_foods, max_steps)  # the d of 1 - d/120
        self.floor: Mapping[str, float] = {"reward_per_step": 0.0}
        self.bound: Mapping[str, float] = {"reward_per_step": 1 - missed / max_steps}
        self._all_allowed = np.ones((n_agents, kernels.N_ACTIONS), np.bool_)
        self._over = True

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Put agents and foods on different cells; ``rng`` draws which, and nothing after."""
        n_agents, side = self._spec.n_agents, self._side
        drawn = rng.permutation(side * side)[: n_agents + self._n_foods]
        cells = np.stack((drawn // side, drawn % side), axis=1) + WALL_RING
        self._position, self._food = cells[:n_agents].copy(), cells[n_agents:].copy()
        inside = np.full((side, side), kernels.EMPTY, np.int16)
        self._occupant = np.pad(inside, WALL_RING, constant_values=kernels.WALL)
        self._occupant[tuple(self._position.T)] = np.arange(n_agents)
        self._occupant[tuple(self._food.T)] = kernels.FOOD
        self._ate = np.zeros(n_agents, np.bool_)
        self._counts, self._total = np.zeros(3, np.int64), 0.0
        return self._play(np.zeros(n_agents, np.int64), 0)  # all stay: a first look around

    def step(self, actions: Actions) -> Timestep:
        """Resolve all attacks, then all moves.

        Raises:
            ValueError: An action is outside [0, 9), or the episode is over.
        """
        if self._over:
            raise ValueError("step: the episode is over; reset first")
        if actions.shape != (self._spec.n_agents,):
            check_actions(actions, self._all_allowed)
        return self._play(actions, self._step + 1)

    def metrics(self) -> Mapping[str, float]:
        """Return the papers' figure, and what the agents did.

        Attacks are those that hit an agent. The distance to the nearest food (Manhattan) is the
        mean over agents and over what they saw, the start included.
        """
        n_agents, steps = self._spec.n_agents, self._step
        return {
            "reward_per_step": self._total / (n_agents * max(steps, 1)),
            "attacks": float(self._counts[kernels.ATTACKS]),
            "eats": float(self._counts[kernels.EATS]),
            "distance_to_food": float(self._counts[kernels.DISTANCE]) / (n_agents * (steps + 1)),
            "eaters": float(self._ate.mean()),
        }

    def references(self) -> Mapping[str, Policy]:
        """Three that know the whole map and never attack an agent; ``docs/jungle.md`` has figures.

        greedy: straight to the nearest food with a free side. shortest_path: around the others.
        """
        n_agents = self._spec.n_agents
        return {
            "greedy": lambda ts, rng: policies.greedy(
                self._position, self._food, self._occupant, rng.random(n_agents)
            ),
            "shortest_path": lambda ts, rng: policies.shortest_path(
                self._position, self._food, self._occupant
            ),
            "stay": lambda ts, rng: np.zeros(n_agents, np.int64),
        }

    def snapshot(self) -> JungleSnapshot:
        """Return where everything stands."""
        return JungleSnapshot(self._position.copy(), self._food.copy(), len(self._occupant))

    def _play(self, actions: Actions, step: int) -> Timestep:
        spec = self._spec
        obs = np.zeros((spec.n_agents, spec.n_features), np.int8)
        graph = np.zeros((spec.n_agents, spec.n_agents), np.bool_)
        neighbors = np.empty((spec.n_agents, spec.n_neighbors), np.int64)
        reward = np.empty(spec.n_agents, np.float32)
        total = kernels.step(
            actions, self._radius, self._planes, self._food,
            self._position, self._occupant, self._ate, self._counts,
            reward, obs, graph, neighbors,
        )  # fmt: skip
        if math.isnan(total):
            check_actions(actions, self._all_allowed)
        self._step, self._total = step, self._total + total
        self._over = self._step >= spec.max_steps
        return Timestep(
            obs=obs, graph=graph, neighbors=neighbors, action_mask=self._all_allowed.copy(),
            reward=reward, terminated=False, truncated=self._over, step=self._step,
        )  # fmt: skip


def _check_sizes(n_agents: int, n_neighbors: int, n_foods: int, map_size: int) -> None:
    if n_neighbors >= n_agents:
        raise ValueError(
            f"n_neighbors is {n_neighbors}; with n_agents = {n_agents} it is at most "
            f"{n_agents - 1}: an agent is not its own neighbor"
        )
    free = (map_size - 2 * WALL_RING) ** 2
    if n_agents + n_foods > free:
        raise ValueError(
            f"map_size is {map_size}: {free} free cells within the wall are too few for "
            f"{n_agents} agents and {n_foods} foods"
        )
