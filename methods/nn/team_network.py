"""The networks of QMIX and VDN: agents with or without a memory, and what mixes their values."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.nn.nets import MLP, Init, Linear
from methods.nn.recurrent import GRU


class AgentNetwork(nn.Module):
    """Q-values of each agent from its own inputs, with a memory of earlier ones or without."""

    def __init__(
        self,
        n_networks: int,
        sizes: tuple[int, ...],
        *,
        recurrent: bool,
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        *encoder, n_actions = sizes
        units = encoder[-1]
        self.encoder = MLP(n_networks, tuple(encoder), generator, init, activate_last=True)
        self.gru = GRU(n_networks, units, units, generator, init) if recurrent else None
        self.head = Linear(n_networks, units, n_actions, generator, init)

    def remember(
        self,
        x: Float[Tensor, "agents rows n_in"],
        memory: Float[Tensor, "agents rows units"] | None,
    ) -> Float[Tensor, "agents rows units"]:
        """Return what the head sees after one more input: the memory, if there is one."""
        encoded = self.encoder(x)
        if self.gru is None:
            return encoded
        return self.gru(encoded, torch.zeros_like(encoded) if memory is None else memory)

    def before(
        self, x: Float[Tensor, "agents rows steps n_in"], first: Bool[Tensor, "rows steps"]
    ) -> Float[Tensor, "agents rows steps actions"]:
        """Compute the Q-values of sequences of inputs."""
        features = self._sequence(x, first)
        return self.head(features.flatten(1, 2)).unflatten(1, features.shape[1:3])

    def after(
        self,
        x: Float[Tensor, "agents rows steps n_in"],
        next_x: Float[Tensor, "agents rows steps n_in"],
        first: Bool[Tensor, "rows steps"],
    ) -> Float[Tensor, "agents rows steps actions"]:
        """Compute the Q-values of the inputs that follow each step, also at an episode's end.

        What follows inside an episode is the sequence's next step, and remembered there already.
        """
        if self.gru is None:
            return self.before(next_x, first)
        memory, ends = self._sequence(x, first), first.roll(-1, dims=1)
        ends[:, -1] = True
        features = memory.roll(-1, dims=2)
        features[:, ends] = self.remember(next_x[:, ends], memory[:, ends])
        return self.head(features.flatten(1, 2)).unflatten(1, x.shape[1:3])

    def _sequence(
        self, x: Float[Tensor, "agents rows steps n_in"], first: Bool[Tensor, "rows steps"]
    ) -> Float[Tensor, "agents rows steps units"]:
        encoded = self.encoder(x.flatten(1, 2)).unflatten(1, x.shape[1:3])
        return encoded if self.gru is None else self.gru.unroll(encoded, first)


class Sum(nn.Module):
    """VDN: Q_tot = sum_i Q_i."""

    def forward(
        self, q: Float[Tensor, "rows agents"], state: Float[Tensor, "rows n_state"]
    ) -> Float[Tensor, "rows"]:
        """Add up the values; the state plays no part."""
        return q.sum(dim=1)


class MonotonicMixer(nn.Module):
    """QMIX: two layers whose weights are positive and made from the state by hypernetworks.

    ``Q_tot = |w2(s)| . elu(|W1(s)| q + b1(s)) + V(s)``. The bias b1 is linear in the state, V has
    one hidden layer, as in the authors' code.
    """

    def __init__(
        self,
        n_agents: int,
        n_state: int,
        embed: int,
        hypernet_hidden: tuple[int, ...],
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        sizes = (n_state, *hypernet_hidden)
        self.weight_1 = MLP(1, (*sizes, n_agents * embed), generator, init)
        self.bias_1 = Linear(1, n_state, embed, generator, init)
        self.weight_2 = MLP(1, (*sizes, embed), generator, init)
        self.value = MLP(1, (n_state, embed, 1), generator, init)

    def forward(
        self, q: Float[Tensor, "rows agents"], state: Float[Tensor, "rows n_state"]
    ) -> Float[Tensor, "rows"]:
        """Mix the values of all agents into the team's."""
        s = state.unsqueeze(0)
        weight_1 = self.weight_1(s).squeeze(0).abs().view(*q.shape, -1)  # [rows, agents, embed]
        hidden = F.elu((q.unsqueeze(1) @ weight_1).squeeze(1) + self.bias_1(s).squeeze(0))
        return (hidden * self.weight_2(s).squeeze(0).abs()).sum(dim=1) + self.value(s)[0, :, 0]


class TeamNetwork(nn.Module):
    """The agents and what mixes them: trained together, followed by one target together."""

    def __init__(self, agents: AgentNetwork, mixer: nn.Module) -> None:
        super().__init__()
        self.agents, self.mixer = agents, mixer

    def total(
        self, q: Float[Tensor, "batch steps agents"], obs: Float[Tensor, "batch steps agents _"]
    ) -> Float[Tensor, "batch steps"]:
        """Mix values at states that are what all agents observe."""
        return self.mixer(q.flatten(0, 1), obs.flatten(2).flatten(0, 1)).view(q.shape[:2])
