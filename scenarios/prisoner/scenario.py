"""Prisoner: a corridor with the prisoner's dilemma at its first move.

Data sheet
    Source: paper 000, Section 5.1, and paper 001, Section 5.1, after Sodomka et al. (2013).
    Corridor ``x . . A g B . . y``: 9 cells, agent 0 starts in cell 3 and agent 1 in cell 5.
    Actions: 0 left, 1 right. Walking into the end of the corridor is standing still.
    Goals: the two ends and the middle; any goal ends the episode for both.
    Both into the middle: a fair coin names the one who gets it.
    Observation: both positions one-hot (9 + 9) and the agent's own index as one bit.
    Graph: the two agents are neighbors.
    Truncated after ``max_steps``.

The papers do not draw the length of the corridor; 9 cells with these starts is BURLAP's built-in
grid prisoner's dilemma (the lab of Sodomka et al.), whose rewards are the papers' times 100. With
it mutual cooperation is worth 1 - 3 * 0.01 = 0.97 each and mutual defection 0.5 - 0.01 = 0.49, the
"highest possible return is 1" and "about 0.5" of the papers. ``docs/papers.md`` lists every gap.
"""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np

from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions
from scenarios.ranges import Steps

N_CELLS = 9  # not in the papers: BURLAP's corridor
STARTS = (3, 5)  # "start on two sides of the middle of a grid corridor"
GOALS = (0, 4, 8)  # "three goals, two goals at both ends and one in the middle"
MIDDLE = 4
GOAL_REWARD = 1.0  # "The agent gets a reward +1 for reaching the goal"
STEP_REWARD = -0.01  # "each timestep every action incurs a cost -0.01"
LEFT, RIGHT = 0, 1

COOPERATE = np.array([LEFT, RIGHT])  # both walk outwards, to "the farther one on its side"
DEFECT = np.array([RIGHT, LEFT])  # "going for the middle goal"


class PrisonerSnapshot(NamedTuple):
    """Where both agents are.

    Attributes:
        position: Cell of each agent, counted from the left.
    """

    position: tuple[int, ...]


class Prisoner:
    """Two agents, three goals.

    Args:
        max_steps: Step limit [steps]; not in the papers, where episodes end by themselves.
    """

    description: ClassVar[str] = "two agents in a corridor: the nearer goal is the worse one"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "return": Metric(unit="reward", higher_is_better=True, headline=True),
        "steps": Metric(unit="steps", higher_is_better=False),
        "collisions": Metric(unit="per episode", higher_is_better=False),
    }

    def __init__(self, *, max_steps: Steps = 50) -> None:
        self._max_steps = max_steps
        self.floor: Mapping[str, float] = {"return": 0.5 * GOAL_REWARD + STEP_REWARD}
        self.bound: Mapping[str, float] = {"return": GOAL_REWARD + 3 * STEP_REWARD}
        self._spec = Spec(
            n_agents=2,
            n_actions=2,
            n_neighbors=1,
            n_features=2 * N_CELLS + 1,
            obs_dtype=np.dtype(np.int8),
            obs_scale=np.ones(2 * N_CELLS + 1, np.float32),
            max_steps=max_steps,
        )

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Start an episode; ``rng`` decides who wins a collision."""
        self._rng = rng
        self._position = list(STARTS)
        self._step, self._over = 0, False
        self._return, self._collisions = 0.0, 0
        return self._timestep(np.zeros(2, np.float32), terminated=False)

    def step(self, actions: Actions) -> Timestep:
        """Move both agents at once.

        Raises:
            ValueError: An action is not 0 or 1, or the episode is over.
        """
        check_actions(actions, _ALL_ALLOWED)
        if self._over:
            raise ValueError("step: the episode is over; reset first")
        to = [
            min(max(x + (1 if action == RIGHT else -1), 0), N_CELLS - 1)
            for x, action in zip(self._position, actions.tolist(), strict=True)
        ]
        if to[0] == to[1] == MIDDLE:
            winner = int(self._rng.integers(2))
            self._collisions += 1
            to[1 - winner] = self._position[1 - winner]
        at_goal = [x in GOALS for x in to]
        reward = [STEP_REWARD + GOAL_REWARD * reached for reached in at_goal]
        self._position = to
        self._step += 1
        self._return += sum(reward) / 2
        return self._timestep(np.array(reward, np.float32), terminated=any(at_goal))

    def metrics(self) -> Mapping[str, float]:
        """Return the mean over agents of the undiscounted return, and how the episode went."""
        return {
            "return": self._return,
            "steps": float(self._step),
            "collisions": float(self._collisions),
        }

    def references(self) -> Mapping[str, Policy]:
        """Both walk outwards (0.97 each), or both to the middle (0.49 each on average)."""
        return {
            "cooperate": lambda ts, rng: COOPERATE.copy(),
            "defect": lambda ts, rng: DEFECT.copy(),
        }

    def snapshot(self) -> PrisonerSnapshot:
        """Return where both agents are."""
        return PrisonerSnapshot(tuple(self._position))

    def _timestep(self, reward: np.ndarray, *, terminated: bool) -> Timestep:
        truncated = not terminated and self._step >= self._max_steps
        self._over = terminated or truncated
        obs = np.zeros((2, 2 * N_CELLS + 1), np.int8)
        obs[:, self._position[0]] = 1
        obs[:, N_CELLS + self._position[1]] = 1
        obs[1, -1] = 1
        return Timestep(
            obs=obs,
            graph=_GRAPH.copy(),
            neighbors=_NEIGHBORS.copy(),
            action_mask=_ALL_ALLOWED.copy(),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            step=self._step,
        )


_GRAPH = np.ones((2, 2), np.bool_)
_NEIGHBORS = np.array([[1], [0]])
_ALL_ALLOWED = np.ones((2, 2), np.bool_)
