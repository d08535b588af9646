"""What a scenario is: all that methods and the harness may know of a simulator.

Shapes use these names throughout the project: ``agents`` is the number of agents N, ``actions``
the size of each agent's action set, ``features`` the length of one agent's observation and
``slots`` the number of neighbor slots K (the largest out-degree, the agent itself not counted).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped

Actions: TypeAlias = Int64[np.ndarray, "agents"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spec:
    """Sizes that stay fixed for the life of a scenario.

    Attributes:
        n_agents: Number of agents N.
        n_actions: Size of each agent's discrete action set.
        n_neighbors: Neighbor slots K: the largest out-degree, the agent itself not counted.
        n_features: Length of one agent's observation vector.
        obs_dtype: Type of the stored observation: float32, or int8/int16 that saturate.
        obs_scale: Factor per feature; a network's input is ``obs * obs_scale``.
        max_steps: Steps after which an episode is truncated [steps].
    """

    n_agents: int
    n_actions: int
    n_neighbors: int
    n_features: int
    obs_dtype: np.dtype[np.generic]
    obs_scale: Float32[np.ndarray, "features"]
    max_steps: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timestep:
    """What the environment shows after a reset or a step.

    Attributes:
        obs: Each agent's own observation, in ``Spec.obs_dtype``.
        graph: ``graph[i, j]`` is true when j is in N_i; the diagonal is true. May be directed.
        neighbors: The same graph as slots: the indices of N_i without i, nearest first, ties by
            index, -1 where a slot is empty.
        action_mask: Which actions are allowed; at least one per agent.
        reward: Environment reward r_i of the step just taken; zero after a reset.
        terminated: The episode reached an end state: do not bootstrap.
        truncated: The episode hit its step limit: bootstrap as usual.
        step: Steps taken so far in this episode; 0 after a reset.
    """

    obs: Shaped[np.ndarray, "agents features"]
    graph: Bool[np.ndarray, "agents agents"]
    neighbors: Int64[np.ndarray, "agents slots"]
    action_mask: Bool[np.ndarray, "agents actions"]
    reward: Float32[np.ndarray, "agents"]
    terminated: bool
    truncated: bool
    step: int

    @property
    def first(self) -> bool:
        """Whether this timestep opens an episode."""
        return self.step == 0

    @property
    def last(self) -> bool:
        """Whether this timestep closes an episode."""
        return self.terminated or self.truncated


Policy: TypeAlias = Callable[[Timestep, np.random.Generator], Actions]


class Unavailable(RuntimeError):  # noqa: N818  # a state of the machine, not a wrong input
    """What a scenario needs is not on this machine; the message says what would bring it.

    Attributes:
        floor: The scenario's, as far as it is known without what is missing; else empty.
        bound: Likewise.
    """

    def __init__(
        self,
        message: str,
        floor: Mapping[str, float] | None = None,
        bound: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(message)
        self.floor, self.bound = floor or {}, bound or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How a figure of an episode is to be read.

    Attributes:
        unit: Its unit, for table heads and axes.
        higher_is_better: Which way is good.
        headline: Whether it stands in the scenario's main table.
        log: Whether its curves have a logarithmic axis.
    """

    unit: str
    higher_is_better: bool
    headline: bool = False
    log: bool = False


class AgentMap(NamedTuple):
    """Where the agents of a scenario stand for good.

    Attributes:
        place: x, to the right, and y, upwards, of each agent.
        kind: What sort of place that is, in a word or two.
    """

    place: Float64[np.ndarray, "agents 2"]
    kind: tuple[str, ...]


@runtime_checkable
class Scenario(Protocol):
    """An episodic environment that all agents step at once.

    A scenario is built from keyword options. What one may be stands in its type, ranges of
    ``scenarios.ranges`` included, which the harness checks while planning. Rules between options
    the scenario checks itself: before anything large is made it raises ``ValueError`` that names
    values and rule, or ``Unavailable`` that says what would bring what it needs.
    An option without a default must be given; one of ``**`` is passed on to somebody else's code.

    Attributes:
        description: One line for ``harness list``.
        version: Raised whenever a change of the code changes a trajectory.
        deterministic: Whether an episode draws nothing from its stream (one evaluation episode
            then says it all).
        metric_info: How to read each figure of ``metrics()``; headline figures first.
        floor: Per headline metric, a stated poor value: 0 on the normalized scale.
        bound: Per headline metric, the best attainable or a stated good value: 1 on that scale; a
            metric of which neither is known is left out.
    """

    description: ClassVar[str]
    version: ClassVar[str]
    deterministic: ClassVar[bool]
    metric_info: ClassVar[Mapping[str, Metric]]
    floor: Mapping[str, float]
    bound: Mapping[str, float]

    def __init__(self, **options: Any) -> None: ...

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Start an episode; every random draw of the episode comes from ``rng``."""

    def step(self, actions: Actions) -> Timestep:
        """Apply one action per agent.

        Raises:
            ValueError: An action is out of range or masked, or the episode is over.
        """

    def metrics(self) -> Mapping[str, float]:
        """Figures of the episode so far, under the names the papers' tables use."""

    def references(self) -> Mapping[str, Policy]:
        """Fixed policies to stand beside the learners, bound to this simulator."""


@runtime_checkable
class RestsOnFiles(Protocol):
    """A scenario whose trajectories also depend on files outside this project's code.

    Their hashes stand beside ``version`` in what identifies a result.
    """

    @classmethod
    def file_hashes(cls, options: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the sha256 of what these files hold under the given options, by name."""


@runtime_checkable
class SeenInSeveralWays(Protocol):
    """A scenario with options that change what agents see, and nothing of the game.

    Attributes:
        views: The names of these options; what is known of the game holds under any of them.
    """

    views: ClassVar[frozenset[str]]


def check_actions(actions: Actions, mask: Bool[np.ndarray, "agents actions"]) -> None:
    """Refuse a joint action that the current step does not allow.

    Raises:
        ValueError: Wrong shape, an action outside ``[0, n_actions)``, or a masked one.
    """
    n_agents, n_actions = mask.shape
    if actions.shape != (n_agents,):
        raise ValueError(f"actions have shape {actions.shape}; one per agent is ({n_agents},)")
    outside = (actions < 0) | (actions >= n_actions)
    if outside.any():
        agent = int(outside.argmax())
        raise ValueError(
            f"actions: agent {agent} plays {int(actions[agent])}, outside [0, {n_actions})"
        )
    masked = ~mask[np.arange(n_agents), actions]
    if masked.any():
        agent = int(masked.argmax())
        raise ValueError(f"actions: agent {agent} plays {int(actions[agent])}, masked at this step")


def check_timestep(ts: Timestep, agents: Sequence[str] | None = None) -> None:
    """Refuse numbers that are not finite, and an agent that may do nothing though it has to act.

    Args:
        ts: What a scenario shows.
        agents: What its agents are called; else they are ``agent 0``, ``agent 1`` and so on.

    Raises:
        FloatingPointError: Such as "reward of agent 1 is NaN at step 5".
        ValueError: Such as "no action is allowed to agent 1 at step 5".
    """
    for what, values in (("observation", ts.obs), ("reward", ts.reward)):
        if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            agent = int((~finite).reshape(len(values), -1).any(axis=1).argmax())
            value = said(np.ravel(values[agent])[~np.ravel(finite[agent])][0])
            raise FloatingPointError(
                f"{what} of {_name(agent, agents)} is {value} at step {ts.step}"
            )
    if not (ts.action_mask.all() or ts.action_mask.any(axis=1).all() or ts.terminated):
        agent = int((~ts.action_mask.any(axis=1)).argmax())
        raise ValueError(f"no action is allowed to {_name(agent, agents)} at step {ts.step}")


def said(value: float | np.floating[Any]) -> str:
    """Write a number that is not finite as messages have it: NaN, inf or -inf."""
    return "NaN" if np.isnan(value) else str(value)


def _name(agent: int, agents: Sequence[str] | None) -> str:
    return f"agent {agent}" if agents is None else agents[agent]


@runtime_checkable
class NamesAgents(Protocol):
    """A scenario whose agents have names, which messages call them by."""

    agent_names: Sequence[str]


@runtime_checkable
class HasMap(Protocol):
    """A scenario whose agents stay where they are."""

    @classmethod
    def agent_map(cls, options: Mapping[str, Any]) -> AgentMap | None:
        """Return where they are under these options, all of them given.

        None where files that may not be at hand would have to say so: reports, which show the
        map, say the same on every machine.
        """
