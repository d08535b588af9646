"""Coco-Q: tabular Q-learning of two players who may pay each other.

Source: Sodomka et al., 2013. The cooperative-competitive value of a bimatrix game (A, B) is
``coco_1 = max(A + B) / 2 + val((A - B) / 2)``: half of the best joint outcome, and the minimax
value of the zero-sum rest. Both Q-tables over joint actions bootstrap from it, and the players
play the joint action that maximizes the sum. Step size 0.5: paper 000, Appendix A.2.

Departures from the source, each with its reason:

1. The zero-sum value is the mixed one, by formula for two by two games and else by a linear
   program; the authors' own code uses the pure one, which is wrong where no saddle point is.
2. The step size may fall with the visits of a state and joint action: where a coin is flipped, a
   constant step size never settles.
3. Exploration is epsilon-greedy over the joint action; neither text says how it explores.
4. Side payments are not made in the game: they cancel in the mean that is reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32

from methods.base import Communication, Method, Rngs, State, at_most
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import PositiveShare, Share, Weight

MOST_STATES = 100_000  # ours: with more, most would be seen but once


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoQConfig:
    """Hyperparameters.

    Attributes:
        step_size: Fraction of the way to the target at the first visit of a joint action.
        step_size_decay: How fast it falls: after n visits it is ``step_size / (1 + decay n)``.
        discount: Discount factor gamma, per environment step.
        epsilon: Probability of a uniformly random joint action in the first training episode.
        epsilon_decay: Factor on epsilon per training episode.
        epsilon_min: Least epsilon.
    """

    step_size: PositiveShare
    step_size_decay: Weight
    discount: Share
    epsilon: Share
    epsilon_decay: PositiveShare
    epsilon_min: Share

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        at_most(self, "epsilon_min", "epsilon")


class CocoQ(Method):
    """Two Q-tables over joint actions, coupled by the coco value."""

    Config = CocoQConfig
    title: ClassVar[str] = "Coco-Q"
    description: ClassVar[str] = "tabular Q-learning of two players with side payments"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "own, with side payments"
    centralized = True
    hops = 1

    def __init__(self, spec: Spec, config: CocoQConfig, rngs: Rngs) -> None:
        if reason := self.unsuitable(spec, config):
            raise ValueError(reason)
        self._spec, self._config = spec, config
        self._table: dict[bytes, np.ndarray] = {}  # state -> [players, actions, actions]
        self._visits: dict[bytes, np.ndarray] = {}  # state -> [actions, actions]
        self._episodes = 0

    @classmethod
    def unsuitable(cls, spec: Spec, config: Any) -> str | None:
        """Refuse anything but two players."""
        if spec.n_agents == 2:
            return None
        return f"Coco-Q plays games of two agents; this scenario has {spec.n_agents}"

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Count a table of all that is seen: as many states as a table can be filled for."""
        key = 2 * spec.n_features * spec.obs_dtype.itemsize
        return min(steps, MOST_STATES) * (key + 24.0 * spec.n_actions**2 + 500)

    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return, per player and action, the best mean of both values with an allowed reply."""
        mean = self._allowed_sum(ts) / 2
        return np.stack([mean.max(axis=1), mean.max(axis=0)]).astype(np.float32)

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Play the joint action with the largest sum, ties going to the lower index."""
        total = self._allowed_sum(ts)
        gamble, anything = rng.random(), rng.random(total.shape)
        if explore and gamble < self.epsilon:
            total = np.where(np.isfinite(total), anything, -np.inf)
        return np.array(np.unravel_index(total.argmax(), total.shape))

    @property
    def epsilon(self) -> float:
        """Exploration rate of the current training episode."""
        c = self._config
        return max(c.epsilon * c.epsilon_decay**self._episodes, c.epsilon_min)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Move both values of the joint action towards reward and coco value."""
        c, state = self._config, ts.obs.tobytes()
        q = self._table.setdefault(state, self._no_values())
        visits = self._visits.setdefault(state, np.zeros(q.shape[1:], np.int64))
        joint = (int(actions[0]), int(actions[1]))
        target = next_ts.reward.astype(np.float64)
        if not next_ts.terminated:
            target += c.discount * coco_values(*self._values(next_ts))
        error = target - q[:, *joint]
        q[:, *joint] += c.step_size / (1 + c.step_size_decay * visits[joint]) * error
        visits[joint] += 1
        self._episodes += next_ts.last
        return {"td_error": float(np.abs(error).mean())}

    def _values(self, ts: Timestep) -> Float[np.ndarray, "players rows columns"]:
        """Return both players' values of the allowed joint actions."""
        rows, columns = ts.action_mask
        q = self._table.get(ts.obs.tobytes(), self._no_values())
        return q[:, rows][:, :, columns]

    def _allowed_sum(self, ts: Timestep) -> Float[np.ndarray, "actions actions"]:
        q = self._table.get(ts.obs.tobytes(), self._no_values())
        allowed = np.logical_and.outer(*ts.action_mask)
        return np.where(allowed, q.sum(axis=0), -np.inf)

    def _no_values(self) -> Float[np.ndarray, "players actions actions"]:
        return np.zeros((2, self._spec.n_actions, self._spec.n_actions))

    def state_dict(self) -> State:
        """Return the tables and the number of episodes."""
        return {
            "states": [state.hex() for state in self._table],
            "table": torch.from_numpy(np.array([*self._table.values()])),
            "visits": torch.from_numpy(np.array([*self._visits.values()])),
            "episodes": self._episodes,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        keys = [bytes.fromhex(text) for text in state["states"]]
        self._table = dict(zip(keys, state["table"].numpy().copy(), strict=True))
        self._visits = dict(zip(keys, state["visits"].numpy().copy(), strict=True))
        self._episodes = state["episodes"]

    @property
    def n_parameters(self) -> int:
        """Size of both tables so far."""
        return len(self._table) * 2 * self._spec.n_actions**2

    @property
    def communication(self) -> Communication:
        """Each player needs the other's observation and, to learn, its reward."""
        floats = float(self._spec.n_features)
        return Communication(execution=floats, training=floats + 1.0)


def coco_values(
    a: Float[np.ndarray, "rows columns"], b: Float[np.ndarray, "rows columns"]
) -> Float[np.ndarray, "players"]:
    """Return both players' cooperative-competitive values of the bimatrix game (A, B)."""
    best, advantage = (a + b).max() / 2, zero_sum_value((a - b) / 2)
    return np.array([best + advantage, best - advantage])


def zero_sum_value(payoff: Float[np.ndarray, "rows columns"]) -> float:
    """Return the minimax value for the row player, mixed strategies allowed.

    A saddle point is looked for first; without one, two by two games have a closed form and
    larger ones are a linear program.
    """
    low, high = payoff.min(axis=1).max(), payoff.max(axis=0).min()
    if low == high:
        return float(low)
    if payoff.shape == (2, 2):
        (p, q), (r, s) = payoff
        return float((p * s - q * r) / (p + s - q - r))
    return _linear_program(payoff)


def _linear_program(payoff: Float[np.ndarray, "rows columns"]) -> float:
    """Maximize v subject to x @ payoff >= v, x a distribution over rows."""
    from scipy.optimize import linprog  # slow to import, and two by two games never need it

    rows, columns = payoff.shape
    answer = linprog(
        c=np.append(np.zeros(rows), -1.0),
        A_ub=np.hstack([-payoff.T, np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[np.newaxis],
        b_eq=[1.0],
        bounds=[(0, None)] * rows + [(None, None)],
    )
    if not answer.success or answer.fun is None:
        raise ArithmeticError(f"no minimax value found: {answer.message}")
    return float(-answer.fun)
