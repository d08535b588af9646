"""ConseNet: actor-critics that agree on what things are worth by averaging parameters.

Source: Zhang et al., 2018 (Algorithm 2), as implemented by Chu et al., 2020 (deeprl_network, agent
``ma2c_cu``), which the LToS papers run; sizes and settings from Table 7 of paper 000. After each
update of ``methods.learners.a2c``, parameters are averaged over neighbors, all at once::

    omega_i <- sum_{j in N_i} c_ij omega_j

``mix = "lstm"`` replicates Chu et al.: the LSTM, which actor and critic share, is averaged, the
layers before and after it are not. ``mix = "critic"`` is closer to Zhang et al.: the critic has
an encoder and LSTM of its own, and all of its parameters are averaged, the actor's are not.
``mixing = "uniform"`` averages over N_i with equal weights, as Chu et al. do; on graphs with
unequal degrees that favors the rewards of well-connected agents (2/7, 3/7, 2/7 on a path of
three). ``"metropolis"`` weighs edges by 1 / (1 + the larger degree), which is doubly stochastic on
undirected graphs, as Zhang et al. require, and favors nobody.

Departures from the sources, each with its reason:

1. All agents are averaged at once; the authors' torch version averages in place, one agent after
   the other, so that later agents mix with mixed ones and the limit is another.
2. RMSprop's averages stay local, as in the code; Zhang et al. use plain steps.
3. The critic sees what an agent knows, its own observations and its neighbors' actions, as in the
   code. Zhang's sees the whole state and everybody's actions; agents that average the parameters
   of functions of different inputs are outside the theory.
4. Discounted n-step returns of what the agent itself is paid, as in the code: consensus enters
   the actors' advantages through V only. Zhang's actors ascend the consensus value, with one-step
   errors and an estimate of the team's average reward.
5. Neighbor slots as in NeurComm; parameters are mixed over the graph at the time of the update.
6. ``alpha`` is an option here too: Chu et al. train with spatially discounted or global rewards,
   Zhang et al. with the own, which is ``alpha = 0``; the LToS papers do not say.

The papers' numbers may depend on what ``methods.learners.a2c`` does not repeat, and on departure 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from methods.base import Communication, Rngs
from methods.learners.a2c import ActorCritic, ActorCriticConfig, RecurrentA2C
from scenarios.base import Actions, Spec, Timestep

Mixing: TypeAlias = Literal["uniform", "metropolis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConseNetConfig(ActorCriticConfig):
    """Hyperparameters on top of those of every recurrent actor-critic.

    Attributes:
        mix: What is averaged: the LSTM that actor and critic share, or a separate critic.
        mixing: Weights of the average.
    """

    mix: Literal["lstm", "critic"]
    mixing: Mixing


class ConseNet(RecurrentA2C):
    """Independent actor-critics that average parameters over neighbors."""

    Config = ConseNetConfig
    title: ClassVar[str] = "ConseNet"
    description: ClassVar[str] = "actor-critics that average critic parameters with neighbors"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "spatially discounted"
    parameters: ClassVar[str] = "per_agent"
    hops = 0
    _config: ConseNetConfig

    def __init__(self, spec: Spec, config: ConseNetConfig, rngs: Rngs) -> None:
        n, separate = spec.n_agents, config.mix == "critic"
        network = ActorCritic(
            spec,
            config.hidden,
            rngs.init,
            config.init,
            stack=2 * n if separate else n,
            listens=False,
        )
        super().__init__(spec, config, rngs, network)
        parts = (network.encoder, network.lstm, network.critic) if separate else (network.lstm,)
        self._mixed = [parameter for part in parts for parameter in part.parameters()]

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Store the step; when the segment is full, learn and mix."""
        metrics = super().observe(ts, actions, next_ts)
        if metrics:
            weights = mixing_matrix(next_ts.graph, self._config.mixing)
            own = [p.detach()[-len(weights) :] for p in self._mixed]  # critics are the second half
            mix(own, torch.from_numpy(weights))
        return metrics

    @property
    def communication(self) -> Communication:
        """Nothing is sent when acting; in training parameters once per update, and actions."""
        mixed = sum(p[0].numel() for p in self._mixed)
        floats = mixed / self._config.rollout + self.learning_floats
        return Communication(execution=0.0, training=floats)


def mixing_matrix(
    graph: Bool[np.ndarray, "agents agents"], mixing: Mixing
) -> Float32[np.ndarray, "agents agents"]:
    """Return the weights c_ij: rows add up to 1 and are zero off the graph."""
    if mixing == "uniform":
        return (graph / graph.sum(axis=1, keepdims=True)).astype(np.float32)
    n_neighbors = graph.sum(axis=1) - 1
    larger = np.maximum.outer(n_neighbors, n_neighbors)
    weights = np.where(graph, 1 / (1 + larger), 0.0)
    np.fill_diagonal(weights, 0.0)
    np.fill_diagonal(weights, 1 - weights.sum(axis=1))
    return weights.astype(np.float32)


@torch.no_grad()
def mix(parameters: Sequence[Tensor], weights: Float[Tensor, "agents agents"]) -> None:
    """Average stacked parameters over agents, all agents at once, in place."""
    for parameter in parameters:
        parameter.copy_((weights @ parameter.flatten(1)).view_as(parameter))
