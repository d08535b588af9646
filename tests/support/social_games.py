"""Small games with known best and worst outcomes, for methods whose agents affect each other."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int64

from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions


class Game:
    """What the games have in common: every action is allowed and the graph never changes.

    A game draws ``_start``, plays ``_play`` and shows ``_obs``.

    Args:
        neighbors: Neighbor slots of every agent.
        n_actions: Size of each agent's action set.
        n_features: Length of one agent's observation.
        max_steps: Steps after which the game is over: an end state, not a truncation [steps].
    """

    description: ClassVar[str] = "a small game, for tests"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "return": Metric(unit="reward", higher_is_better=True, headline=True)
    }
    floor: Mapping[str, float] = {"return": 0.0}
    bound: Mapping[str, float] = {"return": 1.0}

    def __init__(
        self,
        neighbors: Int64[np.ndarray, "agents slots"],
        n_actions: int,
        n_features: int,
        max_steps: int,
    ) -> None:
        n_agents, slots = neighbors.shape
        self._neighbors = neighbors
        self._graph = np.eye(n_agents, dtype=np.bool_)
        agent, slot = np.nonzero(neighbors >= 0)
        self._graph[agent, neighbors[agent, slot]] = True
        self.spec = Spec(
            n_agents=n_agents,
            n_actions=n_actions,
            n_neighbors=slots,
            n_features=n_features,
            obs_dtype=np.dtype(np.float32),
            obs_scale=np.ones(n_features, np.float32),
            max_steps=max_steps,
        )

    def reset(self, rng: np.random.Generator) -> Timestep:
        self._step, self._return = 0, 0.0
        self._start()
        return self._timestep(np.zeros(self.spec.n_agents, np.float32), over=False)

    def step(self, actions: Actions) -> Timestep:
        check_actions(actions, self._allowed())
        reward, over = self._play(actions)
        self._step += 1
        self._return += float(reward.sum())
        return self._timestep(reward, over=over or self._step == self.spec.max_steps)

    def metrics(self) -> Mapping[str, float]:
        """The sum over agents of the return."""
        return {"return": self._return}

    def references(self) -> Mapping[str, Policy]:
        return {"zero": lambda ts, rng: np.zeros(self.spec.n_agents, np.int64)}

    def _start(self) -> None:
        pass

    def _play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        raise NotImplementedError

    def _obs(self) -> Float32[np.ndarray, "agents features"]:
        return np.ones((self.spec.n_agents, self.spec.n_features), np.float32)

    def _allowed(self) -> np.ndarray:
        return np.ones((self.spec.n_agents, self.spec.n_actions), np.bool_)

    def _timestep(self, reward: np.ndarray, *, over: bool) -> Timestep:
        return Timestep(
            obs=self._obs(),
            graph=self._graph.copy(),
            neighbors=self._neighbors.copy(),
            action_mask=self._allowed(),
            reward=reward,
            terminated=over,
            truncated=False,
            step=self._step,
        )


def everybody(n_agents: int) -> Int64[np.ndarray, "agents slots"]:
    """Slots in which everybody is a neighbor of everybody."""
    return np.array([[j for j in range(n_agents) if j != i] for i in range(n_agents)])


class MarkovField(Game):
    """One joint action of signs a_i in {-1, 1}: r_i = h_i a_i + J / 2 sum_{j in N_i} a_i a_j.

    The rewards add up to the energy ``sum_i h_i a_i + J sum_edges a_i a_j``.
    """

    def __init__(
        self, field: tuple[float, ...], coupling: float, neighbors: Int64[np.ndarray, "a s"]
    ) -> None:
        super().__init__(neighbors, n_actions=2, n_features=1, max_steps=1)
        self._field, self._coupling = np.array(field), coupling

    def _play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        sign = 2 * actions - 1
        beside = (self._graph & ~np.eye(len(sign), dtype=np.bool_)) @ sign
        reward = self._field * sign + self._coupling / 2 * sign * beside
        return reward.astype(np.float32), True


class EscapeRoom(Game):
    """ER(n, m) of Yang et al., 2020: a door that opens while m agents hold a lever.

    Agents start at the start; an action is the place to go to. Leaving by the open door is worth
    10 to each who does and ends the game; any other move costs 1, staying nothing. With n = 2 and
    m = 1 the best sum is 9, but nobody likes to hold the lever.
    """

    LEVER, START, DOOR = range(3)

    def __init__(self, *, n_agents: int = 2, needed: int = 1, max_steps: int = 5) -> None:
        super().__init__(everybody(n_agents), 3, 3 * n_agents, max_steps)
        self._needed = needed

    def _start(self) -> None:
        self._place = np.full(self.spec.n_agents, self.START)

    def _play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        is_open = (actions == self.LEVER).sum() >= self._needed
        leaves = is_open & (actions == self.DOOR)
        reward = np.where(leaves, 10.0, -1.0 * (actions != self._place)).astype(np.float32)
        self._place = actions.copy()
        return reward, bool(leaves.any())

    def _obs(self) -> Float32[np.ndarray, "agents features"]:
        """Everybody's place, the own one first."""
        places = np.eye(3, dtype=np.float32)[self._place]
        return np.stack([np.roll(places, -i, axis=0).ravel() for i in range(len(places))])


class IteratedPrisonersDilemma(Game):
    """Cooperate (0) or defect (1), again and again: -1 each, -3 against 0, or -2 each."""

    REWARD = np.array([[-1.0, -3.0], [0.0, -2.0]], np.float32)  # own action, the other's

    def __init__(self, *, max_steps: int = 5) -> None:
        super().__init__(everybody(2), 2, 5, max_steps)

    def _start(self) -> None:
        self._last: Actions | None = None

    def _play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        self._last = actions.copy()
        return self.REWARD[actions, actions[::-1]], False

    def _obs(self) -> Float32[np.ndarray, "agents features"]:
        """What both did last, the own action first; or that nothing was done yet."""
        seen = np.zeros((2, 5), np.float32)
        case = np.full(2, 4) if self._last is None else 2 * self._last + self._last[::-1]
        seen[np.arange(2), case] = 1.0
        return seen
