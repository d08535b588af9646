"""How agents choose among their allowed actions: from a softmax, greedily or epsilon-greedily.

Draws while acting come from a NumPy stream, draws while learning (``sample_with``) from torch's.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from scenarios.base import Actions, said

FORBIDDEN = -1e30  # a logit with probability zero, without the NaN gradients of minus infinity


def log_probabilities(
    logits: Float[Tensor, "*batch actions"], allowed: Bool[Tensor, "*batch actions"]
) -> Float[Tensor, "*batch actions"]:
    """Return log pi(a) of each action; forbidden ones have probability zero."""
    return logits.masked_fill(~allowed, FORBIDDEN).log_softmax(dim=-1)


def entropy(log_probs: Float[Tensor, "*batch actions"]) -> Float[Tensor, "*batch"]:
    """Return the entropy of each distribution [nats]."""
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def taken(
    log_probs: Float[Tensor, "*batch actions"], action: Int64[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Pick log pi of the actions taken."""
    return log_probs.gather(-1, action.unsqueeze(-1)).squeeze(-1)


def sample(
    logits: Float32[np.ndarray, "agents actions"],
    allowed: Bool[np.ndarray, "agents actions"],
    rng: np.random.Generator,
) -> Actions:
    """Draw an allowed action per agent from softmax(logits), by the Gumbel trick."""
    return greedy((logits + rng.gumbel(size=logits.shape)).astype(np.float32), allowed)


def greedy(
    scores: Float32[np.ndarray, "agents actions"], allowed: Bool[np.ndarray, "agents actions"]
) -> Actions:
    """Pick each agent's best allowed action, ties going to the lower index.

    Raises:
        FloatingPointError: The best score is not finite, or there is one that is NaN.
    """
    possible = np.where(allowed, scores, -np.inf)
    if not np.isfinite(scores).all():
        best = possible.max(axis=1)
        odd = ~np.isfinite(best)
        if odd.any():
            raise FloatingPointError(f"score of agent {odd.argmax()} is {said(best[odd][0])}")
    return possible.argmax(axis=1)


def epsilon_greedy(
    scores: Float32[np.ndarray, "agents actions"],
    allowed: Bool[np.ndarray, "agents actions"],
    epsilon: float,
    rng: np.random.Generator,
) -> Actions:
    """Pick, each agent by itself, a uniformly random allowed action with chance ``epsilon``."""
    gamble = rng.random(len(scores)) < epsilon
    anything = np.where(allowed, rng.random(scores.shape), -1.0).argmax(axis=1)
    return np.where(gamble, anything, greedy(scores, allowed))


def sample_with(
    log_probs: Float[Tensor, "rows agents actions"], generator: torch.Generator
) -> Int64[Tensor, "rows agents"]:
    """Draw one action per row and agent from a torch stream, for draws made while learning."""
    flat = torch.multinomial(log_probs.exp().flatten(0, 1), 1, generator=generator)
    return flat.view(log_probs.shape[:2])
