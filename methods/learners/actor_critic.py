"""Recurrent actor-critics of all agents as one network, after Chu et al. (2020).

Per agent i::

    h_i, c_i = LSTM(relu(MLP(input_i)), (h_i, c_i))       pi_i = softmax(W_a h_i)
    V_i      = W_v [h_i, one-hot actions of i's neighbors]

As in the source, V_i knows what neighbors do at the same step: a baseline that depends on actions
others chose, from observations that agent i may not have, which biases the gradient slightly.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.nn.nets import MLP, Init, Linear, agents_first
from methods.nn.recurrent import LSTM, Memory
from scenarios.base import Spec


class Seen(NamedTuple):
    """What a batch of joint decisions is based on, memories apart.

    Attributes:
        obs: Scaled observations.
        slots: Which agent stands in each neighbor slot, one-hot; zero where a slot is empty. One
            graph if it never changes.
        policy: Everybody's policy of the step before, uniform at the beginning of an episode.
    """

    obs: Float[Tensor, "rows agents features"]
    slots: Float[Tensor, "graphs agents slots agents"]
    policy: Float[Tensor, "rows agents actions"]

    def slots_of(self, row: int) -> Float[Tensor, "1 agents slots agents"]:
        """Return the graph of one row."""
        return self.slots if len(self.slots) == 1 else self.slots[row : row + 1]


class ActorCritic(nn.Module):
    """An encoder, an LSTM and two heads per agent.

    Args:
        spec: Sizes of the scenario.
        hidden: Width of each layer of the encoder; the last is also the LSTM's [units].
        generator: Source of the initial weights.
        init: Distribution of the initial weights.
        stack: Height of the stack: the number of agents, or 1 for shared parameters; twice the
            number of agents gives critics, the second half, an encoder and LSTM of their own.
        listens: Whether the input has the neighbors' observations beside the own.
    """

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[int, ...],
        generator: torch.Generator,
        init: Init,
        *,
        stack: int,
        listens: bool,
    ) -> None:
        super().__init__()
        n, k, units = spec.n_agents, spec.n_neighbors, hidden[-1]
        self._n_agents, self._listens, self._separate = n, listens, stack == 2 * n
        heads = min(stack, n)
        n_in = spec.n_features * (1 + k) if listens else spec.n_features
        self.encoder = MLP(stack, (n_in, *hidden), generator, init, activate_last=True)
        self.lstm = LSTM(stack, units, units, generator, init)
        self.actor = Linear(heads, units, spec.n_actions, generator, init)
        self.critic = Linear(heads, units + k * spec.n_actions, 1, generator, init)

    def driven(self, seen: Seen) -> Float[Tensor, "memories rows gates"]:
        """Compute what the LSTM's gates take from its inputs."""
        x = agents_first(seen.obs)
        if self._listens:
            x = torch.cat([x, from_neighbors(seen.obs, seen.slots)], dim=2)
        if self._separate:
            x = torch.cat([x, x])
        return self.lstm.from_input(self.encoder(x))

    def advance(
        self,
        driven: Float[Tensor, "memories rows gates"],
        memory: Memory,
        slots: Float[Tensor, "graphs agents slots agents"],
    ) -> Memory:
        """Make one time step."""
        return self.lstm.advance(driven, memory)

    def unroll(self, seen: Seen, memory: Memory, first: Bool[Tensor, "rows"]) -> list[Memory]:
        """Make one time step per row, from ``memory`` on; return the memories after each."""
        memories, driven = [], self.driven(seen).split(1, dim=1)
        for t, begins in enumerate(first.tolist()):
            memory = self.blank() if begins else memory
            memory = self.advance(driven[t], memory, seen.slots_of(t))
            memories.append(memory)
        return memories

    def blank(self) -> Memory:
        """Return the memories with which an episode begins."""
        return self.lstm.blank(2 * self._n_agents if self._separate else self._n_agents)

    def logits(
        self, hidden: Float[Tensor, "memories rows units"]
    ) -> Float[Tensor, "rows agents actions"]:
        """Compute the policies' logits."""
        return self.actor(hidden[: self._n_agents]).transpose(0, 1)

    def value(
        self,
        hidden: Float[Tensor, "memories rows units"],
        slots: Float[Tensor, "graphs agents slots agents"],
        action: Int64[Tensor, "rows agents"],
        n_actions: int,
    ) -> Float[Tensor, "rows agents"]:
        """Compute each agent's value, given what its neighbors do."""
        others = from_neighbors(F.one_hot(action, n_actions).float(), slots)
        return self.critic(torch.cat([hidden[-self._n_agents :], others], dim=2)).squeeze(2).T


def from_neighbors(
    x: Float[Tensor, "rows agents units"], slots: Float[Tensor, "graphs agents slots agents"]
) -> Float[Tensor, "agents rows received"]:
    """Collect what stands in each agent's neighbor slots, side by side; zeros in empty ones."""
    graphs, agents, k, _ = slots.shape
    received = slots.reshape(graphs, agents * k, agents) @ x
    return received.view(len(x), agents, k * x.shape[2]).transpose(0, 1)
