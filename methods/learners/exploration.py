"""Noise on logits, for policies over a simplex."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass
class OrnsteinUhlenbeck:
    """A mean-reverting walk of one value per agent and slot, started anew each episode.

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
