"""Independent DQN: each agent learns its own Q from its own observation and reward.

Source: Mnih et al., 2015; sizes and settings from Table 5 of paper 000.

Departures from the source, each with its reason:

1. Soft target updates (Table 5, "tau for soft update") in place of periodic copies.
2. No frame stacking, no clipping of rewards or gradients: the scenarios need none.
3. Double Q-learning (van Hasselt et al., 2016) is an option, off in the papers.
4. Parameters may be shared by all agents; the papers do not say whether theirs were.

``TeamDQN`` and ``InequityDQN`` are DQN with a reward view (``methods.learners.rewards``).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from methods.base import Communication, Rngs
from methods.learners.q_learning import QConfig, QLearner, Seen
from methods.learners.rewards import InequityAversion, InequityConfig, TeamReward
from methods.nn.nets import MLP, Parameters, agents_first, n_networks, n_weights
from scenarios.base import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class DQNConfig(QConfig):
    """Hyperparameters on top of those of every Q-learner.

    Attributes:
        parameters: One network for all agents, or one per agent.
    """

    parameters: Parameters


class DQN(QLearner):
    """Independent Q-learning."""

    Config: ClassVar[type[DQNConfig]] = DQNConfig
    title: ClassVar[str] = "DQN"
    description: ClassVar[str] = "independent Q-learning, each agent for itself"
    version: ClassVar[str] = "1"
    hops = 0

    def __init__(self, spec: Spec, config: DQNConfig, rngs: Rngs) -> None:
        sizes = (spec.n_features, *config.hidden, spec.n_actions)
        stack = n_networks(config.parameters, spec.n_agents)
        super().__init__(spec, config, rngs, MLP(stack, sizes, rngs.init, config.init))

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Count those of the network."""
        widths = (spec.n_features, *config.hidden, spec.n_actions)
        stack = n_networks(config.parameters, spec.n_agents)
        return n_weights(stack, widths), super().sizes(spec, config)[1]

    def q(self, network: nn.Module, seen: Seen) -> Float[Tensor, "batch agents actions"]:
        """Compute Q_i(o_i, .), each agent from its own observation."""
        return network(agents_first(seen.obs)).transpose(0, 1)

    @property
    def communication(self) -> Communication:
        """Nothing is sent."""
        return Communication(execution=0.0, training=0.0)


class TeamDQN(TeamReward, DQN):
    """DQN on the team's mean reward."""

    title: ClassVar[str] = "team DQN"
    description: ClassVar[str] = "independent Q-learning on the mean reward of all agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class InequityDQNConfig(InequityConfig, DQNConfig):
    """Hyperparameters of DQN and of the aversion to inequity."""


class InequityDQN(InequityAversion, DQN):
    """DQN of agents that dislike inequity."""

    Config = InequityDQNConfig
    title: ClassVar[str] = "inequity DQN"
    description: ClassVar[str] = "independent Q-learning, averse to inequity among neighbors"

    @property
    def communication(self) -> Communication:
        """While learning, each agent tells its neighbors its smoothed reward."""
        return Communication(execution=0.0, training=1.0)
