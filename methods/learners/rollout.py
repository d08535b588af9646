"""On-policy store of one environment, and what its steps returned.

A segment is a run of consecutive environment steps. Episodes may end inside it, and the last
episode need not be over. Each such end, inside or at the close, keeps what was seen after it: a
truncated or unfinished episode bootstraps from V of that, a terminated one from nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from methods.base import State
from methods.learners.replay import SEEN
from scenarios.base import Actions, Spec, Timestep


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """Consecutive steps, ready to learn from.

    Attributes:
        seen: ``obs``, ``neighbors`` and ``action_mask`` before each step; ``neighbors`` is one
            graph for all while the graph did not change.
        action: What the agents did.
        reward: Environment reward of each step.
        first: Whether a step opens an episode.
        extra: What the method stored besides.
        ends: The steps after which nothing more of their episode is in the segment; the last
            step is always one.
        after: What was seen after each of ``ends``.
        continues: 0 where one of ``ends`` terminated its episode, else 1.
    """

    seen: Mapping[str, Tensor]
    action: Int64[Tensor, "steps agents"]
    reward: Float[Tensor, "steps agents"]
    first: Bool[Tensor, "steps"]
    extra: Mapping[str, Tensor]
    ends: Int64[Tensor, "ends"]
    after: Mapping[str, Tensor]
    continues: Float[Tensor, "ends"]


class Rollout:
    """Collects steps until they make a segment.

    Args:
        length: Steps of a full segment [steps].
        spec: Sizes of the scenario.
        extra: Shape of each further array kept per step (float32), e.g. a recurrent state.
    """

    def __init__(
        self, length: int, spec: Spec, extra: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        n, self._extra = spec.n_agents, tuple(extra or {})
        seen: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {
            "obs": ((n, spec.n_features), spec.obs_dtype),
            "neighbors": ((n, spec.n_neighbors), np.dtype(np.int64)),
            "action_mask": ((n, spec.n_actions), np.dtype(np.bool_)),
        }
        kept: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {
            "action": ((n,), np.dtype(np.int64)),
            "reward": ((n,), np.dtype(np.float32)),
            "first": ((), np.dtype(np.bool_)),
            "last": ((), np.dtype(np.bool_)),
            "continues": ((), np.dtype(np.float32)),
        }
        after = {f"next_{name}": column for name, column in seen.items()}
        kept |= {name: (shape, np.dtype(np.float32)) for name, shape in (extra or {}).items()}
        self._data = {
            name: np.zeros((length, *shape), dtype)
            for name, (shape, dtype) in (seen | after | kept).items()
        }
        self._length, self._added = length, 0

    def __len__(self) -> int:
        return self._added

    @property
    def full(self) -> bool:
        """Whether the segment is complete."""
        return self._added == self._length

    def add(
        self, ts: Timestep, actions: Actions, next_ts: Timestep, **extra: np.ndarray | Tensor
    ) -> None:
        """Append one step.

        Raises:
            ValueError: The segment is full: take it first.
        """
        if self.full:
            raise ValueError(f"rollout: all {self._length} steps are taken; take the segment first")
        row, data = self._added, self._data
        for name in SEEN:
            data[name][row] = getattr(ts, name)
            data[f"next_{name}"][row] = getattr(next_ts, name)
        data["action"][row] = actions
        data["reward"][row] = next_ts.reward
        data["first"][row] = ts.first
        data["last"][row] = next_ts.last
        data["continues"][row] = not next_ts.terminated
        for name in self._extra:
            data[name][row] = extra[name]
        self._added += 1

    def take(self) -> Segment:
        """Return the steps collected, full segment or not, and start the next one."""
        steps = {name: torch.from_numpy(v[: self._added].copy()) for name, v in self._data.items()}
        last = steps["last"]
        last[-1] = True
        ends = last.nonzero().squeeze(1)
        seen = {name: steps[name] for name in SEEN}
        after = {name: steps[f"next_{name}"][ends] for name in SEEN}
        graph = seen["neighbors"][:1]
        if (seen["neighbors"] == graph).all() and (after["neighbors"] == graph).all():
            seen["neighbors"] = after["neighbors"] = graph
        self._added = 0
        return Segment(
            seen=seen,
            action=steps["action"],
            reward=steps["reward"],
            first=steps["first"],
            extra={name: steps[name] for name in self._extra},
            ends=ends,
            after=after,
            continues=steps["continues"][ends],
        )

    def state_dict(self) -> State:
        """Return the steps collected so far."""
        return {name: torch.from_numpy(v[: self._added].copy()) for name, v in self._data.items()}

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._added = len(state["reward"])
        for name, column in state.items():
            self._data[name][: self._added] = column.numpy()


@torch.no_grad()
def n_step_returns(
    reward: Float[Tensor, "steps agents"],
    next_value: Float[Tensor, "ends agents"],
    segment: Segment,
    discount: float,
) -> Float[Tensor, "steps agents"]:
    """R_t = r_t + gamma R_{t+1}, each episode's tail being V of what followed it.

    Args:
        reward: The rewards that agents learn from.
        next_value: V of what was seen after each of ``segment.ends``.
        segment: Where episodes end, and which of the ends terminate.
        discount: Discount factor gamma.
    """
    tails = dict(zip(segment.ends.tolist(), _bootstrap(next_value, segment), strict=True))
    returns, following = torch.empty_like(reward), torch.zeros_like(reward[0])
    for t in reversed(range(len(reward))):
        following = reward[t] + discount * tails.get(t, following)
        returns[t] = following
    return returns


@torch.no_grad()
def generalized_advantages(
    reward: Float[Tensor, "steps agents"],
    value: Float[Tensor, "steps agents"],
    next_value: Float[Tensor, "ends agents"],
    segment: Segment,
    discount: float,
    decay: float,
) -> Float[Tensor, "steps agents"]:
    """GAE (Schulman et al., 2016, Eq. 16): A_t = delta_t + gamma lambda A_{t+1}.

    Args:
        reward: The rewards that agents learn from.
        value: V before each step.
        next_value: V of what was seen after each of ``segment.ends``.
        segment: Where episodes end, and which of the ends terminate.
        discount: Discount factor gamma.
        decay: Lambda; 1 gives n-step returns less ``value``.
    """
    following = torch.cat([value[1:], value[-1:]])
    following[segment.ends] = _bootstrap(next_value, segment)
    delta = reward + discount * following - value
    ends = set(segment.ends.tolist())
    advantages, tail = torch.empty_like(delta), torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        tail = delta[t] if t in ends else delta[t] + discount * decay * tail
        advantages[t] = tail
    return advantages


def _bootstrap(
    next_value: Float[Tensor, "ends agents"], segment: Segment
) -> Float[Tensor, "ends agents"]:
    return segment.continues.unsqueeze(1) * next_value
