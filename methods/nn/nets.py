"""Stacked networks: the agents' networks as one tensor, without a loop over agents.

Inside a network the agents come first, ``[agents, rows, units]``, so that one ``baddbmm`` computes
a layer of all agents. Shared parameters are the same code with a stack of one, into whose rows
the agents are folded.
"""

import itertools
import math
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

Parameters: TypeAlias = Literal["shared", "per_agent"]
Init: TypeAlias = Literal["normal", "he", "orthogonal"]


class Linear(nn.Module):
    """One linear layer per network of the stack.

    Args:
        n_networks: Networks in the stack: the number of agents, or 1 for shared parameters.
        n_in: Input units.
        n_out: Output units.
        generator: Source of the initial weights; biases start at zero.
        init: ``normal`` is N(0, 0.05^2), Keras' "random normal"; ``he`` is N(0, 2 / n_in);
            ``orthogonal`` has orthogonal rows or columns of length sqrt(2) (Saxe et al., 2014).
        bias: Whether there is a bias.
    """

    def __init__(
        self,
        n_networks: int,
        n_in: int,
        n_out: int,
        generator: torch.Generator,
        init: Init,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        weight = torch.randn(n_networks, n_in, n_out, generator=generator)
        if init == "orthogonal":
            weight = orthogonal(weight) * math.sqrt(2)
        else:
            weight *= 0.05 if init == "normal" else math.sqrt(2 / max(n_in, 1))
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(n_networks, 1, n_out)) if bias else None

    def forward(self, x: Float[Tensor, "agents rows n_in"]) -> Float[Tensor, "agents rows n_out"]:
        """Apply each network's layer to its agent's rows."""
        weight, bias = self.weight, self.bias
        if weight.shape[0] == x.shape[0]:
            return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)
        rows = x.flatten(0, 1)
        only = weight.squeeze(0)  # not [0], whose gradient is copied into zeros
        flat = rows @ only if bias is None else torch.addmm(bias.squeeze(0), rows, only)
        return flat.view(*x.shape[:2], weight.shape[2])


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


def n_weights(n_networks: int, sizes: tuple[int, ...]) -> int:
    """Return how many numbers a stack of MLPs of these sizes has, without making it."""
    return n_networks * sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes))


def n_networks(parameters: Parameters, n_agents: int) -> int:
    """Return how many networks a stack holds: one per agent, or one that all share."""
    return 1 if parameters == "shared" else n_agents


def orthogonal(
    gaussian: Float[Tensor, "networks n_in n_out"],
) -> Float[Tensor, "networks n_in n_out"]:
    """Turn Gaussian matrices into uniformly random ones with orthonormal rows or columns."""
    wide = gaussian.shape[1] < gaussian.shape[2]
    q, r = torch.linalg.qr(gaussian.mT if wide else gaussian)
    q = q * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    return (q.mT if wide else q).contiguous()


def agents_first(
    obs: Shaped[Tensor, "batch agents features"],
) -> Shaped[Tensor, "agents batch features"]:
    """Bring a batch of joint observations into the layout of the networks."""
    return obs.transpose(0, 1).contiguous()


@torch.no_grad()
def soft_update(target: list[Tensor], online: list[Tensor], tau: float) -> None:
    """Move each target parameter a fraction ``tau`` of the way to its online twin."""
    torch._foreach_lerp_(target, online, tau)
