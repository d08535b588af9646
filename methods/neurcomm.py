"""NeurComm: agents that tell their neighbors what they see, did and think; and IA2C without talk.

Source: Chu et al., 2020 (Section 4, Eq. 5-7), and their code (deeprl_network, agent ``ma2c_nc``);
sizes and settings from Table 7 of paper 000. On top of ``methods.learners.a2c``, per agent i::

    x_i = relu(MLP[o_i, o_j of neighbors])
    p_i = relu(W_p [pi_j of neighbors, one step ago])      policy fingerprints
    m_i = relu(W_m [h_j of neighbors, one step ago])       messages
    h_i, c_i = LSTM([x_i, p_i, m_i], (h_i, c_i))

IA2C, their ablation, has x_i only. An agent's input thus holds what its neighbors observe now, and
older news of agents further away, by one hop per step: "delayed global information".

Departures from the source, each with its reason:

1. Neighbors stand in slots, nearest first, zeros in empty ones, in place of weights whose shape
   depends on the degree. On a static graph that is the same thing; where the graph changes
   (jungle) a slot changes hands, which is outside the design range of the method.
2. The LSTM's input weights are drawn in blocks, x_i's first, each block orthogonal by itself, so
   that without edges NeurComm is IA2C from the first weight on.
3. Fingerprints are stored and carry no gradient, as in the code; messages carry it. Messages of a
   finished episode are forgotten; the code resets each agent's own state only.
4. The critic's value of what follows a segment takes neighbors' actions sampled from their current
   policies; the code takes those it will act on next, which here are not yet known.
5. Distances are those of the graph at each step. ``normalize`` divides the weights of the rewards
   by their sum, an option of ours: otherwise the scale of the returns depends on ``alpha``.
6. Parameters may be shared by all agents; the authors' are per agent.

The papers' numbers may depend on what ``methods.learners.a2c`` does not repeat: the code advances
the LSTM a second time on the observation at each segment's boundary, and takes time limits for end
states.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Communication, Rngs
from methods.learners.a2c import (
    ActorCritic,
    ActorCriticConfig,
    RecurrentA2C,
    Seen,
    from_neighbors,
)
from methods.nn.nets import Init, Linear, Parameters, n_networks
from methods.nn.recurrent import Memory
from scenarios.base import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class NeurCommConfig(ActorCriticConfig):
    """Hyperparameters on top of those of every recurrent actor-critic.

    Attributes:
        parameters: One network for all agents, or one per agent.
    """

    parameters: Parameters


class Talking(ActorCritic):
    """An actor-critic that also hears fingerprints and messages."""

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[int, ...],
        generator: torch.Generator,
        init: Init,
        *,
        stack: int,
    ) -> None:
        super().__init__(spec, hidden, generator, init, stack=stack, listens=True)
        k, units, gates = spec.n_neighbors, hidden[-1], 4 * hidden[-1]
        self.fingerprints = Linear(stack, k * spec.n_actions, units, generator, init)
        self.messages = Linear(stack, k * units, units, generator, init)
        self.from_fingerprints = Linear(stack, units, gates, generator, init, bias=False)
        self.from_messages = Linear(stack, units, gates, generator, init, bias=False)

    def driven(self, seen: Seen) -> Float[Tensor, "memories rows gates"]:
        """Add what neighbors were about to do a step ago."""
        heard = torch.relu(self.fingerprints(from_neighbors(seen.policy, seen.slots)))
        return super().driven(seen) + self.from_fingerprints(heard)

    def advance(
        self,
        driven: Float[Tensor, "memories rows gates"],
        memory: Memory,
        slots: Float[Tensor, "graphs agents slots agents"],
    ) -> Memory:
        """Add what neighbors had in mind a step ago, and make one time step."""
        heard = from_neighbors(memory.hidden.transpose(0, 1), slots)
        message = torch.relu(self.messages(heard))
        return self.lstm.advance(driven + self.from_messages(message), memory)


class IA2C(RecurrentA2C):
    """Independent actor-critics that see their neighbors' observations."""

    Config = NeurCommConfig
    title: ClassVar[str] = "IA2C"
    description: ClassVar[str] = "actor-critics on spatially discounted rewards, without messages"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "spatially discounted"
    hops = 1

    def __init__(self, spec: Spec, config: NeurCommConfig, rngs: Rngs) -> None:
        stack = n_networks(config.parameters, spec.n_agents)
        network = ActorCritic(
            spec, config.hidden, rngs.init, config.init, stack=stack, listens=True
        )
        super().__init__(spec, config, rngs, network)

    @property
    def communication(self) -> Communication:
        """Observations; in training also actions, and rewards, which are passed on and on."""
        observed = float(self._spec.n_features)
        return Communication(execution=observed, training=observed + self.learning_floats)


class NeurComm(RecurrentA2C):
    """Actor-critics with differentiable communication."""

    Config = NeurCommConfig
    title: ClassVar[str] = "NeurComm"
    description: ClassVar[str] = "actor-critics that send observations, policies and hidden states"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "spatially discounted"
    hops = 1

    def __init__(self, spec: Spec, config: NeurCommConfig, rngs: Rngs) -> None:
        stack = n_networks(config.parameters, spec.n_agents)
        network = Talking(spec, config.hidden, rngs.init, config.init, stack=stack)
        super().__init__(spec, config, rngs, network)

    @property
    def communication(self) -> Communication:
        """Observation, policy and hidden state; in training gradients come back through these."""
        units = self._config.hidden[-1]
        sent = float(self._spec.n_features + self._spec.n_actions + units)
        return Communication(execution=sent, training=sent + units + self.learning_floats)
