"""DGN: Q-learning on features convolved over the graph by attention.

Source: Jiang et al., 2020 (Section 4); sizes and settings from Table 5 of paper 000, whose DGN is
also the low level of LToS.

Departures from the source, each with its reason:

1. No temporal relation regularization: the LToS papers do not mention it and their code has it off.
2. Neighbors that do not exist are masked out of the attention; the authors' traffic code lets
   empty slots take attention, their jungle code multiplies the mask into the scores.
3. The target uses the graph after the step; the authors' code reuses the one before it.
4. Soft target updates at every update call (Table 5).
5. Parameters may be per agent, as the LToS papers write them; DGN's authors share them.

``TeamDGN`` and ``InequityDGN`` are DGN with a reward view (``methods.learners.rewards``).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from methods.base import Communication, Rngs
from methods.learners.q_learning import QConfig, QLearner, Seen
from methods.learners.rewards import InequityAversion, InequityConfig, TeamReward
from methods.nn.attention import GraphNetwork, Heads, graph_sizes
from methods.nn.nets import Parameters, n_networks
from scenarios.base import Spec
from scenarios.ranges import Depth, SomeWidths, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class DGNConfig(QConfig):
    """Hyperparameters on top of those of every Q-learner.

    Attributes:
        hidden: As there; the last width is that of the features.
        parameters: One network for all agents, or one per agent.
        layers: Graph convolutions: an agent sees as many hops far.
        heads: Attention heads per convolution.
        head_size: Units of one head.
        skip: Whether the Q head sees the features of every depth or of the last only.
    """

    hidden: SomeWidths
    parameters: Parameters
    layers: Depth
    heads: Heads
    head_size: Units
    skip: bool


class DGN(QLearner):
    """Q-learning with attention over neighbors."""

    Config: ClassVar[type[DGNConfig]] = DGNConfig
    title: ClassVar[str] = "DGN"
    description: ClassVar[str] = "Q-learning with graph attention over neighbors' features"
    version: ClassVar[str] = "1"

    def __init__(self, spec: Spec, config: DGNConfig, rngs: Rngs) -> None:
        self.hops = config.layers
        self._layers = config.layers
        network = GraphNetwork(
            n_networks(config.parameters, spec.n_agents),
            spec.n_features,
            config.hidden,
            config.layers,
            config.heads,
            config.head_size,
            spec.n_actions,
            skip=config.skip,
            generator=rngs.init,
            init=config.init,
        )
        super().__init__(spec, config, rngs, network)

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Count those of the graph network."""
        weights, graph = graph_sizes(config, spec, spec.n_features)
        return weights, super().sizes(spec, config)[1] + graph

    def q(self, network: nn.Module, seen: Seen) -> Float[Tensor, "batch agents actions"]:
        """Compute Q_i of each agent from what it and its neighborhood observe."""
        return network(seen.obs, self.neighborhood(seen.neighbors).graph)

    @property
    def communication(self) -> Communication:
        """Each convolution sends one feature vector to each neighbor."""
        floats = float(self._layers * self._config.hidden[-1])
        return Communication(execution=floats, training=floats)


class TeamDGN(TeamReward, DGN):
    """DGN on the team's mean reward."""

    title: ClassVar[str] = "team DGN"
    description: ClassVar[str] = "graph attention on the mean reward of all agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class InequityDGNConfig(InequityConfig, DGNConfig):
    """Hyperparameters of DGN and of the aversion to inequity."""


class InequityDGN(InequityAversion, DGN):
    """DGN of agents that dislike inequity."""

    Config = InequityDGNConfig
    title: ClassVar[str] = "inequity DGN"
    description: ClassVar[str] = "graph attention, averse to inequity among neighbors"

    @property
    def communication(self) -> Communication:
        """What DGN sends; while learning, each agent's smoothed reward besides."""
        features = super().communication
        return Communication(execution=features.execution, training=features.training + 1.0)
