"""Stacked networks: the agents' networks as one tensor, without a loop over agents.

Inside a network the agents come first, ``[agents, rows, units]``, so that one ``baddbmm`` computes
a layer of all agents. Shared parameters are the same code with a stack of one, into whose rows
the agents are folded.
"""

import itertools
import math
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

Parameters: TypeAlias = Literal["shared", "per_agent"]
Init: TypeAlias = Literal["normal", "he"]


class Linear(nn.Module):
    """One linear layer per network of the stack.

    Args:
        n_networks: Networks in the stack: the number of agents, or 1 for shared parameters.
        n_in: Input units.
        n_out: Output units.
        generator: Source of the initial weights; biases start at zero.
        init: ``normal`` is N(0, 0.05^2), Keras' "random normal"; ``he`` is N(0, 2 / n_in).
    """

    def __init__(
        self, n_networks: int, n_in: int, n_out: int, generator: torch.Generator, init: Init
    ) -> None:
        super().__init__()
        std = 0.05 if init == "normal" else math.sqrt(2 / n_in)
        weight = torch.randn(n_networks, n_in, n_out, generator=generator) * std
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(n_networks, 1, n_out))

    def forward(self, x: Float[Tensor, "agents rows n_in"]) -> Float[Tensor, "agents rows n_out"]:
        """Apply each network's layer to its agent's rows."""
        weight, bias = self.weight, self.bias
        if weight.shape[0] == x.shape[0]:
            return torch.baddbmm(bias, x, weight)
        flat = torch.addmm(bias[0], x.reshape(-1, x.shape[2]), weight[0])
        return flat.view(x.shape[0], x.shape[1], -1)


class MLP(nn.Module):
    """Linear layers with ReLU between them, and after the last one if ``activate_last``."""

    def __init__(
        self,
        n_networks: int,
        sizes: tuple[int, ...],
        generator: torch.Generator,
        init: Init,
        *,
        activate_last: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Linear(n_networks, n_in, n_out, generator, init)
            for n_in, n_out in itertools.pairwise(sizes)
        )
        self._activate_last = activate_last

    def forward(self, x: Float[Tensor, "agents rows n_in"]) -> Float[Tensor, "agents rows n_out"]:
        """Apply the layers in order."""
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < last or self._activate_last:
                x = torch.relu(x)
        return x


def n_networks(parameters: Parameters, n_agents: int) -> int:
    """Return the height of the stack."""
    return 1 if parameters == "shared" else n_agents


def agents_first(
    obs: Float[Tensor, "batch agents features"],
) -> Float[Tensor, "agents batch features"]:
    """Bring a batch of joint observations into the layout of the networks."""
    return obs.transpose(0, 1).contiguous()


@torch.no_grad()
def soft_update(target: list[Tensor], online: list[Tensor], tau: float) -> None:
    """Move each target parameter a fraction ``tau`` of the way to its online twin."""
    torch._foreach_lerp_(target, online, tau)
