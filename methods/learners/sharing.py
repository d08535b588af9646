"""Sharing weights: what agents give of their rewards, and the noise that explores them.

By slot, ``share[i]`` is what agent i gives: its own part first, then one per neighbor slot. As a
matrix, W_ij is the share of i's reward that goes to j; every row sums to one.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from methods.nn.attention import Neighborhood


def initial_softmax(
    logits: Float[Tensor, "batch agents shares"],
    present: Bool[Tensor, "graphs agents slots"],
    selfishness: float,
) -> Float[Tensor, "batch agents shares"]:
    """Turn logits into shares that, at zero logits, keep ``selfishness`` and split the rest evenly.

    The offset of the self logit is log(s / (1 - s) * k_i), k_i the number of neighbors.
    """
    degree = present.sum(2, keepdim=True).clamp(min=1)
    own = logits[:, :, :1] + torch.log(degree * (selfishness / (1 - selfishness)))
    others = logits[:, :, 1:].masked_fill(~present, -torch.inf)
    return torch.cat([own, others], dim=2).softmax(2)


def even_shares(
    present: Bool[Tensor, "graphs agents slots"], selfishness: float
) -> Float[Tensor, "graphs agents shares"]:
    """Return the shares that keep ``selfishness`` and split the rest; all where alone."""
    degree = present.sum(2, keepdim=True)
    own = torch.where(degree > 0, selfishness, 1.0)
    return torch.cat([own, present * ((1 - selfishness) / degree.clamp(min=1))], dim=2)


def share_matrix(
    share: Float[Tensor, "batch agents shares"], around: Neighborhood
) -> Float[Tensor, "batch agents agents"]:
    """Return W: row i is how agent i's reward is divided; rows sum to one.

    A slot that emptied since the shares were decided falls back to its giver.
    """
    batch, n_agents, _ = share.shape
    to = around.who.expand(batch, -1, -1)
    nothing = share.new_zeros(batch, n_agents, n_agents)
    given = nothing.scatter_add(2, to, share[:, :, 1:] * around.present)
    return torch.diagonal_scatter(given, 1 - given.sum(2), dim1=1, dim2=2)


def share_rewards(
    matrix: Float[Tensor, "batch agents agents"], reward: Float[Tensor, "batch agents"]
) -> Float[Tensor, "batch agents"]:
    """Return r^W_i = sum_j W_ji r_j; the sum over agents stays what it was (Proposition 4.1)."""
    return (matrix.transpose(1, 2) @ reward.unsqueeze(2)).squeeze(2)


def received(
    matrix: Float[Tensor, "batch agents agents"], around: Neighborhood
) -> Float[Tensor, "batch agents inputs"]:
    """Return w_in: what each agent keeps, what each neighbor slot gives it, and all the rest."""
    incoming = matrix.transpose(1, 2)
    own = incoming.diagonal(dim1=1, dim2=2).unsqueeze(2)
    listed = incoming.gather(2, around.who.expand(len(matrix), -1, -1)) * around.present
    rest = incoming.masked_fill(around.graph, 0.0).sum(2, keepdim=True)
    return torch.cat([own, listed, rest], dim=2)


@dataclass
class OrnsteinUhlenbeck:
    """Noise on logits of shares: a mean-reverting walk per agent and slot, anew each episode.

    ``x <- x + theta (mu - x) dt + sigma sqrt(dt) n``, with ``x_0 = mu = sigma n_0`` as in the
    authors' traffic code, so that it is nearly a constant offset per episode.

    Attributes:
        sigma: Strength, in units of the logits.
        theta: Pull towards the mean.
        dt: Time step.
    """

    sigma: float
    theta: float = 0.15  # authors' code
    dt: float = 0.01  # authors' code

    def reset(self, shape: tuple[int, int], rng: np.random.Generator) -> None:
        """Draw the mean of an episode and start there."""
        self._mean = self.sigma * rng.standard_normal(shape)
        self._x = self._mean.copy()

    def sample(self, rng: np.random.Generator) -> Float32[np.ndarray, "agents slots"]:
        """Advance the walk by one step and return where it is."""
        drift = self.theta * (self._mean - self._x) * self.dt
        self._x += drift + self.sigma * self.dt**0.5 * rng.standard_normal(self._x.shape)
        return self._x.astype(np.float32)
